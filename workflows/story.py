"""How a workflow tells its story in the Temporal UI: summaries of timers and activities, details, attributes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

from temporalio.common import (
    RawValue,
    SearchAttributeKey,
    SearchAttributeUpdate,
)

from activities.interface import Decided
from domain.calendar import zone_info
from domain.contract import ACCOUNT_SIGNALS, INVOICE_SIGNALS, UPDATES, CaseView
from domain.decision import AskApproval, CarryOut, Close, Decision, NextStep, Wait
from domain.vocabulary import step_name

_MESSAGES = frozenset({*INVOICE_SIGNALS, *ACCOUNT_SIGNALS, *UPDATES})
#: The server refuses longer summaries.
_LONGEST_SUMMARY = 200

CUSTOMER_ID = SearchAttributeKey.for_keyword("CustomerId")
STAGE = SearchAttributeKey.for_keyword("Stage")
WAITING_ON = SearchAttributeKey.for_keyword("WaitingOn")
TIER = SearchAttributeKey.for_keyword("Tier")
RISK = SearchAttributeKey.for_keyword("Risk")
CURRENCY = SearchAttributeKey.for_keyword("Currency")
DUE_ON = SearchAttributeKey.for_datetime("DueOn")
NEXT_STEP_AT = SearchAttributeKey.for_datetime("NextStepAt")
BALANCE_DUE = SearchAttributeKey.for_float("BalanceDue")


@dataclass(frozen=True)
class Attributes:
    """The search attributes of a case; None leaves one out."""

    customer_id: str
    stage: str
    waiting_on: str | None
    tier: str
    risk: str
    currency: str
    due_on: datetime
    next_step_at: datetime | None
    balance_due: float
    """For filters only; money itself is never a float."""

    def updates(self, before: Attributes | None) -> list[SearchAttributeUpdate[Any]]:
        """What to upsert after `before`: all that changed, in one go."""
        changed: list[SearchAttributeUpdate[Any]] = []
        for key, name in _KEYS:
            value = getattr(self, name)
            if before is None or getattr(before, name) != value:
                if value is not None:
                    changed.append(key.value_set(value))
                elif before is not None:
                    changed.append(key.value_unset())
        return changed


_KEYS: tuple[tuple[SearchAttributeKey[Any], str], ...] = (
    (CUSTOMER_ID, "customer_id"),
    (STAGE, "stage"),
    (WAITING_ON, "waiting_on"),
    (TIER, "tier"),
    (RISK, "risk"),
    (CURRENCY, "currency"),
    (DUE_ON, "due_on"),
    (NEXT_STEP_AT, "next_step_at"),
    (BALANCE_DUE, "balance_due"),
)


def attributes(view: CaseView, decided: Decided) -> Attributes:
    """The search attributes of a case as it stands."""
    return Attributes(
        customer_id=view.customer_id,
        stage=view.stage,
        waiting_on=view.waiting_on,
        tier=decided.tier,
        risk=view.risk.band or "low",
        currency=view.currency,
        due_on=datetime.combine(decided.due_on, time.min, UTC),
        next_step_at=view.next_step.at if view.next_step is not None else None,
        balance_due=float(view.balance_due),
    )


def customer_of(args: Sequence[RawValue]) -> str:
    """The customer's name in a start's input, for people; empty where it cannot be read."""
    try:
        customer = json.loads(args[0].payload.data)["customer"]
        name = customer if isinstance(customer, str) else customer.get("name") or customer.get("customer_id")
        return str(name).encode("utf-8", "replace").decode()[:120]
    except (LookupError, ValueError, TypeError, AttributeError, RecursionError):
        return ""


def clip(text: str) -> str:
    """A summary as long as the server takes it."""
    raw = text.encode()
    return (
        text if len(raw) <= _LONGEST_SUMMARY else raw[: _LONGEST_SUMMARY - 3].decode("utf-8", "ignore") + "…"
    )


def when(at: datetime, zone: str) -> str:
    """An instant as people of the customer's zone read it: `Mon 7 Dec 09:40 New York`."""
    local = at.astimezone(zone_info(zone))
    city = zone.rsplit("/", 1)[-1].replace("_", " ")
    return f"{local:%a} {local.day} {local:%b %H:%M} {city}"


def sleep_summary(decision: Wait, zone: str) -> str:
    """What a timer waits for."""
    until, following = when(decision.until, zone), decision.next_step
    if following is None:
        return clip(f"Waiting on {decision.waiting_on} until {until}: {decision.why}")
    if following.at == decision.until:
        return clip(f"Sleeping until {step_name(following.step)}, {until}")
    return clip(f"Looking again {until}; next {step_name(following.step)}, {when(following.at, zone)}")


def approval_summary(decision: AskApproval, zone: str) -> str:
    return clip(f"Waiting for approval of {step_name(decision.step)} until {when(decision.until, zone)}")


def step_summary(decision: CarryOut) -> str:
    if decision.effect == "block_orders":
        return "Block new orders"
    asked = "For approval: draft" if decision.approval == "ask" else "Draft"
    return clip(f"{asked} {_named(step_name(decision.step), decision.why)}")


def waking_summary(decision: Wait) -> str:
    """What the end of a wait leads to: its step, or a look at the case where it ends before that."""
    step = decision.next_step
    if step is None or step.at > decision.until:
        return clip(f"Look at the case again: {decision.why}")
    return clip(f"Draft {_named(step_name(step.step), decision.why)}")


def _named(step: str, why: str) -> str:
    """A step and the reason for it, which often begins with the step itself."""
    return why if why.startswith(f"{step}: ") else f"{step}: {why}"


def recording_summary(names: Sequence[str]) -> str:
    """What is recorded, by the names of the contract; a stranger's name may hold anything."""
    known = [name if name in _MESSAGES else "an unknown message" for name in dict.fromkeys(names)]
    return clip("Record " + ", ".join(known[:5])) if names else "Look again: the account changed"


def details(customer: str, view: CaseView, decided: Decided) -> str:
    """The case in Markdown, for the workflow's page: who, how much, where it stands and what comes next."""
    zone = decided.zone
    who = escape(customer or view.customer_id)
    lines = [
        f"**{who}** · {decided.number} · **{Decimal(view.balance_due):,} {view.currency}** open, due {decided.due_on}",
        f"Stage: **{view.stage.replace('_', ' ')}** · risk {view.risk.band or 'low'} · {_policy(view)}",
        _next(decided.decision, zone),
    ]
    for step in view.steps:
        state = f" ({step.delivery})" if step.delivery else ""
        lines.append(f"- {when(step.at, zone)}: {step_name(step.step)}{state}")
    return "\n\n".join(lines[:3]) + ("\n\n" + "\n".join(lines[3:]) if lines[3:] else "")


def _policy(view: CaseView) -> str:
    return f"policy {view.policy.name} {view.policy.version}" if view.policy is not None else ""


def _next(decision: Decision, zone: str) -> str:
    match decision:
        case Wait(next_step=NextStep() as following):
            return (
                f"Next: **{step_name(following.step)}**, {when(following.at, zone)} — {escape(decision.why)}"
            )
        case Wait():
            return f"Waiting on **{decision.waiting_on}** until {when(decision.until, zone)} — {escape(decision.why)}"
        case AskApproval():
            return (
                f"Waiting for **approval** of {step_name(decision.step)} until {when(decision.until, zone)}"
            )
        case CarryOut():
            return f"In progress: **{step_name(decision.step)}** — {escape(decision.why)}"
        case Close():
            return f"Closed: **{decision.outcome.replace('_', ' ')}** — {escape(decision.why)}"


def escape(text: str) -> str:
    """Strangers' text in Markdown: printed, never a link or markup."""
    return "".join(f"\\{char}" if char in "\\`*_[]<>()#!|~" else char for char in text.replace("\n", " "))
