"""Updates: each one accepted with the facts it leads to, and refused by each rule that can refuse it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest

from domain import contract as wire
from domain import facts
from domain.asking import Answer, Refused
from domain.case import Case
from domain.filing import apply
from domain.pauses import PromiseState, promises
from domain.requests.requests import Unfit, answer, unfit
from domain.vocabulary import CallOutcome, DisputeReason, Step
from tests.unit.living import (
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
    reversed_,
)

NOW = at("2026-12-10")
POLICIES = ("standard", "strategic")


def ask(of: Case, name: str, now: datetime = NOW, request_id: str = "U-1", **fields: Any) -> Answer:
    request = wire.UPDATES[name].model_validate({"by": "Kim", **fields})
    return answer(of, policy(), request, now, request_id, POLICIES)


def accepted(of: Case, name: str, now: datetime = NOW, **fields: Any) -> tuple[Any, ...]:
    result = ask(of, name, now, **fields)
    assert not isinstance(result, Refused), result
    return result


def refused(of: Case, name: str, now: datetime = NOW, **fields: Any) -> str:
    result = ask(of, name, now, **fields)
    assert isinstance(result, Refused), result
    assert result.reason
    return result.rule


@pytest.fixture
def overdue() -> Case:
    """On 2026-12-10, after the overdue notice."""
    return Life.of(case()).until(NOW).case


@pytest.fixture
def settled(overdue: Case) -> Case:
    return apply(overdue, paid(), NOW)


@pytest.fixture
def asked() -> Case:
    """Waits for the approval M-7 of the credit hold, until 2027-01-08 00:00."""
    waiting = Life.of(case(), under=policy("strategic")).until("2026-12-31").case
    assert waiting.approval is not None
    assert waiting.approval.fact.message_id == "M-7"
    return waiting


@pytest.fixture
def referred() -> Case:
    return Life.of(case()).until("2027-02-02").case


def test_every_update_of_the_contract_is_answered(overdue: Case) -> None:
    """None falls through to `UnknownRequest`."""
    fields: dict[str, dict[str, Any]] = {
        "promise_to_pay": {"pay_by": "2026-12-14"},
        "propose_plan": {"count": 3},
        "decide_plan": {"plan_id": "P", "accept": True},
        "make_offer": {"kind": "fee_waiver", "until": "2026-12-14"},
        "counter_offer": {"amount": "9.00", "pay_by": "2026-12-14"},
        "decide_offer": {"offer_id": "OF", "accept": True},
        "withdraw_offer": {"offer_id": "OF", "reason": "r"},
        "decide_step": {"step": "call", "approve": True},
        "skip_step": {"step": "call", "reason": "r"},
        "run_step": {"step": "call"},
        "snooze": {"until": "2026-12-14", "reason": "r"},
        "log_call": {"outcome": "reached"},
        "change_policy": {"policy": "strategic"},
        "write_off": {"reason": "r"},
        "recall": {"reason": "r"},
        "waive_delivery": {"step": "overdue", "reason": "r"},
    }
    assert set(fields) == set(wire.UPDATES)
    for name, given in fields.items():
        result = ask(overdue, name, **given)
        assert not isinstance(result, Refused) or result.rule != "UnknownRequest"


def test_an_update_nobody_answers_is_refused(overdue: Case) -> None:
    class Dance(wire.Request):
        update_name = "dance"

    result = answer(overdue, policy(), Dance(by="Kim"), NOW, "U", POLICIES)
    assert isinstance(result, Refused)
    assert result.rule == "UnknownRequest"


# promise_to_pay


def test_a_promise_is_taken_down_as_one_of_the_portal(overdue: Case) -> None:
    (made,) = accepted(overdue, "promise_to_pay", pay_by="2026-12-24", amount="500.00")
    assert made == wire.PromiseMade(
        promise_id="U-1", amount="500.00", pay_by=date(2026, 12, 24), made_by="Kim", source="portal"
    )


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"pay_by": "2026-12-09"}, "PromiseInPast"),
        ({"pay_by": "2026-12-25"}, "PromiseTooLate"),
        ({"pay_by": "2026-12-14", "amount": "1250.01"}, "AmountTooLarge"),
        ({"pay_by": "2026-12-14", "amount": "10.005"}, "InvalidRequest"),
    ],
)
def test_a_promise_has_limits(overdue: Case, fields: dict[str, Any], rule: str) -> None:
    assert refused(overdue, "promise_to_pay", **fields) == rule


def test_the_limits_of_a_promise_are_inclusive(overdue: Case) -> None:
    for pay_by in ("2026-12-10", "2026-12-24"):
        assert accepted(overdue, "promise_to_pay", pay_by=pay_by, amount="1250.00")


def test_today_is_the_customers(overdue: Case) -> None:
    """23:00 in New York is still the tenth there."""
    late = at("2026-12-10", "23:00")
    assert accepted(overdue, "promise_to_pay", late, pay_by="2026-12-10")
    assert refused(overdue, "promise_to_pay", late, pay_by="2026-12-25") == "PromiseTooLate"


def test_one_extension_and_no_more(overdue: Case) -> None:
    once = apply(overdue, promise("2026-12-11", promise_id="A"), NOW)
    assert accepted(once, "promise_to_pay", pay_by="2026-12-14")
    twice = apply(once, promise("2026-12-14", promise_id="B"), NOW)
    assert refused(twice, "promise_to_pay", pay_by="2026-12-18") == "PromiseLimitReached"


def test_a_kept_part_promise_uses_up_nothing(overdue: Case) -> None:
    kept = overdue
    for name in ("A", "B"):
        kept = apply(kept, promise("2026-12-14", "100.00", name), NOW)
    kept = apply(kept, paid("200.00", on="2026-12-10"), NOW)
    (made,) = accepted(kept, "promise_to_pay", pay_by="2026-12-18")
    told = apply(kept, made, NOW)
    states = {p.promise_id: p.state for p in promises(told, policy(), date(2026, 12, 10))}
    assert states["U-1"] is PromiseState.OPEN


def test_what_is_accepted_is_never_beyond_the_limit(overdue: Case) -> None:
    """An update that was accepted pauses the case; the next step then opens a new count."""
    told = overdue
    for number in range(4):
        result = ask(told, "promise_to_pay", request_id=f"U-{number}", pay_by="2026-12-14")
        if isinstance(result, Refused):
            break
        told = apply(told, result[0], NOW)
        states = {p.state for p in promises(told, policy(), date(2026, 12, 10))}
        assert PromiseState.BEYOND_LIMIT not in states
    assert len(told.promises) == 2


# decide_step


def test_an_approval_names_the_message(asked: Case) -> None:
    now = at("2027-01-04")
    given = accepted(asked, "decide_step", now, step="credit_hold", approve=True, approval_id="M-7")
    assert given == (facts.ApprovalGiven(message_id="M-7", by="Kim"),)
    (denied,) = accepted(asked, "decide_step", now, step="credit_hold", approve=False, note="not them")
    assert (denied.step, denied.cycle, denied.reason) == (Step.CREDIT_HOLD, 0, "not them")


def test_only_what_waits_can_be_approved(asked: Case, overdue: Case) -> None:
    now = at("2027-01-04")
    waits_not = "NotWaitingForApproval"
    assert refused(overdue, "decide_step", step="credit_hold", approve=True) == waits_not
    assert refused(asked, "decide_step", now, step="demand", approve=True) == waits_not
    other = refused(asked, "decide_step", now, step="credit_hold", approve=True, approval_id="M-6")
    assert other == waits_not
    given = apply(asked, facts.ApprovalGiven(message_id="M-7", by="Kim"), now)
    assert refused(given, "decide_step", now, step="credit_hold", approve=False) == waits_not


def test_an_expired_approval_approves_nothing(asked: Case) -> None:
    last, over = at("2027-01-07", "23:59"), at("2027-01-08", "00:00")
    assert accepted(asked, "decide_step", last, step="credit_hold", approve=True)
    assert refused(asked, "decide_step", over, step="credit_hold", approve=True) == "NotWaitingForApproval"


def test_what_is_paid_or_paused_is_not_approved(asked: Case) -> None:
    now = at("2027-01-04")
    settled = apply(asked, paid(), now)
    assert refused(settled, "decide_step", now, step="credit_hold", approve=True) == "NothingOwed"
    held = apply(asked, hold(), now)
    assert refused(held, "decide_step", now, step="credit_hold", approve=True) == "CasePaused"
    assert accepted(held, "decide_step", now, step="credit_hold", approve=False)


# skip_step, run_step


def test_a_step_is_skipped_for_the_present_cycle(overdue: Case) -> None:
    (skipped,) = accepted(overdue, "skip_step", step="overdue_2", reason="they called")
    assert (skipped.step, skipped.cycle, skipped.reason) == (Step.OVERDUE_2, 0, "they called")
    told = Life.of(apply(overdue, skipped, NOW)).until("2026-12-17").told()
    assert told == [("12-17", "call")]


def test_what_cannot_be_skipped(overdue: Case, settled: Case) -> None:
    assert refused(overdue, "skip_step", step="overdue", reason="r") == "StepAlreadyTaken"
    assert refused(overdue, "skip_step", step="pre_due_2", reason="r") == "StepNotInPolicy"
    assert refused(settled, "skip_step", step="call", reason="r") == "NothingOwed"


def test_a_step_is_run_out_of_turn(overdue: Case) -> None:
    assert accepted(overdue, "run_step", step="call") == (facts.StepRequested(step=Step.CALL, by="Kim"),)


def test_what_cannot_be_run(overdue: Case, settled: Case, referred: Case) -> None:
    assert refused(settled, "run_step", step="call") == "NothingOwed"
    assert refused(overdue, "run_step", step="pre_due_2") == "StepNotInPolicy"
    for stop in (hold(), dispute(), promise("2026-12-14")):
        assert refused(apply(overdue, stop, NOW), "run_step", step="call") == "CasePaused"
    later = at("2027-02-10")
    assert refused(referred, "run_step", later, step="call") == "CaseReferred"
    recalled = apply(referred, facts.Recalled(by="Kim", reason="r"), later)
    assert accepted(recalled, "run_step", later, step="call")


# snooze


def test_a_snooze_lasts_until_the_end_of_a_date(overdue: Case) -> None:
    (snoozed,) = accepted(overdue, "snooze", until="2026-12-20", reason="holidays")
    assert (snoozed.until, snoozed.reason) == (date(2026, 12, 20), "holidays")


@pytest.mark.parametrize(("until", "rule"), [("2026-12-09", "DateInPast"), ("2027-02-09", "SnoozeTooLong")])
def test_a_snooze_has_limits(overdue: Case, until: str, rule: str) -> None:
    assert refused(overdue, "snooze", until=until, reason="r") == rule
    assert accepted(overdue, "snooze", until="2026-12-10", reason="r")
    assert accepted(overdue, "snooze", until="2027-02-08", reason="r")


def test_nothing_owed_cannot_be_snoozed(settled: Case) -> None:
    assert refused(settled, "snooze", until="2026-12-20", reason="r") == "NothingOwed"


# log_call


def test_a_call_is_logged_with_what_came_of_it(overdue: Case) -> None:
    logged, promised, disputed = accepted(
        overdue,
        "log_call",
        outcome="reached",
        note="cash flow",
        promise={"pay_by": "2026-12-14", "amount": "500.00"},
        dispute={"reason": "quality", "amount": "100.00", "note": "scratched"},
    )
    assert (logged.call_id, logged.outcome, logged.note) == ("U-1", CallOutcome.REACHED, "cash flow")
    assert (promised.promise_id, promised.source, promised.amount) == ("call-U-1", "phone", "500.00")
    assert logged.promise_id == promised.promise_id
    assert (disputed.dispute_id, disputed.reason) == ("call-U-1", DisputeReason.QUALITY)


def test_ids_that_the_caller_gives_are_kept(overdue: Case) -> None:
    _, promised, disputed = accepted(
        overdue,
        "log_call",
        outcome="reached",
        promise={"pay_by": "2026-12-14", "promise_id": "PR-9"},
        dispute={"reason": "other", "dispute_id": "D-9"},
    )
    assert (promised.promise_id, disputed.dispute_id) == ("PR-9", "D-9")


def test_a_call_may_be_logged_on_a_settled_case_but_promises_nothing(settled: Case) -> None:
    assert accepted(settled, "log_call", outcome="reached")
    promised = refused(settled, "log_call", outcome="reached", promise={"pay_by": "2026-12-14"})
    assert promised == "NothingOwed"


def test_what_is_said_in_a_call_has_the_same_limits(overdue: Case) -> None:
    too_late = refused(overdue, "log_call", outcome="reached", promise={"pay_by": "2027-03-01"})
    assert too_late == "PromiseTooLate"
    too_much = {"reason": "other", "amount": "9999.00"}
    assert refused(overdue, "log_call", outcome="reached", dispute=too_much) == "AmountTooLarge"
    odd = {"reason": "other", "amount": "1.005"}
    assert refused(overdue, "log_call", outcome="reached", dispute=odd) == "InvalidRequest"


# The rest


def test_a_case_moves_to_a_policy_that_exists(overdue: Case) -> None:
    (changed,) = accepted(overdue, "change_policy", policy="strategic")
    assert changed == facts.PolicyChanged(policy="strategic", by="Kim")
    assert refused(overdue, "change_policy", policy="gentle") == "UnknownPolicy"


def test_a_write_off_is_of_the_balance_or_less(overdue: Case, settled: Case) -> None:
    (everything,) = accepted(overdue, "write_off", reason="gone")
    assert (everything.amount, everything.write_off_id) == ("1250.00", "U-1")
    (part,) = accepted(overdue, "write_off", amount="250.00", reason="gone")
    assert part.amount == "250.00"
    assert apply(overdue, part, NOW).balance == 100_000
    assert refused(overdue, "write_off", amount="1250.01", reason="r") == "AmountTooLarge"
    assert refused(overdue, "write_off", amount="0.001", reason="r") == "InvalidRequest"
    assert refused(settled, "write_off", reason="r") == "NothingOwed"


def test_only_a_referred_case_is_recalled_and_only_once_a_referral(overdue: Case, referred: Case) -> None:
    later = at("2027-02-10")
    assert refused(overdue, "recall", reason="r") == "NotReferred"
    (recalled,) = accepted(referred, "recall", later, reason="they pay")
    back = apply(referred, recalled, later)
    assert refused(back, "recall", later, reason="r") == "NotReferred"
    again = apply(back, facts.StepTaken(step=Step.REFERRAL, cycle=1), later)
    assert accepted(again, "recall", later, reason="r")


def test_delivery_is_waived_for_steps_of_the_policy(overdue: Case, settled: Case) -> None:
    (waived,) = accepted(overdue, "waive_delivery", step="overdue", reason="read back")
    assert (waived.step, waived.by, waived.reason) == (Step.OVERDUE, "Kim", "read back")
    assert refused(overdue, "waive_delivery", step="pre_due_2", reason="r") == "StepNotInPolicy"
    assert refused(settled, "waive_delivery", step="overdue", reason="r") == "NothingOwed"


def test_nothing_is_asked_of_a_cancelled_case(overdue: Case) -> None:
    cancelled = apply(overdue, wire.InvoiceCancelled(cancellation_id="X"), NOW)
    assert refused(cancelled, "run_step", step="call") == "NothingOwed"
    assert refused(cancelled, "promise_to_pay", pay_by="2026-12-14") == "NothingOwed"


@pytest.mark.parametrize(
    "request_id", ["update 1/2", "Ü", "", "x" * 200, "x" * 49, "'; drop table", "\ud800", "a\nb"]
)
def test_any_update_id_makes_ids_of_the_contract(overdue: Case, request_id: str) -> None:
    fields: dict[str, Any] = {
        "outcome": "reached",
        "promise": {"pay_by": "2026-12-14"},
        "dispute": {"reason": "other"},
    }
    result = ask(overdue, "log_call", request_id=request_id, **fields)
    assert not isinstance(result, Refused)
    ids = {fact.fact_id for fact in result if isinstance(fact, wire.Fact)}
    assert len(ids) == 1
    again = ask(overdue, "log_call", request_id=request_id, **fields)
    assert again == result
    other = ask(overdue, "log_call", request_id=f"{request_id}2", **fields)
    assert other != result


# Facts that were read but do not fit


@pytest.mark.parametrize(
    ("fact", "fits"),
    [
        (paid("1.00"), None),
        (reversed_(amount="1.00"), None),
        (dispute(), None),
        (promise("2026-12-14"), None),
        (hold(), None),
        (wire.InvoiceCancelled(cancellation_id="X"), None),
        (paid("0"), Unfit("amount 0 is not above zero", pauses=False)),
        (paid("-5.00"), Unfit("amount -5.00 is not above zero", pauses=False)),
        (
            credit("5.00").model_copy(update={"currency": "EUR"}),
            Unfit("currency EUR is not the invoice's USD", pauses=False),
        ),
        (
            reversed_(amount="1.005"),
            Unfit("amount '1.005' has more than the 2 decimals of USD", pauses=True),
        ),
        (
            dispute("1.005"),
            Unfit("amount '1.005' has more than the 2 decimals of USD", pauses=True),
        ),
        (
            wire.DisputeResolved.model_validate(
                {"dispute_id": "D", "outcome": "upheld", "credit": {"credit_id": "C", "amount": "1.005"}}
            ),
            Unfit("amount '1.005' has more than the 2 decimals of USD", pauses=True),
        ),
    ],
)
def test_unfit(fact: wire.Fact, fits: Unfit | None) -> None:
    assert unfit(case(), fact) == fits


def test_yen_have_no_decimals() -> None:
    yen = replace(case(), currency="JPY")
    problem = unfit(yen, dispute("10.50"))
    assert problem is not None
    assert problem.pauses


def test_the_deployed_policy_has_the_limits_of_design_md() -> None:
    limits = deployed("standard").promise
    assert (limits.max_days, limits.extensions, limits.grace_days) == (14, 1, 2)
