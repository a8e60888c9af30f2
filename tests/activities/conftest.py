"""An office for the tests of activities: real rows and the real rulebook, called as a worker calls them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session, sessionmaker
from temporalio.testing import ActivityEnvironment

from activities.account_ledger import AccountLedger
from activities.adapters.maildir import MaildirTransport
from activities.adapters.port import Accepted, Carrier, MailTransport, Proof, SendResult
from activities.documents import Documents
from activities.interface import (
    AccountRecorded,
    Decided,
    Drafted,
    OnCase,
    OnMessage,
    OpenCase,
    Opened,
    RawInput,
    RecordAccountFacts,
    Recorded,
    RecordFacts,
    Rendered,
    Reply,
    SignalInput,
    UpdateInput,
)
from activities.ledger import Ledger
from activities.notices import Notices
from activities.paper.rendering import PdfRenderer
from activities.rulebook import Rulebook, load_rulebook
from domain.case import Case
from domain.decision import Wait
from domain.policy import Policy
from domain.vocabulary import Channel
from settings import ROOT
from store import audit, portfolio
from store.audit import Problem
from store.database import create_engine, session_factory
from store.schema import (
    AccountEntryRow,
    AuditRow,
    Base,
    CaseRow,
    CreditHoldRow,
    CustomerRow,
    EventRow,
    LedgerEntryRow,
    MessageItemRow,
    MessageRow,
    MessageState,
    TaskRow,
    TaskState,
)
from tests.premises import fresh_database

#: A Monday, ten o'clock in New York.
MONDAY = datetime(2026, 12, 7, 15, tzinfo=UTC)
#: Every hour and day open, nothing held back: most rules are the domain's, and tested there.
SANDBOX = "sandbox"

T = TypeVar("T")


class NoPaper(PdfRenderer):
    """Where papers are not the point: the same few bytes for every page."""

    def __init__(self) -> None:
        self.pages: list[str] = []

    def render(self, html: str, *, timeout: float) -> bytes:
        self.pages.append(html)
        return b"%PDF-1.7\n%%EOF\n"

    def bind(self, main: bytes, exhibits: Mapping[str, bytes], *, timeout: float) -> bytes:
        return main

    def collect(self, parts: Sequence[tuple[str, bytes]], **_: Any) -> bytes:
        return b"%PDF-1.7 " + b" ".join(name.encode() for name, _ in parts) + b"\n%%EOF\n"

    def close(self) -> None:
        pass


@dataclass
class Post:
    """A provider that answers as told, one answer after the other, then accepts."""

    answers: list[SendResult | Exception] = field(default_factory=list)
    proof: Proof = "delivered"
    meanwhile: Callable[[], None] = lambda: None
    """Happens while the provider has the mail."""
    taken: list[tuple[str, bytes, tuple[str, ...]]] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def send(
        self, message_id: str, mail: bytes, *, sender: str, recipients: Any, timeout: float
    ) -> SendResult:
        with self._lock:
            self.taken.append((message_id, mail, tuple(recipients)))
            answer = self.answers.pop(0) if self.answers else Accepted("ok")
        self.meanwhile()
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def mails(self) -> list[Message]:
        return [message_from_bytes(mail) for _, mail, _ in self.taken]

    @property
    def items(self) -> list[str]:
        """The items header of every try, in order."""
        return [str(mail["X-Duecourse-Items"]) for mail in self.mails]


class Office:
    """One installation, and a day on which it works."""

    def __init__(
        self, engine: sa.Engine, post: MailTransport, rulebook: Rulebook | None = None, **hooks: Any
    ) -> None:
        self.engine = engine
        self.sessions: sessionmaker[Session] = session_factory(engine)
        self.now = MONDAY
        self.post = post
        self.renderer = NoPaper()
        self.carriers: Mapping[Channel, Carrier] = {}
        self.use(rulebook or the_rulebook(), **hooks)
        self._numbers = 0

    def use(self, rulebook: Rulebook, **hooks: Any) -> None:
        """Work with another rulebook from here on, as after a restart."""
        self.rulebook = rulebook
        self.ledger = Ledger(self.sessions, rulebook, self.renderer)
        self.accounts = AccountLedger(self.sessions, rulebook)
        self.notices = Notices(self.sessions, rulebook, self.post, carriers=self.carriers, **hooks)
        self.documents = Documents(self.sessions, rulebook, self.renderer)

    def policy(self, name: str, **changes: Any) -> None:
        """Put a changed policy into the rulebook."""
        changed = Policy.model_validate({**self.rulebook.policies[name].model_dump(mode="json"), **changes})
        self.use(replace(self.rulebook, policies={**self.rulebook.policies, name: changed}))

    def steps(self, name: str, **by_step: dict[str, Any]) -> None:
        """Put a policy with changed steps into the rulebook: `steps("sandbox", demand={"approval": True})`."""
        rungs = self.rulebook.policies[name].model_dump(mode="json")["steps"]
        self.policy(name, steps=[{**rung, **by_step.get(rung["step"], {})} for rung in rungs])

    # -- as a worker calls ------------------------------------------------------------------------

    def run(self, activity: Callable[[Any], T], told: Any, **info: Any) -> T:
        """Call an activity as a worker does; `info` changes what it is told about itself (`attempt`)."""
        environment = ActivityEnvironment()
        environment.info = replace(environment.info, **info)
        result: T = environment.run(activity, told)
        return result

    def open(self, invoice_id: str = "INV-1", **told: Any) -> Opened:
        return self.open_raw(invoice_id, json.dumps(start(invoice_id, **told)).encode())

    def open_raw(self, invoice_id: str, *inputs: bytes) -> Opened:
        told = OpenCase(invoice_id=invoice_id, inputs=tuple(map(plain, inputs)), at=self.now)
        return self.run(self.ledger.open_case, told)

    def tell(self, invoice_id: str, name: str, **fact: Any) -> Recorded:
        return self.record(invoice_id, (name, fact))

    def record(self, invoice_id: str, *facts: tuple[str, dict[str, Any]]) -> Recorded:
        """Several signals in one go."""
        signals = tuple(signal(name, json.dumps(fact).encode()) for name, fact in facts)
        return self.run(
            self.ledger.record_facts, RecordFacts(invoice_id=invoice_id, at=self.now, signals=signals)
        )

    def tell_raw(self, invoice_id: str, name: str, *inputs: bytes) -> Recorded:
        batch = RecordFacts(invoice_id=invoice_id, at=self.now, signals=(signal(name, *inputs),))
        return self.run(self.ledger.record_facts, batch)

    def pay(self, invoice_id: str, amount: str, payment_id: str = "P-1", **told: Any) -> Recorded:
        return self.tell(invoice_id, "payment_received", **payment(amount, payment_id, self.today), **told)

    def ask(self, invoice_id: str, name: str, update_id: str | None = None, **request: Any) -> Reply:
        """An update; its reply says whether it was refused."""
        self._numbers += 1
        asked = UpdateInput(
            name=name,
            update_id=update_id or f"u-{self._numbers}",
            inputs=(plain(json.dumps({"by": "lee", **request}).encode()),),
        )
        batch = RecordFacts(invoice_id=invoice_id, at=self.now, requests=(asked,))
        (reply,) = self.run(self.ledger.record_facts, batch).replies
        return reply

    def tell_account(self, customer_id: str, name: str, **fact: Any) -> AccountRecorded:
        account = plain(json.dumps({"customer": {"customer_id": customer_id}}).encode())
        batch = RecordAccountFacts(
            customer_id=customer_id,
            at=self.now,
            inputs=(account,),
            signals=(signal(name, json.dumps(fact).encode()),),
        )
        return self.run(self.accounts.record_account_facts, batch)

    def review(self, invoice_id: str = "INV-1") -> Decided:
        return self.run(self.ledger.review_case, OnCase(invoice_id=invoice_id, at=self.now))

    def draft(self, invoice_id: str = "INV-1") -> Drafted:
        return self.run(self.notices.draft_notice, OnCase(invoice_id=invoice_id, at=self.now))

    def render(self, message_id: str, invoice_id: str = "INV-1") -> Rendered:
        return self.run(self.documents.render_documents, self._on(message_id, invoice_id))

    def send(self, message_id: str, invoice_id: str = "INV-1", **info: Any) -> Decided:
        return self.run(self.notices.send_notice, self._on(message_id, invoice_id), **info)

    def write(self, invoice_id: str = "INV-1") -> str:
        """Draft and render, as far as the claim. Returns the message id."""
        message_id = self.draft(invoice_id).message_id
        assert message_id is not None, "there is nothing to write"
        self.render(message_id, invoice_id)
        return message_id

    def contact(self, invoice_id: str = "INV-1") -> str | None:
        """One contact, as the workflow carries it out. Returns the message id, if there was a message."""
        drafted = self.draft(invoice_id)
        if drafted.message_id is not None:
            self.render(drafted.message_id, invoice_id)
            if drafted.send:
                self.send(drafted.message_id, invoice_id)
        return drafted.message_id

    def live(self, invoice_id: str = "INV-1", *, most: int = 10) -> Decided:
        """Carry out what is due now, step after step, until something has to be waited for."""
        for _ in range(most):
            if self.review(invoice_id).decision.kind != "carry_out":
                return self.review(invoice_id)
            self.contact(invoice_id)
        raise AssertionError(f"{invoice_id} does not come to rest")

    def _on(self, message_id: str, invoice_id: str) -> OnMessage:
        return OnMessage(invoice_id=invoice_id, message_id=message_id, at=self.now)

    # -- days -------------------------------------------------------------------------------------

    @property
    def today(self) -> date:
        return self.now.date()

    def on(self, days: int) -> str:
        """A day so many days from today, as it stands in a payload."""
        return (self.today + timedelta(days=days)).isoformat()

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)

    def sleep(self, invoice_id: str = "INV-1") -> None:
        """Carry out what is due, then let time pass until the case wakes by itself."""
        decision = self.live(invoice_id).decision
        assert isinstance(decision, Wait), decision
        self.now = decision.until

    # -- what lies in the database ----------------------------------------------------------------

    def row(self, invoice_id: str = "INV-1") -> CaseRow:
        with self.sessions() as session:
            return session.get_one(CaseRow, invoice_id)

    def customer(self, customer_id: str = "C-1") -> CustomerRow:
        with self.sessions() as session:
            return session.get_one(CustomerRow, customer_id)

    def case(self, invoice_id: str = "INV-1") -> Case:
        """The case as it follows from its rows."""
        with self.sessions() as session:
            row = session.get_one(CaseRow, invoice_id)
            customer = session.get_one(CustomerRow, row.customer_id)
            account = portfolio.account_of(session, customer, lambda *_: frozenset(), self.now)
            return portfolio.pursued(session, account, [row])[invoice_id].case

    def message(self, message_id: str) -> MessageRow:
        with self.sessions() as session:
            return session.get_one(MessageRow, message_id)

    def messages(self, state: MessageState | None = None) -> list[MessageRow]:
        rows = self._all(sa.select(MessageRow).order_by(MessageRow.recorded_at))
        return [row for row in rows if state is None or row.state == state]

    def items(self, message_id: str) -> list[tuple[str, str, int]]:
        """Invoice, step and cycle of each item."""
        wanted = sa.select(MessageItemRow).where(MessageItemRow.message_id == message_id)
        return sorted((row.invoice_id, row.step, row.cycle) for row in self._all(wanted))

    def tasks(self, kind: str | None = None, *, open_only: bool = False) -> list[TaskRow]:
        rows = self._all(sa.select(TaskRow).order_by(TaskRow.recorded_at, TaskRow.item_id))
        return [
            row for row in rows if kind in (None, row.kind) and (not open_only or row.state == TaskState.OPEN)
        ]

    def kinds(self) -> list[str]:
        """The kinds of the open worklist items, sorted."""
        return sorted(task.kind for task in self.tasks(open_only=True))

    def events(self, invoice_id: str | None, kind: str | None = None) -> list[EventRow]:
        rows = self._all(
            sa.select(EventRow)
            .where(EventRow.invoice_id.is_not_distinct_from(invoice_id))
            .order_by(EventRow.id)
        )
        return [row for row in rows if kind in (None, row.kind)]

    def entries(self, invoice_id: str = "INV-1") -> list[tuple[str, int]]:
        """The ledger of an invoice: kind and minor units."""
        wanted = sa.select(LedgerEntryRow).where(LedgerEntryRow.invoice_id == invoice_id)
        return [(row.kind, row.amount_minor) for row in self._all(wanted.order_by(LedgerEntryRow.id))]

    def on_account(self, customer_id: str = "C-1") -> dict[str, int]:
        """Unapplied money by currency."""
        wanted = sa.select(AccountEntryRow).where(AccountEntryRow.customer_id == customer_id)
        totals: dict[str, int] = {}
        for row in self._all(wanted):
            totals[row.currency] = totals.get(row.currency, 0) + row.amount_minor
        return totals

    def credit_holds(self) -> list[CreditHoldRow]:
        return self._all(sa.select(CreditHoldRow).order_by(CreditHoldRow.invoice_id, CreditHoldRow.cycle))

    def audit(self, customer_id: str = "C-1") -> list[AuditRow]:
        wanted = sa.select(AuditRow).where(AuditRow.customer_id == customer_id)
        return self._all(wanted.order_by(AuditRow.seq))

    def audited(self, customer_id: str = "C-1") -> list[tuple[str, str]]:
        """Kind and subject of each row of a customer's chain."""
        return [(row.kind, row.ref) for row in self.audit(customer_id)]

    def audit_problems(self) -> list[Problem]:
        with self.sessions() as session:
            return audit.verify(session)

    def _all(self, wanted: sa.Select[Any]) -> list[Any]:
        with self.sessions() as session:
            return list(session.scalars(wanted))


@dataclass(frozen=True)
class Past:
    """A database in which much has happened: to copy it takes a twentieth of living it again."""

    server: str
    name: str
    office: Office

    @classmethod
    @contextmanager
    def lived(cls, server: str, template: str, name: str, live: Callable[[Office], None]) -> Iterator[Past]:
        with fresh_database(server, template, name) as url:
            engine = create_engine(url)
            office = Office(engine, Post())
            live(office)
            engine.dispose()  # what is connected to cannot be copied
            yield cls(server, name, office)

    @contextmanager
    def copied(self, post: MailTransport) -> Iterator[Office]:
        """An office that goes on from there."""
        with fresh_database(self.server, self.name, f"{self.name}_copy") as url:
            engine = create_engine(url, pool_size=12)
            office = Office(engine, post)
            office.now, office._numbers = self.office.now, self.office._numbers
            yield office
            engine.dispose()


@cache
def the_rulebook() -> Rulebook:
    """The policies and sellers that come with Duecourse."""
    return load_rulebook(ROOT / "deploy")


def plain(data: bytes) -> RawInput:
    return RawInput.of(b"json/plain", data, 1_200_000)


def signal(name: str, *inputs: bytes) -> SignalInput:
    return SignalInput(name=name, inputs=tuple(RawInput.of(b"json/plain", data) for data in inputs))


def start(invoice_id: str = "INV-1", **told: Any) -> dict[str, Any]:
    """A start as an ERP sends it: net 30, due on Monday, under the policy `sandbox`.

    `invoice` and `customer` change or add fields.
    """
    invoice = {
        "invoice_id": invoice_id,
        "currency": "USD",
        "amount": "1250.00",
        "issued_on": "2026-11-07",
        "due_on": "2026-12-07",
    }
    return {
        "invoice": invoice | told.pop("invoice", {}),
        "customer": ACME | told.pop("customer", {}),
        "policy": SANDBOX,
    } | told


ANN = {"contact_id": "ann", "role": "ap", "name": "Ann Payne", "email": "ann@acme.example"}
BOB = {"contact_id": "bob", "role": "cfo", "name": "Bob Barker", "email": "bob@acme.example"}
ACME = {
    "customer_id": "C-1",
    "name": "Acme Ltd",
    "country": "US",
    "timezone": "America/New_York",
    "contacts": [ANN],
    "account_manager": {"name": "Sam Reed", "email": "sam@seller.example"},
}


def payment(amount: str, payment_id: str, received_on: date, currency: str = "USD") -> dict[str, Any]:
    return {
        "payment_id": payment_id,
        "amount": amount,
        "currency": currency,
        "received_on": received_on.isoformat(),
    }


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture(scope="session")
def office_database(postgres_url: str, database_template: str, worker_id: str) -> Iterator[sa.Engine]:
    """A migrated database for all these tests, wide enough for eight threads; making one takes longer than
    most of them."""
    with fresh_database(postgres_url, database_template, f"office_{worker_id}") as url:
        engine = create_engine(url, pool_size=12)
        yield engine
        engine.dispose()


@pytest.fixture
def emptied(office_database: sa.Engine) -> sa.Engine:
    """That database, empty: as no role of ours could make it, for facts and audit rows refuse to go."""
    statements = [f"delete from {table.name}" for table in Base.metadata.sorted_tables]
    with office_database.begin() as connection:
        connection.exec_driver_sql(
            "; ".join(["set local session_replication_role = replica", *statements])  # in one go
        )
    return office_database


@pytest.fixture
def office(emptied: sa.Engine, post: Post) -> Office:
    """An office with a scripted provider."""
    return Office(emptied, post)


@pytest.fixture
def mailing_office(emptied: sa.Engine, tmp_path: Path) -> Office:
    """An office whose mails are files."""
    return Office(emptied, MaildirTransport(tmp_path / "mail"))
