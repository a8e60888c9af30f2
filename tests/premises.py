"""One Duecourse on real servers, for tests that look at it from outside: starts, signals, rows, histories."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.orm import Session, sessionmaker
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution, WorkflowType
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    SignalWithStartWorkflowExecutionRequest,
    SignalWorkflowExecutionRequest,
    StartWorkflowExecutionRequest,
)
from temporalio.client import Client, WorkflowHandle
from temporalio.converter import DataConverter

import worker
from activities.adapters.port import MailTransport
from activities.rulebook import load_rulebook
from settings import ROOT
from store.database import create_engine, session_factory
from store.schema import (
    CaseRow,
    EventRow,
    LedgerEntryRow,
    MessageItemRow,
    MessageRow,
    MessageState,
    TaskRow,
)
from tests import clock
from workflows.converter import data_converter
from workflows.options import MAIN_QUEUE

T = TypeVar("T")
_numbers = itertools.count(1)


class NoPaper:
    """Renders nothing: where papers are not what is tested."""

    def render(self, html: str, *, timeout: float) -> bytes:
        return b"%PDF-1.7\n%%EOF\n"

    def bind(self, main: bytes, exhibits: Mapping[str, bytes], *, timeout: float) -> bytes:
        return main

    def collect(self, parts: Sequence[tuple[str, bytes]], **_: Any) -> bytes:
        return b"%PDF-1.7 " + b" ".join(name.encode() for name, _ in parts) + b"\n%%EOF\n"

    def close(self) -> None:
        pass


def noon_zone(now: datetime | None = None) -> str:
    """A time zone in which it is about noon, so that no test runs over midnight."""
    hour = (now or clock.now()).hour
    ahead = 12 - hour
    return "Etc/UTC" if ahead == 0 else f"Etc/GMT{-ahead:+d}"  # POSIX: west is positive


def today_in(zone: str) -> date:
    return clock.now().astimezone(ZoneInfo(zone)).date()


def start_input(invoice_id: str, **told: Any) -> dict[str, Any]:
    """A start as an ERP sends it: due today where the customer lives, under the policy `sandbox`.

    `invoice` and `customer` change or add fields; every invoice has a customer of its own unless told.
    """
    zone = noon_zone()
    invoice = {
        "invoice_id": invoice_id,
        "currency": "USD",
        "amount": "1250.00",
        "issued_on": str(today_in(zone) - timedelta(days=30)),
        "due_on": str(today_in(zone)),
    }
    customer = {
        "customer_id": f"C-{invoice_id}",
        "name": "Acme Ltd",
        "country": "US",
        "timezone": zone,
        "contacts": [{"contact_id": "ann", "role": "ap", "name": "Ann Payne", "email": "ap@acme.example"}],
    }
    start = {
        "invoice": invoice | told.pop("invoice", {}),
        "customer": customer | told.pop("customer", {}),
        "policy": "sandbox",
    }
    return start | told


def contact(email: str, **particulars: Any) -> dict[str, Any]:
    """A customer's only contact, for `start_input`."""
    return {
        "contacts": [{"contact_id": "ann", "role": "ap", "name": "Ann Payne", "email": email} | particulars]
    }


def payment(payment_id: str, amount: str = "1250.00", **told: Any) -> dict[str, Any]:
    """A payment that came in today."""
    received_on = str(today_in(noon_zone()))
    return {"payment_id": payment_id, "amount": amount, "currency": "USD", "received_on": received_on} | told


def of_json(value: object) -> Payload:
    return of_bytes(json.dumps(value).encode())


def of_bytes(data: bytes, encoding: bytes | None = b"json/plain") -> Payload:
    """A payload just as given; without an encoding where that is None."""
    return Payload(metadata={} if encoding is None else {"encoding": encoding}, data=data)


async def eventually(check: Callable[[], T], seconds: float = 30, *, every: float = 0.05) -> T:
    """Ask until the answer is true, and return it; the last answer is in the failure."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not (answer := await asyncio.to_thread(check)):
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"not within {seconds} s; the last answer was {answer!r}")
        await asyncio.sleep(every)
    return answer


async def becomes(ask: Callable[[], T], expected: T, seconds: float = 30) -> None:
    """Ask until the answer is the expected one; pytest shows how the last answer differs."""
    with contextlib.suppress(AssertionError):
        await eventually(lambda: ask() == expected, seconds)
    actual = await asyncio.to_thread(ask)
    if actual != expected and isinstance(actual, dict) and isinstance(expected, dict):
        differing = {key: (actual.get(key), expected.get(key)) for key in {*actual, *expected}}
        raise AssertionError({key: pair for key, pair in differing.items() if pair[0] != pair[1]})
    assert actual == expected, f"{actual!r} is not {expected!r}"


@dataclass
class Premises:
    """An installation: its database, its Temporal server, and how it is asked from outside."""

    database: str
    client: Client
    engine: sa.Engine = field(init=False)
    sessions: sessionmaker[Session] = field(init=False)

    def __post_init__(self) -> None:
        self.engine = create_engine(self.database, pool_size=10)
        self.sessions = session_factory(self.engine)

    def parts(self, transport: MailTransport, **more: Any) -> worker.Parts:
        """What a worker in this process is made of."""
        made_of: dict[str, Any] = {
            "engine": create_engine(self.database, pool_size=30),
            "rulebook": load_rulebook(ROOT / "deploy"),
            "transport": transport,
            "renderer": NoPaper(),
        }
        return worker.Parts(**(made_of | more))

    @contextlib.asynccontextmanager
    async def working(self, parts: worker.Parts, *, client: Client | None = None) -> AsyncIterator[None]:
        """A worker of all task queues in this process."""
        async with contextlib.AsyncExitStack() as running:
            for each in worker.workers(client or self.client, parts):
                await running.enter_async_context(each)
            yield
        parts.engine.dispose()

    # -- what an ERP does -------------------------------------------------------------------------

    async def start(
        self, start: Mapping[str, Any], *, client: Client | None = None
    ) -> WorkflowHandle[Any, Any]:
        invoice_id = start["invoice"]["invoice_id"]
        handle = await (client or self.client).start_workflow(
            "InvoiceCollection", start, id=f"invoice-{invoice_id}", task_queue=MAIN_QUEUE
        )
        await clock.catch_up(self.client, handle)
        return handle

    def handle(self, invoice_id: str) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(f"invoice-{invoice_id}")

    async def raw_start(
        self, workflow_id: str, payloads: Sequence[Payload], *, kind: str = "InvoiceCollection"
    ) -> WorkflowHandle[Any, Any]:
        """Start over plain gRPC, with whatever payloads."""
        await self.client.workflow_service.start_workflow_execution(
            StartWorkflowExecutionRequest(
                namespace=self.client.namespace,
                workflow_id=workflow_id,
                workflow_type=WorkflowType(name=kind),
                task_queue=TaskQueue(name=MAIN_QUEUE),
                input=Payloads(payloads=payloads),
                request_id=f"test-{next(_numbers)}",
                workflow_start_delay=clock.start_delay(),
            )
        )
        return await self._started(workflow_id)

    async def raw_signal(self, workflow_id: str, name: str, payloads: Sequence[Payload]) -> None:
        """Signal over plain gRPC, with whatever payloads."""
        await self.client.workflow_service.signal_workflow_execution(
            SignalWorkflowExecutionRequest(
                namespace=self.client.namespace,
                workflow_execution=WorkflowExecution(workflow_id=workflow_id),
                signal_name=name,
                input=Payloads(payloads=payloads),
                request_id=f"test-{next(_numbers)}",
            )
        )

    async def raw_signal_with_start(
        self,
        workflow_id: str,
        name: str,
        signal: Sequence[Payload],
        start: Sequence[Payload],
        *,
        kind: str = "InvoiceCollection",
    ) -> WorkflowHandle[Any, Any]:
        await self.client.workflow_service.signal_with_start_workflow_execution(
            SignalWithStartWorkflowExecutionRequest(
                namespace=self.client.namespace,
                workflow_id=workflow_id,
                workflow_type=WorkflowType(name=kind),
                task_queue=TaskQueue(name=MAIN_QUEUE),
                input=Payloads(payloads=start),
                signal_name=name,
                signal_input=Payloads(payloads=signal),
                request_id=f"test-{next(_numbers)}",
                workflow_start_delay=clock.start_delay(),
            )
        )
        return await self._started(workflow_id)

    async def _started(self, workflow_id: str) -> WorkflowHandle[Any, Any]:
        handle = self.client.get_workflow_handle(workflow_id)
        await clock.catch_up(self.client, handle)
        return handle

    # -- what lies in the database ----------------------------------------------------------------

    def tasks(self, invoice_id: str | None = None, *, kind: str | None = None) -> list[TaskRow]:
        """Worklist items whatever their state, oldest first."""
        wanted = sa.select(TaskRow).order_by(TaskRow.created_at, TaskRow.item_id)
        if invoice_id is not None:
            wanted = wanted.where(TaskRow.invoices.contains([invoice_id]))
        if kind is not None:
            wanted = wanted.where(TaskRow.kind == kind)
        return self._all(wanted)

    def case(self, invoice_id: str) -> CaseRow | None:
        with self.sessions() as session:
            return session.get(CaseRow, invoice_id)

    def waiting_on(self, invoice_id: str) -> str | None:
        case = self.case(invoice_id)
        return None if case is None else case.waiting_on

    def account_events(self, customer_id: str) -> list[EventRow]:
        """Facts about a customer rather than an invoice, in the order they were recorded."""
        about = sa.select(EventRow).where(EventRow.customer_id == customer_id, EventRow.invoice_id.is_(None))
        return self._all(about.order_by(EventRow.id))

    def events(self, invoice_id: str, kind: str | None = None) -> list[EventRow]:
        wanted = sa.select(EventRow).where(EventRow.invoice_id == invoice_id).order_by(EventRow.id)
        return self._all(wanted if kind is None else wanted.where(EventRow.kind == kind))

    def ledger(self, invoice_id: str, kind: str | None = None) -> list[LedgerEntryRow]:
        wanted = sa.select(LedgerEntryRow).where(LedgerEntryRow.invoice_id == invoice_id)
        return self._all(wanted if kind is None else wanted.where(LedgerEntryRow.kind == kind))

    def messages(self, invoice_id: str, state: MessageState | None = None) -> list[MessageRow]:
        """Messages about an invoice, oldest first."""
        about = sa.select(MessageItemRow.message_id).where(MessageItemRow.invoice_id == invoice_id)
        wanted = (
            sa.select(MessageRow).where(MessageRow.message_id.in_(about)).order_by(MessageRow.recorded_at)
        )
        return self._all(wanted if state is None else wanted.where(MessageRow.state == state))

    def sent_of(self, step: str) -> int:
        """How many messages of a step, or of a plan's kind, went out."""
        wanted = sa.select(MessageRow).where(MessageRow.state == MessageState.SENT)
        return len(self._all(wanted.where(MessageRow.step.startswith(step, autoescape=True))))

    def _all(self, wanted: sa.Select[Any]) -> list[Any]:
        with self.sessions() as session:
            return list(session.scalars(wanted))


async def case_of(handle: WorkflowHandle[Any, Any]) -> dict[str, Any]:
    """The answer to the query `case`."""
    answer: dict[str, Any] = await handle.query("case", result_type=dict)
    return answer


async def result_of(handle: WorkflowHandle[Any, Any], seconds: float = 20) -> dict[str, Any]:
    """What a workflow returned, as anybody reads it."""
    plain = Client(**{**_config(handle), "data_converter": DataConverter.default})
    ended = plain.get_workflow_handle(handle.id, run_id=handle.run_id, result_type=dict)
    answer: dict[str, Any] = await asyncio.wait_for(ended.result(), seconds)
    return answer


def _config(handle: WorkflowHandle[Any, Any]) -> Any:
    return handle._client.config()


async def failed_tasks(handle: WorkflowHandle[Any, Any]) -> list[str]:
    """Workflow tasks of a history that failed, but for those that raced a signal."""
    found = []
    async for event in handle.fetch_history_events():
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            failed = event.workflow_task_failed_event_attributes
            harmless = (
                WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
                WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW,
            )
            if failed.cause not in harmless:
                cause = WorkflowTaskFailedCause.Name(failed.cause)
                found.append(f"{event.event_id}: {cause}: {failed.failure.message[:500]}")
    return found


async def pending_task_failures(handle: WorkflowHandle[Any, Any]) -> int:
    """Attempts of the workflow task that is under way: above one, it is failing."""
    described = (await handle.describe()).raw_description
    return described.pending_workflow_task.attempt if described.HasField("pending_workflow_task") else 0


@contextlib.contextmanager
def fresh_database(server: str, template: str, name: str) -> Iterator[str]:
    """The URL of a migrated database, dropped afterwards."""
    address = sa.make_url(server).set(drivername="postgresql").render_as_string(hide_password=False)
    drop = sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
    create = sql.SQL("create database {} template {} strategy file_copy").format(
        sql.Identifier(name), sql.Identifier(template)
    )
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(drop)
        connection.execute(create)
    yield sa.make_url(server).set(database=name).render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(drop)


async def connect(address: str) -> Client:
    """A client with the converter of our own processes."""
    return clock.at_present(await Client.connect(address, data_converter=data_converter))


def mails_in(folder: Path) -> list[bytes]:
    """The mails of a Maildir."""
    return [path.read_bytes() for part in ("new", "cur") for path in sorted((folder / part).glob("*"))]
