"""From a real request to a case that wakes: SendGrid, its webhook and the workflow on their own servers."""

from __future__ import annotations

import asyncio
import time
import urllib.request
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.error import HTTPError

import pytest
import sqlalchemy as sa

from activities import notices
from activities.adapters.sendgrid import SendGridTransport
from activities.rulebook import load_rulebook
from deploy.local_process import free_port
from settings import ROOT, Settings
from store.schema import MessageRow, MessageState, TaskState
from tests.chaos.reports import WebProcess
from tests.faults.test_killed_workers import fate
from tests.premises import Premises, case_of, contact, eventually, failed_tasks, start_input
from tests.sendgrid_events import Signer, body_of, event
from tests.sendgrid_server import SendGridServer
from web.serving import parts, serving


async def post(port: int, body: bytes, headers: dict[str, str]) -> int:
    def ask() -> int:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/webhooks/sendgrid", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except HTTPError as refused:
            return refused.code

    return await asyncio.to_thread(ask)


async def test_sendgrid_from_the_first_call_to_the_last_report(
    premises: Premises, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "PROVIDER_TIMEOUT_S", 1.0)
    signer = Signer()
    settings = Settings.model_validate({"sendgrid_webhook_key": signer.public_key})
    ways = ("ann", "late", "drop", "error", "lost", "busy", "nobody")
    pages = parts(settings, premises.engine, load_rulebook(ROOT / "deploy"), premises.client)

    with SendGridServer() as sendgrid:
        transport = SendGridTransport("SG.key", host=sendgrid.url)
        async with premises.working(premises.parts(transport)), serving(pages, "127.0.0.1", 0) as port:
            to = {way: f"{way}@{way}.example" for way in ways}
            for way in ways:
                await premises.start(start_input(f"SG-{way}", customer=contact(to[way])))
            for way in ("late", "drop", "error", "lost"):
                await eventually(lambda way=way: fate(premises, f"SG-{way}") == "unknown")
            for way in ("ann", "busy"):
                await eventually(lambda way=way: fate(premises, f"SG-{way}") == "sent", 30)
            await eventually(lambda: fate(premises, "SG-nobody") == "failed")

            def message_of(way: str) -> str:
                return str(premises.messages(f"SG-{way}")[0].message_id)

            told = body_of(
                event("delivered", message_of("ann"), to["ann"]),
                event("delivered", message_of("late"), to["late"]),
                event("processed", message_of("drop"), to["drop"]),
                event("bounce", message_of("error"), to["error"], type="bounce", status="5.1.1"),
            )
            headers = signer.headers(told, datetime.now(UTC))
            assert await post(port, told.replace(b"delivered", b"bounce   "), headers) == 403
            assert fate(premises, "SG-late") == "unknown"
            assert await post(port, told, headers) == 200
            assert await post(port, told, headers) == 200
            for way in ("late", "drop", "error"):
                assert fate(premises, f"SG-{way}") == "sent"

            async def delivery(way: str) -> object:
                steps = (await case_of(premises.handle(f"SG-{way}")))["steps"]
                return steps[0]["delivery"] if steps else None

            expected = {"ann": "delivered", "late": "delivered", "drop": "accepted", "error": "bounced"}
            deadline = time.monotonic() + 20
            while {way: await delivery(way) for way in expected} != expected:
                assert time.monotonic() < deadline, "the workflows were not woken"
                await asyncio.sleep(0.1)

    copies = {way: sendgrid.copies_to(to[way]) for way in ways}
    assert copies == dict.fromkeys(ways, 1) | {"lost": 0, "nobody": 0}
    assert [task.kind for task in premises.tasks("SG-lost")] == ["unknown_delivery"]
    assert [task.kind for task in premises.tasks("SG-error", kind="contact")] == ["contact"]
    assert len(premises.messages("SG-ann", MessageState.SENT)) == 1
    for way in ways:
        assert await failed_tasks(premises.handle(f"SG-{way}")) == []


async def test_a_message_that_was_thought_lost_is_found_and_its_case_goes_on(premises: Premises) -> None:
    """SendGrid took the mails and answered 500, or took none: the look-up tells them apart, and sends nothing."""
    with SendGridServer() as sendgrid:
        transport = SendGridTransport("SG.key", host=sendgrid.url)
        async with premises.working(premises.parts(transport)):
            for way in ("error", "lost"):
                start = start_input(f"LOOK-{way}", customer=contact(f"{way}@look-{way}.example"))
                await premises.start(start)
                await eventually(lambda way=way: fate(premises, f"LOOK-{way}") == "unknown")
            check = await premises.raw_start("delivery-check-too-soon", [], kind="DeliveryCheck")
            await check.result()
            assert fate(premises, "LOOK-error") == "unknown", "its time has not come"

            earlier = MessageRow.unknown_since - sa.literal(timedelta(minutes=6), sa.Interval())
            with premises.sessions.begin() as session:
                session.execute(sa.update(MessageRow).values(unknown_since=earlier))
            check = await premises.raw_start("delivery-check-in-time", [], kind="DeliveryCheck")
            await check.result()
            assert fate(premises, "LOOK-error") == "sent"
            assert fate(premises, "LOOK-lost") == "unknown"
            deadline = time.monotonic() + 20
            while (await case_of(premises.handle("LOOK-error")))["steps"][0]["delivery"] != "accepted":
                assert time.monotonic() < deadline, "the workflow was not woken"
                await asyncio.sleep(0.1)

    assert {way: sendgrid.copies_to(f"{way}@look-{way}.example") for way in ("error", "lost")} == {
        "error": 1,
        "lost": 0,
    }
    states = {
        way: [task.state for task in premises.tasks(f"LOOK-{way}", kind="unknown_delivery")]
        for way in ("error", "lost")
    }
    assert states == {"error": [TaskState.DONE], "lost": [TaskState.OPEN]}


def test_the_web_process_starts_while_temporal_is_down(database: str, tmp_path: Path) -> None:
    """It comes back on its own after both were killed, in whatever order they are started."""
    nobody = f"127.0.0.1:{free_port()}"
    web = WebProcess(database, nobody, free_port(), Signer().public_key, tmp_path / "web.log")
    with web:
        for _ in range(100):
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{web.port}/readyz") as answer:
                assert answer.status == 200
                return
            time.sleep(0.2)
    pytest.fail((tmp_path / "web.log").read_text())
