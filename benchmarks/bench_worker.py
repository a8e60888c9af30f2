"""A worker in a process of its own, so that its processor time can be read: ours without mail and paper, or
the bare one. It says `ready` on stdout and works until its stdin ends.

`python -m benchmarks.bench_worker duecourse|bare TEMPORAL DATABASE [--hold FOLDER]`
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Literal

from temporalio.client import Client

from activities.adapters.port import Accepted
from activities.paper.rendering import PdfRenderer
from activities.rulebook import load_rulebook
from benchmarks import bare
from settings import ROOT
from store.database import create_engine
from worker import Parts, workers
from workflows.converter import data_converter
from workflows.options import DOCUMENTS_QUEUE, LEDGER_QUEUE, MAIN_QUEUE

THREADS = 10
#: Files in the folder of `--hold`: the first lets the first papers go on to the mail, the second everything.
PAPERS, EVERYTHING = "papers", "everything"
_BLANK = b"%PDF-1.7\n"


class NoMail:
    """Takes every mail and does nothing."""

    proof: Literal["delivered"] = "delivered"

    def send(
        self, message_id: str, mail: bytes, *, sender: str, recipients: Sequence[str], timeout: float
    ) -> Accepted:
        return Accepted()


class NoPaper(PdfRenderer):
    """Every page is the same."""

    def render(self, html: str, *, timeout: float) -> bytes:
        return _BLANK


class HeldMail(NoMail):
    """A provider that takes its time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(
        self, message_id: str, mail: bytes, *, sender: str, recipients: Sequence[str], timeout: float
    ) -> Accepted:
        _wait_for(self._folder / EVERYTHING)
        return Accepted()


class HeldPaper(NoPaper):
    """Pages that take their time: those that fill the slots first are let through to the mail first."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._pages = itertools.count()

    def render(self, html: str, *, timeout: float) -> bytes:
        first = next(self._pages) < THREADS
        _wait_for(self._folder / (PAPERS if first else EVERYTHING))
        return _BLANK


def _wait_for(file: Path) -> None:
    while not file.exists():
        time.sleep(0.05)


async def main() -> None:
    """Parse the command line and work."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["duecourse", "bare"])
    parser.add_argument("temporal")
    parser.add_argument("database")
    parser.add_argument("--hold", type=Path)
    told = parser.parse_args()
    async with AsyncExitStack() as running:
        if told.what == "bare":
            client = await Client.connect(told.temporal)
            queues = [bare.QUEUE, *(f"bare-{queue}" for queue in (MAIN_QUEUE, LEDGER_QUEUE, DOCUMENTS_QUEUE))]
            every = bare.workers(client, queues, THREADS)
        else:
            client = await Client.connect(told.temporal, data_converter=data_converter)
            parts = Parts(
                engine=create_engine(told.database, pool_size=2 * THREADS + 2),
                rulebook=load_rulebook(ROOT / "deploy"),
                transport=HeldMail(told.hold) if told.hold else NoMail(),
                renderer=HeldPaper(told.hold) if told.hold else NoPaper(),
                threads=THREADS,
            )
            every = workers(client, parts)
        for each in every:
            await running.enter_async_context(each)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
