"""`make demo`: the whole system on this machine, living ninety days of a sample portfolio in two minutes."""

from __future__ import annotations

import asyncio
import logging
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import FrameType

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import make_url
from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client

from activities.adapters.letters import LetterQueue
from activities.adapters.maildir import MaildirTransport
from activities.paper.rendering import PdfRenderer, PdfUnavailable
from activities.portal_links import PortalLinks, key_in
from activities.print_queue import PrintQueue, days_of
from activities.rulebook import load_rulebook
from commands.failures import BadInput, Failed
from commands.place import DEMO
from commands.stack.day_by_day import DayByDay, first_day
from commands.stack.demo_life import DAYS, Diary, live
from commands.stack.demo_script import Staff, script
from commands.stack.demo_summary import faults_of, shown, summary, write_papers
from commands.stack.sample_portfolio import sample
from commands.stack.up import filter_links
from commands.terminal import day as day_text
from commands.terminal import note, notes, out, print_json
from deploy.local_process import is_locked
from deploy.local_stack import LOCK_FILE, LocalStack, StackAddress
from deploy.virtual_time import VirtualTime
from domain.channels import OFFERED_BY_ALL
from domain.vocabulary import Channel
from settings import ROOT, runtime
from store import migrate, portal
from store.database import create_engine, session_factory
from store.history import store_settled
from web import serving as web
from web.inbox.pages import Sandbox
from web.portal.workflows import TemporalWorkflows
from worker import Parts, workers
from workflows.converter import data_converter

_INTERRUPTED = 130
_THREADS = 10
_PDF_PROCESSES = 2


class _WithoutPdf(PdfRenderer):
    """Where pango is missing: says so without trying again for every letter."""

    def __init__(self, why: str) -> None:
        super().__init__()
        self._why = why

    def render(self, html: str, *, timeout: float) -> bytes:
        raise PdfUnavailable(self._why)


@dataclass(frozen=True)
class Demo:
    """One run: from when until when, over which state."""

    state: Path
    day0: date
    until: date
    leave: bool
    as_json: bool


def demo(
    until: date | None,
    exit: bool,
    as_json: bool,
    *,
    temporal_port: int | None = None,
    web_port: int | None = None,
) -> int:
    """Live the sample portfolio from its day 0, show what came of it, and stay up until told to stop.

    Returns the exit code: 1 where a message could not be written or sent, or none was sent.
    """
    day0 = first_day(datetime.now(UTC).date())
    if until is not None and until < day0:
        raise BadInput(f"--until: {until} is before the demo begins: name a day from {day0} on")
    run = Demo(DEMO.absolute(), day0, until or day0 + timedelta(days=DAYS), exit, as_json)
    signal.signal(signal.SIGTERM, _leave)
    _begin_anew(run.state)
    stack = LocalStack(run.state, temporal_port, web_port, durable=False, own_database=True)
    note(f"Starting PostgreSQL and Temporal in {run.state} …")
    try:
        address = stack.start()
        migrate.upgrade(address.database_url)
        return asyncio.run(_show(run, address))
    except KeyboardInterrupt:
        note("Interrupted")
        return _INTERRUPTED
    finally:
        stack.stop()


def _leave(number: int, frame: FrameType | None) -> None:
    """SIGTERM ends everything in order, like Ctrl-C."""
    raise KeyboardInterrupt


def _begin_anew(state: Path) -> None:
    """Empty the state folder, unless another demo runs on it."""
    if is_locked(state / LOCK_FILE):
        raise Failed(f"A demo is running on {state}: stop it first (Ctrl-C in its terminal)")
    if state.exists():
        shutil.rmtree(state)
    state.mkdir(parents=True)


async def _show(run: Demo, address: StackAddress) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with _working(run, address) as (client, made_of):
        sessions = session_factory(made_of.engine)
        days = DayByDay(VirtualTime(client), sessions)
        life = asyncio.create_task(_live(run, days, Staff(sessions)))
        if not await _unless_stopped(life, stop):
            note("Interrupted: stopping …")
            return _INTERRUPTED
        with sessions() as session:
            result = summary(session, run.state, run.day0, run.until)
            faults = faults_of(session, result, life.result().refused)
            papers = write_papers(session, run.state / "papers")
        if run.as_json:
            print_json(result)
        (notes() if run.as_json else out()).print(shown(result, life.result().seconds))
        if faults:
            note("The demo failed:")
            for fault in faults:
                note(f"  {fault}")
            note(f"Its mails and the logs of its servers are in {run.state}.")
            return 1
        if not run.leave:
            pages = web.local_parts(made_of.engine, made_of.rulebook, client, made_of.portal)
            sandbox = Sandbox(run.state / "inbox", TemporalWorkflows(client))
            async with web.serving(pages, "127.0.0.1", address.web_port, sandbox=sandbox):
                _announce(run, address, papers, _portal_link(sessions, made_of.portal))
                await stop.wait()
                note("Stopping …")
    return 0


async def _unless_stopped(life: asyncio.Task[Diary], stop: asyncio.Event) -> bool:
    """Wait for the life to end; False where it was told to stop before. Raises what went wrong in it."""
    told = asyncio.create_task(stop.wait())
    await asyncio.wait({life, told}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if not life.done():
        life.cancel()
        return False
    life.result()
    return True


@asynccontextmanager
async def _working(run: Demo, address: StackAddress) -> AsyncIterator[tuple[Client, Parts]]:
    """A worker in this process. It takes nothing from the environment: a demo mails nobody."""
    logging.getLogger("temporalio").setLevel(logging.ERROR)  # a busy machine is no news to who watches a demo
    client = await Client.connect(address.temporal, data_converter=data_converter, runtime=runtime())
    rulebook = load_rulebook(ROOT / "deploy", offers=OFFERED_BY_ALL | {Channel.PORTAL})
    letters = run.state / "letters"
    made_of = Parts(
        engine=create_engine(address.database_url, pool_size=3 * _THREADS),
        rulebook=rulebook,
        transport=MaildirTransport(run.state / "mail"),
        carriers={Channel.LETTER: LetterQueue(letters, days_of(rulebook))},
        letters=PrintQueue(letters, days_of(rulebook)),
        renderer=_renderer(),
        portal=PortalLinks(f"http://127.0.0.1:{address.web_port}", key_in(run.state)),
        threads=_THREADS,
    )
    async with AsyncExitStack() as running:
        running.callback(made_of.engine.dispose)
        running.callback(made_of.renderer.close)
        for worker in workers(client, made_of):
            await running.enter_async_context(worker)
        yield client, made_of


def _renderer() -> PdfRenderer:
    """The PDF processes, warm; a stand-in where this machine cannot make PDFs."""
    renderer = PdfRenderer(processes=_PDF_PROCESSES)
    try:
        renderer.render("<p>warm</p>", timeout=60)
    except PdfUnavailable as missing:
        renderer.close()
        note(f"PDFs are off, letters go without their statement: {missing}")
        return _WithoutPdf(str(missing))
    return renderer


async def _live(run: Demo, days: DayByDay, staff: Staff) -> Diary:
    portfolio = sample(run.day0)
    with staff.sessions.begin() as session:
        store_settled(session, portfolio.history, portfolio.customers)
    lived = (run.until - run.day0).days + 1
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=40),
        TextColumn("day {task.completed} of {task.total}"),
        TimeElapsedColumn(),
        console=notes(),
        disable=not sys.stderr.isatty(),
    )
    with progress:
        bar = progress.add_task("", total=lived)

        def on_day(day: date) -> None:
            offset = (day - run.day0).days
            progress.update(bar, completed=offset, description=f"{day:%a} {day_text(day):<11}")
            if progress.disable and offset % 10 == 0:
                note(f"day {offset}, {day_text(day)}")

        diary = await live(days, portfolio, run.until, script=script(run.day0), staff=staff, on_day=on_day)
        progress.update(bar, completed=lived)
    return diary


def _portal_link(sessions: sessionmaker[Session], links: PortalLinks | None) -> str:
    """A link into the account of the customer with the most open invoices, and whose it is."""
    if links is None:
        return "none"
    with sessions.begin() as session:
        shown = portal.with_most_open(session)
        if shown is None:
            return "none: nothing is open"
        customer_id, seller, name = shown
        return f"{links.issue(session, customer_id, seller)} ({name})"


def _announce(run: Demo, address: StackAddress, papers: int, link: str) -> None:
    """Where everything is, until Ctrl-C."""
    lines = [
        f"Temporal UI   {address.ui_url}",
        *(f"  {name:<20} {link}" for name, link in filter_links(address.ui_url).items()),
        f"Temporal      {address.temporal}",
        f"Database      {make_url(address.database_url).render_as_string()}",
        f"Mail          {run.state / 'mail'}",
        f"Portal        {link}",
        f"Inbox         http://127.0.0.1:{address.web_port}/inbox (read, answer, bounce and pay as a customer)",
        f"PDFs          {run.state / 'papers'} ({papers})",
        "",
        "In another terminal: python starter.py list, show INVOICE, worklist, pay INVOICE, …",
        "Ctrl-C ends it; the next demo begins anew.",
    ]
    print("\n".join(lines), file=sys.stderr if run.as_json else sys.stdout, flush=True)
