"""The quick simulation lives exactly as the slow, plain driver of the rule tests does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import contract as wire
from domain import facts
from domain.case import Case
from domain.contact import Pursued
from domain.decide import decide
from domain.decision import CarryOut, Close, Decision, Wait
from domain.policy import Policy
from domain.simulation.simulate import Assumptions, Contacted, NeverRests, Told, simulate
from domain.vocabulary import CallOutcome, CustomerKind, Outcome, Step, WaitingOn
from tests.unit.anything import policies, things_told, thorough
from tests.unit.living import (
    DUE,
    Life,
    account,
    at,
    case,
    dispute,
    hold,
    paid,
    policy,
    promise,
    released,
    reversed_,
    steps,
)

END = at("2027-04-30")


def run(
    *cases: Case, under: Policy | None = None, script: Sequence[Told] = (), **more: Any
) -> list[Contacted]:
    chosen = under or policy()
    return list(simulate([Pursued(c, chosen) for c in cases], END, script=script, **more))


def told(contacts: Sequence[Contacted]) -> list[tuple[str, str]]:
    return [(contact.on.isoformat()[5:], contact.step) for contact in contacts]


def made(contacts: Sequence[Contacted]) -> list[tuple[datetime, str, tuple[tuple[str, str, int], ...]]]:
    """Every contact with each invoice's own step and cycle, in an order of its own."""
    return sorted(
        (c.at, str(c.step), tuple(sorted((i.invoice_id, str(i.step), i.cycle) for i in c.items)))
        for c in contacts
    )


def lived(life: Life) -> list[tuple[datetime, str, tuple[tuple[str, str, int], ...]]]:
    return sorted(
        (now, str(c.step), tuple(sorted((i.invoice_id, str(i.step), i.cycle) for i in c.items)))
        for now, c, _ in life.contacts
        if c.approval != "ask"
    )


# The same as the slow driver


@st.composite
def scripts(draw: st.DrawFn) -> tuple[list[Case], Policy, list[Told], Assumptions]:
    """Up to three invoices of a customer, with facts once all are open."""
    under = draw(policies())
    of = account(kind=draw(st.sampled_from([CustomerKind.BUSINESS, CustomerKind.PERSON])))
    cases = []
    for number in range(draw(st.integers(1, 3))):
        due = DUE + timedelta(days=draw(st.integers(-60, 30)))
        opened = at("2026-11-02", "10:00") + timedelta(hours=draw(st.integers(0, 24 * 15)))
        cases.append(case(f"INV-{number}", due, opened=opened, of=of))
    script = [
        Told(
            date(2026, 11, 20) + timedelta(days=draw(st.integers(0, 100))),
            f"INV-{draw(st.integers(0, len(cases) - 1))}",
            fact,
        )
        for fact in draw(things_told())
        if isinstance(fact, wire.Fact)
    ]
    return cases, under, script, Assumptions(approve=draw(st.booleans()))


@pytest.mark.timeout(900)
@thorough(20)
@given(scripts())
def test_it_lives_as_the_slow_driver_does(
    scripted: tuple[list[Case], Policy, list[Told], Assumptions],
) -> None:
    cases, under, script, assume = scripted
    life = Life.of(*cases, under=under, approve=assume.approve)
    for entry in script:
        life.tell(at(entry.on, "00:00"), entry.fact, entry.invoice_id)
    life.until(END)
    contacts = run(*cases, under=under, script=script, assume=assume)
    assert made(contacts) == lived(life)


def test_the_standard_ladder_and_what_a_contact_says() -> None:
    contacts = run(case())
    assert told(contacts) == Life.of(case()).until(END).told()
    first = contacts[0]
    assert (first.on, first.at) == (date(2026, 11, 24), at("2026-11-24", "09:00"))
    assert (first.customer_id, first.step, first.channel) == ("C-1", Step.PRE_DUE, "email")
    assert [(item.invoice_id, item.asked) for item in first.items] == [("INV-1", 125_000)]
    assert first.why == "pre-due: 7 days before the due date 2026-12-01"
    assert {c.step: c.channel for c in contacts}[Step.CALL] == "task"
    assert {c.step: c.channel for c in contacts}[Step.AM_ALERT] == "task"


# The script


def test_a_payment_is_known_before_the_window_of_its_day_opens() -> None:
    all_day = policy(window={"opens": "00:00", "closes": "24:00"})
    contacts = run(case(), under=all_day, script=[Told(DUE, "INV-1", paid())])
    assert told(contacts) == [("11-24", "pre_due")]


def test_facts_come_on_their_day_in_the_customers_zone() -> None:
    tokyo = case(of=account(zone="Asia/Tokyo"))
    contacts = run(tokyo, script=[Told(DUE, "INV-1", hold())])
    assert told(contacts) == [("11-24", "pre_due")]
    contacts = run(tokyo, script=[Told(DUE + timedelta(days=1), "INV-1", hold())])
    assert told(contacts) == [("11-24", "pre_due"), ("12-01", "due")]


def test_a_fact_from_before_its_case_waits_for_the_opening() -> None:
    assert run(case(), script=[Told(date(2026, 10, 1), "INV-1", paid())]) == []


def test_what_was_settled_may_be_owed_again() -> None:
    script = [Told(date(2026, 12, 3), "INV-1", paid()), Told(date(2026, 12, 20), "INV-1", reversed_())]
    contacts = run(case(), script=script)
    assert told(contacts)[2:4] == [("12-21", "overdue"), ("12-28", "overdue_2")]
    assert contacts[2].items[0].cycle == 1


def test_a_pause_ends_on_its_day() -> None:
    script = [Told(date(2026, 12, 2), "INV-1", hold()), Told(date(2026, 12, 16), "INV-1", released())]
    assert told(run(case(), script=script))[2] == ("12-16", "overdue")
    script = [Told(date(2026, 12, 2), "INV-1", promise("2026-12-10"))]
    assert told(run(case(), script=script))[2] == ("12-15", "overdue")


def test_an_overpayment_of_one_invoice_stops_the_message_about_another() -> None:
    cases = (case("A"), case("B", DUE + timedelta(days=7)))
    contacts = run(*cases, script=[Told(DUE, "A", paid("2500.00"))])
    assert told(contacts) == [("11-24", "pre_due")]


# Assumptions


def test_approvals_are_not_given_unless_assumed() -> None:
    strategic = policy("strategic")
    assert "credit_hold" not in dict.fromkeys(step for _, step in told(run(case(), under=strategic)))
    given = run(case(), under=strategic, assume=Assumptions(approve=True))
    assert ("12-31", "credit_hold") in told(given)


def test_what_is_not_proven_goes_no_further() -> None:
    contacts = run(case(), assume=Assumptions(proof="none"))
    assert "credit_hold" not in [contact.step for contact in contacts]


def test_calls_are_made_only_if_assumed() -> None:
    twice = policy(steps=steps(policy(), call={"attempts": 2}))
    assert told(run(case(), under=twice))[-1] == ("02-17", "at_risk")
    called = run(case(), under=twice, assume=Assumptions(call=CallOutcome.NO_ANSWER))
    assert ("12-22", "am_alert") in told(called)
    reached = run(case(), assume=Assumptions(call=CallOutcome.REACHED))
    assert ("12-17", "call_confirmed") in told(reached)


# Customers


def test_customers_have_nothing_to_do_with_each_other() -> None:
    one = [case(f"A-{n}", DUE + timedelta(days=n), of=account("A")) for n in range(3)]
    two = [case(f"B-{n}", DUE + timedelta(days=3 * n), of=account("B")) for n in range(3)]
    together = run(*[c for pair in zip(one, two, strict=True) for c in pair])
    assert made(together) == sorted(made(run(*one)) + made(run(*two)))
    assert [c.customer_id for c in together] == sorted(c.customer_id for c in together)


def test_sellers_write_apart_but_share_the_gap() -> None:
    contacts = run(case("A"), replace(case("B"), seller="other"))
    assert [(c.on.isoformat()[5:], [i.invoice_id for i in c.items]) for c in contacts[:2]] == [
        ("11-24", ["A"]),
        ("11-27", ["B"]),
    ]


def test_an_existing_account_keeps_its_gap() -> None:
    of = account(last_unsolicited_on=date(2026, 11, 30))
    told_on = [c.on for c in run(case(of=of), start=at("2026-12-01", "08:00"))]
    assert told_on[0] == date(2026, 12, 3)


def test_a_start_wakes_every_case_that_is_open_by_then() -> None:
    contacts = run(case(), start=at("2026-12-20", "18:00"))  # a Sunday
    assert told(contacts)[0] == ("12-21", "overdue_2")


def test_cases_open_in_their_time() -> None:
    later = case("LATER", DUE + timedelta(days=60), opened=at("2027-01-20", "10:00"))
    contacts = run(case("NOW"), later)
    assert min(c.on for c in contacts if c.items[0].invoice_id == "LATER") > date(2027, 1, 20)


def test_progress_is_told_customer_by_customer() -> None:
    heard: list[tuple[int, int]] = []
    run(
        *(case(f"INV-{n}", of=account(f"C-{n}")) for n in range(3)),
        progress=lambda done, of: heard.append((done, of)),
    )
    assert heard == [(1, 3), (2, 3), (3, 3)]


def test_nothing_after_the_end() -> None:
    last = at("2026-12-08", "09:00")
    chosen = [Pursued(case(), policy())]
    assert told(list(simulate(chosen, last)))[-1] == ("12-08", "overdue")
    assert told(list(simulate(chosen, last - timedelta(seconds=1))))[-1] == ("12-01", "due")


# Another decide


def never(told: Case, under: Policy, now: datetime) -> Decision:
    return Wait(until=now + timedelta(days=1), waiting_on=WaitingOn.TIME, why="never", rule="never")


def test_a_decide_that_always_waits_makes_no_contact() -> None:
    assert run(case(), decide=never) == []


def test_a_decide_that_never_rests_is_stopped() -> None:
    def restless(told: Case, under: Policy, now: datetime) -> Decision:
        return CarryOut(step=Step.DUE, cycle=len(told.steps), why="again", rule="none")

    def backwards(told: Case, under: Policy, now: datetime) -> Decision:
        return Wait(until=now, waiting_on=WaitingOn.TIME, why="now", rule="none")

    with pytest.raises(NeverRests, match="acts 100 times"):
        run(case(), decide=restless)
    with pytest.raises(NeverRests, match=r"waits at .* until"):
        run(case(), decide=backwards)


def test_a_long_life_is_not_taken_for_a_restless_one() -> None:
    """Approvals that nobody gives are asked for week after week."""
    asked: list[datetime] = []

    def counting(told: Case, under: Policy, now: datetime) -> Decision:
        decision = decide(told, under, now)
        if isinstance(decision, CarryOut) and decision.approval == "ask":
            asked.append(now)
        return decision

    list(simulate([Pursued(case(), policy("strategic"))], at("2030-01-01"), decide=counting))
    assert len(asked) > 100


def test_a_decide_may_close() -> None:
    def closing(told: Case, under: Policy, now: datetime) -> Decision:
        if told.steps:
            return Close(outcome=Outcome.WRITTEN_OFF, why="enough", rule="none")
        return CarryOut(step=Step.DUE, cycle=0, why="once", rule="none")

    script = [Told(DUE, "INV-1", dispute()), Told(DUE, "INV-1", facts.Recalled(by="Kim", reason="r"))]
    assert len(run(case(), decide=closing, script=script)) == 1
