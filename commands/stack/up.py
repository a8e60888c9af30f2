"""The local stack in one process: database, Temporal, schema, worker; up until Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import quote

from pydantic import SecretStr
from sqlalchemy import make_url

from activities.portal_links import key_in
from commands.place import EXHIBITS, UP
from commands.terminal import note
from deploy.local_stack import LocalStack, StackAddress
from deploy.local_temporal import NAMESPACE
from settings import Settings, connect
from store import migrate
from web import serving as web
from web.inbox.pages import Sandbox
from web.portal.workflows import TemporalWorkflows
from worker import Parts, parts, workers
from workflows.schedules import ensure_schedules

#: What staff look for in the Temporal UI, as queries over our search attributes.
FILTERS: Mapping[str, str] = {
    "open invoices": 'WorkflowType="InvoiceCollection" AND ExecutionStatus="Running"',
    "waiting for approval": 'WaitingOn="approval" AND ExecutionStatus="Running"',
    "waiting for a person": 'WaitingOn="person" AND ExecutionStatus="Running"',
    "disputed": 'WaitingOn="dispute" AND ExecutionStatus="Running"',
    "high risk": 'Risk="high" AND ExecutionStatus="Running"',
    "at the last steps": 'Stage IN ("credit_hold", "demand") AND ExecutionStatus="Running"',
}


def filter_links(ui_url: str) -> dict[str, str]:
    """Links into the Temporal UI that open with a filter set."""
    base = f"{ui_url}/namespaces/{NAMESPACE}/workflows?query="
    return {name: base + quote(query) for name, query in FILTERS.items()}


@asynccontextmanager
async def working(address: StackAddress, settings: Settings) -> AsyncIterator[Parts]:
    """A worker for all task queues of a stack, in this process; what is under way is finished at the end."""
    made_of = parts(settings)
    client = await connect(address.temporal)
    try:
        async with AsyncExitStack() as running:
            for worker in workers(client, made_of):
                await running.enter_async_context(worker)
            yield made_of
    finally:
        made_of.renderer.close()
        made_of.engine.dispose()


def stack_settings(address: StackAddress, state: Path) -> Settings:
    """The settings of a stack: its own database, mail into `mail/` unless another way is named, letters into
    `letters/`, exhibits from `exhibits/` unless another folder is named, and a portal on this machine unless
    customers reach it elsewhere."""
    settings = Settings()
    (state / EXHIBITS).mkdir(parents=True, exist_ok=True)
    return settings.model_copy(
        update={
            "database_url": SecretStr(address.database_url),
            "maildir": state / "mail",
            "letters": state / "letters",
            "exhibit_folder": settings.exhibit_folder or state / EXHIBITS,
            "portal_url": settings.portal_url or f"http://127.0.0.1:{address.web_port}",
            "portal_key": settings.portal_key or key_in(state),
        }
    )


def up(state: Path | None, temporal_port: int, web_port: int) -> None:
    """Run the stack until it is told to stop; everything it holds is kept."""
    folder = (state or UP).absolute()
    stack = LocalStack(folder, temporal_port, web_port)
    note(f"Starting PostgreSQL and Temporal in {folder} …")
    try:
        address = stack.start()
        migrate.upgrade(address.database_url)
        asyncio.run(_work(address, folder))
        note("Stopping …")
    finally:
        stack.stop()


async def _work(address: StackAddress, folder: Path) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    settings = stack_settings(address, folder)
    async with working(address, settings) as made_of:
        client = await connect(address.temporal)
        await ensure_schedules(
            client,
            erp=made_of.erp is not None,
            inbox=bool(made_of.inboxes),
            feeds=bool(made_of.feeds),
        )
        pages = web.parts(settings, made_of.engine, made_of.rulebook, client)
        sandbox = None
        if settings.mail == "maildir":
            sandbox = Sandbox(folder / "inbox", TemporalWorkflows(client))
        async with web.serving(
            pages, "127.0.0.1", address.web_port, proxies=settings.web_proxies, sandbox=sandbox
        ):
            _announce(address, folder)
            await stop.wait()
            note("Finishing what is under way …")


def _announce(address: StackAddress, folder: Path) -> None:
    lines = [
        f"Temporal      {address.temporal}",
        f"Temporal UI   {address.ui_url}",
        *(f"  {name:<20} {link}" for name, link in filter_links(address.ui_url).items()),
        f"Database      {make_url(address.database_url).render_as_string()}",
        f"Mail          {folder / 'mail'}",
        "Portal        python starter.py portal link CUSTOMER",
        f"Inbox         http://127.0.0.1:{address.web_port}/inbox (where mails are files)",
        f"Web           http://127.0.0.1:{address.web_port} (delivery reports: POST /webhooks/sendgrid)",
        "",
        "Ready. In another terminal: python starter.py import FILE.csv, list, show INVOICE, worklist",
        "Ctrl-C ends it; everything is kept.",
    ]
    print("\n".join(lines), file=sys.stdout, flush=True)
