"""How a plan's workflow tells its story in the Temporal UI, to the people who look after what customers owe."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from activities.interface import PlanDecided
from domain.contract import PlanView
from domain.decision import NextStep, Wait
from domain.plans.plan import EndPlan, SendNote
from domain.vocabulary import WaitingOn, step_name
from workflows import story


def sending(decision: SendNote) -> str:
    """What a message of the plan is, and why it is written."""
    return story.clip(f"Draft {step_name(decision.note)}: {decision.why}")


def answer(decided: PlanDecided) -> dict[str, Any]:
    """The answer to the query `plan`."""
    decision = decided.decision
    following = decision.next_step if isinstance(decision, Wait) else None
    until = decision.until if isinstance(decision, Wait) else None
    return {
        **decided.view,
        "customer_id": decided.customer_id,
        "invoices": list(decided.invoices),
        "currency": decided.currency,
        "outstanding": decided.outstanding,
        "waiting_until": None if until is None else until.isoformat(),
        "next_step": None if following is None else following.model_dump(mode="json"),
        "why": "" if decision is None else decision.why,
    }


def details(plan_id: str, decided: PlanDecided) -> str:
    """The plan in Markdown, for the workflow's page."""
    plan = PlanView.model_validate(decided.view)
    lines = [
        f"**Plan {plan_id}** of {story.escape(decided.customer_id)} · **{plan.state}** · "
        f"**{Decimal(decided.outstanding):,} {decided.currency}** left to pay",
        f"Invoices: {', '.join(story.escape(invoice) for invoice in decided.invoices[:10])}"
        + (f" and {len(decided.invoices) - 10} more" if len(decided.invoices) > 10 else ""),
        _next(decided),
    ]
    rows = [
        f"- {each.due_on}: {Decimal(each.amount):,} {decided.currency}, {each.state.replace('_', ' ')}"
        for each in plan.instalments
    ]
    return "\n\n".join(lines) + "\n\n" + "\n".join(rows)


def _next(decided: PlanDecided) -> str:
    zone = decided.zone
    match decided.decision:
        case Wait(next_step=NextStep() as following) as wait:
            return f"Next: **{step_name(following.step)}**, {story.when(following.at, zone)} — {story.escape(wait.why)}"
        case Wait() as wait:
            return f"Waiting until {story.when(wait.until, zone)} — {story.escape(wait.why)}"
        case SendNote() as note:
            return f"In progress: **{step_name(note.note)}** — {story.escape(note.why)}"
        case EndPlan() as ended:
            return f"Over: **{ended.state}** — {story.escape(ended.why)}"
        case _:
            return ""


def attributes(decided: PlanDecided) -> story.Attributes:
    """The search attributes of a plan: its state as stage, its next unpaid instalment as due date."""
    plan, decision = PlanView.model_validate(decided.view), decided.decision
    due: date = next(
        (each.due_on for each in plan.instalments if each.state != "paid"), plan.instalments[-1].due_on
    )
    following = decision.next_step if isinstance(decision, Wait) else None
    waiting_on = decision.waiting_on if isinstance(decision, Wait) else WaitingOn.TIME
    return story.Attributes(
        customer_id=decided.customer_id,
        stage=f"plan_{plan.state}",
        waiting_on=None if isinstance(decision, EndPlan) else waiting_on,
        tier=decided.tier,
        risk="low",
        currency=decided.currency,
        due_on=datetime.combine(due, time.min, UTC),
        next_step_at=following.at if following is not None else None,
        balance_due=float(decided.outstanding),
    )
