"""Telling the ERP which customers' orders are blocked, and whose credit limit is to be smaller while they pay by
instalments: every hold, release and limit, each until it is confirmed.

The rows say what is true; the ERP follows them. What it did not confirm stays on the worklist and is told
again, in the order it happened for each customer, under the same key.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity

from activities.adapters.erp_webhook import Erp, NotTold
from activities.interface import ErpTold, OnDay
from domain.money import Money
from store import worklist
from store.customers import lock
from store.plans import untold_limits
from store.schema import CaseRow, CreditHoldRow, PlanRow

#: Events in one go, which has minutes for them.
_MOST_EVENTS = 200
_log = logging.getLogger(__name__)


@dataclass(frozen=True, order=True)
class _Event:
    at: datetime
    kind: Literal["placed", "released"]
    invoice_id: str
    cycle: int

    @property
    def key(self) -> str:
        return f"credit-hold-{self.kind}-{self.invoice_id}-{self.cycle}"

    @property
    def keys(self) -> tuple[str, ...]:
        """Under which it may be listed: a release also answers what was listed about the placing."""
        return self.key, replace(self, kind="placed").key


class CreditHolds:
    """Tells the ERP; without one there is nothing to tell."""

    def __init__(self, sessions: sessionmaker[Session], erp: Erp | None) -> None:
        self._sessions = sessions
        self._erp = erp

    @activity.defn
    def tell_erp(self, on: OnDay) -> ErpTold:
        """Tell what is untold, customer by customer; one that fails holds up no other."""
        told = failed = 0
        if self._erp is None:
            return ErpTold()
        for customer_id, events in self._untold().items():
            for event in events:
                try:
                    self._tell(self._erp, customer_id, event, on.at)
                except NotTold as problem:
                    _log.warning("%s is not confirmed: %s", event.key, problem)
                    self._list(customer_id, event, str(problem), on.at)
                    failed += 1
                    break
                told += 1
        limits_told, limits_failed = self._tell_limits(self._erp, on.at)
        return ErpTold(told=told + limits_told, failed=failed + limits_failed)

    def _tell_limits(self, erp: Erp, at: datetime) -> tuple[int, int]:
        """Ask for the smaller credit limits of customers who pay by instalments, each until it is confirmed."""
        told = failed = 0
        with self._sessions() as session:
            asked = [
                (plan.plan_id, plan.customer_id, _limit(plan))
                for plan in untold_limits(session, _MOST_EVENTS)
            ]
        for plan_id, customer_id, body in asked:
            key = str(body["key"])
            try:
                erp.tell(key, body)
            except NotTold as problem:
                why = f"the ERP does not confirm the credit limit of plan {plan_id}: {problem}; it is told again"
                with self._sessions.begin() as session:
                    worklist.open_task(
                        session, kind="erp_webhook", why=why, at=at, customer_id=customer_id, ref=key
                    )
                failed += 1
                continue
            with self._sessions.begin() as session:
                lock(session, customer_id)
                session.get_one(PlanRow, plan_id).credit_limit_told_at = at
                _close(session, customer_id, (key,), at)
            told += 1
        return told, failed

    def _untold(self) -> dict[str, list[_Event]]:
        """What the ERP has not confirmed, by customer. Who was freed meanwhile is only told to be free:
        to block orders for the moment between helps nobody."""
        row = CreditHoldRow
        untold = or_(
            row.placed_told_at.is_(None), and_(row.released_at.is_not(None), row.released_told_at.is_(None))
        )
        wanted = select(row).where(untold).order_by(row.placed_at).limit(_MOST_EVENTS)
        events: dict[str, list[_Event]] = defaultdict(list)
        with self._sessions() as session:
            for hold in session.scalars(wanted):
                if hold.released_at is not None:
                    event = _Event(hold.released_at, "released", hold.invoice_id, hold.cycle)
                else:
                    event = _Event(hold.placed_at, "placed", hold.invoice_id, hold.cycle)
                events[hold.customer_id].append(event)
        return {customer_id: sorted(each) for customer_id, each in events.items()}

    def _tell(self, erp: Erp, customer_id: str, event: _Event, at: datetime) -> None:
        with self._sessions() as session:
            body = _body(session, customer_id, event)
        erp.tell(event.key, body)
        with self._sessions.begin() as session:
            lock(session, customer_id)
            hold = session.get_one(CreditHoldRow, (event.invoice_id, event.cycle))
            hold.placed_told_at = hold.placed_told_at or at
            if event.kind == "released":
                hold.released_told_at = at
            _close(session, customer_id, event.keys, at)

    def _list(self, customer_id: str, event: _Event, problem: str, at: datetime) -> None:
        verb = "block" if event.kind == "placed" else "free"
        why = f"the ERP does not confirm to {verb} orders because of {event.invoice_id}: {problem}; it is told again"
        with self._sessions.begin() as session:
            worklist.open_task(
                session,
                kind="erp_webhook",
                why=why,
                at=at,
                customer_id=customer_id,
                invoice_id=event.invoice_id,
                ref=event.key,
            )


def _limit(plan: PlanRow) -> dict[str, Any]:
    """What the ERP is asked for: the limit as we knew it, and what it is to be while the plan runs."""
    assert plan.credit_limit_before is not None, "a limit is reduced from one"
    assert plan.credit_limit_after is not None, "a limit is reduced to one"
    at = plan.accepted_at or plan.tabled_at
    return {
        "event": "credit_limit.reduced",
        "key": f"credit-limit-{plan.plan_id}",
        "plan_id": plan.plan_id,
        "customer_id": plan.customer_id,
        "seller": plan.seller,
        "currency": plan.currency,
        "credit_limit_before": str(Money(plan.credit_limit_before, plan.currency)),
        "credit_limit": str(Money(plan.credit_limit_after, plan.currency)),
        "at": at.isoformat(),
    }


def _body(session: Session, customer_id: str, event: _Event) -> dict[str, Any]:
    """What the ERP is told. `customer_blocked` says what is true of the customer now, whatever comes when."""
    held = select(func.count()).where(
        CreditHoldRow.customer_id == customer_id, CreditHoldRow.released_at.is_(None)
    )
    case = session.get_one(CaseRow, event.invoice_id)
    return {
        "event": f"credit_hold.{event.kind}",
        "key": event.key,
        "invoice_id": event.invoice_id,
        "invoice_number": case.number,
        "customer_id": customer_id,
        "seller": case.seller,
        "at": event.at.isoformat(),
        "customer_blocked": session.scalars(held).one() > 0,
    }


def _close(session: Session, customer_id: str, refs: Iterable[str], at: datetime) -> None:
    for task in worklist.list_open(session, kind="erp_webhook", customer_id=customer_id):
        if task.ref in refs:
            worklist.close_task(session, task.item_id, at=at, by="duecourse", outcome="the ERP confirmed it")
