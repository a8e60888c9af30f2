"""A house for stories: real workers on a time-skipping server, a database and a maildir of the test's own."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client
from temporalio.service import RPCError

from activities.adapters.maildir import MaildirTransport
from activities.adapters.port import MailTransport
from activities.inbound.inbox import MaildirSource
from activities.paper.rendering import PdfRenderer
from activities.plan_waking import workflow_id as plan_workflow_id
from activities.rulebook import load_rulebook
from activities.writing.drafting import Drafter
from commands.stack.day_by_day import DayByDay, first_day
from commands.stack.mailbox import Mail, read_mailbox
from domain.calendar import zone_info
from domain.contract import CaseView, CollectionResult, Start
from domain.files.portfolio_csv import HistoryRow
from domain.money import Money
from domain.policy import Policy
from settings import ROOT
from store.database import create_engine, session_factory
from store.history import store_settled
from store.schema import CaseRow, CreditHoldRow, EventRow, MessageRow, PlanRow, TaskRow
from tests import clock
from worker import Parts, workers
from workflows.invoice_collection import workflow_id

ZONE = "America/New_York"
_numbers = itertools.count(1)


class NoPaper(PdfRenderer):
    """Stands for the PDF process where a story is not about papers."""

    def render(self, html: str, *, timeout: float) -> bytes:
        return b"%PDF-1.7\n"

    def bind(self, main: bytes, exhibits: Mapping[str, bytes], *, timeout: float) -> bytes:
        return main

    def collect(self, parts: Sequence[tuple[str, bytes]], **_: Any) -> bytes:
        return b"%PDF-1.7 " + b" ".join(name.encode() for name, _ in parts) + b"\n%%EOF\n"


@dataclass
class House:
    """Starts cases, tells them facts and lets days pass. Names in a test become ids with the test's prefix."""

    client: Client
    sessions: sessionmaker[Session]
    days: DayByDay
    maildir: Path
    prefix: str
    day0: date
    today: date
    customers: dict[str, dict[str, Any]] = field(default_factory=dict)

    def id(self, name: str) -> str:
        return self.prefix + name

    def on(self, offset: int) -> str:
        """The date so many days after day 0, as it stands in a payload."""
        return (self.day0 + timedelta(days=offset)).isoformat()

    @property
    def offset(self) -> int:
        return (self.today - self.day0).days

    # -- what arrives, always on the morning of today ----------------------------------------------

    def know(self, customer: str, **particulars: Any) -> None:
        """A customer that `bill` may name."""
        self.customers[customer] = {
            "customer_id": self.id(customer),
            "name": customer,
            "timezone": ZONE,
            "contacts": [{"role": "ap", "name": "Ann Payne", "email": f"ap@{customer.lower()}.example"}],
            **particulars,
        }

    async def bill(
        self,
        customer: str,
        invoice: str,
        amount: str,
        due: int,
        *,
        net: int = 30,
        **more: Any,
    ) -> None:
        """Start an invoice that is due so many days after day 0 and was issued `net` days before that."""
        start = Start.model_validate(self.start_of(customer, invoice, amount, due, net) | more)
        await self.days.start(start, self.days.morning(start.customer.customer_id, self.today))

    def start_of(self, customer: str, invoice: str, amount: str, due: int, net: int = 30) -> dict[str, Any]:
        told = {
            "invoice_id": self.id(invoice),
            "number": invoice,
            "currency": "USD",
            "amount": amount,
            "due_on": self.on(due),
            "issued_on": self.on(due - net),
        }
        return {"invoice": told, "customer": self.customers[customer]}

    async def tell(self, invoice: str, signal: str, **fact: Any) -> None:
        at = self.days.morning(self._customer_of(invoice), self.today)
        await self.days.signal(self.id(invoice), signal, fact, at)

    async def pay(self, invoice: str, amount: str, payment_id: str = "P-1") -> None:
        received = self.today.isoformat()
        await self.tell(
            invoice,
            "payment_received",
            payment_id=payment_id,
            amount=amount,
            currency="USD",
            received_on=received,
        )

    async def tell_account(self, customer: str, signal: str, **fact: Any) -> None:
        customer_id = self.id(customer)
        await self.days.signal_account(customer_id, signal, fact, self.days.morning(customer_id, self.today))

    async def ask(self, invoice: str, update: str, **request: Any) -> dict[str, Any]:
        """An update; raises WorkflowUpdateFailedError where a rule refuses it."""
        at = self.days.morning(self._customer_of(invoice), self.today)
        return await self.days.update(self.id(invoice), update, request, at)

    def remember(
        self, customer: str, paid: list[tuple[date, date, date]], amount_minor: int = 4_100_000
    ) -> None:
        """History as an import leaves it: (issued, due, settled)."""
        rows = [
            HistoryRow(
                invoice_id=self.id(f"H-{number}"),
                customer_id=self.id(customer),
                issued_on=issued,
                due_on=due,
                settled_on=settled,
                amount=Money(amount_minor, "USD"),
            )
            for number, (issued, due, settled) in enumerate(paid)
        ]
        with self.sessions.begin() as session:
            store_settled(session, rows, {})

    # -- days --------------------------------------------------------------------------------------

    async def until(self, offset: int) -> None:
        """Live up to the morning of that day: everything before it has happened, nothing of it."""
        while self.offset < offset:
            if due := self.days.due_by(self.today):
                await self.days.finish(self.today, due)
            self.today += timedelta(days=1)
        await self.days.begin(self.today, [self.id(customer) for customer in self.customers])

    async def through(self, offset: int) -> None:
        """Live that day too; it is then the next morning."""
        await self.until(offset + 1)

    # -- what can be seen --------------------------------------------------------------------------

    async def case(self, invoice: str) -> CaseView:
        """What the workflow answers to its query."""
        handle = self.client.get_workflow_handle(workflow_id(self.id(invoice)))
        return CaseView.model_validate(await handle.query("case", result_type=dict))

    async def result(self, invoice: str) -> CollectionResult:
        """What the workflow of an ended case returned."""
        handle: Any = self.client.get_workflow_handle(
            workflow_id(self.id(invoice)), result_type=CollectionResult
        )
        result: CollectionResult = await handle.result()
        return result

    async def runs(self, invoice: str) -> int:
        """How many runs the workflow id has had."""
        query = f'WorkflowId="{workflow_id(self.id(invoice))}"'
        return (await self.client.count_workflows(query)).count

    def mails(self, customer: str | None = None) -> list[Mail]:
        """Mails to customers (to one of them) in the order they went out."""
        domain = f"@{customer.lower()}.example" if customer is not None else "@"
        return [mail for mail in read_mailbox(self.maildir) if mail.for_customer and domain in mail.to]

    def staff_mails(self) -> list[Mail]:
        return [mail for mail in read_mailbox(self.maildir) if not mail.for_customer]

    def sent(self, customer: str | None = None) -> list[tuple[int, str]]:
        """Day and step of every mail: (1, "overdue")."""
        zone = zone_info(ZONE)
        return [
            ((mail.at.astimezone(zone).date() - self.day0).days, mail.step) for mail in self.mails(customer)
        ]

    def tasks(self, kind: str | None = None) -> list[TaskRow]:
        with self.sessions() as session:
            rows = session.scalars(select(TaskRow).order_by(TaskRow.created_at, TaskRow.item_id)).all()
        return [row for row in rows if kind is None or row.kind == kind]

    def row(self, invoice: str) -> CaseRow:
        with self.sessions() as session:
            return session.get_one(CaseRow, self.id(invoice))

    def events(self, invoice: str, kind: str) -> list[EventRow]:
        with self.sessions() as session:
            about = select(EventRow).where(EventRow.invoice_id == self.id(invoice), EventRow.kind == kind)
            return list(session.scalars(about.order_by(EventRow.id)))

    def messages(self) -> list[MessageRow]:
        with self.sessions() as session:
            return list(session.scalars(select(MessageRow).order_by(MessageRow.reserved_at)))

    def credit_holds(self) -> list[CreditHoldRow]:
        with self.sessions() as session:
            return list(session.scalars(select(CreditHoldRow)))

    def plans(self) -> list[PlanRow]:
        with self.sessions() as session:
            return list(session.scalars(select(PlanRow).order_by(PlanRow.tabled_at, PlanRow.plan_id)))

    async def plan_result(self, plan_id: str) -> dict[str, Any]:
        """What the workflow of an ended plan returned."""
        handle: Any = self.client.get_workflow_handle(plan_workflow_id(plan_id), result_type=dict)
        result: dict[str, Any] = await handle.result()
        return result

    def _customer_of(self, invoice: str) -> str:
        return self.days.customer_of(self.id(invoice))


@dataclass(frozen=True)
class Builder:
    """Builds a house as a test wants it: other policies, another mail server, shorter runs."""

    client: Client
    database: str
    folder: Path
    prefix: str

    @asynccontextmanager
    async def __call__(
        self,
        *,
        transport: MailTransport | None = None,
        renderer: PdfRenderer | None = None,
        drafter: Drafter | None = None,
        continue_as_new_every: int | None = None,
        **policy: Any,
    ) -> AsyncIterator[House]:
        """`policy` changes fields of every policy, as they stand in its file."""
        rulebook = load_rulebook(ROOT / "deploy", continue_as_new_every=continue_as_new_every)
        policies = {name: _changed(each, policy) for name, each in rulebook.policies.items()}
        engine = create_engine(self.database, pool_size=16)
        maildir = self.folder / "mail"
        made_of = Parts(
            engine=engine,
            rulebook=replace(rulebook, policies=policies),
            transport=transport or MaildirTransport(maildir),
            renderer=renderer or NoPaper(),
            drafter=drafter,
            inboxes=(MaildirSource(self.folder / "inbox"),),
            feeds=(str(self.folder / "news.xml"),),
            threads=4,
        )
        virtual = clock.virtual_time(self.client)
        sessions = session_factory(engine)
        day0 = first_day(virtual.now.date())
        async with AsyncExitStack() as running:
            running.callback(engine.dispose)
            for worker in workers(self.client, made_of):
                await running.enter_async_context(worker)
            running.push_async_callback(_leave_nothing, self.client)
            yield House(self.client, sessions, DayByDay(virtual, sessions), maildir, self.prefix, day0, day0)


def _changed(policy: Policy, changes: dict[str, Any]) -> Policy:
    return Policy.model_validate({**policy.model_dump(mode="json"), **changes})


async def _leave_nothing(client: Client) -> None:
    async for execution in client.list_workflows('ExecutionStatus="Running"'):
        with suppress(RPCError):
            await client.get_workflow_handle(execution.id).terminate("the test is over")


@pytest.fixture(scope="session")
def paper() -> Iterator[PdfRenderer]:
    """The real PDF process, for stories that look at papers."""
    with PdfRenderer() as renderer:
        yield renderer


@pytest.fixture
def build(temporal_client: Client, database: str, tmp_path: Path) -> Builder:
    """Builds a house of a test's own kind."""
    return Builder(temporal_client, database, tmp_path, f"{next(_numbers)}-")


@pytest.fixture
async def house(build: Builder) -> AsyncIterator[House]:
    """A house with the policies as they are; Monday to Friday are business days."""
    async with build(calendar="weekdays") as house:
        yield house
