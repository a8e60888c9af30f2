"""What must hold for every case, policy, fact and moment, with hypothesis looking for the exception."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise, permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import contract as wire
from domain import facts
from domain.case import Case
from domain.decide import decide
from domain.decision import AskApproval, CarryOut, Close, Decision, Wait
from domain.filing import apply
from domain.money import Money
from domain.pauses import calendar_of, is_settled
from domain.policy import HARSH, Policy
from domain.risk import assess, flagged_from
from domain.view import outlook, view
from domain.vocabulary import AFTER_THE_DEBT, CustomerKind, Note, Outcome, Step, WaitingOn
from tests.unit.anything import any_case, policies, things_done, things_told, thorough
from tests.unit.living import (
    DUE,
    Life,
    account,
    at,
    case,
    credit,
    dispute,
    hold,
    paid,
    policy,
    resolved,
    reversed_,
)

#: Finding the smallest example of a fault takes longer than finding a fault.
pytestmark = pytest.mark.timeout(900)


# Any order of facts with no step between them gives the same case


@lru_cache
def stages() -> dict[str, tuple[Case, datetime]]:
    """A case at some places of its life, with the moment from which facts arrive."""
    late = case(due=date(2026, 9, 13), opened=at("2026-11-30", "10:00"))
    once_paid = Life.of(case()).tell(at("2026-12-09"), paid(payment_id="P-0")).until("2026-12-20").case
    return {
        "opened": (case(), at("2026-11-05")),
        "asked": (Life.of(case()).until("2026-12-09").case, at("2026-12-09")),
        "demanded": (Life.of(case()).until("2027-01-16").case, at("2027-01-18")),
        "late": (late, at("2026-11-30", "11:00")),
        "closed": (once_paid, at("2027-06-01")),
    }


def after(stage: str, told: Sequence[object]) -> Case:
    """The case once the facts came one minute after the other."""
    filed, now = stages()[stage]
    for minute, fact in enumerate(told):
        filed = apply(filed, fact, now + timedelta(minutes=minute))
    return filed


def outcome_of(stage: str, told: Sequence[object]) -> tuple[Any, ...]:
    """All that is decided and shown of a case, that day and 40 days later."""
    filed, now = after(stage, told), stages()[stage][1]
    shown: list[object] = [filed.balance, filed.overpaid, filed.credited, filed.cycle]
    for moment in (now + timedelta(hours=2), now + timedelta(days=40)):
        decision = decide(filed, policy(), moment)
        shown += [decision, outlook(decision, moment), view(filed, policy(), moment)]
    return tuple(shown)


RESOLUTIONS = [
    resolved("rejected"),
    resolved("upheld"),
    resolved("partly", credit={"credit_id": "CN-1", "amount": "200.00"}),
    resolved("upheld", credit={"credit_id": "CN-9", "amount": "300.00"}),
]


@pytest.mark.parametrize("resolution", RESOLUTIONS, ids=["rejected", "upheld", "same credit", "own credit"])
@pytest.mark.parametrize(("stage", "amount"), [("asked", "1250.00"), ("closed", "500.00")])
def test_every_order_of_payment_reversal_credit_dispute_and_resolution(
    stage: str, amount: str, resolution: wire.DisputeResolved
) -> None:
    told = [paid(amount), reversed_(amount="500.00"), credit("250.00"), dispute("300.00"), resolution]
    first, *others = [outcome_of(stage, order) for order in permutations(told)]
    assert len(others) == 119
    assert all(other == first for other in others)


@thorough(60)
@given(told=things_told(), stage=st.sampled_from(sorted(stages())), data=st.data())
def test_any_order_of_facts_gives_the_same_case(told: list[object], stage: str, data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(told))
    assert outcome_of(stage, told) == outcome_of(stage, shuffled)


# Always some decision, and every wait lies ahead


def checked(decision: Decision, now: datetime) -> None:
    assert decision.why
    assert decision.rule
    if isinstance(decision, Wait | AskApproval):
        assert decision.until > now
        assert decision.until.tzinfo is not None
    if isinstance(decision, Wait) and decision.next_step is not None:
        assert decision.next_step.at >= decision.until


@thorough(80)
@given(any_case(), policies(), st.integers(0, 24 * 60 * 300))
def test_there_is_always_a_decision_and_no_wait_is_over(built: Case, under: Policy, minutes: int) -> None:
    now = at("2026-11-01") + timedelta(minutes=minutes)
    decision = decide(built, under, now)
    checked(decision, now)
    for _ in range(3):
        if not isinstance(decision, Wait | AskApproval):
            break
        now = decision.until
        decision = decide(built, under, now)
        checked(decision, now)
    shown = view(built, under, now)
    assert Money.parse(shown.balance_due, "USD").minor >= 0


@thorough(40)
@given(any_case(), policies(), st.integers(0, 300))
def test_a_case_is_flagged_from_the_day_that_is_foretold(built: Case, under: Policy, days: int) -> None:
    """As long as nothing new is known: promises may break in between, so they are left out."""
    calm = replace(built, promises={})
    today = date(2026, 11, 1) + timedelta(days=days)
    first = flagged_from(calm, under, today)
    assert assess(calm, under, today).flagged is (first is not None and first <= today)
    if first is not None and first > today:
        assert not assess(calm, under, first - timedelta(days=1)).flagged
        assert assess(calm, under, first).flagged


# Whole lives


@st.composite
def lives(draw: st.DrawFn) -> Life:
    """Up to three invoices of a customer, lived for half a year with whatever comes."""
    under = draw(policies())
    of = account(kind=draw(st.sampled_from([CustomerKind.BUSINESS, CustomerKind.PERSON])))
    cases = []
    for number in range(draw(st.integers(1, 3))):
        due = DUE + timedelta(days=draw(st.integers(-60, 30)))
        opened = at("2026-11-02", "10:00") + timedelta(hours=draw(st.integers(0, 24 * 40)))
        built = case(f"INV-{number}", due, opened=opened, of=of)
        cases.append(replace(built, amount=draw(st.sampled_from([4_000, 125_000]))))
    life = Life.of(*cases, under=under, approve=draw(st.booleans()))
    life.proof = draw(st.sampled_from(["delivered", "accepted", "none"]))
    pool = draw(things_told()) + draw(things_done())
    for fact in draw(st.lists(st.sampled_from(pool), max_size=5)) if pool else []:
        when = at("2026-11-10") + timedelta(hours=draw(st.integers(0, 24 * 100)))
        if not isinstance(fact, facts.StepClaimed | facts.ClaimFreed | facts.StepRequested):
            life.tell(when, fact, f"INV-{draw(st.integers(0, len(cases) - 1))}")
    if draw(st.booleans()):
        start = at("2026-11-20") + timedelta(days=draw(st.integers(0, 60)))
        life.outage(start, start + timedelta(days=draw(st.integers(1, 40)), hours=5))
    return life.until("2027-04-15")


@pytest.fixture(scope="module", autouse=True)
def seen() -> Any:
    """Properties of lives hold trivially where nothing happens: count what was looked at."""
    counted: dict[str, int] = {"contacts": 0, "harsh": 0, "late": 0}
    yield counted
    if counted["contacts"]:
        assert counted["contacts"] > 50
        assert counted["harsh"] > 0
        assert counted["late"] > 5


@thorough(30)
@given(life=lives())
def test_whole_lives(life: Life, seen: dict[str, int]) -> None:
    never_for_money_that_is_known_of(life)
    never_a_burst(life)
    never_a_harsh_rung_without_its_notice(life)
    never_twice(life)
    always_by_the_customers_clock(life)
    for moment, _, decision in life.decisions:
        checked(decision, moment)
    seen["contacts"] += len(life.contacts)
    seen["harsh"] += sum(contact.step in HARSH for _, contact, _ in life.contacts)
    seen["late"] += sum(h.catch_up for h in life.log)


def never_for_money_that_is_known_of(life: Life) -> None:
    for now, contact, cases in life.contacts:
        for item in contact.items:
            told = cases[item.invoice_id].case
            if told.cancelled_at is not None:
                assert item.step is Note.CREDIT_HOLD_RELEASED, (
                    "all a cancelled invoice may still be followed by"
                )
                continue
            if item.step in AFTER_THE_DEBT:
                assert is_settled(told, contact.policy), "thanks are for money that is known"
                continue
            assert not is_settled(told, contact.policy)
            assert not told.open_holds(contact.on)
            if isinstance(item.step, Note):
                continue
            assert told.snoozed is None or told.snoozed.fact.until < contact.on
            assert 0 < item.asked <= told.balance
            frozen = sum(
                told.balance if d.fact.amount is None else told.minor(d.fact.amount)
                for dispute_id, d in told.disputes.items()
                if dispute_id not in told.resolutions
            )
            assert item.asked + frozen <= max(told.balance, frozen)
            standing = [
                p.fact
                for p in told.promises.values()
                if contact.on <= p.fact.pay_by <= p.at.date() + timedelta(days=13)
            ]
            allowed = 1 + contact.policy.promise.extensions
            if any(p.amount is None for p in standing) and len(told.promises) <= allowed:
                raise AssertionError(f"asked on {contact.on} for what is promised in full: {now}")


def never_a_burst(life: Life) -> None:
    under = next(iter(life.cases.values())).policy
    unsolicited = [h for h in life.messages() if h.unsolicited]
    for one, following in pairwise(unsolicited):
        assert (following.on - one.on).days >= under.gap_days
    for invoice_id in life.cases:
        rungs = [h for h in life.log if invoice_id in h.items and h.what in ("message", "task")]
        rungs = [h for h in rungs if h.step not in list(Note)]
        taken = {(t.at, t.fact.step): t for t in life.cases[invoice_id].case.steps}
        for one, following in pairwise(rungs):
            if taken[one.at, Step(one.items[invoice_id])].fact.catch_up:
                scheduled = under.late_entry.days and following.items[invoice_id] in under.late_entry.days
                assert scheduled or (following.on - one.on).days >= under.catch_up_days


def never_a_harsh_rung_without_its_notice(life: Life) -> None:
    for _, contact, cases in life.contacts:
        for item in contact.items:
            if item.step not in HARSH:
                continue
            told = cases[item.invoice_id].case
            notices = [t for t in told.steps if t.fact.step not in (Step.CALL, Step.AM_ALERT)]
            waived = any(step in told.waived for step in Step)
            assert notices or waived
            if waived or not notices:
                continue
            newest = (
                notices[-1] if notices[-1].fact.step is not Step.AT_RISK else (notices[-2:] or notices)[0]
            )
            sent = newest.fact.message_id
            assert sent not in told.bounced
            proven = newest.fact.proof == "delivered" or sent in told.delivered
            calendar = calendar_of(told.account, contact.policy)
            aged = calendar.add_business_days(calendar.local_date(newest.at), 2) <= contact.on
            assert proven or (newest.fact.proof == "accepted" and aged)


def never_twice(life: Life) -> None:
    for pursued in life.cases.values():
        keys = [(t.fact.cycle, t.fact.step) for t in pursued.case.steps]
        assert len(keys) == len(set(keys))
        cycles = [cycle for cycle, _ in keys]
        assert cycles == sorted(cycles)


def always_by_the_customers_clock(life: Life) -> None:
    for now, contact, cases in life.contacts:
        told = cases[contact.items[0].invoice_id].case
        calendar = calendar_of(told.account, contact.policy)
        assert calendar.is_business_day(contact.on)
        assert calendar.next_open(now, contact.policy.send_window) == now
        assert now.tzinfo is UTC


def test_a_wait_that_is_over_would_be_seen() -> None:
    """The checks above can fail."""
    now = at("2026-12-01")
    wait = decide(case(), policy(), at("2026-11-10"))
    assert isinstance(wait, Wait)
    with pytest.raises(AssertionError):
        checked(wait.model_copy(update={"until": now}), now)


def test_a_careless_decide_would_be_seen() -> None:
    """Something that sends every day, come what may, breaks the properties of lives."""

    def careless(told: Case, under: Policy, now: datetime) -> Decision:
        if told.closed is not None or len(told.steps) > 6:
            return Close(outcome=Outcome.PAID, why="enough", rule="none")
        last = told.last
        if last is not None and now - last.at < timedelta(days=1):
            return Wait(until=last.at + timedelta(days=1), waiting_on=WaitingOn.TIME, why="w", rule="r")
        return CarryOut(step=Step.DEMAND, cycle=0, why="pay!", rule="none", catch_up=True)

    life = Life.of(case(amount=125_000), decide=careless).tell(at("2026-11-03"), hold()).until("2026-11-30")
    for check in (
        never_for_money_that_is_known_of,
        never_a_burst,
        never_a_harsh_rung_without_its_notice,
        never_twice,
        always_by_the_customers_clock,
    ):
        with pytest.raises(AssertionError):
            check(life)
