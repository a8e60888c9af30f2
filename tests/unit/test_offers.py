"""Offers to settle for less: what they cost, when money takes them, and what else may happen to them meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import contract as wire
from domain import facts
from domain.asking import Refused
from domain.case import Case
from domain.contact import Pursued
from domain.decision import Wait
from domain.filing import apply
from domain.offer_credit import left_to_pay, taken_offer
from domain.offers import offer_state
from domain.pauses import is_settled, offer_on_table
from domain.policy import InvalidPolicy, Policy, load_policy
from domain.requests.requests import answer
from domain.simulation.simulate import simulate
from domain.view import view
from domain.vocabulary import OfferState
from tests.unit.living import (
    DUE,
    Life,
    at,
    case,
    credit,
    deployed,
    dispute,
    hold,
    paid,
    policy,
    promise,
    resolved,
    reversed_,
)

RULES: dict[str, Any] = {
    "kinds": ["early_payment_discount", "settlement", "fee_waiver"],
    "largest_discount": "0.03",
    "largest_settlement": "0.30",
    "settlement_from_day": 30,
    "longest_days": 30,
}
UNTIL = date(2027, 1, 15)
NOW = at("2027-01-05")


def offering(**changes: Any) -> Policy:
    """The standard policy with offers and without tolerance."""
    return policy(tolerance={}, offers={**RULES, **changes})


def asked(of: Case, under: Policy, request: wire.Request, key: str = "r-1", when: Any = NOW) -> Any:
    return answer(of, under, request, when, key, ())


def made(of: Case, under: Policy | None = None, when: Any = NOW, key: str = "r-1", **terms: Any) -> Case:
    """The case once staff made an offer: 1,000.00 of 1,250.00 by 15 January where nothing else is said."""
    told = {"kind": "settlement", "amount": "1000.00", "until": UNTIL, "by": "kim", **terms}
    told = {name: value for name, value in told.items() if value is not None}
    answered = asked(of, under or offering(), wire.MakeOffer.model_validate(told), key, when)
    assert not isinstance(answered, Refused), answered
    for fact in answered:
        of = apply(of, fact, when)
    return of


def the_offer(of: Case) -> facts.OfferMade:
    return max(of.offers.values(), key=lambda each: each.at).fact


def charge(amount: str, charge_id: str = "F-1") -> wire.ChargeAdded:
    return wire.ChargeAdded.model_validate(
        {"charge_id": charge_id, "amount": amount, "currency": "USD", "kind": "fee"}
    )


# What takes an offer


@pytest.mark.parametrize(
    ("amount", "on", "left", "over"),
    [
        ("1000.00", "2027-01-15", 0, 0),  # exactly, on the last day
        ("1000.00", "2027-01-16", 25_000, 0),  # a day late
        ("999.99", "2027-01-15", 25_001, 0),  # a cent less
        ("1100.00", "2027-01-10", 0, 0),  # more than was asked: the credit is what is left
        ("1250.00", "2027-01-10", 0, 0),  # all of it
        ("1300.00", "2027-01-10", 0, 5_000),
    ],
)
def test_an_offer_is_taken_by_paying_it_in_time(amount: str, on: str, left: int, over: int) -> None:
    told = apply(made(case()), paid(amount, on), at("2027-01-25"))
    assert (told.balance, told.overpaid) == (left, over)
    assert is_settled(told, offering()) is (left == 0)


def test_the_value_date_decides_not_the_day_it_was_told() -> None:
    late = apply(made(case()), paid("1000.00", "2027-01-14"), at("2027-03-01"))
    assert (late.balance, late.settled_by_offer) == (0, 25_000)


def test_what_had_been_paid_before_is_not_paid_again() -> None:
    of = apply(case(), paid("250.00", "2026-12-20"), at("2026-12-21"))
    of = made(of, amount="800.00")
    assert left_to_pay(of, the_offer(of)) == 80_000
    part = apply(of, paid("300.00", "2027-01-10", "P-2"), NOW)
    assert (part.balance, left_to_pay(part, the_offer(of))) == (70_000, 50_000)
    rest = apply(part, paid("500.00", "2027-01-12", "P-3"), NOW)
    assert (rest.balance, rest.settled_by_offer) == (0, 20_000)


def test_money_that_goes_back_takes_the_credit_with_it() -> None:
    """Reopened with everything owed; the same money once more within the time takes it again, once."""
    taken = apply(made(case()), paid("1000.00", "2027-01-10"), NOW)
    back = apply(taken, reversed_(amount="1000.00"), at("2027-01-12"))
    assert (back.balance, back.settled_by_offer) == (125_000, 0)
    assert offer_state(back, the_offer(back).offer_id, date(2027, 1, 12)) is OfferState.OPEN
    again = apply(back, paid("1000.00", "2027-01-15", "P-2"), at("2027-01-16"))
    assert (again.balance, again.settled_by_offer) == (0, 25_000)
    late = apply(back, paid("1000.00", "2027-01-16", "P-2"), at("2027-01-16"))
    assert late.balance == 25_000


def test_money_that_comes_after_it_was_settled_lies_on_the_account() -> None:
    taken = apply(made(case()), paid("1000.00", "2027-01-10"), NOW)
    more = apply(taken, paid("250.00", "2027-01-20", "P-2"), at("2027-01-20"))
    assert (more.balance, more.overpaid, more.settled_by_offer) == (0, 25_000, 25_000)


def test_a_bank_fee_breaks_no_offer() -> None:
    """As for promises and instalments: within the policy's tolerance the money counts."""
    told = apply(made(case(), policy(offers=RULES)), paid("999.50", "2027-01-15"), NOW)
    assert told.balance == 50
    assert is_settled(told, policy(offers=RULES))


# What else happens meanwhile


def test_a_credit_note_counts_as_paid_and_one_after_the_last_day_does_not() -> None:
    of = made(case())
    noted = apply(of, credit("200.00"), at("2027-01-10"))
    assert left_to_pay(noted, the_offer(of)) == 80_000
    assert apply(noted, paid("800.00", "2027-01-12"), NOW).balance == 0
    part = apply(of, paid("900.00", "2027-01-12"), NOW)
    assert apply(part, credit("100.00"), at("2027-01-20")).balance == 25_000


def test_what_is_charged_while_it_stands_is_settled_with_it() -> None:
    of = apply(made(case()), charge("12.00"), at("2027-01-08"))
    assert left_to_pay(of, the_offer(of)) == 100_000
    taken = apply(of, paid("1000.00", "2027-01-10"), NOW)
    assert (taken.balance, taken.settled_by_offer) == (0, 26_200)
    assert apply(taken, charge("30.00", "F-2"), at("2027-02-01")).balance == 3_000


def test_a_waiver_meanwhile_counts_as_paid() -> None:
    of = made(apply(case(), charge("50.00"), at("2026-12-20")), amount="1000.00")
    waived = wire.ChargeWaived.model_validate(
        {"charge_id": "F-1", "amount": "50.00", "currency": "USD", "kind": "fee"}
    )
    assert left_to_pay(apply(of, waived, at("2027-01-08")), the_offer(of)) == 95_000


def test_another_agreed_amount_or_a_plan_ends_it() -> None:
    of = made(case())
    amended = apply(of, wire.InvoiceAmended(amendment_id="A-1", amount="1100.00"), at("2027-01-08"))
    assert offer_state(amended, the_offer(of).offer_id, date(2027, 1, 9)) is OfferState.WITHDRAWN
    assert apply(amended, paid("1000.00", "2027-01-10"), NOW).balance == 10_000
    planned = apply(of, facts.PlanAccepted(plan_id="PL-1", by="ann"), at("2027-01-08"))
    assert offer_state(planned, the_offer(of).offer_id, date(2027, 1, 9)) is OfferState.WITHDRAWN
    assert apply(planned, paid("1000.00", "2027-01-10"), NOW).balance == 25_000


def test_nothing_is_offered_while_something_is_disputed_but_what_was_offered_counts() -> None:
    of = apply(made(case()), dispute("100.00"), at("2027-01-08"))
    assert offer_on_table(of, date(2027, 1, 9)) is None
    assert apply(of, paid("900.00", "2027-01-10"), NOW).balance == 35_000  # disputing is not paying
    assert apply(of, paid("1000.00", "2027-01-10"), NOW).balance == 0
    over = apply(of, resolved("rejected"), at("2027-01-10"))
    assert offer_on_table(over, date(2027, 1, 11)) is not None


def test_a_withdrawn_offer_is_taken_only_by_money_of_before() -> None:
    of = made(case())
    request = wire.WithdrawOffer(offer_id=the_offer(of).offer_id, reason="a mistake", by="kim")
    (ended,) = asked(of, offering(), request, "r-2", at("2027-01-08"))
    gone = apply(of, ended, at("2027-01-08"))
    assert offer_on_table(gone, date(2027, 1, 8)) is None
    assert apply(gone, paid("1000.00", "2027-01-08"), NOW).balance == 25_000
    assert apply(gone, paid("1000.00", "2027-01-07"), NOW).balance == 0


def test_a_newer_offer_takes_the_place_of_the_older() -> None:
    first = made(case())
    both = made(first, key="r-2", when=at("2027-01-08"), amount="900.00", until=date(2027, 1, 20))
    older, newer = sorted(both.offers.values(), key=lambda each: each.at)
    today = date(2027, 1, 9)
    assert offer_state(both, older.fact.offer_id, today) is OfferState.WITHDRAWN
    assert offer_on_table(both, today) == newer.fact
    taken = apply(both, paid("900.00", "2027-01-20"), at("2027-01-21"))
    assert (taken.balance, taken.settled_by_offer) == (0, 35_000)


def test_two_offers_that_were_both_paid_in_time_count_once() -> None:
    """The first expired before its money was known, and another was made."""
    first = made(case(), until=date(2027, 1, 8), amount="1100.00")
    both = made(first, key="r-2", when=at("2027-01-10"), amount="1000.00")
    told = apply(both, paid("1100.00", "2027-01-07"), at("2027-01-12"))
    assert (told.balance, told.overpaid, told.settled_by_offer) == (0, 0, 15_000)


def test_a_fee_waiver_takes_off_what_was_charged() -> None:
    of = apply(case(), charge("40.00"), at("2026-12-20"))
    told = made(of, kind="fee_waiver", amount=None)
    assert (the_offer(told).pay, the_offer(told).credit) == (125_000, 4_000)
    assert apply(told, paid("1250.00", "2027-01-15"), NOW).balance == 0
    assert apply(told, paid("1250.00", "2027-01-16"), NOW).balance == 4_000


def test_what_the_books_book_for_it_as_well_counts_once() -> None:
    """The ERP issues a credit note, or waives the fee, for what the offer has credited already."""
    settled = apply(made(case()), paid("1000.00", "2027-01-10"), NOW)
    noted = apply(settled, credit("250.00"), at("2027-01-12"))
    assert (noted.balance, noted.overpaid, noted.settled_by_offer) == (0, 0, 0)
    waived = wire.ChargeWaived.model_validate(
        {"charge_id": "F-1", "amount": "40.00", "currency": "USD", "kind": "fee"}
    )
    of = made(apply(case(), charge("40.00"), at("2026-12-20")), kind="fee_waiver", amount=None)
    before = apply(of, waived, at("2027-01-08"))
    assert left_to_pay(before, the_offer(of)) == 125_000
    assert apply(before, paid("1210.00", "2027-01-10"), NOW).balance == 4_000
    after = apply(apply(of, paid("1250.00", "2027-01-10"), NOW), waived, at("2027-01-12"))
    assert (after.balance, after.overpaid) == (0, 0)


@pytest.mark.parametrize(
    ("currency", "amount", "percent", "credit"),
    [("USD", 125_000, "2", 2_500), ("USD", 333, "2.5", 8), ("JPY", 99, "3", 2), ("KWD", 12_345, "1", 123)],
)
def test_a_percentage_is_rounded_down_to_the_currencys_own_unit(
    currency: str, amount: int, percent: str, credit: int
) -> None:
    of = made(
        case(amount=amount, currency=currency),
        kind="early_payment_discount",
        percent=percent,
        amount=None,
    )
    assert (the_offer(of).credit, the_offer(of).pay) == (credit, amount - credit)


# Who may offer what


@pytest.mark.parametrize(
    ("terms", "named"),
    [
        ({"amount": "800.00"}, "name at least 875.00"),
        ({"amount": "1250.00"}, "name less than the 1250.00 open"),
        ({"amount": "1300.00"}, "name less than the 1250.00 open"),
        ({"until": date(2027, 1, 4)}, "name a date from 2027-01-05 on"),
        ({"until": date(2027, 2, 5)}, "name a date until 2027-02-04"),
        ({"kind": "early_payment_discount", "amount": "1200.00"}, "name at least 1212.50"),
        ({"kind": "fee_waiver", "amount": None}, "nothing was charged"),
    ],
)
def test_a_refusal_names_field_value_and_fix(terms: dict[str, Any], named: str) -> None:
    told = {"kind": "settlement", "amount": "1000.00", "until": UNTIL, "by": "kim", **terms}
    request = wire.MakeOffer.model_validate({k: v for k, v in told.items() if v is not None})
    refused = asked(case(), offering(), request)
    assert isinstance(refused, Refused)
    assert refused.rule == "OfferNotAllowed"
    assert named in refused.reason


@pytest.mark.parametrize(
    ("told", "rule"),
    [
        ((dispute("10.00"),), "OfferNotAllowed"),
        ((hold(),), "CasePaused"),
        ((paid("1250.00", "2027-01-02"),), "NothingOwed"),
    ],
)
def test_nothing_is_offered_for_what_is_disputed_held_or_paid(told: tuple[Any, ...], rule: str) -> None:
    of = case()
    for fact in told:
        of = apply(of, fact, at("2027-01-04"))
    request = wire.MakeOffer.model_validate(
        {"kind": "settlement", "amount": "1000.00", "until": "2027-01-15", "by": "kim"}
    )
    refused = asked(of, offering(), request)
    assert isinstance(refused, Refused)
    assert refused.rule == rule


def test_a_settlement_waits_for_its_age_and_no_policy_offers_by_itself() -> None:
    early = wire.MakeOffer.model_validate(
        {"kind": "settlement", "amount": "1000.00", "until": "2026-12-20", "by": "kim"}
    )
    refused = asked(case(), offering(), early, when=at("2026-12-10"))
    assert isinstance(refused, Refused)
    assert "wait until 2026-12-31" in refused.reason
    for name in ("standard", "strategic", "chronic_late", "sandbox"):
        assert deployed(name).offers.kinds == ()
    refused = asked(case(), policy(), early)
    assert isinstance(refused, Refused)
    assert "none is allowed" in refused.reason


@pytest.mark.parametrize(
    ("rules", "named"),
    [
        ("largest_discount = 0.05", "not exact"),
        ('largest_discount = "1.5"', "pattern"),
        ('kinds = ["bribe"]', "bribe"),
        ("counter_offers = true", "needs 'settlement'"),
        ('kinds = ["settlement"]\ncounter_offers = true\naccept_from = "0.50"', "gives up more"),
        ('accept_from = "0.90"', "needs counter_offers"),
        ('at_step = "due"', "is not among the kinds"),
        ('kinds = ["early_payment_discount"]\nat_step = "due"\nat_step_discount = "0.10"', "more than the largest"),
        ('kinds = ["early_payment_discount"]\nat_step = "due"\nat_step_days = 31', "more than longest_days"),
        ('kinds = ["early_payment_discount"]\nat_step = "call"', "is not a message"),
        ('kinds = ["settlement"]\nat_step = "due"\nat_step_kind = "settlement"', "settlements begin on day 30"),
    ],
)  # fmt: skip
def test_rules_that_contradict_themselves_are_refused(rules: str, named: str) -> None:
    steps = '[[steps]]\nstep = "due"\nday = 0\n[[steps]]\nstep = "call"\nday = 5\n'
    with pytest.raises(InvalidPolicy) as refused:
        load_policy(f'name = "p"\n[offers]\n{rules}\n{steps}', "p.toml")
    assert named in str(refused.value)
    assert "offers" in str(refused.value)


# Accepting


def accepted(of: Case, when: Any = NOW) -> Case:
    request = wire.DecideOffer(offer_id=the_offer(of).offer_id, accept=True, by="portal L-1")
    answered = asked(of, offering(), request, "r-3", when)
    assert not isinstance(answered, Refused), answered
    for fact in answered:
        of = apply(of, fact, when)
    return of


def test_an_accepted_offer_is_waited_for_like_a_promise_and_resumes_in_a_new_cycle() -> None:
    life = Life.of(case(), under=offering()).until("2027-01-05")
    before = len(life.log)
    for fact in (the_offer(made(life.case)),):
        life.tell(NOW, fact)
    life.tell(
        at("2027-01-06", "08:00"),
        facts.OfferAccepted(offer_id=the_offer(made(life.case)).offer_id, by="portal"),
    )
    life.until("2027-01-06")
    waits = life.decision
    assert isinstance(waits, Wait)
    assert (waits.waiting_on, waits.rule) == ("promise", "offer")
    assert waits.until == at(
        "2027-01-20", "00:00"
    )  # two business days of grace, over Martin Luther King's day
    life.until("2027-01-19")
    assert [happened.step for happened in life.log[before:]] == ["offer_agreed"]
    life.until("2027-01-31")
    broken = [(happened.step, happened.on.isoformat(), happened.cycle) for happened in life.log[before + 1 :]]
    assert broken == [("offer_lapsed", "2027-01-20", 0), ("demand", "2027-01-25", 1)]


def test_an_accepted_offer_binds_us() -> None:
    of = accepted(made(case()))
    offer_id = the_offer(of).offer_id
    for request in (
        wire.WithdrawOffer(offer_id=offer_id, reason="changed our mind", by="kim"),
        wire.MakeOffer.model_validate(
            {"kind": "settlement", "amount": "1100.00", "until": "2027-01-15", "by": "kim"}
        ),
    ):
        refused = asked(of, offering(), request, "r-9")
        assert isinstance(refused, Refused)
        assert refused.rule == "OfferAgreed"
    assert apply(of, paid("1000.00", "2027-01-15"), NOW).balance == 0


def test_a_promise_beside_an_offer_is_kept_by_paying_the_offer() -> None:
    of = apply(made(case()), promise("2027-01-12", "1250.00"), NOW)
    taken = apply(of, paid("1000.00", "2027-01-11"), at("2027-01-11"))
    shown = view(taken, offering(), at("2027-02-01"))
    assert [each.state for each in shown.promises] == ["kept"]
    assert shown.offer is not None
    assert (shown.offer.state, shown.balance_due) == ("taken", "0.00")


# Counter-offers

COUNTERS = offering(counter_offers=True)


def countered(of: Case, amount: str = "700.00", under: Policy = COUNTERS) -> Any:
    request = wire.CounterOffer.model_validate({"amount": amount, "pay_by": "2027-01-20", "by": "portal L-1"})
    return asked(of, under, request, "c-1")


def test_a_counter_offer_pauses_until_staff_decide_and_not_longer() -> None:
    (told,) = countered(case())
    assert told.decide_by == date(2027, 1, 8)
    of = apply(case(), told, NOW)
    life = Life.of(case(), under=COUNTERS).until("2027-01-05").tell(NOW, told)
    life.until("2027-01-06")
    assert isinstance(life.decision, Wait)
    assert (life.decision.rule, life.decision.until) == ("counter_offer", at("2027-01-09", "00:00"))
    life.until("2027-02-10")
    assert [happened.step for happened in life.log if happened.at > NOW] == ["demand", "referral"]
    again = countered(of)
    assert isinstance(again, Refused)
    assert again.rule == "CounterOfferBefore"


def test_staff_agree_to_a_counter_offer_within_the_policys_limits() -> None:
    (told,) = countered(case(), "900.00")
    of = apply(case(), told, NOW)
    decided = asked(of, COUNTERS, wire.DecideOffer(offer_id=told.offer_id, accept=True, by="kim"), "d-1")
    assert [type(fact).__name__ for fact in decided] == ["OfferMade", "OfferAccepted"]
    for fact in decided:
        of = apply(of, fact, NOW)
    assert apply(of, paid("900.00", "2027-01-20"), at("2027-01-21")).balance == 0
    (low,) = countered(case(), "700.00")
    refused = asked(
        apply(case(), low, NOW),
        COUNTERS,
        wire.DecideOffer(offer_id=low.offer_id, accept=True, by="kim"),
        "d-1",
    )
    assert isinstance(refused, Refused)
    assert "name at least 875.00" in refused.reason


def test_a_counter_offer_is_agreed_at_once_only_where_the_policy_says_so() -> None:
    at_once = offering(counter_offers=True, accept_from="0.90")
    assert [type(fact).__name__ for fact in countered(case(), "1124.99", at_once)] == ["OfferCountered"]
    assert [type(fact).__name__ for fact in countered(case(), "1125.00", at_once)] == [
        "OfferCountered",
        "OfferMade",
        "OfferAccepted",
    ]
    for wrong in ("1250.00", "1300.00"):
        assert isinstance(countered(case(), wrong), Refused)
    off = countered(case(), "700.00", offering())
    assert isinstance(off, Refused)
    assert off.rule == "OfferNotAllowed"


# A step that offers by itself

BY_STEP = offering(at_step="overdue", at_step_discount="0.02", at_step_days=10)


def test_a_step_offers_once_a_climb_and_the_forecast_knows() -> None:
    life = Life.of(case(), under=BY_STEP).until("2026-12-09")
    offer = the_offer(life.case)
    assert (offer.credit, offer.until, offer.origin) == (2_500, date(2026, 12, 18), "step")
    life.until("2027-03-01")
    assert len(life.case.offers) == 1
    told = [(h.on, h.step) for h in life.log if h.what in ("message", "task")]
    foretold = [
        (contact.on, str(contact.step))
        for contact in simulate([Pursued(case(), BY_STEP)], at("2027-03-01", "23:59"))
    ]
    assert told == foretold


def test_a_referral_waits_for_the_last_day_of_an_offer() -> None:
    def referred(**more: Any) -> date:
        under = policy(
            tolerance={},
            offers={
                **RULES,
                "at_step": "demand",
                "at_step_kind": "settlement",
                "at_step_discount": "0.20",
                **more,
            },
        )
        life = Life.of(case(), under=under).until("2027-03-20")
        return next(h.on for h in life.log if h.step == "referral")

    assert referred(at_step_days=5) == date(2027, 2, 1)
    assert referred(at_step_days=30) == date(2027, 2, 15)


# Whatever happens


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[int, object]]:
    """Facts of an offered invoice, each with the day of January on which it is told."""
    told: list[tuple[int, object]] = []
    for number in range(draw(st.integers(0, 6))):
        amount = f"{draw(st.sampled_from([1, 5_000, 25_000, 50_000, 99_999, 100_000, 125_000])) / 100:.2f}"
        day = draw(st.integers(1, 31))
        on = date(2027, 1, draw(st.integers(1, 31)))
        fact = draw(
            st.sampled_from(
                [
                    paid(amount, on, f"P-{number}"),
                    paid(amount, on, f"P-{number}"),
                    reversed_(f"P-{draw(st.integers(0, 5))}", amount, f"R-{number}"),
                    credit(amount, f"CN-{number}"),
                    charge(amount, f"F-{number}"),
                    dispute(amount, f"D-{number}"),
                    facts.WrittenOff(write_off_id=f"W-{number}", amount=amount, by="kim", reason="small"),
                    wire.InvoiceAmended(amendment_id=f"A-{number}", amount=amount),
                ]
            )
        )
        told.append((day, fact))
    return sorted(told, key=lambda entry: entry[0])


@settings(max_examples=150)
@given(told=histories(), second=st.booleans())
def test_an_offer_never_credits_more_than_is_open_nor_is_named_after_its_day(
    told: list[tuple[int, object]], second: bool
) -> None:
    of = made(case())
    for day, fact in told:
        if second and day > 10 and len(of.offers) == 1:
            answered = asked(
                of,
                offering(),
                wire.MakeOffer.model_validate(
                    {"kind": "settlement", "percent": "10", "until": "2027-01-28", "by": "kim"}
                ),
                "r-2",
                at(date(2027, 1, day)),
            )
            for each in () if isinstance(answered, Refused) else answered:
                of = apply(of, each, at(date(2027, 1, day)))
        of = apply(of, fact, at(date(2027, 1, day)))
        without = of.net + of.settled_by_offer + of.written_off
        assert of.settled_by_offer >= 0
        if of.settled_by_offer:
            # It never makes the invoice overpaid by money that came in time, which another offer may have cut short.
            offer = taken_offer(of)
            assert offer is not None
            ended = of.offers_ended.get(offer.offer_id)
            last_day = offer.until if ended is None else min(offer.until, ended.fact.on - timedelta(days=1))
            late = of.received_between(last_day + timedelta(days=1), date.max)
            assert of.settled_by_offer <= max(0, without) + late
        offer = offer_on_table(of, date(2027, 1, day))
        if offer is not None:
            assert date(2027, 1, day) <= offer.until
            assert not of.open_disputes
    for past in (date(2027, 1, 29), DUE + timedelta(days=400)):
        assert offer_on_table(of, past) is None
        shown = view(of, offering(), at(past))
        assert shown.offer is None or shown.offer.state not in ("open", "accepted")


@settings(max_examples=60)
@given(data=st.data())
def test_the_order_in_which_money_is_told_does_not_matter(data: st.DataObject) -> None:
    told = [
        paid("600.00", "2027-01-10", "P-1"),
        paid("500.00", "2027-01-15", "P-2"),
        paid("100.00", "2027-01-16", "P-3"),
        reversed_("P-2", "100.00", "R-1"),
        credit("50.00"),
    ]
    balances = set()
    for order in (told, data.draw(st.permutations(told))):
        of = made(case())
        for fact in order:
            of = apply(of, fact, NOW)
        balances.add((of.balance, of.overpaid, of.settled_by_offer))
    assert len(balances) == 1


# An offer beside the invoice's own terms


@pytest.mark.parametrize(
    ("amount", "on", "left", "by_terms", "by_offer"),
    [
        ("1225.00", "2027-01-10", 0, 2_500, 0),  # the terms, in time
        ("1000.00", "2027-01-10", 0, 0, 25_000),  # the offer, in the time of both
        ("1000.00", "2027-01-15", 0, 0, 25_000),
        ("975.00", "2027-01-10", 27_500, 0, 0),  # neither: they are not added to each other
        ("1225.00", "2027-01-15", 0, 0, 2_500),  # too late for the terms; the offer's credit is what is left
        ("1250.00", "2027-01-10", 0, 0, 0),
    ],
)
def test_an_offer_and_the_terms_each_settle_the_invoice_and_never_add_up(
    amount: str, on: str, left: int, by_terms: int, by_offer: int
) -> None:
    both = replace(made(case()), early_payment=(("2", date(2027, 1, 10)),))
    told = apply(both, paid(amount, on), at("2027-01-25"))
    assert (told.balance, told.discounted, told.settled_by_offer) == (left, by_terms, by_offer)
    assert told.overpaid == 0
