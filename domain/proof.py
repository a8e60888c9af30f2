"""Rule 4: no harsh rung without the notice before it, proven to have arrived or waived by a person."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from domain.case import Case, Taken
from domain.cycles import day_of, passed_over, reopened_on
from domain.decision import TaskRequest, Wait
from domain.pauses import calendar_of
from domain.policy import Policy, PolicyStep
from domain.vocabulary import HARSHNESS, CallOutcome, Channel, Step, WaitingOn, step_name


def notice_before(case: Case, policy: Policy, now: datetime, rung: PolicyStep) -> Wait | None:
    """Rule 4: the notice before a harsh rung must be proven or waived; the wait for it, or None."""
    owed = case.balance
    before: PolicyStep | None = None
    for candidate in policy.ladder:
        if HARSHNESS[candidate.step] >= HARSHNESS[rung.step]:
            break
        skipped = (case.cycle, candidate.step) in case.skipped or passed_over(case, policy, candidate)
        if candidate.is_notice and not skipped and owed >= policy.minimum_in(candidate.step, case.currency):
            before = candidate
    if before is None:
        return None
    calendar = calendar_of(case.account, policy)
    reopened = reopened_on(case, policy, calendar.local_date(now))
    taken = None if reopened is not None else case.taken(before.step) or _instead_of(case, before.step)
    if taken is not None:
        return await_proof(case, policy, now, taken)
    waived_at = case.waived.get(before.step)
    if waived_at is not None and (reopened is None or calendar.local_date(waived_at) >= reopened):
        return None
    why = f"no {step_name(before.step)} notice was sent before the {step_name(rung.step)}"
    task = TaskRequest(kind="notice_missing", ref=f"{case.cycle}-{rung.step}", why=why)
    return Wait(
        until=now + timedelta(days=policy.recheck_days),
        waiting_on=WaitingOn.DELIVERY,
        why=why,
        rule="notice",
        tasks=(task,),
    )


def _instead_of(case: Case, step: Step) -> Taken | None:
    """The outreach with which a case that entered at risk began instead of its first overdue notice."""
    first = case.steps[0] if case.steps and case.opened_on > case.due else None
    return first if first is not None and step is Step.OVERDUE and first.fact.step is Step.AT_RISK else None


def _was_reached(case: Case, taken: Taken) -> bool:
    """Whether the customer was spoken to since a call took the place of the notice."""
    reached = CallOutcome.REACHED
    return any(call.fact.outcome is reached and call.at >= taken.at for call in case.calls.values())


def await_proof(case: Case, policy: Policy, now: datetime, taken: Taken) -> Wait | None:
    """The wait until a notice counts as delivered; None once it does, or a person waived it."""
    step = taken.fact.step
    message_id = taken.fact.message_id
    if step in case.waived and case.waived[step] >= taken.at:
        return None
    calendar = calendar_of(case.account, policy)
    bounced = message_id is not None and message_id in case.bounced
    if not bounced and (taken.fact.proof == "delivered" or message_id in case.delivered):
        return None
    if taken.fact.channel is Channel.CALL and _was_reached(case, taken):
        return None
    sent_on = day_of(case, policy, taken)
    if not bounced and (taken.fact.proof == "accepted" or taken.on is not None):
        is_letter = taken.fact.channel is Channel.LETTER
        days = policy.proof.letter_days if is_letter else policy.proof.accepted_days
        proven_at = calendar.at(calendar.add_business_days(sent_on, days), time.min)
        if now >= proven_at:
            return None
        why = f"the {step} notice was accepted on {sent_on}; it counts as delivered if nothing comes back"
        return Wait(until=proven_at, waiting_on=WaitingOn.DELIVERY, why=why, rule="notice")
    missing_at = calendar.at(calendar.add_business_days(sent_on, policy.proof.missing_after_days), time.min)
    if not bounced and now < missing_at:
        why = f"the {step} notice of {sent_on} has no proof of delivery yet"
        return Wait(until=missing_at, waiting_on=WaitingOn.DELIVERY, why=why, rule="notice")
    what = "came back" if bounced else "has no proof of delivery"
    task = TaskRequest(
        kind="contact",
        ref=message_id or f"{step}-{taken.fact.cycle}",
        why=f"the {step} notice of {sent_on} {what}",
    )
    return Wait(
        until=now + timedelta(days=policy.recheck_days),
        waiting_on=WaitingOn.DELIVERY,
        why=f"{task.why}; a person finds another way or waives it",
        rule="notice",
        tasks=(task,),
    )
