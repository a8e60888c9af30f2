"""The discount of an invoice's own terms: taken in time it closes the invoice, in whatever order facts come."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import permutations

import pytest

from domain import contract as wire
from domain import facts as internal
from domain.case import Case
from domain.cycles import settled_as
from domain.early_payment import open_terms
from domain.filing import apply
from domain.pauses import is_settled, terms_on_table
from domain.postings import Posting, postings
from domain.vocabulary import Outcome
from tests.unit.living import at, case, credit, dispute, paid, policy, reversed_

NOW = at("2026-11-20")
TERMS = (("3", date(2026, 11, 5)), ("2", date(2026, 11, 11)))
FEE = wire.ChargeAdded.model_validate({"charge_id": "F", "amount": "40.00", "currency": "USD", "kind": "fee"})
INVOICE = replace(case(amount=125_000), early_payment=TERMS)


@pytest.mark.parametrize(
    ("amount", "on", "left"),
    [
        ("1212.50", "2026-11-05", 0),  # three percent, on its last day
        ("1225.00", "2026-11-11", 0),  # two percent
        ("1212.50", "2026-11-11", 3_750),  # three percent, too late for it: none is earned
        ("1225.00", "2026-11-12", 2_500),  # a day late
        ("1250.00", "2026-11-05", 0),  # all of it: no discount is taken, nothing is owed back
        ("600.00", "2026-11-05", 65_000),
    ],
)
def test_a_discount_is_taken_by_paying_the_rest_in_time(amount: str, on: str, left: int) -> None:
    told = apply(INVOICE, paid(amount, on), NOW)
    assert told.balance == left
    assert told.overpaid == 0
    assert is_settled(told, policy()) is (told.balance == 0)


def test_it_is_known_by_the_day_the_money_came_not_by_the_day_it_was_told() -> None:
    assert apply(INVOICE, paid("1225.00", "2026-11-10"), at("2026-12-24")).balance == 0


def test_a_reversed_payment_loses_the_discount() -> None:
    told = apply(apply(INVOICE, paid("1225.00", "2026-11-10"), NOW), reversed_(amount="1225.00"), NOW)
    assert (told.balance, told.discounted) == (125_000, 0)


def test_a_later_fee_does_not_take_the_discount_back() -> None:
    fee = wire.ChargeAdded.model_validate(
        {"charge_id": "F", "amount": "40.00", "currency": "USD", "kind": "fee"}
    )
    told = apply(apply(INVOICE, paid("1225.00", "2026-11-10"), NOW), fee, NOW)
    assert told.balance == 4_000


def test_what_was_paid_beyond_the_term_pays_for_charges() -> None:
    """1,240.00 in time, where 1,225.00 would have done, leaves 25.00 of a fee of 40.00, whichever is told first."""
    money = paid("1240.00", "2026-11-10")
    for facts in ((money, FEE), (FEE, money)):
        told = INVOICE
        for fact in facts:
            told = apply(told, fact, NOW)
        assert (told.balance, told.discounted) == (2_500, 2_500)
    old = replace(INVOICE, early_payment_tolerance=None)
    told = apply(apply(old, money, NOW), FEE, NOW)
    assert (told.balance, told.discounted) == (4_000, 1_000), "as it was booked before this rule"
    assert open_terms(apply(old, FEE, NOW), date(2026, 11, 1)) == []


def test_any_order_gives_the_same_balance() -> None:
    facts = [paid("600.00", "2026-11-04"), paid("525.00", "2026-11-10", "P-2"), credit("100.00")]

    def lived(order: tuple[object, ...]) -> Case:
        told = INVOICE
        for fact in order:
            told = apply(told, fact, NOW)
        return told

    assert {lived(order).balance for order in permutations(facts)} == {0}
    assert {lived(order).discounted for order in permutations(facts)} == {2_500}


# -- the tolerance, and the entry -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "on", "left"),
    [
        ("1224.50", "2026-11-11", 50),  # a bank fee of 0.50 is within the tolerance: all but that is settled
        ("1223.99", "2026-11-11", 2_601),  # 1.01 is not
        ("1224.50", "2026-11-12", 2_550),  # nor is a day late
        ("1212.00", "2026-11-05", 50),
        ("1226.00", "2026-11-11", 0),  # more than asked for: the discount is what else would be open
    ],
)
def test_a_payment_short_by_the_tolerance_takes_the_discount(amount: str, on: str, left: int) -> None:
    tolerant = replace(INVOICE, early_payment_tolerance=100)
    told = apply(tolerant, paid(amount, on), NOW)
    assert told.balance == left
    assert is_settled(told, policy(tolerance={"USD": "1.00"})) is (left <= 100)
    assert settled_as(told) is Outcome.PAID


def test_money_that_went_back_whole_takes_no_discount_however_small_the_rest() -> None:
    small = replace(INVOICE, amount=90, early_payment_tolerance=100)
    told = apply(apply(small, paid("0.88", "2026-11-04"), NOW), reversed_(amount="0.88"), NOW)
    assert (told.balance, told.discounted) == (90, 0)


def posted(before: Case, fact: wire.Fact, event_id: str) -> list[Posting]:
    after = apply(before, fact, NOW)
    return postings(before, after, fact, fact.fact_kind, event_id, date(2026, 12, 24))


def test_the_discount_is_an_entry_with_the_value_date_of_the_money_that_took_it() -> None:
    assert posted(INVOICE, paid("1225.00", "2026-11-10"), "P-1") == [
        Posting("payment_received", "P-1", -122_500, date(2026, 11, 10)),
        Posting("early_payment", "payment_received:P-1", -2_500, date(2026, 11, 10)),
    ]
    first = apply(INVOICE, paid("625.00", "2026-11-10"), NOW)
    assert posted(first, paid("600.00", "2026-11-04", "P-2"), "P-2")[1].on == date(2026, 11, 10)
    taken = apply(INVOICE, paid("1225.00", "2026-11-10"), NOW)
    assert [entry.minor for entry in posted(taken, reversed_(amount="1225.00"), "R-1")] == [122_500, 2_500]


# -- what can still be used -----------------------------------------------------------------------------


def told_on(day: str, *told: object, of: Case = INVOICE) -> list[tuple[str, str, int]]:
    """The terms that are told on a day: percent, last day and minor units to pay."""
    known = of
    for fact in told:
        assert isinstance(fact, wire.Fact | internal.InternalFact)
        known = apply(known, fact, at("2026-11-03"))
    return [
        (term.percent, str(term.until), term.pay) for term in terms_on_table(known, date.fromisoformat(day))
    ]


THREE, TWO = ("3", "2026-11-05"), ("2", "2026-11-11")


@pytest.mark.parametrize(
    ("day", "told", "terms"),
    [
        ("2026-11-01", (), [(*THREE, 121_250), (*TWO, 122_500)]),
        ("2026-11-05", (), [(*THREE, 121_250), (*TWO, 122_500)]),  # on its last day still
        ("2026-11-06", (), [(*TWO, 122_500)]),
        ("2026-11-11", (), [(*TWO, 122_500)]),
        ("2026-11-12", (), []),
        ("2026-11-06", (paid("10.00", "2026-11-02"),), [(*TWO, 121_500)]),  # on the balance
        ("2026-11-06", (credit("100.00"),), [(*TWO, 112_500)]),
        ("2026-11-06", (FEE,), [(*TWO, 126_500)]),  # what was charged is owed in full
        ("2026-11-06", (paid("1250.00", "2026-11-02"),), []),
        ("2026-11-06", (paid("1225.00", "2026-11-02"),), []),  # taken
        ("2026-11-06", (paid("1225.00", "2026-11-02"), FEE), []),
        ("2026-11-06", (paid("1225.00", "2026-11-02"), reversed_(amount="1225.00")), [(*TWO, 122_500)]),
        ("2026-11-06", (paid("700.00", "2026-11-20"),), []),  # it comes too late to count for the terms
        ("2026-11-06", (dispute("100.00"),), []),
        ("2026-11-06", (wire.InvoiceAmended(amendment_id="A", amount="1000.00"),), [(*TWO, 98_000)]),
        ("2026-11-06", (wire.InvoiceCancelled(cancellation_id="X"),), []),
    ],
)
def test_terms_are_told_while_they_can_be_used(day: str, told: tuple[object, ...], terms: object) -> None:
    assert told_on(day, *told) == terms


def test_money_that_the_seller_collects_is_not_asked_for_at_a_discount() -> None:
    assert told_on("2026-11-06", of=replace(INVOICE, collection="direct_debit")) == []


def test_a_term_that_asks_for_no_less_by_an_earlier_date_is_not_told() -> None:
    terms = (("2", date(2026, 11, 5)), ("2", date(2026, 11, 11)), ("0", date(2026, 11, 30)))
    assert told_on("2026-11-01", of=replace(INVOICE, early_payment=terms)) == [(*TWO, 122_500)]


@pytest.mark.parametrize("percent", ["0.01", "1", "2.5", "3", "33.33", "99.99"])
@pytest.mark.parametrize("amount", [1, 99, 101, 125_000, 333_333])
@pytest.mark.parametrize("so_far", ["0", "0.37", "10.00"])
@pytest.mark.parametrize("charged", [False, True])
def test_who_pays_exactly_what_is_told_owes_nothing(
    percent: str, amount: int, so_far: str, charged: bool
) -> None:
    until = date(2026, 11, 11)
    owed = replace(INVOICE, amount=amount, early_payment=((percent, until),))
    if charged:
        owed = apply(owed, FEE, NOW)
    if so_far != "0":
        owed = apply(owed, paid(so_far, "2026-11-02", "P-0"), NOW)
    for term in open_terms(owed, until):
        settled = apply(owed, paid(f"{term.pay // 100}.{term.pay % 100:02}", until), NOW)
        assert (settled.balance, settled.overpaid, settled.discounted) == (0, 0, term.credit)
        short = term.pay - 1
        if short > 0:
            missed = apply(owed, paid(f"{short // 100}.{short % 100:02}", until), NOW)
            assert missed.balance > 0
            assert charged or missed.discounted == 0
