"""From a fact to the stop: a payment from the ERP or a promise from the portal comes in the middle of whatever is
done for its invoice, hundreds of times, and no claim comes after the fact was known.

Facts and claims take the customer's lock, so the order of their rows is the order in which they were known.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import WorkflowUpdateFailedError

from activities import notices
from activities.adapters.smtp import SmtpTransport
from activities.rulebook import load_rulebook
from settings import ROOT
from store.schema import MessageState
from tests.faults.post import PostOffice
from tests.premises import (
    NoPaper,
    Premises,
    becomes,
    contact,
    eventually,
    failed_tasks,
    noon_zone,
    payment,
    start_input,
    today_in,
)

STAGES = ("drafting", "rendering", "approval", "before_claim", "after_claim")
_RECORDED_AS = {"payment": "payment_received", "promise": "promise_made"}
FACTS = tuple(_RECORDED_AS)
#: Seconds: how long a stage takes, and how long after its beginning the fact comes.
_STAGE_TAKES, _FACT_COMES = 0.25, 0.12
#: Slots of every queue; more invoices than that are under way together, so that all of them are taken.
_SLOTS, _TOGETHER = 4, 10


@dataclass
class Stages:
    """Notes when the activities of an invoice come to a stage, and lets it take its time."""

    seed: int
    _reached: dict[tuple[str, str], threading.Event] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reached(self, invoice_id: str, stage: str) -> threading.Event:
        with self._lock:
            return self._reached.setdefault((f"invoice-{invoice_id}", stage), threading.Event())

    def come(self, stage: str) -> None:
        """What an activity calls where it stands at a stage."""
        workflow_id = activity.info().workflow_id
        self.reached(workflow_id.removeprefix("invoice-"), stage).set()
        time.sleep(random.Random(f"{self.seed}-{workflow_id}-{stage}").uniform(0, _STAGE_TAKES))


class StagedPaper(NoPaper):
    """No PDF, but as long about it."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages

    def render(self, html: str, *, timeout: float) -> bytes:
        self._stages.come("rendering")
        return super().render(html, timeout=timeout)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Our policies, and `asked`: the sandbox's with an approval before the due notice."""
    folder = tmp_path / "deploy"
    shutil.copytree(ROOT / "deploy", folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    sandbox = (folder / "policies" / "sandbox.toml").read_text()
    asked = sandbox.replace('name = "sandbox"', 'name = "asked"').replace(
        "day = 0\n", "day = 0\napproval = true\n"
    )
    assert asked.count("approval = true") == 1
    (folder / "policies" / "asked.toml").write_text(asked)
    return folder


@dataclass
class Interleaving:
    """One invoice, and where in its life the fact comes."""

    seed: int
    number: int
    stage: str
    fact: str
    dice: random.Random

    @property
    def invoice_id(self) -> str:
        return f"STOP-{self.seed}-{self.number}-{self.stage}-{self.fact}"

    async def live(self, premises: Premises, stages: Stages) -> None:
        """Start the invoice, wait for the stage, and let the fact come about then."""
        told = contact(f"ap@{self.seed}-{self.number}.example")
        policy = "asked" if self.stage == "approval" else "sandbox"
        await premises.start(start_input(self.invoice_id, customer=told) | {"policy": policy})
        if self.stage == "approval":
            await eventually(lambda: premises.waiting_on(self.invoice_id) == "approval")
            approval = asyncio.create_task(self._approve(premises))
        else:
            at_stage = stages.reached(self.invoice_id, self.stage)
            await eventually(at_stage.is_set, 60, every=0.01)
        await asyncio.sleep(self.dice.uniform(0, _FACT_COMES))
        await self._tell(premises)
        if self.stage == "approval":
            await approval

    async def _approve(self, premises: Premises) -> None:
        await asyncio.sleep(self.dice.uniform(0, _FACT_COMES))
        request = {"step": "due", "approve": True, "by": "kim"}
        with contextlib.suppress(WorkflowUpdateFailedError):  # the fact was faster
            await premises.handle(self.invoice_id).execute_update("decide_step", request)

    async def _tell(self, premises: Premises) -> None:
        handle = premises.handle(self.invoice_id)
        if self.fact == "payment":
            await handle.signal("payment_received", payment("P-1"))
        else:
            pay_by = str(today_in(noon_zone()) + timedelta(days=5))
            await handle.execute_update("promise_to_pay", {"pay_by": pay_by, "by": "portal"})

    def is_known(self, premises: Premises) -> bool:
        return bool(premises.events(self.invoice_id, _RECORDED_AS[self.fact]))

    def sent(self, premises: Premises) -> int:
        return sum(m.step == "due" for m in premises.messages(self.invoice_id, MessageState.SENT))

    def claims(self, premises: Premises) -> tuple[int, int]:
        """Claims that ask for money, before the fact was known and after it."""
        events = premises.events(self.invoice_id)
        (known,) = (event.id for event in events if event.kind == _RECORDED_AS[self.fact])
        asked = [e.id for e in events if e.kind == "step_claimed" and e.payload["step"] == "due"]
        return sum(each < known for each in asked), sum(each > known for each in asked)


async def interleave(
    premises: Premises,
    post: PostOffice,
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    count: int,
    late_s: float,
) -> Counter[tuple[str, int]]:
    """So many invoices, a fact in the middle of each. Returns how often a stage ended with how many mails.

    A case that found another's hand on its message looks again after a minute; `late_s` may wait for that.
    """
    stages, dice = Stages(seed), random.Random(seed)
    write = notices.write_words

    def staged(*args: Any, **named: Any) -> None:
        stages.come("drafting")
        write(*args, **named)

    monkeypatch.setattr(notices, "write_words", staged)
    every = [
        Interleaving(
            seed, number, STAGES[number % len(STAGES)], dice.choice(FACTS), random.Random(f"{seed}-{number}")
        )
        for number in range(count)
    ]
    parts = premises.parts(
        SmtpTransport("127.0.0.1", post.port),
        rulebook=load_rulebook(config),
        renderer=StagedPaper(stages),
        threads=_SLOTS,
        notices={point: lambda point=point: stages.come(point) for point in ("before_claim", "after_claim")},
    )
    ended: Counter[tuple[str, int]] = Counter()
    together = asyncio.Semaphore(_TOGETHER)

    async def one(each: Interleaving) -> None:
        async with together:
            await each.live(premises, stages)
            await eventually(lambda: each.is_known(premises), 60)

    async with premises.working(parts):
        await asyncio.gather(*(one(each) for each in every))
        await asyncio.sleep(late_s)  # what would come too late has time to come
        for each in every:
            before, after = await asyncio.to_thread(each.claims, premises)
            assert after == 0, f"{each.invoice_id}: claimed after the {each.fact} was known"
            await becomes(lambda: each.sent(premises), before)  # noqa: B023  awaited at once
            ended[each.stage, before] += 1
            assert await failed_tasks(premises.handle(each.invoice_id)) == []
    arrived = Counter(message_from_bytes(mail)["X-Duecourse-Message"] for mail in post.taken)
    assert set(arrived.values()) <= {1}
    return ended


async def test_a_fact_at_any_stage_stops_the_message(
    premises: Premises, post: PostOffice, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = await interleave(premises, post, config, monkeypatch, seed=1, count=30, late_s=3)
    assert ended["drafting", 0] + ended["rendering", 0] >= 6
    assert ended["after_claim", 1] >= 3


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_two_hundred_and_twenty_interleavings(
    premises: Premises, post: PostOffice, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = await interleave(premises, post, config, monkeypatch, seed=2, count=220, late_s=75)
    assert sum(ended.values()) == 220
    for stage in STAGES:
        assert ended[stage, 0] + ended[stage, 1] == 44
    assert sum(count for (_, mails), count in ended.items() if mails == 0) > 40
    assert sum(count for (_, mails), count in ended.items() if mails == 1) > 40
