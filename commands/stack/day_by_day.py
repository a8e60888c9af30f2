"""Living cases forward day by day: facts in the morning, then whatever falls due, each customer by their own clock."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import WorkflowUpdateFailedError

from activities.plan_waking import workflow_id as plan_workflow_id
from commands.starting import Starter
from deploy.virtual_time import VirtualTime
from domain.calendar import zone_info
from domain.contract import Customer, Start
from store import customers
from store.plans import open_plans
from store.schema import CaseRow, CustomerRow
from workflows import telling
from workflows.invoice_collection import workflow_id

#: Before any window of ours opens, and after all have closed, in the customer's zone.
MORNING, EVENING = time(7), time(16, 30)
_DEFAULT_ZONE = "America/New_York"
#: Acts of one customer's cases on one day; more means that one does not go to sleep.
_MOST_ROUNDS = 300
#: How far behind the instant of a timer its clock is brought: longer than any act takes in real time. Where a
#: workflow is at work as the end of a skip goes by, the server may skip on to its next timer.
_AFTER_TIMER = timedelta(minutes=2)
#: Real seconds after which an act counts as one that waits for another try.
_ACTS_WITHIN_S = 3.0


def first_day(after: date) -> date:
    """The first Monday at least 7 days ahead: the day 0 of the stories on a server."""
    monday = after + timedelta(days=7)
    return monday + timedelta(days=-monday.weekday() % 7)


@dataclass(frozen=True)
class Sleeping:
    """An open case or plan: when it wakes by itself (None while it is at work) and whether that is for a
    contact."""

    workflow_id: str
    customer_id: str
    wakes_at: datetime | None
    next_step: str | None

    @property
    def is_to_act(self) -> bool:
        return self.wakes_at is None or self.next_step is not None


class DayByDay:
    """Lives the cases of one database forward. `clock` keeps the clocks of their workflows.

    The cases of a customer stand on the same day before any of them acts on it.
    """

    def __init__(self, clock: VirtualTime, sessions: sessionmaker[Session]) -> None:
        self.clock = clock
        self._sessions = sessions
        self._starter = Starter(clock.client)
        self._starts: dict[str, Start] = {}
        self._zones: dict[str, str] = {}

    # -- what arrives ------------------------------------------------------------------------------

    async def start(self, start: Start, at: datetime) -> None:
        """Start an invoice as an ERP does at `at`, and wait until its case is open."""
        invoice_id = start.invoice.invoice_id
        self._starts[invoice_id] = start
        self.meet(start.customer)
        with self.clock.at(at):
            await self._starter.start(start)
        await self._settle([workflow_id(invoice_id)], at)

    async def signal(self, invoice_id: str, name: str, fact: Mapping[str, Any], at: datetime) -> None:
        """Tell a case a fact by signal-with-start, and wait until it is recorded."""
        await self.clock.bring([workflow_id(invoice_id)], at)
        with self.clock.at(at):
            await self._starter.signal(self._starts[invoice_id], name, dict(fact), runs=True)
        await self._settle([workflow_id(invoice_id)], at)
        await self._settle_plans(self.customer_of(invoice_id), at)

    async def signal_account(
        self, customer_id: str, name: str, fact: Mapping[str, Any], at: datetime
    ) -> None:
        """Tell a customer's account a fact by signal-with-start; wait until it and the cases have recorded it."""
        await self._gather([customer_id], at)
        with self.clock.at(at):
            account = await telling.tell_account(self.clock.client, customer_id, name, fact)
        await self._settle([account], at)
        await self._settle_plans(customer_id, at)
        await self.clock.idle(case.workflow_id for case in self.sleeping([customer_id]))

    async def update(
        self, invoice_id: str, name: str, request: Mapping[str, Any], at: datetime
    ) -> dict[str, Any]:
        """Ask something of a case. Raises WorkflowUpdateFailedError where a rule refuses it."""
        handle = self.clock.client.get_workflow_handle(workflow_id(invoice_id))
        await self.clock.bring([handle.id], at)
        accepted: dict[str, Any] = await handle.execute_update(name, dict(request), result_type=dict)
        await self.clock.idle([handle.id])
        await self._settle_plans(self.customer_of(invoice_id), at)
        return accepted

    async def try_update(self, invoice_id: str, name: str, request: Mapping[str, Any], at: datetime) -> bool:
        """The same, and whether it was accepted."""
        with suppress(WorkflowUpdateFailedError):
            await self.update(invoice_id, name, request, at)
            return True
        return False

    async def _settle(self, workflow_ids: Collection[str], at: datetime) -> None:
        await self.clock.bring(workflow_ids, at)
        await self.clock.idle(workflow_ids)

    async def _settle_plans(self, customer_id: str, at: datetime) -> None:
        """A plan that was just tabled, or stands again, begins at the real time: bring it, and let all look at
        what was told."""
        with self._sessions() as session:
            plans = [plan_workflow_id(plan.plan_id) for plan in open_plans(session, {customer_id})]
        if plans:
            for plan in plans:
                self.clock.forget(plan)
            await self.clock.there(plans)
            await self._settle(plans, at)
            await self.clock.idle(case.workflow_id for case in self.sleeping([customer_id]))

    # -- days --------------------------------------------------------------------------------------

    def instant(self, customer_id: str, day: date, clock: time) -> datetime:
        """A wall time of the customer's day."""
        zone = zone_info(self._zones.get(customer_id, _DEFAULT_ZONE))
        return datetime.combine(day, clock, zone).astimezone(UTC)

    def customer_of(self, invoice_id: str) -> str:
        """Who an invoice was started for."""
        return self._starts[invoice_id].customer.customer_id

    def morning(self, customer_id: str, day: date) -> datetime:
        """When facts of a day arrive: before any message of that day goes out."""
        return self.instant(customer_id, day, MORNING)

    def meet(self, customer: Customer) -> None:
        """Learn of a customer by whose clock days are to be lived."""
        self._zones[customer.customer_id] = customer.timezone or _DEFAULT_ZONE

    async def begin(self, day: date, customer_ids: Iterable[str]) -> None:
        """Bring all open cases of these customers to the morning of the day; nothing acts on it yet."""
        await asyncio.gather(
            *(self._gather([customer_id], self.morning(customer_id, day)) for customer_id in customer_ids)
        )

    async def finish(self, day: date, customer_ids: Iterable[str]) -> None:
        """Let these customers' cases do what falls due on the day, until nothing of it is left.

        Before the first contact with a customer all their cases stand on that morning; then they act in the
        order of their instants, as they would by the real clock: who comes first speaks for the others.
        """
        await asyncio.gather(*(self._finish(day, customer_id) for customer_id in customer_ids))

    async def _finish(self, day: date, customer_id: str) -> None:
        gathered = False
        first: list[Sleeping] = []
        for _ in range(_MOST_ROUNDS):
            acting = [case for case in self.sleeping([customer_id]) if self._wakes_by(case, day)]
            if not acting:
                return
            if not gathered and any(case.is_to_act for case in acting):
                await self.begin(day, [customer_id])
                gathered = True
                continue
            at = min(case.wakes_at or self.morning(customer_id, day) for case in acting)
            first = [case for case in acting if case.wakes_at is None or case.wakes_at <= at]
            await self._act([case.workflow_id for case in first], at, self._evening(customer_id, day))
        stuck = ", ".join(case.workflow_id for case in first)
        raise RuntimeError(f"{stuck}: awake on {day} and not going to sleep")

    async def _act(self, ids: Collection[str], at: datetime, evening: datetime) -> None:
        """Let these workflows do what falls due at `at`; who has to try again later gets the rest of the day."""
        await self.clock.bring(ids, at + _AFTER_TIMER)
        try:
            await asyncio.wait_for(self.clock.idle(ids), _ACTS_WITHIN_S)
        except TimeoutError:
            await self._settle(ids, evening)

    def _evening(self, customer_id: str, day: date) -> datetime:
        return self.instant(customer_id, day, EVENING)

    async def _gather(self, customer_ids: Collection[str], at: datetime) -> None:
        await self.clock.bring((case.workflow_id for case in self.sleeping(customer_ids)), at)

    async def end_at(self, instant: datetime) -> None:
        """Bring every open case to the same instant, and the customers' business time with them."""
        await self._settle([case.workflow_id for case in self.sleeping()], instant)
        self.clock.now = instant
        with self._sessions.begin() as session:
            for customer_id in session.scalars(select(CustomerRow.customer_id)).all():
                customers.advance(customers.lock(session, customer_id), instant)

    # -- what is due -------------------------------------------------------------------------------

    def sleeping(self, customer_ids: Iterable[str] | None = None) -> list[Sleeping]:
        """The open cases and plans (of these customers)."""
        cases = (
            select(CaseRow.invoice_id, CaseRow.customer_id, CaseRow.waiting_until, CaseRow.next_step)
            .where(CaseRow.closed_at.is_(None))
            .order_by(CaseRow.invoice_id)
        )
        whose = None if customer_ids is None else set(customer_ids)
        if whose is not None:
            cases = cases.where(CaseRow.customer_id.in_(whose))
        with self._sessions() as session:
            asleep = [
                Sleeping(workflow_id(invoice_id), owing, until, step)
                for invoice_id, owing, until, step in session.execute(cases)
            ]
            return asleep + [
                Sleeping(plan_workflow_id(plan.plan_id), plan.customer_id, plan.waiting_until, plan.next_step)
                for plan in open_plans(session, whose)
            ]

    def due_by(self, day: date) -> set[str]:
        """Customers one of whose cases wakes on the day or before."""
        return {case.customer_id for case in self.sleeping() if self._wakes_by(case, day)}

    def _wakes_by(self, case: Sleeping, day: date) -> bool:
        return case.wakes_at is None or case.wakes_at <= self.instant(case.customer_id, day, EVENING)
