"""The storm: workers killed at random for a while, facts coming in, days going by. `make chaos` runs it."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path

import pytest
from temporalio.service import RPCError

from deploy.local_temporal import LocalTemporal
from store.schema import MessageState, TaskState
from tests import clock
from tests.faults.post import PostOffice
from tests.faults.worker_process import Told, WorkerProcess
from tests.premises import Premises, contact, eventually, failed_tasks, payment, start_input

INVOICES, PROCESSES, DAYS = 20, 2, 24
#: Successful sends without which the storm has tested nothing.
LEAST_SENDS = 30
LADDER = ["due", "overdue", "overdue_2", "call", "am_alert"]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1, 2])
async def test_nothing_is_sent_twice_lost_or_claimed_after_payment(
    premises: Premises, temporal: LocalTemporal, post: PostOffice, tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)
    told = Told(premises.database, temporal.address, post.port, timeout_s=4.0)
    time = clock.virtual_time(premises.client)
    invoices = [f"STORM-{seed}-{number}" for number in range(INVOICES)]
    ids = [f"invoice-{invoice_id}" for invoice_id in invoices]
    paid: set[str] = set()
    kills = 0

    async def weather(calm: asyncio.Event) -> None:
        """Kill a random process now and then, and start another."""
        nonlocal kills
        number = 0
        processes: list[WorkerProcess] = []
        with contextlib.ExitStack() as stack:
            while not calm.is_set():
                while len(processes) < PROCESSES:
                    number += 1
                    process = WorkerProcess(told, tmp_path / f"worker-{number}.log")
                    processes.append(stack.enter_context(process))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(calm.wait(), dice.uniform(3, 8))
                    break
                processes.pop(dice.randrange(len(processes))).kill()
                kills += 1

    calm = asyncio.Event()
    storm = asyncio.create_task(weather(calm))
    try:
        for invoice_id in invoices:
            customer = contact(f"ap@{invoice_id.lower()}.example")
            customer |= {"account_manager": {"name": "Sam", "email": f"sam@{invoice_id.lower()}.example"}}
            await premises.start(start_input(invoice_id, customer=customer), client=time.client)
        for _ in range(DAYS):
            for invoice_id in dice.sample(invoices, 3):
                await _fact(premises, dice, invoice_id, paid)
            with contextlib.suppress(RPCError, TimeoutError):
                await asyncio.wait_for(time.advance(time.now + timedelta(days=1), ids), 30)
    finally:
        calm.set()
        await storm

    with WorkerProcess(told, tmp_path / "calm.log"):
        for invoice_id in paid:
            await premises_paid(premises, invoice_id)
        for _ in range(3):
            await asyncio.wait_for(time.advance(time.now + timedelta(minutes=20), ids), 120)
            await asyncio.wait_for(time.idle(ids), 120)

    assert kills >= 5
    assert len(post.taken) >= LEAST_SENDS
    assert max(post.copies().values()) == 1
    about = Counter(item for mail in post.taken for item in _items(mail))
    assert max(about.values()) == 1, "no step of an invoice was sent twice"
    for invoice_id in invoices:
        _check(premises, invoice_id, invoice_id in paid)
        assert await failed_tasks(premises.handle(invoice_id)) == []


async def _fact(premises: Premises, dice: random.Random, invoice_id: str, paid: set[str]) -> None:
    """Something that an ERP tells, twice now and then."""
    handle = premises.handle(invoice_id)
    kind = dice.choice(["half", "rest", "note", "credit"])
    if kind == "half":
        name, fact = "payment_received", payment("P-1", "600.00")
    elif kind == "credit":
        name, fact = "credit_issued", {"credit_id": "CR-1", "amount": "50.00", "currency": "USD"}
    elif kind == "note":
        name, fact = "risk_noted", {"note_id": "N-1", "text": "late again"}
    else:
        name, fact = "payment_received", payment("P-9", "1250.00")
        paid.add(invoice_id)
    with contextlib.suppress(RPCError):  # it is paid and has ended
        for _ in range(dice.choice([1, 2])):
            await handle.signal(name, fact)


async def premises_paid(premises: Premises, invoice_id: str) -> None:
    await eventually(lambda: premises.ledger(invoice_id, "payment_received"), 60)


def _items(mail: bytes) -> list[str]:
    """The items a mail to a customer is about."""
    items = message_from_bytes(mail)["X-Duecourse-Items"]
    return [item.strip() for item in str(items).split(",")] if items else []


def _check(premises: Premises, invoice_id: str, paid: bool) -> None:
    messages = premises.messages(invoice_id)
    unknown = [message for message in messages if message.state is MessageState.SENDING]
    for message in unknown:
        listed = [task for task in premises.tasks(invoice_id) if task.ref == message.message_id]
        assert [task.state for task in listed] == [TaskState.OPEN], "what is unknown is visible"
    taken = [event.payload["step"] for event in premises.events(invoice_id, "step_taken")]
    assert taken == LADDER[: len(taken)], "no rung twice, none left out"
    if not paid and not unknown:
        assert len(taken) >= 4, f"{invoice_id} lost a step: {taken}"
    # Nothing is claimed once a payment that settles the invoice is known: both take the customer's lock.
    owed = 125_000
    for event in premises.events(invoice_id):
        if event.kind == "payment_received" or event.kind == "credit_issued":
            owed -= round(float(event.payload["amount"]) * 100)
        assert not (event.kind == "step_claimed" and owed <= 0), "claimed after the payment was known"
