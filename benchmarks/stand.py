"""The test stand: servers of our own in a folder that goes away, and worker processes beside them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from benchmarks.accounting import cpu_seconds
from deploy.local_postgres import LocalPostgres
from deploy.local_temporal import LocalTemporal
from settings import ROOT
from store.migrate import upgrade


@dataclass(frozen=True)
class Reading:
    """Seconds of processor time by process, and when that was."""

    at: float
    cpu: dict[str, float]

    def since(self, before: Reading) -> dict[str, float]:
        """What was used since an earlier reading."""
        return {name: used - before.cpu[name] for name, used in self.cpu.items()}


DUECOURSE, BARE = "duecourse", "bare"
SERVER, DATABASE = "server", "database"


class Stand:
    """PostgreSQL and Temporal, both writing to disk, and the workers of our own and of the bare kind."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.pids: dict[str, int] = {}

    def __enter__(self) -> Self:
        try:
            self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="duecourse-")))
            postgres = self._stack.enter_context(LocalPostgres(self.folder / "postgres", own=True))
            temporal = self._stack.enter_context(
                LocalTemporal(self.folder / "temporal", time_skipping=True, headless=True)
            )
            self.database, self.temporal = postgres.url, temporal.address
            self.pids = {DATABASE: _running(postgres.pid), SERVER: _running(temporal.pid)}
            upgrade(self.database)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def work(self, what: str, *options: str) -> None:
        """Start a worker process and wait until it works."""
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.bench_worker", what, self.temporal, self.database, *options],
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONDONTWRITEBYTECODE": "",
            },  # else every workflow compiles its module again
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._stack.callback(_end, process)
        assert process.stdout is not None, "it is a pipe"
        if process.stdout.readline() != "ready\n":
            raise RuntimeError(f"the {what} worker did not start; what it said stands above")
        self.pids[what] = process.pid

    def cpu(self) -> Reading:
        """Processor time used so far, by server, database and each worker."""
        return Reading(time.monotonic(), cpu_seconds(self.pids))


def _running(pid: int | None) -> int:
    assert pid is not None, "it has just started"
    return pid


def _end(process: subprocess.Popen[str]) -> None:
    with process:
        assert process.stdin is not None, "it is a pipe"
        process.stdin.close()
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()


@dataclass
class Skipper:
    """Starts workflows whose clocks stand still but for what they are told to skip."""

    client: Client
    clocks: dict[str, timedelta] = field(default_factory=dict)
    """How far each workflow is ahead of the real time."""

    def __post_init__(self) -> None:
        self._skipper = TimeSkipper(self.client, config=TimeSkippingConfig(enabled=False))

    async def start(self, workflow: str, input: Any, *, id: str, queue: str) -> None:
        await self._skipper.client.start_workflow(workflow, input, id=id, task_queue=queue)
        self.clocks[id] = timedelta(0)

    async def signal(self, id: str, name: str, *args: Any) -> None:
        await self._handle(id).signal(name, *args)

    def now(self, id: str) -> datetime:
        """The workflow's own time, to within what a call takes."""
        return datetime.now(UTC) + self.clocks[id]

    async def skip(self, id: str, to: timedelta) -> None:
        """Let a workflow live through so much time, doing all that falls due; it may end on the way."""
        target = self.now(id) + to
        try:
            await self._skipper.fast_forward(self._handle(id), to)
        except RPCError as error:
            if error.status not in (RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION):
                raise
        self.clocks[id] = target - datetime.now(UTC)

    def _handle(self, id: str) -> WorkflowHandle[Any, Any]:
        return self._skipper.client.get_workflow_handle(id)
