"""A worker in a process of its own, which stops at named points so that a test can kill or freeze it there.

`python -m tests.faults.worker_process JSON`. A point of a workflow is armed by a file `<workflow id>@<point>`
in the folder of gates; the first try that comes there leaves `….reached` and stands still until the gate is
taken away, later ones fail there. A process that is told no folder of gates stops nowhere. Points are
`<activity>:<n>:before` and `…:after`, the n-th commit of an activity, and the hooks of `send_notice`:
`before_claim`, `after_claim` and `after_acceptance`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.orm import Session
from temporalio import activity

from settings import ROOT
from tests.chaos.log import write


@dataclass(frozen=True)
class Told:
    """What such a process is told. `timeout_s` replaces the start-to-close time-out of every activity."""

    database: str
    temporal: str
    smtp_port: int
    gates: str = ""
    timeout_s: float = 3.0
    provider_timeout_s: float = 1.5
    claim_holds_s: float = 2.0
    threads: int = 30
    sendgrid: str = ""
    """Where a SendGrid listens; mail then goes there instead of by SMTP."""
    letters: str = ""
    """The folder of the print queue."""
    claims: str = ""
    """A file in which every claim is written down."""


@dataclass
class WorkerProcess:
    """One such process, as the test sees it."""

    told: Told
    log: Path

    def __enter__(self) -> WorkerProcess:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.worker_process", json.dumps(asdict(self.told))],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait(10)

    def kill(self) -> None:
        """SIGKILL: no good-bye, no clean-up."""
        self.process.kill()
        self.process.wait(10)

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)


def arm(gates: Path, workflow_id: str, point: str) -> Path:
    """Let whatever comes first to this point of a workflow stop there. Returns the gate."""
    gate = gates / f"{workflow_id}@{point}"
    gate.touch()
    return gate


def reached(gate: Path) -> bool:
    return gate.with_name(gate.name + ".reached").exists()


def open_gate(gate: Path) -> None:
    """Let what stands there go on."""
    gate.unlink()


# -- in the process itself -------------------------------------------------------------------------


def _stop_at(gates: Path, point: str) -> None:
    gate = gates / f"{activity.info().workflow_id}@{point}"
    if gate.exists():
        try:
            gate.with_name(gate.name + ".reached").touch(exist_ok=False)
        except FileExistsError:
            raise RuntimeError(f"another try stands at {point}") from None
    while gate.exists():
        time.sleep(0.02)


def _watch_commits(gates: Path) -> None:
    """Count the commits of each activity's attempt, and stop before and after them where armed."""
    counts: dict[bytes, int] = {}

    def at(when: str, session: Session) -> None:
        if not activity.in_activity() or session.in_nested_transaction():
            return
        info = activity.info()
        if when == "before":
            counts[info.task_token] = counts.get(info.task_token, 0) + 1
        _stop_at(gates, f"{info.activity_type}:{counts[info.task_token]}:{when}")

    event.listen(Session, "before_commit", lambda session: at("before", session))
    event.listen(Session, "after_commit", lambda session: at("after", session))


def _hook(told: Told, gates: Path, point: str) -> Callable[[], None]:
    def come() -> None:
        if point == "after_claim" and told.claims:
            info = activity.info()
            write(Path(told.claims), kind="claim", workflow=info.workflow_id, worker=os.getpid())
        _stop_at(gates, point)

    return come


async def _work(told: Told) -> None:
    import worker
    from activities import notices
    from activities.adapters.letters import LetterQueue
    from activities.adapters.sendgrid import SendGridTransport
    from activities.adapters.smtp import SmtpTransport
    from activities.print_queue import days_of
    from activities.rulebook import load_rulebook
    from domain.vocabulary import Channel
    from store.database import create_engine
    from tests.premises import NoPaper, connect
    from workflows import options

    gates = Path(told.gates or "/nonexistent")
    _watch_commits(gates)
    notices.PROVIDER_TIMEOUT_S, notices.CLAIM_HOLDS_S = told.provider_timeout_s, told.claim_holds_s
    for preset in (options.LEDGER, options.DRAFT, options.RENDER, options.SEND):
        preset["start_to_close_timeout"] = timedelta(seconds=told.timeout_s)
    points = ("before_claim", "after_claim", "after_acceptance")
    rulebook = load_rulebook(ROOT / "deploy")
    parts = worker.Parts(
        engine=create_engine(told.database, pool_size=told.threads * 3),
        rulebook=rulebook,
        carriers={Channel.LETTER: LetterQueue(Path(told.letters), days_of(rulebook))} if told.letters else {},
        transport=(
            SendGridTransport("SG.loopback", host=told.sendgrid)
            if told.sendgrid
            else SmtpTransport("127.0.0.1", told.smtp_port)
        ),
        renderer=NoPaper(),  # type: ignore[arg-type]
        threads=told.threads,
        notices={point: _hook(told, gates, point) for point in points},
    )
    async with contextlib.AsyncExitStack() as running:
        for each in worker.workers(await connect(told.temporal), parts):
            await running.enter_async_context(each)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_work(Told(**json.loads(sys.argv[1]))))
