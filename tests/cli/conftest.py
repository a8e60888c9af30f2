"""An office: the command line against real servers, as staff use it, with a worker that does the work."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select
from temporalio.client import Client
from temporalio.service import RPCError

import starter
from activities.adapters.maildir import MaildirTransport
from activities.rulebook import load_rulebook
from deploy.local_process import FolderLock
from deploy.local_stack import ADDRESS_FILE, LOCK_FILE, StackAddress
from deploy.local_temporal import LocalTemporal
from settings import ROOT
from store import customers
from store.database import create_engine, session_factory
from store.schema import CaseRow
from tests import clock
from tests.premises import NoPaper
from worker import Parts, workers
from workflows.invoice_collection import workflow_id


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Office:
    """Runs commands against one stack."""

    state: Path
    capsys: pytest.CaptureFixture[str]

    @property
    def mail(self) -> Path:
        return self.state / "mail"

    def save(self, name: str, content: bytes) -> str:
        """A file to give to a command."""
        file = self.state / name
        file.write_bytes(content)
        return str(file)

    async def run(self, *words: str) -> Said:
        """Run a command on this stack. In a thread: a command has an event loop of its own."""
        self.capsys.readouterr()
        code = await asyncio.to_thread(starter.main, [*words, "--state", str(self.state)])
        said = self.capsys.readouterr()
        return Said(code, said.out, said.err)

    async def done(self, *words: str) -> Said:
        """Run a command that must do what it is asked."""
        said = await self.run(*words)
        assert said.code == 0, said
        return said

    async def json(self, *words: str) -> Any:
        """Run a command that must do what it is asked, and read its JSON document."""
        return (await self.done(*words, "--json")).document


@pytest.fixture
async def office(
    database: str,
    temporal_client: Client,
    temporal_server: LocalTemporal,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Office]:
    """A stack as `up` leaves it, with a worker in this process; nothing runs on when the test is over."""
    for patience in (
        "telling.tell.RECORDED_WITHIN_S",
        "telling.tell.ANSWERED_WITHIN_S",
        "files.import_files.NO_MORE_OPENED_S",
    ):
        monkeypatch.setattr(f"commands.{patience}", 60.0)  # the machine may be busy
    lock = FolderLock(tmp_path / LOCK_FILE)
    lock.acquire()
    address = StackAddress(database, temporal_server.address, "http://127.0.0.1:0", 0)
    (tmp_path / ADDRESS_FILE).write_text(json.dumps(asdict(address)), encoding="utf-8")
    parts = Parts(
        engine=create_engine(database, pool_size=16),
        rulebook=load_rulebook(ROOT / "deploy"),
        transport=MaildirTransport(tmp_path / "mail"),
        renderer=NoPaper(),  # type: ignore[arg-type]  papers are not what is tested here
        threads=4,
    )
    if clock.AHEAD:  # a stack's business time is the newest that it has lived
        with session_factory(parts.engine).begin() as session:
            customers.advance(customers.lock(session, "LIVED-TODAY"), clock.now())
    async with AsyncExitStack() as running:
        running.callback(lock.release)
        running.callback(parts.engine.dispose)
        for worker in workers(temporal_client, parts):
            await running.enter_async_context(worker)
        running.push_async_callback(_end_all, temporal_client, parts.engine)
        yield Office(tmp_path, capsys)


async def _end_all(client: Client, engine: Engine) -> None:
    """End what runs: the server's list lags behind by a moment, so that the cases are asked for as well."""
    with engine.connect() as connection:
        ids = {workflow_id(invoice_id) for invoice_id in connection.scalars(select(CaseRow.invoice_id))}
    ids.update([execution.id async for execution in client.list_workflows('ExecutionStatus="Running"')])
    for id_ in sorted(ids):
        with suppress(RPCError):
            await client.get_workflow_handle(id_).terminate("the test is over")
