"""A case as the query and the console show it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from domain import contract as wire
from domain import facts
from domain.case import Case
from domain.contract import CaseView
from domain.decide import decide
from domain.filing import apply
from domain.view import outlook, stage, view
from domain.vocabulary import Outcome, Step, WaitingOn
from domain.wire import LAST_INSTANT
from tests.unit.living import Life, at, case, dispute, hold, paid, policy, promise, resolved, took

NOW = at("2026-12-10")


def shown(of: Case, under: str = "standard") -> CaseView:
    """The view with its outlook, as the activities put them together."""
    chosen = policy(under)
    seen = view(of, chosen, NOW).model_dump() | outlook(decide(of, chosen, NOW), NOW)
    return CaseView.model_validate(seen)


@pytest.mark.parametrize(
    ("taken", "shown_as"),
    [
        ([], "scheduled"),
        (["pre_due"], "pre_due"),
        (["chronic", "pre_due_2"], "pre_due"),
        (["overdue"], "overdue"),
        (["overdue", "overdue_2"], "overdue"),
        (["overdue", "at_risk"], "at_risk"),
        (["demand", "referral"], "referred"),
    ],
)
def test_the_stage_is_the_last_step_without_its_number(taken: list[str], shown_as: str) -> None:
    told = case()
    for step in taken:
        told = told if step == "chronic" else took(told, step, NOW)
    assert stage(told) == shown_as


@pytest.mark.parametrize(
    ("proof", "then", "delivery"),
    [
        ("none", [], None),
        ("accepted", [], "accepted"),
        ("delivered", [], "delivered"),
        ("none", [facts.NoticeDelivered(message_id="M-overdue")], "delivered"),
        ("none", [facts.NoticeDelivered(message_id="M-other")], None),
        ("accepted", [facts.NoticeBounced(message_id="M-overdue")], "bounced"),
        ("accepted", [facts.DeliveryWaived(step=Step.OVERDUE, by="Kim", reason="r")], "waived"),
        ("accepted", [facts.DeliveryWaived(step=Step.DEMAND, by="Kim", reason="r")], "accepted"),
        (
            "accepted",
            [
                facts.NoticeBounced(message_id="M-overdue"),
                facts.DeliveryWaived(step=Step.OVERDUE, by="Kim", reason="r"),
            ],
            "waived",
        ),
    ],
)
def test_what_is_known_of_a_delivery(proof: str, then: list[Any], delivery: str | None) -> None:
    told = took(case(), "overdue", NOW, proof=proof)
    for fact in then:
        told = apply(told, fact, NOW)
    assert [step.delivery for step in view(told, policy(), NOW).steps] == [delivery]


def test_a_waiver_of_an_earlier_climb_says_nothing_of_the_present_one() -> None:
    waived = apply(case(), facts.DeliveryWaived(step=Step.OVERDUE, by="Kim", reason="r"), at("2026-12-01"))
    told = took(waived, "overdue", NOW, proof="accepted")
    assert view(told, policy(), NOW).steps[0].delivery == "accepted"


def test_a_message_nobody_knows_of_is_shown_as_unknown() -> None:
    told = apply(case(), facts.StepClaimed(message_id="M", step=Step.DUE, cycle=0), NOW)
    (step,) = view(told, policy(), NOW).steps
    assert (step.step, step.message_id, step.delivery) == ("due", "M", "unknown")


def test_a_task_has_no_delivery() -> None:
    told = took(case(), "call", NOW, message_id=None, proof="none")
    assert [step.delivery for step in view(told, policy(), NOW).steps] == [None]


def test_everything_of_a_case_in_one_view() -> None:
    life = Life.of(case()).until(NOW)
    told = life.case
    for fact in (
        paid("250.00"),
        promise("2026-12-14", "100.00"),
        dispute("50.00"),
        dispute("20.00", "D-2"),
        resolved("rejected", "D-2"),
    ):
        told = apply(told, fact, NOW)
    seen = shown(told)
    assert (seen.invoice_id, seen.customer_id, seen.currency) == ("INV-1", "C-1", "USD")
    assert (seen.balance_due, seen.stage) == ("1000.00", "overdue")
    assert [(step.step, step.cycle) for step in seen.steps] == [("pre_due", 0), ("due", 0), ("overdue", 0)]
    assert [(p.promise_id, p.amount, p.state) for p in seen.promises] == [("PR-1", "100.00", "open")]
    assert [(d.dispute_id, d.amount, d.state) for d in seen.disputes] == [
        ("D-1", "50.00", "open"),
        ("D-2", "20.00", "resolved"),
    ]
    assert seen.policy is not None
    assert (seen.policy.name, seen.policy.version) == ("standard", "1")
    assert seen.waiting_on is WaitingOn.TIME
    assert seen.next_step is not None
    assert (seen.next_step.step, seen.next_step.at) == ("overdue_2", at("2026-12-15", "09:00"))
    assert seen.outcome is None


def test_holds_of_today_alone_are_shown() -> None:
    told = apply(apply(case(), hold(until="2026-12-10"), NOW), hold("H-2", until="2026-12-09"), NOW)
    assert [(h.hold_id, h.until) for h in view(told, policy(), NOW).holds] == [("H-1", date(2026, 12, 10))]
    assert shown(told).waiting_on is WaitingOn.HOLD


@pytest.mark.parametrize(
    ("fact", "waiting_on"),
    [
        (hold(), "hold"),
        (dispute(), "dispute"),
        (promise("2026-12-14"), "promise"),
        (paid(), "settlement"),
        (facts.StepClaimed(message_id="M", step=Step.OVERDUE_2, cycle=0), "delivery"),
        (facts.StepRequested(step=Step.DEMAND, by="Kim"), "delivery"),
    ],
)
def test_what_a_case_waits_for(fact: object, waiting_on: str) -> None:
    assert shown(apply(Life.of(case()).until(NOW).case, fact, NOW)).waiting_on == waiting_on


def test_waiting_for_an_approval() -> None:
    life = Life.of(case(), under=policy("strategic")).until("2026-12-31")
    decision = decide(life.case, policy("strategic"), life.now)
    seen = outlook(decision, life.now)
    assert (seen["waiting_on"], seen["waiting_until"]) == (WaitingOn.APPROVAL, at("2027-01-08", "00:00"))
    assert seen["next_step"].step == "credit_hold"


def test_what_is_done_now_and_what_is_over() -> None:
    now = at("2026-12-15", "09:00")
    due = Life.of(case()).until(at("2026-12-15", "08:00")).case
    seen = outlook(decide(due, policy(), now), now)
    assert (seen["waiting_on"], seen["next_step"].step, seen["next_step"].at) == (
        WaitingOn.TIME,
        "overdue_2",
        now,
    )
    over = outlook(decide(apply(due, paid(), now), policy(settlement_days=0), now), now)
    assert (over["waiting_on"], over["outcome"], over["next_step"]) == (None, Outcome.PAID, None)


def test_the_risk_in_words() -> None:
    late = case(due=date(2026, 9, 13), opened=at("2026-11-30"))
    risk = view(late, policy(), at("2026-11-30")).risk
    assert (risk.band, risk.score) == ("high", 52)
    assert risk.reasons == ("12 days to the write-off age of 90 days past due",)


def test_a_wait_beyond_what_the_wire_can_say_is_told_as_its_last_instant() -> None:
    """The last day of the calendar ends in the first hours of the next year where the customer lives."""
    last = date(2199, 12, 31)
    held = apply(case(), hold(until=last), at("2026-12-02"))
    held = apply(held, wire.InvoiceAmended(amendment_id="A", due_on=last), at("2026-12-02"))
    assert decide(held, policy("standard"), NOW).until > LAST_INSTANT  # type: ignore[union-attr]
    seen = shown(held)
    assert (seen.waiting_on, seen.waiting_until) == (WaitingOn.HOLD, LAST_INSTANT)
