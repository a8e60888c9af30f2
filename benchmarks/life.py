"""What a life costs: an invoice that is announced, due, overdue and then paid, and a bare one beside it."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from statistics import median
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client, WorkflowHistory

from benchmarks import bare
from benchmarks.histories import Cost, score, sizes
from benchmarks.stand import BARE, DATABASE, DUECOURSE, SERVER, Skipper, Stand
from store.database import create_engine, session_factory
from store.schema import CaseRow
from workflows.converter import data_converter
from workflows.invoice_collection import workflow_id
from workflows.options import MAIN_QUEUE

#: From the due date: every step up to the overdue notice has happened, none after it is near.
_PAID_AFTER = timedelta(days=11)
#: Enough for a paid case to settle.
_ENDED_AFTER = timedelta(days=15)
#: Longer than any contact takes, shorter than what lies between two instants of a life.
_MARGIN = timedelta(minutes=1)
_WARMING = 8
_IDLE_S = 3.0
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Act:
    """What one invoice of a customer is led through: so much time, or its payment."""

    invoice: int
    skip: timedelta | None = None


@dataclass
class Customer:
    """A customer whose invoices are due on one day, and how they were led through their lives."""

    invoices: int
    number: int = field(default_factory=lambda: next(_numbers))
    tape: list[list[Act]] = field(default_factory=list)
    """Acts that are done together, one such wave after the other."""
    histories: list[WorkflowHistory] = field(default_factory=list)

    @property
    def customer_id(self) -> str:
        return f"C-{self.number}"

    def invoice_id(self, invoice: int) -> str:
        return f"INV-{self.number}-{invoice}"


@dataclass(frozen=True)
class Spent:
    """Milliseconds of processor time for one life, and what its history cost."""

    server: float
    worker: float
    database: float
    history: Cost

    @property
    def cpu(self) -> float:
        """Without the database's."""
        return self.server + self.worker


@dataclass(frozen=True)
class Comparison:
    """Our lives and bare ones, measured in turn."""

    title: str
    lives: int
    ours: list[Spent]
    bare: list[Spent]
    sizes: Counter[str]

    @property
    def ratio(self) -> float:
        """Our processor time as a multiple of the bare one's, the median of the pairs."""
        return median(ours.cpu / bare.cpu for ours, bare in zip(self.ours, self.bare, strict=True))


class Lives:
    """Lives customers through, ours and then as bare workflows."""

    def __init__(self, stand: Stand, ours: Client, plain: Client) -> None:
        self._stand = stand
        self._ours = ours
        self._plain = plain
        self._idle: dict[str, float] = {}
        self._sessions: sessionmaker[Session] = session_factory(create_engine(stand.database))

    @classmethod
    async def on(cls, stand: Stand) -> Lives:
        ours = await Client.connect(stand.temporal, data_converter=data_converter)
        return cls(stand, ours, await Client.connect(stand.temporal))

    async def warm_up(self) -> None:
        """Let every process load what it loads once, and learn what they use while nothing happens."""
        group = [Customer(invoices=1) for _ in range(_WARMING)]
        await self._spend(DUECOURSE, group)
        await self._spend(BARE, group)
        before = self._stand.cpu()
        await asyncio.sleep(_IDLE_S)
        after = self._stand.cpu()
        self._idle = {name: used / (after.at - before.at) for name, used in after.since(before).items()}

    async def compare(self, title: str, *, rounds: int, customers: int, invoices: int) -> Comparison:
        """Alternate between our lives and bare ones."""
        ours: list[Spent] = []
        plain: list[Spent] = []
        counted: Counter[str] = Counter()
        for _ in range(rounds):
            group = [Customer(invoices) for _ in range(customers)]
            ours.append(await self._spend(DUECOURSE, group))
            plain.append(await self._spend(BARE, group))
            for customer in group:
                counted += sizes(customer.histories)
        lives = rounds * customers * invoices
        per_life = Counter({name: size // lives for name, size in counted.items()})
        return Comparison(title, lives, ours, plain, per_life)

    async def _spend(self, worker: str, group: Sequence[Customer]) -> Spent:
        before = self._stand.cpu()
        live = self._live if worker == DUECOURSE else self._live_bare
        await asyncio.gather(*(live(customer) for customer in group))
        after = self._stand.cpu()
        lives = sum(customer.invoices for customer in group)
        used = {
            name: 1000 * (seconds - self._idle.get(name, 0) * (after.at - before.at)) / lives
            for name, seconds in after.since(before).items()
        }
        costs: list[Cost] = []
        for customer in group:
            histories = await self._histories(worker, customer)
            if worker == DUECOURSE:
                customer.histories = histories
            costs += map(Cost.of, histories)
        return Spent(used[SERVER], used[worker], used[DATABASE], Cost.mean(costs))

    async def _histories(self, worker: str, customer: Customer) -> list[WorkflowHistory]:
        ids = [
            workflow_id(customer.invoice_id(invoice)) if worker == DUECOURSE else _bare_id(customer, invoice)
            for invoice in range(customer.invoices)
        ]
        client = self._ours if worker == DUECOURSE else self._plain
        return [await client.get_workflow_handle(id).fetch_history() for id in ids]

    # -- ours -------------------------------------------------------------------------------------

    async def _live(self, customer: Customer) -> None:
        due_on = _a_wednesday()
        skipper = Skipper(self._ours)
        for invoice in range(customer.invoices):
            id = workflow_id(customer.invoice_id(invoice))
            await skipper.start(
                "InvoiceCollection", _start(customer, invoice, due_on), id=id, queue=MAIN_QUEUE
            )
        paid_at = datetime.combine(due_on, time(12), UTC) + _PAID_AFTER
        every = range(customer.invoices)
        if customer.invoices > 1:
            await self._live_together(customer, skipper, paid_at)
        await self._bring(customer, skipper, dict.fromkeys(every, paid_at))
        await self._do(customer, skipper, [Act(invoice) for invoice in every], paid_at.date())
        await self._bring(customer, skipper, dict.fromkeys(every, paid_at + _ENDED_AFTER))
        await self._check_paid(customer)

    async def _live_together(self, customer: Customer, skipper: Skipper, until: datetime) -> None:
        """Wake by wake: whoever wakes first writes for all, minutes before the others wake."""
        opened = datetime.now(UTC) + _MARGIN
        await self._bring(customer, skipper, dict.fromkeys(range(customer.invoices), opened))
        while wakes := {at: invoice for invoice, at in self._wakes(customer).items() if at < until}:
            first = min(wakes)
            await self._bring(customer, skipper, {wakes[first]: first + _MARGIN})
            others = {
                invoice: at + _MARGIN
                for invoice, at in self._wakes(customer).items()
                if at < min(until, first + timedelta(hours=1))
            }
            await self._bring(customer, skipper, others)

    def _wakes(self, customer: Customer) -> dict[int, datetime]:
        rows = sa.select(CaseRow.invoice_id, CaseRow.waiting_until).where(
            CaseRow.customer_id == customer.customer_id, CaseRow.closed_at.is_(None)
        )
        with self._sessions() as session:
            return {int(id.rpartition("-")[2]): at for id, at in session.execute(rows) if at is not None}

    async def _bring(self, customer: Customer, skipper: Skipper, to: dict[int, datetime]) -> None:
        acts = [
            Act(invoice, at - skipper.now(workflow_id(customer.invoice_id(invoice))))
            for invoice, at in to.items()
        ]
        await self._do(customer, skipper, acts, None)

    async def _do(self, customer: Customer, skipper: Skipper, acts: list[Act], today: date | None) -> None:
        customer.tape.append(acts)
        await asyncio.gather(
            *(
                skipper.skip(workflow_id(customer.invoice_id(act.invoice)), act.skip)
                if act.skip is not None
                else skipper.signal(
                    workflow_id(customer.invoice_id(act.invoice)), "payment_received", _payment(today)
                )
                for act in acts
            )
        )

    async def _check_paid(self, customer: Customer) -> None:
        for invoice in range(customer.invoices):
            id = workflow_id(customer.invoice_id(invoice))
            result = await asyncio.wait_for(
                self._ours.get_workflow_handle(id, result_type=dict).result(), timeout=30
            )
            if result["outcome"] != "paid":
                raise RuntimeError(f"{id} ended as {result['outcome']}: the lives are not what is measured")

    # -- bare -------------------------------------------------------------------------------------

    async def _live_bare(self, customer: Customer) -> None:
        skipper = Skipper(self._plain)
        for invoice, history in enumerate(customer.histories):
            id = _bare_id(customer, invoice)
            await skipper.start("BareLife", score(history), id=id, queue=bare.QUEUE)
        for wave in customer.tape:
            await asyncio.gather(
                *(
                    skipper.skip(_bare_id(customer, act.invoice), act.skip)
                    if act.skip is not None
                    else skipper.signal(_bare_id(customer, act.invoice), "pay")
                    for act in wave
                )
            )
        for invoice in range(customer.invoices):
            handle = self._plain.get_workflow_handle(_bare_id(customer, invoice))
            await asyncio.wait_for(handle.result(), timeout=30)


def _bare_id(customer: Customer, invoice: int) -> str:
    return f"bare-{customer.invoice_id(invoice)}"


def _a_wednesday() -> date:
    """Far enough ahead for every step before it, and in the middle of a week."""
    soonest = datetime.now(UTC).date() + timedelta(days=10)
    return soonest + timedelta(days=(2 - soonest.weekday()) % 7)


def _start(customer: Customer, invoice: int, due_on: date) -> dict[str, Any]:
    return {
        "invoice": {
            "invoice_id": customer.invoice_id(invoice),
            "currency": "USD",
            "amount": "1250.00",
            "issued_on": str(due_on - timedelta(days=30)),
            "due_on": str(due_on),
            "description": "Support",
        },
        "customer": {
            "customer_id": customer.customer_id,
            "name": f"Customer {customer.number} Ltd",
            "country": "US",
            "timezone": "America/New_York",
            "contacts": [{"role": "ap", "name": "Ann Payne", "email": f"ap@c{customer.number}.example"}],
        },
    }


def _payment(today: date | None) -> dict[str, Any]:
    return {"payment_id": "P-1", "amount": "1250.00", "currency": "USD", "received_on": str(today)}
