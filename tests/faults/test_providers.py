"""Providers that are slow, hang up, are busy or refuse: one copy at most, and what is unknown is visible."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from activities import notices
from activities.adapters.smtp import SmtpTransport
from store.schema import MessageState, TaskState
from tests.faults.post import PostOffice
from tests.faults.test_killed_workers import fate
from tests.premises import Premises, contact, eventually, failed_tasks, start_input
from workflows import options


async def begin(premises: Premises, invoice_id: str, local_part: str) -> str:
    """Start an invoice whose due notice goes out at once; returns the address written to."""
    address = f"{local_part}@{invoice_id.lower()}.example"
    await premises.start(start_input(invoice_id, customer=contact(address)))
    return address


async def test_late_lost_busy_and_refused(
    premises: Premises, post: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "PROVIDER_TIMEOUT_S", 1.0)
    ways = {"late": "LATE", "drop": "DROP", "busy": "BUSY", "nobody": "NOBODY"}
    async with premises.working(premises.parts(SmtpTransport("127.0.0.1", post.port))):
        to = {way: await begin(premises, invoice_id, way) for way, invoice_id in ways.items()}
        for unknown in ("LATE", "DROP"):
            await eventually(lambda id=unknown: fate(premises, id) == "unknown")
        await eventually(lambda: fate(premises, "BUSY") == "sent")
        await eventually(lambda: fate(premises, "NOBODY") == "failed")
        await asyncio.sleep(3)

    assert {way: post.copies_to(to[way]) for way in ways} == {"late": 1, "drop": 1, "busy": 1, "nobody": 0}
    for unknown in ("LATE", "DROP"):
        assert len(premises.tasks(unknown, kind="unknown_delivery")) == 1
        assert premises.waiting_on(unknown) == "delivery"
    assert post.refusals[to["busy"]] == post.busy_for
    assert premises.tasks("BUSY") == []
    assert post.refusals[to["nobody"]] == 1, "no hot loop"
    assert "contact" in {task.kind for task in premises.tasks("NOBODY")}
    assert premises.waiting_on("NOBODY") == "person"
    for invoice_id in ways.values():
        assert await failed_tasks(premises.handle(invoice_id)) == []


async def test_an_activity_that_times_out_while_the_provider_takes_its_time_sends_once(
    premises: Premises, post: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen elsewhere: start-to-close 5 s, an answer after 12 s, no crash at all: four copies."""
    monkeypatch.setitem(options.SEND, "start_to_close_timeout", timedelta(seconds=1))
    post.late_s = 4
    async with premises.working(premises.parts(SmtpTransport("127.0.0.1", post.port))):
        address = await begin(premises, "IMPATIENT-1", "late")
        await eventually(lambda: fate(premises, "IMPATIENT-1") == "unknown")
        await eventually(lambda: premises.tasks("IMPATIENT-1", kind="unknown_delivery"))
        await eventually(lambda: fate(premises, "IMPATIENT-1") == "sent")

    assert post.copies_to(address) == 1
    states = [task.state for task in premises.tasks("IMPATIENT-1", kind="unknown_delivery")]
    assert states == [TaskState.DONE]
    assert len(premises.messages("IMPATIENT-1", MessageState.SENT)) == 1
    assert await failed_tasks(premises.handle("IMPATIENT-1")) == []
