"""A broken plan and the money that had come in time: whether the plan stands again, or a person decides.

As with promises, what counts is the day a payment was received on, not the day on which it became known.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from domain.case import Case, Stamped
from domain.contract import PaymentReceived, PaymentReversed
from domain.decision import TaskRequest
from domain.facts import PaymentAnnounced, PlanEnded, PlanRestored
from domain.plans.plan import EndPlan, Plan, decide_plan
from domain.vocabulary import HARSHNESS, Note, PlanState, Step, step_name

#: Kind under which staff find money that would have kept a plan, had they not acted on its end meanwhile.
LATE_EVIDENCE_TASK = "plan_late_evidence"


def turn(plan: Plan, now: datetime) -> PlanEnded | PlanRestored | None:
    """The fact by which the plan ends, or stands again; None as long as it goes on as it is."""
    if plan.ended is not None:
        healed = _healed_by(plan)
        return None if healed is None or acted_since(plan) else healed
    decision = decide_plan(plan, now)
    if not isinstance(decision, EndPlan):
        return None
    return PlanEnded(plan_id=plan.plan_id, state=decision.state, why=decision.why, on=decision.broken_on)


def late_evidence(plan: Plan) -> TaskRequest | None:
    """What a person decides about: money that had come in time for a plan on whose end somebody has acted."""
    healed = _healed_by(plan)
    acted = acted_since(plan) if healed is not None else []
    if healed is None or not acted:
        return None
    why = f"{healed.why}, but since then there was {' and '.join(acted)}: decide whether to propose the plan again"
    return TaskRequest(kind=LATE_EVIDENCE_TASK, ref=f"{plan.plan_id}-{healed.number}-{healed.times}", why=why)


def broken_on(plan: Plan) -> date | None:
    """The customer's day on which the plan was broken; None where it was not."""
    ended = plan.ended
    if ended is None or ended.fact.state is not PlanState.BROKEN:
        return None
    return ended.fact.on or plan.calendar.local_date(ended.at)


def _healed_by(plan: Plan) -> PlanRestored | None:
    """The plan as restored by money received before the day it was broken on, whether or not anybody has acted."""
    on = broken_on(plan)
    if on is None:
        return None
    told = [
        (at, number)
        for number in range(1, len(plan.terms.instalments) + 1)
        if (at := plan.sent(Note.PLAN_BROKEN, number)) is not None
    ]
    if not told:
        return None
    number = max(told)[1]
    if not plan.instalments(plan.received_before(on))[number - 1].covered:
        return None
    times = 1 if plan.restored is None else plan.restored.fact.times + 1
    why = f"instalment {number} had come in before the plan was broken on {on}"
    return PlanRestored(plan_id=plan.plan_id, number=number, broken_on=on, times=times, why=why)


def acted_since(plan: Plan) -> list[str]:
    """What people have done about the plan's invoices since it was broken, in words; also harsh steps, which go
    out in our name and cannot be taken back by a plan."""
    ended = plan.ended
    if ended is None:
        return []
    found: dict[str, None] = {}
    for case in plan.cases:
        since: dict[str, Iterable[Stamped[Any] | None]] = {
            "a call": case.calls.values(),
            "a promise": case.promises.values(),
            "another plan": (each for key, each in case.plans.items() if key != plan.plan_id),
            "a write-off": case.write_offs.values(),
            "a snooze": [case.snoozed],
            "a recall from the partner": [case.recalled],
            "a step that was asked for": [case.requested],
        }
        found.update(
            (what, None)
            for what, done in since.items()
            if any(each is not None and each.at > ended.at for each in done)
        )
        for taken in case.steps:
            if taken.at > ended.at and HARSHNESS[taken.fact.step] >= HARSHNESS[Step.CREDIT_HOLD]:
                found[f"the {step_name(taken.fact.step)} step"] = None
    return list(found)


def plans_moved_by(fact: object, before: Case, after: Case) -> set[str]:
    """The plans that a fact of an invoice may move: those that stand, and by money those that were broken."""
    ended = before.plans_ended
    is_money = isinstance(fact, PaymentReceived | PaymentReversed | PaymentAnnounced)
    return {
        plan_id
        for plan_id in after.plans
        if plan_id not in ended or (is_money and ended[plan_id].fact.state is PlanState.BROKEN)
    }
