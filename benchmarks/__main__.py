"""`python -m benchmarks [life|known|papers|pages|risk|scale|all]`: its figures as Markdown; see README.md."""

from __future__ import annotations

import argparse
import asyncio
import sys

from activities.paper.rendering import PdfUnavailable
from benchmarks import known, pages, papers, report, risk, scale
from benchmarks.life import Lives
from benchmarks.stand import BARE, DUECOURSE, Stand
from deploy.local_process import LocalServerError

ROUNDS = 5
CUSTOMERS = 8
ROUNDS_OF_TWENTY = 3


async def life() -> str:
    """An invoice, and one of a customer's twenty, each against the bare life that does the same."""
    with Stand() as stand:
        stand.work(DUECOURSE)
        stand.work(BARE)
        lives = await Lives.on(stand)
        await lives.warm_up()
        return report.life(
            [
                await lives.compare("an invoice", rounds=ROUNDS, customers=CUSTOMERS, invoices=1),
                await lives.compare("one of 20 invoices", rounds=ROUNDS_OF_TWENTY, customers=1, invoices=20),
            ]
        )


async def known_after() -> str:
    """How soon a payment is known."""
    with Stand() as stand:
        return report.known(await known.measure(stand))


def main() -> int:
    """Parse the command line, measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "what", choices=["life", "known", "papers", "pages", "risk", "scale", "all"], nargs="?", default="all"
    )
    what = parser.parse_args().what
    try:
        print(report.machine(), flush=True)
        if what in ("life", "all"):
            print(f"\n{asyncio.run(life())}", flush=True)
        if what in ("known", "all"):
            print(f"\n{asyncio.run(known_after())}", flush=True)
        if what in ("papers", "all"):
            print(f"\n{report.papers(papers.measure())}", flush=True)
        if what in ("pages", "all"):
            print(f"\n{report.pages(pages.measure())}", flush=True)
        if what in ("risk", "all"):
            print(f"\n{risk.as_markdown(risk.measure())}", flush=True)
        if what in ("scale", "all"):
            print(f"\n{report.scale(scale.measure())}", flush=True)
    except (LocalServerError, PdfUnavailable) as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
