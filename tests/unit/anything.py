"""Strategies for hypothesis: policies of every temper, facts of every kind, cases at any place of a life."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from domain import contract as wire
from domain import facts
from domain.case import Case
from domain.filing import apply
from domain.money import Money
from domain.policy import HARSH, Policy
from domain.vocabulary import CallOutcome, CustomerKind, Step
from tests.unit.living import (
    DUE,
    account,
    at,
    case,
    credit,
    dispute,
    hold,
    paid,
    policy,
    promise,
    released,
    resolved,
    reversed_,
    steps,
    took,
)


def thorough(examples: int) -> settings:
    """So many examples, or DUECOURSE_THOROUGH times as many, however long one takes on a busy machine."""
    examples *= int(os.environ.get("DUECOURSE_THOROUGH", "1"))
    unhurried = [HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(max_examples=examples, suppress_health_check=unhurried)


def amounts(most: int = 150_000) -> st.SearchStrategy[str]:
    return st.integers(1, most).map(lambda minor: str(Money(minor, "USD")))


@st.composite
def things_told(draw: st.DrawFn) -> list[object]:
    """Facts with ids of their own, some repeated word for word, all dated around the due date."""
    days = st.dates(date(2026, 11, 20), date(2027, 1, 10))
    told: list[object] = []
    for number in range(draw(st.integers(0, 2))):
        deducted = draw(st.lists(amounts(20_000), max_size=2))
        kinds = st.sampled_from(["other", "bank_charges"])
        deductions = [{"amount": amount, "reason": "r", "kind": draw(kinds)} for amount in deducted]
        told.append(paid(draw(amounts()), draw(days), f"P-{number}", deductions=deductions))
        told += [
            reversed_(f"P-{number}", draw(amounts()), f"R-{number}-{n}")
            for n in range(draw(st.integers(0, 2)))
        ]
    told += [credit(draw(amounts()), f"CN-{n}") for n in range(draw(st.integers(0, 2)))]
    for number in range(draw(st.integers(0, 2))):
        told.append(dispute(draw(st.none() | amounts()), f"D-{number}"))
        if draw(st.booleans()):
            outcome = draw(st.sampled_from(["upheld", "rejected", "partly", "withdrawn"]))
            agreed = draw(st.none() | st.sampled_from(["CN-0", "CN-7"]))
            credited = None if agreed is None else {"credit_id": agreed, "amount": draw(amounts())}
            told.append(resolved(outcome, f"D-{number}", credited))
    told += [
        promise(draw(days), draw(st.none() | amounts()), f"PR-{n}") for n in range(draw(st.integers(0, 3)))
    ]
    for number in range(draw(st.integers(0, 2))):
        told.append(hold(f"H-{number}", draw(st.none() | days)))
        if draw(st.booleans()):
            told.append(released(f"H-{number}"))
    if draw(st.booleans()):
        told.append(wire.ChargeAdded(charge_id="I", amount=draw(amounts()), currency="USD", kind="interest"))
        told.append(wire.ChargeWaived(charge_id="I", amount=draw(amounts()), currency="USD", kind="fee"))
    if draw(st.booleans()):
        told.append(
            wire.InvoiceAmended(amendment_id="A-1", due_on=draw(st.none() | days), amount=draw(amounts()))
        )
        told.append(wire.InvoiceAmended(amendment_id="A-2", due_on=draw(st.none() | days)))
    if draw(st.booleans()):
        told.append(wire.InvoiceStatus(status_id="S", status="scheduled", pay_on=draw(days)))
    if draw(st.booleans()):
        told.append(wire.RiskNoted(note_id="N", text="heard"))
    if draw(st.integers(0, 9)) == 0:
        told.append(wire.InvoiceCancelled(cancellation_id="X"))
    repeated = draw(st.lists(st.sampled_from(told), max_size=2)) if told else []
    return [*told, *repeated]


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Policies of every temper."""
    opens, closes = draw(st.sampled_from([("09:00", "16:00"), ("00:00", "24:00"), ("22:30", "23:00")]))
    approval = draw(st.booleans())
    harsh = {name: {"approval": approval} for name in ("credit_hold", "demand", "referral")}
    changes: dict[str, Any] = {
        "calendar": draw(st.sampled_from(["weekdays", "every_day", "country"])),
        "window": {"opens": opens, "closes": closes},
        "spread_minutes": draw(st.sampled_from([0, 120])),
        "jitter_minutes": draw(st.sampled_from([0, 10])),
        "gap_days": draw(st.integers(0, 4)),
        "catch_up_days": draw(st.integers(0, 6)),
        "settlement_days": draw(st.sampled_from([0, 5])),
        "grouping": draw(st.booleans()),
        "thanks": draw(st.booleans()),
        "promise": {"max_days": 14, "extensions": draw(st.integers(0, 2)), "grace_days": 2},
        "at_risk": {"enabled": draw(st.booleans()), "score_line": draw(st.sampled_from([30, 60, 80]))},
        "steps": steps(policy(), call={"attempts": draw(st.sampled_from([0, 0, 1]))}, **harsh),
        "late_entry": {"days": draw(st.sampled_from([{}, {"overdue": 1, "call": 7, "am_alert": 14}]))},
    }
    return policy(**changes)


CALLED = facts.CallLogged(call_id="K", outcome=CallOutcome.REACHED, by="Kim")


@st.composite
def things_done(draw: st.DrawFn) -> list[object]:
    """What our own people and activities record."""
    pool: list[object] = [
        facts.Snoozed(until=draw(st.dates(date(2026, 11, 20), date(2027, 1, 31))), by="Kim"),
        facts.StepSkipped(step=draw(st.sampled_from(Step)), cycle=draw(st.integers(0, 1)), by="Kim"),
        facts.StepRequested(step=draw(st.sampled_from(Step)), by="Kim"),
        CALLED,
        facts.WrittenOff(write_off_id="W", amount=draw(amounts()), by="Kim", reason="r"),
        facts.DeliveryWaived(step=draw(st.sampled_from(sorted(HARSH))), by="Kim", reason="r"),
        facts.DeliveryWaived(step=Step.OVERDUE_2, by="Kim", reason="r"),
        facts.Recalled(by="Kim", reason="r"),
        facts.UnreadableFact(item_id="1"),
        facts.StepClaimed(message_id="C", step=Step.OVERDUE, cycle=0),
        facts.ClaimFreed(message_id="C"),
        facts.NoticeBounced(message_id=draw(st.sampled_from(["M-4", "M-7", "M-overdue_2"]))),
        facts.NoticeDelivered(message_id=draw(st.sampled_from(["M-4", "M-7", "M-8"]))),
    ]
    return draw(st.lists(st.sampled_from(pool), max_size=4))


@st.composite
def any_case(draw: st.DrawFn) -> Case:
    """A case at any place of a life, whether or not such a life could have led there."""
    opened = at("2026-11-01") + timedelta(hours=draw(st.integers(0, 24 * 200)))
    due = DUE + timedelta(days=draw(st.integers(-40, 40)))
    of = account(
        kind=draw(st.sampled_from(CustomerKind)),
        zone=draw(st.sampled_from([None, "Europe/Berlin", "Pacific/Kiritimati", "America/New_York"])),
        reachable=frozenset(draw(st.sampled_from([{"ap"}, set()]))),
        last_unsolicited_on=draw(st.none() | st.dates(date(2026, 11, 1), date(2027, 3, 1))),
        books_through=draw(st.none() | st.dates(date(2026, 11, 1), date(2027, 3, 1))),
        newest_opening_at=opened,
        unapplied=draw(st.sampled_from([{}, {"USD": 5_000}, {"USD": 500_000}])),
    )
    built = case(due=due, opened=opened, of=of, amount=draw(st.sampled_from([90, 4_000, 125_000])))
    built = replace(built, collection=draw(st.sampled_from(["transfer", "direct_debit"])))
    moment = opened
    for step in draw(st.lists(st.sampled_from(Step), max_size=4)):
        moment += timedelta(hours=draw(st.integers(1, 24 * 20)))
        more: dict[str, Any] = {
            "proof": draw(st.sampled_from(["delivered", "accepted", "none"])),
            "catch_up": draw(st.booleans()),
            "cycle": built.cycle + draw(st.integers(0, 1)),
        }
        if step is Step.CREDIT_HOLD:
            more["block_on"] = (moment + timedelta(days=4)).date()
        if step is Step.DEMAND:
            more["answer_by"] = (moment + timedelta(days=14)).date()
        built = took(built, step, moment, **more)
    for fact in draw(things_told()) + draw(things_done()):
        built = apply(built, fact, moment)
    return built
