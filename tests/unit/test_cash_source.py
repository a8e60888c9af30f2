"""ERP and bank tell of the same money: counted once, in every order, and never asked for in between."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.behaviour.expected_cash import Basis, expected_of_case
from domain.case import Case
from domain.cash_source import CashSource, awaited, taken
from domain.contract import PaymentReceived
from domain.decide import decide
from domain.decision import CarryOut, Wait
from domain.facts import OfferAccepted, PaymentAnnounced, PaymentRecognised
from domain.filing import apply
from domain.money import Money
from domain.pauses import PromiseState, collectable, is_settled, promised_amount, promises
from domain.unconfirmed import UNCONFIRMED_CASH
from domain.vocabulary import Note, WaitingOn
from tests.unit.living import DUE, Life, at, case, paid, policy, promise, released, reversed_
from tests.unit.test_offers import made, offering
from tests.unit.test_plan import METRO, TODAY, agreed, live

#: What an ERP and a bank call the payments of the tests.
ERP, BANK = "P-1", "bank-1"
BY = date(2026, 12, 8)


def told(
    case_: Case, source: CashSource | None, *payments: PaymentReceived, by_hand: bool = False
) -> tuple[Case, list[type]]:
    """The case after payments were told, and what each came to."""
    came = []
    for payment in payments:
        fact = taken(case_, payment, source, BY, by_hand=by_hand)
        came.append(type(fact))
        case_ = apply(case_, fact, at(DUE))
    return case_, came


@pytest.mark.parametrize("first", [ERP, BANK])
def test_without_a_named_source_whoever_tells_first_is_booked(first: str) -> None:
    second = BANK if first == ERP else ERP
    both = (paid("400.00", payment_id=first), paid("400.00", "2026-12-03", payment_id=second))
    after, came = told(case(), None, *both, *both)
    assert came == [PaymentReceived, PaymentRecognised] * 2
    assert (after.paid, after.balance) == (40_000, 85_000)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param({}, {"payment_id": "P-2"}, id="both by the ERP"),
        pytest.param({}, {"payment_id": BANK, "amount": "399.00"}, id="another amount"),
        pytest.param({}, {"payment_id": BANK, "on": "2026-12-07"}, id="a week apart"),
        pytest.param({"method": "card"}, {"payment_id": BANK}, id="by card"),
        pytest.param({"source": "bank"}, {"payment_id": BANK}, id="the ERP reads the bank's file"),
    ],
)
def test_what_is_not_surely_the_same_money_is_booked(one: dict[str, Any], other: dict[str, Any]) -> None:
    payments = (paid(**{"amount": "400.00", **one}), paid(**{"amount": "400.00", **other}))
    for order in (payments, payments[::-1]):
        after, came = told(case(), None, *order)
        assert came == [PaymentReceived, PaymentReceived]
        assert after.paid == sum(after.minor(payment.amount) for payment in payments)


def test_each_payment_stands_for_one_whatever_the_order() -> None:
    """Twice the same amount: two instalments, of which both sources tell."""
    payments = [paid("400.00", payment_id=id_) for id_ in ("P-1", "P-2", "bank-1", "bank-2")]
    for order in permutations(payments):
        after, _ = told(case(), None, *order)
        assert after.paid == 80_000
    for order in permutations(payments[:3]):
        assert told(case(), None, *order)[0].paid == 80_000


@given(
    st.lists(st.tuples(st.sampled_from(["100.00", "250.00"]), st.sampled_from(["P", "bank-"])), max_size=7),
    st.sampled_from([None, "erp", "bank"]),
    st.randoms(),
)
def test_never_more_is_counted_than_one_source_tells(
    moves: list[tuple[str, str]], source: CashSource | None, chance: Any
) -> None:
    payments = [paid(amount, payment_id=f"{by}{number}") for number, (amount, by) in enumerate(moves)]
    after, _ = told(case(), source, *payments)
    chance.shuffle(payments)
    again, _ = told(case(), source, *payments, *payments)

    def of(by: str, amount: str) -> int:
        return 100 * int(float(amount)) * sum(move == (amount, by) for move in moves)

    sums = {by: [of(by, amount) for amount in ("100.00", "250.00")] for by in ("P", "bank-")}
    counted = {
        None: sum(map(max, zip(sums["P"], sums["bank-"], strict=True))),
        "erp": sum(sums["P"]),
        "bank": sum(sums["bank-"]),
    }[source]
    assert after.paid == again.paid == counted
    # What any of them told is not asked for.
    most = max(sum(sums["P"]), sum(sums["bank-"]))
    assert collectable(after, policy(), DUE) <= max(0, 125_000 - most)


@pytest.mark.parametrize(("source", "named", "other"), [("erp", ERP, BANK), ("bank", BANK, ERP)])
@pytest.mark.parametrize("other_first", [True, False])
def test_the_named_source_books_and_the_other_is_waited_for(
    source: CashSource, named: str, other: str, other_first: bool
) -> None:
    booked, announced = paid("400.00", payment_id=named), paid("400.00", "2026-12-04", payment_id=other)
    order = (announced, booked) if other_first else (booked, announced)
    halfway, _ = told(case(), source, order[0])
    assert halfway.balance == (125_000 if other_first else 85_000)
    assert collectable(halfway, policy(), DUE) == 85_000
    after, came = told(halfway, source, order[1], *order)
    assert PaymentRecognised not in came
    assert (after.paid, after.balance, awaited(after)) == (40_000, 85_000, [])
    assert collectable(after, policy(), DUE) == 85_000


def test_what_the_named_source_books_in_parts_confirms_in_parts() -> None:
    after, _ = told(case(), "erp", paid("400.00", payment_id=BANK), paid("150.00"))
    assert [each.left for each in awaited(after)] == [25_000]
    assert collectable(after, policy(), DUE) == 85_000
    after, _ = told(after, "erp", paid("250.00", "2026-12-05", payment_id="P-2"))
    assert awaited(after) == []


def test_an_older_payment_confirms_nothing() -> None:
    after, _ = told(case(), "erp", paid("400.00", "2026-11-05"), paid("400.00", payment_id=BANK))
    assert [each.left for each in awaited(after)] == [40_000]


def test_a_part_that_was_kept_back_is_disputed_whoever_books_the_payment() -> None:
    short = paid("1200.00", deductions=[{"amount": "50.00", "reason": "freight"}])
    for source, other in ((None, paid("1200.00", payment_id=BANK)), ("bank", None)):
        before = [] if other is None else [other]
        after, came = told(case(), source, *before, short)  # type: ignore[arg-type]
        assert came[-1] is not PaymentReceived
        assert after.open_disputes == ("P-1.deduction-1",)


@pytest.mark.parametrize("id_", [ERP, BANK])
def test_a_reversal_under_either_id_takes_back_the_money_once(id_: str) -> None:
    both = (paid("400.00", payment_id=BANK), paid("400.00"))
    after, _ = told(case(), None, *both)
    back = apply(after, reversed_(id_, "400.00", "R-1"), at(DUE))
    assert back.balance == 125_000
    assert apply(back, reversed_(ERP if id_ == BANK else BANK, "400.00", "R-2"), at(DUE)).balance == 125_000
    early = apply(case(), reversed_(ERP, "400.00"), at(DUE))
    assert told(early, None, *both)[0].balance == 125_000


@pytest.mark.parametrize(
    ("on", "came", "left"),
    [("2026-12-04", PaymentRecognised, 0), ("2026-12-05", PaymentReceived, 125_000)],
    ids=["the line of the same money, told late", "money that came again"],
)
def test_a_payment_that_was_taken_back_is_not_the_next_one(on: str, came: type, left: int) -> None:
    back, _ = told(case(), None, paid(payment_id="DD-1"))
    back = apply(back, reversed_("DD-1"), at("2026-12-04"))
    again = told(back, None, paid(on=on, payment_id=BANK))
    assert (again[1], again[0].paid) == ([came], left)


def test_a_payment_that_was_taken_back_in_part_is_still_the_same_money() -> None:
    short, _ = told(case(), None, paid(payment_id="DD-1"))
    short = apply(short, reversed_("DD-1", "15.00"), at("2026-12-03"))
    assert told(short, None, paid(on="2026-12-05", payment_id=BANK))[1] == [PaymentRecognised]


@pytest.mark.parametrize("first_line", [None, "told", "told and returned"])
def test_a_booking_that_was_taken_back_does_not_confirm_the_next_payment(first_line: str | None) -> None:
    after, _ = told(case(), "erp", paid(payment_id="DD-1"))
    if first_line is not None:
        after, _ = told(after, "erp", paid(payment_id="bank-0"))
    after = apply(after, reversed_("DD-1"), at("2026-12-04"))
    if first_line == "told and returned":
        after = apply(after, reversed_("bank-0", reversal_id="R-2"), at("2026-12-04"))
    after, _ = told(after, "erp", paid(on="2026-12-08", payment_id=BANK))
    assert [(each.announced.payment.payment_id, each.left) for each in awaited(after)] == [(BANK, 125_000)]
    assert collectable(after, policy(), DUE) == 0


@pytest.mark.parametrize("booked_on", ["2026-11-30", "2026-12-01", "2026-12-08"])
def test_a_booking_of_what_is_not_waited_for_does_not_confirm_the_next_payment(booked_on: str) -> None:
    after, _ = told(case(), "erp", paid("400.00", payment_id=BANK))
    after = apply(after, released("cash-bank-1"), at("2026-12-02"))
    after, _ = told(
        after, "erp", paid("400.00", booked_on), paid("400.00", "2026-12-10", payment_id="bank-2")
    )
    assert [each.announced.payment.payment_id for each in awaited(after)] == ["bank-2"]


@pytest.mark.parametrize("end", [released("cash-bank-1"), reversed_(BANK, "400.00")])
def test_what_is_not_waited_for_takes_no_booking_from_the_next_payment(end: object) -> None:
    after, _ = told(case(), "erp", paid("400.00", payment_id=BANK))
    after = apply(after, end, at("2026-12-02"))
    after, _ = told(
        after, "erp", paid("400.00", "2026-12-10", payment_id="bank-2"), paid("400.00", "2026-12-10")
    )
    assert awaited(after) == []


def test_a_payment_by_card_does_not_confirm_a_line_of_the_bank() -> None:
    both = (paid("400.00", method="card"), paid("400.00", "2026-12-08", payment_id=BANK))
    after, _ = told(case(), "erp", *both)
    assert [each.left for each in awaited(after)] == [40_000]


def test_a_line_that_is_waited_for_is_booked_by_hand_whatever_is_booked_like_it() -> None:
    before = (paid("400.00", payment_id="bank-0"), paid("400.00", payment_id="P-0"))
    line = paid("400.00", "2026-12-04", payment_id=BANK)
    after, _ = told(case(), "erp", *before, line)
    assert [each.announced.payment.payment_id for each in awaited(after)] == [BANK]
    after, came = told(after, "erp", line, by_hand=True)
    assert (came, after.paid, awaited(after)) == ([PaymentReceived], 80_000, [])
    after, came = told(after, "erp", paid("400.00", "2026-12-04", payment_id="P-1"))
    assert (came, after.paid) == ([PaymentRecognised], 80_000)


def test_money_that_went_back_is_not_waited_for() -> None:
    after, _ = told(case(), "erp", paid("400.00", payment_id=BANK))
    assert awaited(apply(after, reversed_(BANK, "400.00"), at(DUE))) == []


def test_what_a_person_books_counts_and_the_erp_tells_of_the_same() -> None:
    announced, _ = told(case(), "erp", paid("400.00", payment_id=BANK))
    after, came = told(announced, "erp", paid("400.00", payment_id=BANK), by_hand=True)
    assert (came, after.paid, awaited(after)) == ([PaymentReceived], 40_000, [])
    after, came = told(after, "erp", paid("400.00"))
    assert (came, after.paid) == ([PaymentRecognised], 40_000)


def test_nothing_is_asked_for_until_the_time_is_over_and_then_a_person_is() -> None:
    life = Life.of(case())
    life.tell(at("2026-11-25"), told_on_25("1249.50"))
    life.until("2026-12-08")
    assert life.told() == [("11-24", "pre_due")]
    assert life.decision.waiting_on is WaitingOn.HOLD  # type: ignore[union-attr]
    assert not life.tasks
    life.until("2027-02-20")
    assert [step for _, step in life.told("message")] == ["pre_due"]
    assert life.decision.waiting_on is WaitingOn.PERSON  # type: ignore[union-attr]
    task = life.tasks[UNCONFIRMED_CASH, BANK]
    assert "the bank tells of 1249.50 USD of 2026-11-25 (bank-1), the ERP not yet" in task.why
    assert "release INV-1 --hold-id cash-bank-1" in task.why


def test_the_rest_is_asked_for_and_the_person_too_in_time() -> None:
    life = Life.of(case())
    life.tell(at("2026-11-25"), told_on_25("1000.00"))
    life.until("2026-12-01")
    assert [contact.items[0].asked for _, contact, _ in life.contacts] == [125_000, 25_000]
    life.until("2026-12-09")
    assert (UNCONFIRMED_CASH, BANK) in life.tasks
    life.tell(at("2026-12-10"), released("cash-bank-1")).until("2026-12-15")
    assert life.contacts[-1][1].items[0].asked == 125_000


def test_a_wait_that_is_released_goes_on_with_the_ladder() -> None:
    life = Life.of(case())
    life.tell(at("2026-11-25"), told_on_25("1250.00"))
    life.tell(at("2026-11-26"), released("cash-bank-1")).until("2026-12-01")
    assert isinstance(decide(life.case, policy(), at("2026-11-27")), CarryOut) or life.told()[-1][1] == "due"


@pytest.mark.parametrize("end", [released("cash-bank-1"), reversed_(BANK)])
def test_a_case_whose_announced_payment_does_not_come_resumes_without_a_jump(end: object) -> None:
    life = Life.of(case()).tell(at("2026-12-10"), announced("1250.00", "2026-12-10", "2026-12-17"))
    life.tell(at("2027-01-20", "08:00"), end).until("2027-03-31")
    resumed = [(day, step) for day, step in life.told() if not day.startswith(("11-", "12-"))]
    assert resumed[0] == ("01-20", "overdue_2")
    assert [step for _, step in resumed[1:3]] == ["call", "am_alert"]


def test_money_that_is_announced_for_a_referred_case_is_asked_about() -> None:
    life = Life.of(case()).tell(at("2027-02-11"), announced("1250.00", "2027-02-11", "2027-02-18"))
    life.until("2027-02-18")
    assert life.told()[-1] == ("02-01", "referral")
    assert not life.tasks
    life.until("2027-02-19")
    assert (UNCONFIRMED_CASH, BANK) in life.tasks


def test_money_that_is_announced_when_a_referred_case_closes_is_asked_about() -> None:
    life = Life.of(case()).tell(at("2027-07-30"), announced("1250.00", "2027-07-30", "2027-08-06"))
    life.until("2027-08-31")
    assert life.told("close") == [("07-31", "referred")]
    assert (UNCONFIRMED_CASH, BANK) in life.tasks


def told_on_25(amount: str) -> PaymentAnnounced:
    return announced(amount, "2026-11-25")


# What was agreed is kept by money that is announced


def announced(amount: str, on: date | str, by: date | str = BY) -> PaymentAnnounced:
    payment = paid(amount, on, payment_id=BANK)
    return PaymentAnnounced.model_validate({"payment": payment, "told_by": "bank", "confirm_by": by})


@pytest.mark.parametrize("amount", [None, "500.00"])
def test_a_promise_is_kept_by_what_is_announced_in_time(amount: str | None) -> None:
    of = apply(case(), promise("2026-12-10", amount), at(DUE))
    late = apply(of, announced(amount or "1250.00", "2026-12-20"), at("2026-12-20"))
    of = apply(of, announced(amount or "1250.00", "2026-12-10"), at("2026-12-11"))
    states = [promises(each, policy(), date(2026, 12, 21))[0].state for each in (of, late)]
    assert states == [PromiseState.KEPT, PromiseState.BROKEN]


def test_what_is_announced_for_a_promise_is_waited_for_once() -> None:
    of = apply(case(), promise("2026-12-10", "500.00"), at(DUE))
    assert collectable(of, policy(), DUE) == 75_000
    of = apply(of, announced("400.00", "2026-12-03"), at("2026-12-03"))
    today = date(2026, 12, 3)
    assert (promised_amount(of, policy(), today), collectable(of, policy(), today)) == (10_000, 75_000)
    parts = {part.basis: part.minor for part in expected_of_case(of, policy(), today, date(2027, 1, 7))}
    assert parts == {Basis.ANNOUNCED: 40_000, Basis.PROMISE: 10_000, Basis.PREDICTED: 75_000}


def test_what_was_announced_before_a_promise_is_no_part_of_it() -> None:
    of = apply(case(), announced("400.00", "2026-11-27"), at("2026-11-27"))
    of = apply(of, promise("2026-12-10", "500.00"), at(DUE))
    assert collectable(of, policy(), DUE) == 35_000
    parts = {part.basis: part.minor for part in expected_of_case(of, policy(), DUE, date(2027, 1, 7))}
    assert parts == {Basis.ANNOUNCED: 40_000, Basis.PROMISE: 50_000, Basis.PREDICTED: 35_000}


def test_an_instalment_that_is_announced_is_neither_missed_nor_thanked_for() -> None:
    plan = agreed(METRO, count=3)
    first = plan.terms.instalments[0]
    amount, end = str(Money(first.amount, "USD")), first.due_on + timedelta(days=20)
    told_of = announced(amount, first.due_on, first.due_on + timedelta(days=7))
    _, without = live(plan, TODAY, end)
    assert "plan_cure_1" in [name for _, name in without]
    after, log = live(plan, TODAY, end, {first.due_on: [told_of]})
    names = [name for _, name in log]
    assert "plan_reminder_1" in names
    assert not {"plan_cure_1", "plan_thanks_1"} & set(names)
    booked = paid(amount, first.due_on)
    _, log = live(
        after, end + timedelta(days=1), end + timedelta(days=3), {end + timedelta(days=2): [booked]}
    )
    assert "plan_thanks_1" in [name for _, name in log]


def test_a_plan_is_not_kept_before_its_money_is_booked() -> None:
    plan = agreed(METRO, count=3)
    last = plan.terms.instalments[-1].due_on
    told_of = announced("84200.00", last)
    after, log = live(plan, TODAY, TODAY + timedelta(days=5), {TODAY: [told_of]})
    assert after.ended is None
    after, log = live(after, TODAY + timedelta(days=6), TODAY + timedelta(days=8), {
        TODAY + timedelta(days=6): [paid("84200.00", last)]
    })  # fmt: skip
    assert (TODAY + timedelta(days=6), "kept") in log


def test_an_offer_that_is_announced_to_be_paid_does_not_lapse() -> None:
    of = made(case(), under=offering())
    [offer_id] = of.offers
    of = apply(of, OfferAccepted(offer_id=offer_id, by="Ann"), at("2027-01-06"))
    later = at("2027-01-25")
    lapsed = decide(of, offering(), later)
    assert isinstance(lapsed, CarryOut)
    assert lapsed.step is Note.OFFER_LAPSED
    coming = apply(of, announced("1000.00", "2027-01-14", "2027-01-21"), at("2027-01-16"))
    waits = decide(coming, offering(), at("2027-01-20"))
    assert isinstance(waits, Wait)
    waits = decide(coming, offering(), later)
    assert isinstance(waits, Wait)
    assert waits.waiting_on is WaitingOn.PERSON
    assert [task.kind for task in waits.tasks if task.kind == UNCONFIRMED_CASH] == [UNCONFIRMED_CASH]
    assert is_settled(apply(coming, paid("1000.00", "2027-01-14"), later), offering())
