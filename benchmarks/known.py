"""How soon a payment is known: from the acknowledgement of its signal to its row in the ledger, committed."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

import psycopg
from sqlalchemy import make_url
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import Client

from benchmarks.bench_worker import EVERYTHING, PAPERS, THREADS
from benchmarks.stand import DUECOURSE, Stand
from workflows.converter import data_converter
from workflows.invoice_collection import workflow_id
from workflows.options import MAIN_QUEUE

SAMPLES = 100
_PATIENCE_S = 120.0
_LOOK_EVERY_S = 0.5
#: The database says so itself when a payment is committed; no life but the benchmark's has this.
_TELL = """
CREATE FUNCTION tell_payment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('paid', NEW.invoice_id);
    RETURN NULL;
END
$$;
CREATE TRIGGER tell_payment AFTER INSERT ON ledger_entries FOR EACH ROW
    WHEN (NEW.kind = 'payment_received') EXECUTE FUNCTION tell_payment();
"""


@dataclass(frozen=True)
class Delays:
    """Milliseconds from acknowledgement to commit, in one situation."""

    situation: str
    each: list[float]

    def percentile(self, percent: float) -> float:
        """The smallest delay that so many percent do not exceed."""
        return sorted(self.each)[math.ceil(len(self.each) * percent / 100) - 1]


@dataclass
class Payments:
    """Pays invoices one after the other and hears from the database when each is committed."""

    client: Client
    committed: dict[str, asyncio.Future[float]] = field(default_factory=dict)

    async def listen(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Note the instant of every commit."""
        async for notice in connection.notifies():
            heard = self.committed.get(notice.payload)
            if heard is not None and not heard.done():
                heard.set_result(perf_counter())

    async def pay(self, situation: str, invoices: Iterable[str]) -> Delays:
        """Pay every one of these invoices in full."""
        return Delays(situation, [await self._pay(invoice_id) for invoice_id in invoices])

    async def _pay(self, invoice_id: str) -> float:
        committed: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.committed[invoice_id] = committed
        payment = {
            "payment_id": "P-1",
            "amount": "1250.00",
            "currency": "USD",
            "received_on": datetime.now(UTC).date().isoformat(),
        }
        await self.client.get_workflow_handle(workflow_id(invoice_id)).signal("payment_received", payment)
        acknowledged = perf_counter()
        return (await asyncio.wait_for(committed, _PATIENCE_S) - acknowledged) * 1000


async def measure(stand: Stand) -> list[Delays]:
    """Pay sleeping invoices while nothing happens and while every slot for steps is taken; then pay those
    whose own steps took the slots."""
    hold = stand.folder / "hold"
    hold.mkdir()
    stand.work(DUECOURSE, "--hold", str(hold))
    client = await Client.connect(stand.temporal, data_converter=data_converter)
    url = make_url(stand.database).set(drivername="postgresql").render_as_string(hide_password=False)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(_TELL)
        idle, busy, warming = (
            [f"{name}-{number}" for number in range(count)]
            for name, count in (("idle", SAMPLES), ("busy", SAMPLES), ("warming", 10))
        )
        for invoices in (idle, busy, warming):
            await asyncio.gather(*(_start(client, invoice_id) for invoice_id in invoices))
        await _until_asleep(connection, len([*idle, *busy, *warming]))
        await connection.execute("LISTEN paid")
        payments = Payments(client)
        listening = asyncio.create_task(payments.listen(connection))
        await payments.pay("warming up", warming)
        delays = [await payments.pay("idle", idle)]
        under_way = await _take_every_slot(client, lambda: (hold / PAPERS).touch())
        delays.append(await payments.pay("every slot for steps taken", busy))
        delays.append(await payments.pay("the invoice's own step under way", under_way))
        (hold / EVERYTHING).touch()
        listening.cancel()
    return delays


async def _take_every_slot(client: Client, let_papers_go: Callable[[], None]) -> list[str]:
    """Fill the slots of documents and mail with steps that do not end, and return their invoices.

    The first papers are held until the second are waiting behind them: a step needs a slot for its draft
    first, which mails that are held would take.
    """
    first, second = ([f"{name}-{number}" for number in range(THREADS)] for name in ("mail", "paper"))
    await asyncio.gather(*(_start(client, invoice_id, due_now=True) for invoice_id in first))
    await _until(client, first, lambda working: working["render_documents started"] == THREADS)
    await asyncio.gather(*(_start(client, invoice_id, due_now=True) for invoice_id in second))
    await _until(client, second, lambda working: working["render_documents scheduled"] == THREADS)
    let_papers_go()
    taken = {"send_notice started": THREADS, "render_documents started": THREADS}
    await _until(client, [*first, *second], lambda working: working == taken)
    return [*first, *second]


async def _start(client: Client, invoice_id: str, *, due_now: bool = False) -> None:
    today = datetime.now(UTC).date()
    start = {
        "invoice": {
            "invoice_id": invoice_id,
            "currency": "USD",
            "amount": "1250.00",
            "issued_on": str(today - timedelta(days=30)),
            "due_on": str(today if due_now else today + timedelta(days=30)),
        },
        "customer": {
            "customer_id": f"C-{invoice_id}",
            "name": f"Customer {invoice_id}",
            "timezone": "UTC",
            "contacts": [{"role": "ap", "name": "Ann Payne", "email": f"ap@{invoice_id}.example"}],
        },
        "policy": "sandbox" if due_now else "standard",
    }
    await client.start_workflow("InvoiceCollection", start, id=workflow_id(invoice_id), task_queue=MAIN_QUEUE)


async def _until_asleep(connection: psycopg.AsyncConnection[Any], cases: int) -> None:
    """Wait until so many cases are open and wait for their next step."""
    deadline = perf_counter() + _PATIENCE_S
    while True:
        found = await connection.execute("SELECT count(*) FROM cases WHERE waiting_until IS NOT NULL")
        if await found.fetchone() == (cases,):
            return
        if perf_counter() > deadline:
            raise RuntimeError("not every case was opened in time: look for errors of the worker above")
        await asyncio.sleep(_LOOK_EVERY_S)


async def _until(client: Client, invoices: list[str], satisfied: Callable[[Counter[str]], bool]) -> None:
    """Wait until what these invoices' workflows are at work on is as wanted."""
    deadline = perf_counter() + _PATIENCE_S
    while True:
        working = await _working(client, invoices)
        if satisfied(working):
            return
        if perf_counter() > deadline:
            raise RuntimeError(f"{invoices[0]} and others are still at {dict(working)}")
        await asyncio.sleep(_LOOK_EVERY_S)


async def _working(client: Client, invoices: list[str]) -> Counter[str]:
    """The activities under way, by name and whether they have a slot; `workflow task` for those before."""
    found: Counter[str] = Counter()
    looks: list[Awaitable[Any]] = [
        client.get_workflow_handle(workflow_id(invoice_id)).describe() for invoice_id in invoices
    ]
    for described in await asyncio.gather(*looks):
        raw = described.raw_description
        if raw.HasField("pending_workflow_task"):
            found["workflow task"] += 1
        for pending in raw.pending_activities:
            started = pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
            found[f"{pending.activity_type.name} {'started' if started else 'scheduled'}"] += 1
    return found
