"""What a page of the portal costs the server with 100,000 invoices in the database, beside a bare page."""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment
from pydantic import SecretStr
from starlette.types import ASGIApp, Message
from temporalio.testing import ActivityEnvironment

from activities.interface import OpenCase, RawInput, RecordFacts, SignalInput
from activities.ledger import Ledger
from activities.portal_links import PATH, PortalLinks
from activities.rulebook import load_rulebook
from deploy.local_postgres import LocalPostgres
from settings import ROOT
from store.database import create_engine, session_factory
from store.migrate import upgrade
from web.app import create_app
from web.parts import Parts, Portal
from web.portal.workflows import Unreachable

CUSTOMERS, INVOICES_EACH, ROUNDS = 10_000, 10, 200
_FIRST = "C-0"
#: Stands for the address of the payment code, which its page alone knows.
_CODE = "code"
#: Whatever is told of the first customer is told of every other one, under names of their own.
_CLONED = {
    "customers": "customer_id",
    "cases": "invoice_id",
    "events": "id",
    "ledger_entries": "id",
}


@dataclass(frozen=True)
class Pages:
    """Milliseconds of each round, ours and bare, and how long the pages are."""

    invoices: int
    title: str
    ours: list[float]
    bare: list[float]
    bytes: int
    bare_bytes: int

    @property
    def ratio(self) -> float:
        """The median over the rounds of ours against the bare one beside it."""
        return median(mine / theirs for mine, theirs in zip(self.ours, self.bare, strict=True))


def measure() -> list[Pages]:
    """Ours and bare, alternating, each page of another customer."""
    with (
        tempfile.TemporaryDirectory(prefix="duecourse-") as folder,
        LocalPostgres(Path(folder) / "postgres", own=True) as server,
    ):
        upgrade(server.url)
        engine = create_engine(server.url, pool_size=5)
        try:
            _fill(engine)
            return asyncio.run(_measured(engine))
        finally:
            engine.dispose()


async def _measured(engine: sa.Engine) -> list[Pages]:
    links = PortalLinks("http://127.0.0.1", SecretStr("k" * 48))
    sessions = session_factory(engine)
    made_of = Parts(
        sessions=sessions,
        rulebook=load_rulebook(ROOT / "deploy"),
        nudge=_nobody,
        portal=Portal(links, _NoWorkflows()),
    )
    app, bare = create_app(made_of), _bare()
    with sessions.begin() as session:
        opened = [
            links.issue(session, f"C-{number}", "default").removeprefix("http://127.0.0.1")
            for number in range(0, CUSTOMERS, CUSTOMERS // (ROUNDS + 10))
        ]
    with engine.connect() as connection:
        invoices = connection.scalar(sa.text("select count(*) from cases")) or 0
    found = []
    for title, tail in (
        ("an account", ""),
        ("an invoice", "/invoice/INV-{customer}-3"),
        ("how to pay", "/pay"),
        ("its payment code", _CODE),
    ):
        ours: list[float] = []
        theirs: list[float] = []
        sizes = (0, 0)
        for place, path in enumerate(opened[: ROUNDS + 10]):
            customer = place * (CUSTOMERS // (ROUNDS + 10))
            asked = path + tail.format(customer=customer) if tail != _CODE else await _code_of(app, path)
            took, body = await _asked(app, asked)
            bare_took, bare_body = await _asked(bare, f"/{PATH}/x{tail.format(customer=customer)}")
            if place >= 10:  # the first ones warm up
                ours.append(took)
                theirs.append(bare_took)
            sizes = (len(body), len(bare_body))
        found.append(Pages(invoices, title, ours, theirs, *sizes))
    return found


async def _code_of(app: ASGIApp, path: str) -> str:
    """Where the picture lies that the page on how to pay names."""
    found = re.search(rb'class="qr" src="([^"]+)"', (await _asked(app, f"{path}/pay"))[1])
    if found is None:
        raise RuntimeError("the page names no payment code")
    return found[1].decode()


async def _asked(app: ASGIApp, path: str) -> tuple[float, bytes]:
    """Milliseconds from the request to the last byte, as the server's own code takes them, and the body."""
    body = bytearray()
    status = 0

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        body.extend(message.get("body", b""))

    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    began = perf_counter()
    await app(scope, receive, send)
    took = (perf_counter() - began) * 1000
    if status != 200:
        raise RuntimeError(f"{path.rsplit('/', 1)[-1]} answered {status}")
    return took, bytes(body)


def _bare() -> FastAPI:
    """FastAPI and Jinja2 with nothing of ours: a list of ten invoices out of memory, escaped."""
    app = FastAPI()
    page = Environment(autoescape=True).from_string(
        "<!DOCTYPE html><html><head><title>{{ name }}</title></head><body><h1>{{ name }}</h1><ul>"
        "{% for row in rows %}<li><a href='{{ row.path }}'>{{ row.name }}</a> {{ row.amount }} {{ row.due }}</li>"
        "{% endfor %}</ul></body></html>"
    )
    rows = [
        {"path": f"/{n}", "name": f"INV-{n}", "amount": "$1,250.00", "due": "Dec 1, 2026"}
        for n in range(INVOICES_EACH)
    ]

    @app.get("/{path:path}")
    def shown(request: Request) -> Response:
        return HTMLResponse(page.render(name="Acme Ltd", rows=rows))

    return app


def _fill(engine: sa.Engine) -> None:
    """One customer the way the ledger opens them, and the others as copies of it."""
    ledger = Ledger(session_factory(engine), load_rulebook(ROOT / "deploy"))
    now = datetime.now(UTC)
    for number in range(INVOICES_EACH):
        _open(ledger, f"INV-0-{number}", now, number)
    with engine.begin() as connection:
        connection.execute(sa.text("set local statement_timeout = 0"))  # a million rows are no page's
        for table, key in _CLONED.items():
            columns = [column["name"] for column in sa.inspect(connection).get_columns(table)]
            if key == "id":
                columns.remove("id")
            copied = ", ".join(_renamed(column) for column in columns)
            connection.execute(
                sa.text(
                    f"insert into {table} ({', '.join(columns)}) select {copied} from {table},"
                    f" generate_series(1, {CUSTOMERS - 1}) as n"
                )
            )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("vacuum analyze"))


def _renamed(column: str) -> str:
    """A column of a copy: the ids carry the copy's number."""
    if column in ("customer_id", "owner_id"):
        return "'C-' || n"
    if column == "invoice_id":
        return "replace(invoice_id, 'INV-0-', 'INV-' || n || '-')"
    return column


def _open(ledger: Ledger, invoice_id: str, now: datetime, number: int) -> None:
    due = (now + timedelta(days=number * 5 - 25)).date()
    start = {
        "invoice": {
            "invoice_id": invoice_id,
            "number": f"R-{number}",
            "currency": ("USD", "EUR")[number % 2],
            "amount": "1250.00",
            "issued_on": str(due - timedelta(days=30)),
            "due_on": str(due),
            "description": "Support",
            "lines": [{"description": f"Hours {n}", "amount": "125.00"} for n in range(10)],
        },
        "customer": {
            "customer_id": _FIRST,
            "name": "Acme Ltd",
            "country": "US",
            "timezone": "America/New_York",
            "contacts": [{"role": "ap", "name": "Ann Payne", "email": "ap@acme.example"}],
        },
    }
    payment = {
        "payment_id": f"P-{number}",
        "amount": "250.00",
        "currency": ("USD", "EUR")[number % 2],
        "received_on": str(now.date()),
    }
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, started_time=now)
    opening = OpenCase(invoice_id=invoice_id, inputs=(_plain(start),), at=now)
    environment.run(ledger.open_case, opening)
    paid = SignalInput(name="payment_received", inputs=(_plain(payment),))
    environment.run(ledger.record_facts, RecordFacts(invoice_id=invoice_id, at=now, signals=(paid,)))


def _plain(value: object) -> RawInput:
    return RawInput.of(b"json/plain", json.dumps(value).encode())


async def _nobody(invoice_id: str) -> None:
    """Reading wakes nobody."""


class _NoWorkflows:
    """Reading asks no workflow anything."""

    async def ask(self, invoice_id: str, update: str, request: Mapping[str, Any], request_id: str) -> None:
        raise Unreachable

    async def tell(self, invoice_id: str, signal: str, fact: Mapping[str, Any]) -> None:
        raise Unreachable

    async def tell_account(self, customer_id: str, signal: str, fact: Mapping[str, Any]) -> None:
        raise Unreachable
