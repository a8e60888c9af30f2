"""A portal on real servers: PostgreSQL, Temporal, a worker, the web server, and links to open it with."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from html import unescape
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from playwright.async_api import Browser, async_playwright
from pydantic import SecretStr

from activities.adapters.maildir import MaildirTransport
from activities.portal_links import PortalLinks
from activities.rulebook import load_rulebook
from deploy.local_process import free_port
from deploy.local_temporal import LocalTemporal
from settings import ROOT
from store.schema import PortalAnswerRow
from tests import clock
from tests.portal.looking import CHROMIUM
from tests.premises import NoPaper, Premises, connect, eventually, fresh_database, mails_in, start_input
from web.inbox.pages import Sandbox
from web.parts import Parts, Portal
from web.portal.workflows import TemporalWorkflows
from web.serving import serving

KEY = SecretStr("k" * 48)
_numbers = itertools.count(1)


@dataclass
class House:
    """One installation with its portal."""

    premises: Premises
    links: PortalLinks
    port: int
    maildir: Path
    exhibits: Path
    """The folder from which exhibits are handed out."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def bill(self, *, amount: str = "1250.00", days: int = 30, **told: Any) -> str:
        """A customer of its own with one invoice that is due in so many days; returns the invoice's id.

        Not due yet: nothing goes out by itself while a test looks.
        """
        from datetime import timedelta

        from tests.premises import noon_zone, today_in

        invoice_id = f"P-{next(_numbers)}"
        due = today_in(noon_zone()) + timedelta(days=days)
        invoice = {"amount": amount, "due_on": str(due)} | told.pop("invoice", {})
        await self.premises.start(start_input(invoice_id, invoice=invoice, **told))
        await eventually(lambda: self.premises.case(invoice_id) is not None)
        return invoice_id

    def link(self, invoice_id: str, **values: Any) -> str:
        """A fresh link for the customer of an invoice."""
        case = self.premises.case(invoice_id)
        assert case is not None
        with self.premises.sessions.begin() as session:
            return self.links.issue(session, case.customer_id, case.seller)

    def mails(self, invoice_id: str) -> list[Any]:
        """The mails that carry an invoice, oldest first."""
        found = [message_from_bytes(mail, policy=policy.default) for mail in mails_in(self.maildir)]
        return [mail for mail in found if f"{invoice_id}=" in str(mail["X-Duecourse-Items"])]

    def answers(self, invoice_id: str) -> list[PortalAnswerRow]:
        """What was answered about an invoice, oldest first."""
        case = self.premises.case(invoice_id)
        assert case is not None
        wanted = sa.select(PortalAnswerRow).where(PortalAnswerRow.customer_id == case.customer_id)
        with self.premises.sessions() as session:
            return list(session.scalars(wanted.order_by(PortalAnswerRow.recorded_at)))


class Visitor:
    """A customer without JavaScript: opens pages, fills in forms and presses their buttons."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self.client = client

    async def get(self, url: str, **headers: str) -> httpx2.Response:
        return await self.client.get(url, headers=headers)

    async def post(self, url: str, data: dict[str, Any], files: Any = None) -> httpx2.Response:
        return await self.client.post(url, data=data, files=files, follow_redirects=True)

    async def answer(self, url: str, data: dict[str, Any], files: Any = None) -> httpx2.Response:
        """Fill in a form, read what it says, and confirm it."""
        review = await self.post(url, data)
        assert review.status_code == 200, seen(review.text)
        return await self.confirm(review, files)

    async def confirm(self, review: httpx2.Response, files: Any = None) -> httpx2.Response:
        action, sealed = sealed_in(review.text)
        return await self.post(str(review.url.join(action)), {"sealed": sealed}, files)


def sealed_in(html: str) -> tuple[str, str]:
    """Where a page's confirming form goes, and what is sealed in it."""
    form = re.search(
        r'<form [^>]*action="([^"]+)"[^>]*>\s*<input type="hidden" name="sealed" value="([^"]+)"', html
    )
    assert form is not None, seen(html)
    return unescape(form[1]), unescape(form[2])


def seen(html: str) -> str:
    """What a page says."""
    body = re.sub(r"(?s)<(script|style|head).*?</\1>", " ", html)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


@asynccontextmanager
async def open_house(premises: Premises, folder: Path) -> AsyncIterator[House]:
    """The web server and a worker on these premises, until the block ends."""
    port = free_port()
    links = PortalLinks(f"http://127.0.0.1:{port}", KEY)
    parts = premises.parts(MaildirTransport(folder / "mail"), portal=links, threads=4)
    exhibits = folder / "exhibits"
    exhibits.mkdir()
    pages = Parts(
        sessions=premises.sessions,
        rulebook=load_rulebook(ROOT / "deploy", exhibits=exhibits),
        nudge=nudging(premises),
        portal=Portal(links, TemporalWorkflows(premises.client)),
        now=clock.now,
    )
    inbox = Sandbox(folder / "inbox", TemporalWorkflows(premises.client))
    async with premises.working(parts), serving(pages, "127.0.0.1", port, sandbox=inbox):
        yield House(premises, links, port, folder / "mail", exhibits)


def nudging(premises: Premises) -> Any:
    from workflows.invoice_collection import NUDGE

    async def nudge(invoice_id: str) -> None:
        await premises.handle(invoice_id).signal(NUDGE)

    return nudge


@pytest.fixture(scope="module")
async def house(
    temporal_server: LocalTemporal,
    postgres_url: str,
    database_template: str,
    worker_id: str,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> AsyncIterator[House]:
    name = f"{request.module.__name__.rsplit('.')[-1]}_{worker_id}"
    with fresh_database(postgres_url, database_template, name) as url:
        premises = Premises(url, await connect(temporal_server.address))
        async with open_house(premises, tmp_path_factory.mktemp("house")) as opened:
            yield opened
            async for execution in premises.client.list_workflows('ExecutionStatus="Running"'):
                with_suppressed = premises.client.get_workflow_handle(execution.id)
                try:
                    await with_suppressed.terminate("the tests are over")
                except Exception:
                    await asyncio.sleep(0)
        premises.engine.dispose()


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    assert CHROMIUM is not None, "no Chromium: deploy/system-packages test installs Debian's"
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield launched
        await launched.close()


@pytest.fixture
async def visitor() -> AsyncIterator[Visitor]:
    async with httpx2.AsyncClient(timeout=60) as client:
        yield Visitor(client)


__all__ = ["House", "NoPaper", "Visitor", "sealed_in", "seen"]
