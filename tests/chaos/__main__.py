"""The storm itself: `python -m tests.chaos [--seed N] [--seconds N]`.

Some hundred invoices climb the standard ladder on the real server while workers, PostgreSQL and Temporal are
killed at random and both mail providers misbehave; an ERP pays some of them, often twice, and some customers agree
on two instalments, half of whom pay them. The last line of
standard output is the reckoning as JSON; the exit code is 1 where anything was sent twice, lost, or claimed
after it was known to be paid.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import select
from temporalio.service import RPCError

from activities.plan_waking import workflow_id
from commands.stack.day_by_day import first_day
from deploy.local_postgres import LocalPostgres
from deploy.local_process import free_port
from deploy.local_temporal import LocalTemporal
from deploy.virtual_time import VirtualTime
from settings import ROOT, connect
from store.migrate import upgrade
from store.plans import open_plans
from store.schema import CaseRow, LedgerEntryRow
from tests.chaos import reckoning
from tests.chaos.log import write
from tests.chaos.providers import Post, Providers, sendgrid
from tests.chaos.reports import Reports, WebProcess
from tests.faults.worker_process import Told, WorkerProcess
from tests.premises import Premises
from tests.sendgrid_events import Signer
from tests.sendgrid_server import SendGridServer

FOLDER = ROOT / "var" / "chaos"
WORKERS = 2
_ZONE = "America/New_York"
#: From the day the invoices come: the last is due on day 14, its final notice on day 44, the first demand on day 53.
_DAYS = 51
_PAID = 0.3
#: Of those who do not pay at once, so many agree on a plan; every other one of them pays its instalments.
_PLANNED = 0.2
#: Days from the agreement to each instalment: the notice and the end of a plan that is not paid fall into the run.
_INSTALMENTS = (6, 16)
_TIMER = timedelta(minutes=2)
#: How long a case may take before the weather is to blame and it is left for the next round.
_PATIENCE_S = 12.0


@dataclass
class Storm:
    """One run: its servers, its dice and what it has seen."""

    seed: int
    invoice_count: int
    seconds: float
    postgres: LocalPostgres
    temporal: LocalTemporal
    premises: Premises
    told: list[Told]
    providers: Providers
    web: WebProcess
    reports: Reports
    logs: Path
    kills: Counter[str] = field(default_factory=Counter)
    known_ms: list[float] = field(default_factory=list)
    calm: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.day0 = first_day(datetime.now(UTC).date())
        self.clock = VirtualTime(self.premises.client, self._instant(self.day0, 7))
        self.invoices = [f"CH-{self.seed}-{number}" for number in range(self.invoice_count)]
        self._started: set[str] = set()
        self._pay_on = {
            invoice: self.dice.randrange(10, _DAYS - 4)
            for invoice in self.invoices
            if self.dice.random() < _PAID
        }
        self._plan_on = {
            invoice: self.dice.randrange(10, 18)
            for invoice in self.invoices
            if invoice not in self._pay_on and self.dice.random() < _PLANNED
        }
        self._keeps_plan = set(list(self._plan_on)[::2])

    def _instant(self, day: date, hour: int) -> datetime:
        from domain.calendar import zone_info

        return datetime(day.year, day.month, day.day, hour, tzinfo=zone_info(_ZONE)).astimezone(UTC)

    # -- weather ----------------------------------------------------------------------------------

    async def weather(self) -> None:
        """For so many seconds workers die every now and then, the servers too; each comes back."""
        with ExitStack() as stack:
            workers = [self._worker(stack) for _ in range(WORKERS)]
            began = time.monotonic()
            while time.monotonic() - began < self.seconds or min(self.kills[v] for v in _VICTIMS) < 3:
                await asyncio.sleep(self.dice.uniform(6, 14))
                victim = self.dice.choices([*_VICTIMS, "web"], [6, 2, 2, 1])[0]
                write(FOLDER / "faults.jsonl", kind="kill", victim=victim)
                self.kills[victim] += 1
                if victim == "web":
                    self.web.kill()
                    self.web.start()
                    continue
                if victim == "worker":
                    workers.pop(self.dice.randrange(len(workers))).kill()
                    workers.append(self._worker(stack))
                else:
                    server = self.postgres if victim == "postgres" else self.temporal
                    assert server.pid
                    os.kill(server.pid, signal.SIGKILL)
                    await asyncio.sleep(self.dice.uniform(0.2, 3))
                    await asyncio.to_thread(server.stop)
                    await asyncio.to_thread(server.start)
            await self.calm.wait()

    def _worker(self, stack: ExitStack) -> WorkerProcess:
        log = self.logs / f"worker-{sum(self.kills.values())}-{len(list(self.logs.iterdir()))}.log"
        return stack.enter_context(WorkerProcess(self.dice.choice(self.told), log))

    # -- the ERP ----------------------------------------------------------------------------------

    async def start_all(self) -> None:
        """Every invoice reaches Temporal, however often the ERP has to try."""
        for number, invoice_id in enumerate(self.invoices):
            await self._insist(lambda: self._start(invoice_id, number))  # noqa: B023  awaited at once

        while missing := set(self.invoices) - set(await asyncio.to_thread(self._opened)):
            await asyncio.gather(
                *(self._bring(f"invoice-{invoice_id}", self.clock.now) for invoice_id in missing)
            )

    def _opened(self) -> list[str]:
        with contextlib.suppress(sa.exc.DBAPIError), self.premises.sessions() as session:
            return list(session.scalars(select(CaseRow.invoice_id)))
        return []

    async def _start(self, invoice_id: str, number: int) -> None:
        due = self.day0 + timedelta(days=8 + number % 7)
        start = {
            "invoice": {
                "invoice_id": invoice_id,
                "currency": "USD",
                "amount": "1250.00",
                "issued_on": str(due - timedelta(days=30)),
                "due_on": str(due),
            },
            "customer": {
                "customer_id": f"C-{invoice_id}",
                "name": f"Customer {number}",
                "country": "US",
                "timezone": _ZONE,
                "account_manager": {"name": "Sam", "email": f"sam@{invoice_id.lower()}.example"},
                "contacts": [
                    {
                        "contact_id": "ann",
                        "role": "ap",
                        "name": "Ann",
                        "email": f"ap@{invoice_id.lower()}.example",
                    }
                ],
            },
        }
        await self.premises.start(start, client=self.clock.client)

    async def _insist(self, ask: Any) -> None:
        while True:
            try:
                await ask()
                return
            except RPCError as error:
                if "already" in str(error).lower():
                    return
                await asyncio.sleep(0.5)

    async def pay(self, day: int) -> None:
        """Those who pay on this day, all or an instalment; one in three webhooks comes twice."""
        for invoice_id in [each for each, on in self._pay_on.items() if on == day]:
            await self._pay(invoice_id, f"P-{invoice_id}", "1250.00", day)
        for invoice_id in self._keeps_plan:
            for number, after in enumerate(_INSTALMENTS, start=1):
                if self._plan_on[invoice_id] + after == day:
                    await self._pay(invoice_id, f"P-{invoice_id}-{number}", "625.00", day)

    async def _pay(self, invoice_id: str, payment_id: str, amount: str, day: int) -> None:
        handle = self.premises.handle(invoice_id)
        fact = {
            "payment_id": payment_id,
            "amount": amount,
            "currency": "USD",
            "received_on": str(self.day0 + timedelta(days=day)),
        }
        for _ in range(self.dice.choice([1, 1, 2])):
            await self._insist(lambda: handle.signal("payment_received", fact))
        acknowledged = time.monotonic()
        await self._until_known(payment_id)
        self.known_ms.append((time.monotonic() - acknowledged) * 1000)

    async def agree(self, day: int) -> None:
        """Those who agree on instalments on this day, as the portal asks for it: again until there is an answer."""
        for invoice_id in [each for each, on in self._plan_on.items() if on == day]:
            parts = [
                {"amount": "625.00", "due_on": str(self.day0 + timedelta(days=day + after))}
                for after in _INSTALMENTS
            ]
            request = {"instalments": parts, "by": "portal", "source": "portal"}
            while True:
                with contextlib.suppress(RPCError, TimeoutError):
                    asked = self.premises.handle(invoice_id).execute_update(
                        "propose_plan", request, id=f"plan-{invoice_id}"
                    )
                    await asyncio.wait_for(asked, _PATIENCE_S)
                    break
                await asyncio.sleep(0.5)

    async def _until_known(self, payment_id: str) -> None:
        row = select(LedgerEntryRow.id).where(
            LedgerEntryRow.event_id == payment_id, LedgerEntryRow.kind == "payment_received"
        )
        while True:
            with contextlib.suppress(sa.exc.DBAPIError):
                if await asyncio.to_thread(self._scalar, row):
                    return
            await asyncio.sleep(0.01)

    def _scalar(self, query: Any) -> Any:
        with self.premises.sessions() as session:
            return session.scalars(query).first()

    # -- time -------------------------------------------------------------------------------------

    def _awake(self, until: datetime) -> list[tuple[str, datetime | None]]:
        """Workflows of cases and plans that wake by then, and those that are at work."""
        cases = select(CaseRow.invoice_id, CaseRow.waiting_until).where(
            CaseRow.closed_at.is_(None),
            sa.or_(CaseRow.waiting_until.is_(None), CaseRow.waiting_until <= until),
        )
        with self.premises.sessions() as session:
            awake = [(f"invoice-{row.invoice_id}", row.waiting_until) for row in session.execute(cases)]
            return awake + [
                (workflow_id(plan.plan_id), plan.waiting_until)
                for plan in open_plans(session)
                if plan.waiting_until is None or plan.waiting_until <= until
            ]

    async def live_to(self, until: datetime, *, patient: bool = False) -> None:
        """Bring every case as far as it gets; in the storm whoever is stuck is left for the next day."""
        for _ in range(100 if patient else 3):
            try:
                awake = await asyncio.to_thread(self._awake, until)
            except sa.exc.DBAPIError:
                await asyncio.sleep(0.5)
                continue
            if not awake:
                return
            await asyncio.gather(*(self._bring(workflow, at or until) for workflow, at in awake))

    async def _bring(self, workflow: str, at: datetime) -> None:
        one = [workflow]
        with contextlib.suppress(RPCError, TimeoutError, RuntimeError):
            await asyncio.wait_for(self.clock.bring(one, at + _TIMER), _PATIENCE_S)
            await asyncio.wait_for(self.clock.idle(one), _PATIENCE_S)

    async def run(self) -> None:
        """Day by day through the storm and out of it, until every case has reached the last day."""
        began = time.monotonic()
        weather = asyncio.create_task(self.weather())
        try:
            await self.start_all()
            for day in range(_DAYS):
                await self.pay(day)
                await self.agree(day)
                await self.live_to(self._instant(self.day0 + timedelta(days=day), 17))
                print(
                    f"day {day} of {_DAYS}, {time.monotonic() - began:.0f} s, kills {dict(self.kills)}",
                    file=sys.stderr,
                    flush=True,
                )
            self.providers.calm = True
            last = self._instant(self.day0 + timedelta(days=_DAYS), 17)
            await self.live_to(last, patient=True)
            await asyncio.to_thread(self.reports.wait_until_told)
            await self.live_to(last, patient=True)  # for those whom a report has woken
        finally:
            self.calm.set()
            await weather


_VICTIMS = ("worker", "postgres", "temporal")


def main() -> int:
    """Run one storm and print its reckoning."""
    parser = argparse.ArgumentParser(
        description="Servers and providers failing at random, and the reckoning."
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--invoices", type=int, default=320)
    parser.add_argument("--seconds", type=float, default=180.0, help="servers are killed at least so long")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)  # servers that are down are no news here
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is stopped
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    began = time.monotonic()
    providers = Providers(FOLDER / "accepted.jsonl", asked.seed)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="duecourse-")))
        logs = FOLDER / "logs"
        logs.mkdir()
        postgres = stack.enter_context(LocalPostgres(folder / "postgres", own=True))
        temporal = stack.enter_context(
            LocalTemporal(folder / "temporal", free_port(), time_skipping=True, headless=True)
        )
        post = stack.enter_context(Post(providers=providers))
        upgrade(postgres.url)
        signer = Signer()
        web = stack.enter_context(
            WebProcess(postgres.url, temporal.address, free_port(), signer.public_key, logs / "web.log")
        )
        reports = stack.enter_context(Reports(signer, web.port, asked.seed))
        grid = stack.enter_context(SendGridServer(script=sendgrid(providers, reports)))
        common = {
            "timeout_s": 10.0,
            "provider_timeout_s": 3.0,
            "claim_holds_s": 4.0,
            "threads": 10,
            "claims": str(FOLDER / "faults.jsonl"),
        }
        told = [
            Told(postgres.url, temporal.address, post.port, **common),
            Told(postgres.url, temporal.address, post.port, sendgrid=grid.url, **common),
        ]

        async def storm() -> Storm:
            premises = Premises(postgres.url, await connect(temporal.address))
            run = Storm(
                asked.seed,
                asked.invoices,
                asked.seconds,
                postgres,
                temporal,
                premises,
                told,
                providers,
                web,
                reports,
                logs,
            )
            await run.run()
            return run

        run = asyncio.run(storm())
        with run.premises.sessions() as session:
            missed = reckoning.missed(session, providers.accepted, reports.bounced)
            after_bounced = reckoning.after_bounced(session, reports.bounced)
            missed += reckoning.missed_of_plans(session, reports.bounced)
            after_known = reckoning.after_known(session, run.invoices)
            plans = reckoning.plans(session)
            unknown, unseen = reckoning.unknown(session)
            opened = len(session.scalars(select(CaseRow.invoice_id)).all())
        run.premises.engine.dispose()
    figures = {
        "seed": asked.seed,
        "seconds": round(time.monotonic() - began),
        "invoices": opened,
        "kills": {victim: run.kills[victim] for victim in _VICTIMS},
        "sent": len(reckoning.read(providers.accepted)),
        "duplicates": reckoning.duplicates(providers.accepted),
        "missed": len(missed),
        "after_known": len(after_known),
        "unknown": unknown,
        "known_p50_ms": round(reckoning.percentile(run.known_ms, 50)),
        "known_p99_ms": round(reckoning.percentile(run.known_ms, 99)),
    }
    faults = reckoning.verdict(figures, plans, unseen) + after_bounced
    told = f"SendGrid told of {reports.told} events, {len(reports.bounced)} of them bounces"
    for line in [
        *faults,
        *missed[:20],
        *after_known[:20],
        f"providers: {providers.tally}",
        told,
        f"plans: {plans}",
    ]:
        print(line, file=sys.stderr)
    print(json.dumps(figures))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
