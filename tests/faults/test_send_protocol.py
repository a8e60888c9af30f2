"""The send protocol, proven by killing and freezing real worker processes inside `send_notice`."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import Client

from deploy.local_temporal import LocalTemporal
from deploy.virtual_time import VirtualTime
from store.schema import MessageState, TaskState
from tests.faults.post import PostOffice
from tests.faults.worker_process import Told, WorkerProcess, arm, open_gate, reached
from tests.premises import Premises, eventually, failed_tasks, start_input

#: Invoices for each point; each has a customer of its own.
EACH = 3


@pytest.fixture
def told(premises: Premises, temporal: LocalTemporal, post: PostOffice, gates: Path) -> Told:
    return Told(premises.database, temporal.address, post.port, str(gates))


async def begin(
    premises: Premises, invoice_id: str, local_part: str = "ap", *, client: Client | None = None
) -> None:
    """Start an invoice whose due notice goes out at once."""
    contact = {
        "contact_id": "ann",
        "role": "ap",
        "name": "Ann Payne",
        "email": address(invoice_id, local_part),
    }
    await premises.start(start_input(invoice_id, customer={"contacts": [contact]}), client=client)


def address(invoice_id: str, local_part: str = "ap") -> str:
    return f"{local_part}@{invoice_id.lower()}.example"


def is_unknown(premises: Premises, invoice_id: str) -> bool:
    messages = premises.messages(invoice_id, MessageState.SENDING)
    return len(messages) == 1 and messages[0].unknown_since is not None


def is_sent(premises: Premises, invoice_id: str) -> bool:
    return len(premises.messages(invoice_id, MessageState.SENT)) == 1


async def assert_clean(premises: Premises, invoice_ids: list[str]) -> None:
    for invoice_id in invoice_ids:
        assert await failed_tasks(premises.handle(invoice_id)) == []


async def test_killed_before_the_claim_after_it_and_after_acceptance(
    premises: Premises, told: Told, post: PostOffice, gates: Path, tmp_path: Path
) -> None:
    points = ("before_claim", "after_claim", "after_acceptance")
    at = {point: [f"KILL-{point}-{n}".replace("_", "-") for n in range(EACH)] for point in points}
    everyone = [invoice_id for invoice_ids in at.values() for invoice_id in invoice_ids]
    stops = [arm(gates, invoice_id, point) for point in points for invoice_id in at[point]]
    with WorkerProcess(told, tmp_path / "first.log") as first:
        for invoice_id in everyone:
            await begin(premises, invoice_id)
        await eventually(lambda: all(map(reached, stops)), 60)
        first.kill()
    with WorkerProcess(told, tmp_path / "second.log"):
        for invoice_id in at["before_claim"]:
            await eventually(lambda id=invoice_id: is_sent(premises, id), 60)
        for invoice_id in [*at["after_claim"], *at["after_acceptance"]]:
            await eventually(lambda id=invoice_id: is_unknown(premises, id), 60)

    for invoice_id in at["before_claim"]:
        assert post.copies_to(address(invoice_id)) == 1
        assert premises.tasks(invoice_id, kind="unknown_delivery") == []
    for invoice_id in at["after_claim"]:
        assert post.copies_to(address(invoice_id)) == 0
        assert len(premises.tasks(invoice_id, kind="unknown_delivery")) == 1
    for invoice_id in at["after_acceptance"]:
        assert post.copies_to(address(invoice_id)) == 1
        assert len(premises.tasks(invoice_id, kind="unknown_delivery")) == 1
    assert max(post.copies().values()) == 1
    assert len(post.taken) == 2 * EACH
    await assert_clean(premises, everyone)


async def test_a_process_frozen_past_its_timeout_never_makes_a_second_copy(
    premises: Premises, told: Told, post: PostOffice, gates: Path, tmp_path: Path
) -> None:
    before, claimed, accepted = (f"FREEZE-{n}" for n in range(3))
    stops = {
        before: arm(gates, before, "before_claim"),
        claimed: arm(gates, claimed, "after_claim"),
        accepted: arm(gates, accepted, "after_acceptance"),
    }
    time = VirtualTime(premises.client)
    with WorkerProcess(told, tmp_path / "frozen.log") as frozen:
        for invoice_id in stops:
            await begin(premises, invoice_id, client=time.client)
        await eventually(lambda: all(map(reached, stops.values())), 60)
        frozen.freeze()
        with WorkerProcess(told, tmp_path / "other.log"):
            await eventually(lambda: is_sent(premises, before), 60)
            await eventually(lambda: is_unknown(premises, claimed) and is_unknown(premises, accepted), 60)
            await asyncio.sleep(told.claim_holds_s)  # until every claim is older than it may be
            for stop in stops.values():
                open_gate(stop)
            frozen.thaw()
            # Who comes back late learns what happened meanwhile; its own word counts where it is certain.
            await eventually(lambda: is_sent(premises, accepted), 60)
            await eventually(lambda: not premises.messages(claimed, MessageState.SENDING), 60)
            await time.advance(time.now + timedelta(hours=1), [f"invoice-{id}" for id in stops])
            await eventually(lambda: is_sent(premises, claimed), 60)

    assert [post.copies_to(address(invoice_id)) for invoice_id in stops] == [1, 1, 1]
    for invoice_id in stops:
        open_items = [task for task in premises.tasks(invoice_id) if task.state == TaskState.OPEN]
        assert open_items == [], "what is known to be sent is no longer asked about"
    await assert_clean(premises, list(stops))


async def test_a_provider_that_answers_too_late_gets_one_copy(
    premises: Premises, told: Told, post: PostOffice, tmp_path: Path
) -> None:
    with WorkerProcess(told, tmp_path / "worker.log"):
        for local_part in ("late", "drop"):
            await begin(premises, f"SLOW-{local_part}", local_part)
        for local_part in ("late", "drop"):
            await eventually(lambda part=local_part: is_unknown(premises, f"SLOW-{part}"), 60)
        await asyncio.sleep(2 * told.timeout_s)

    for local_part in ("late", "drop"):
        invoice_id = f"SLOW-{local_part}"
        assert post.copies_to(address(invoice_id, local_part)) == 1
        assert len(premises.tasks(invoice_id, kind="unknown_delivery")) == 1
        case = premises.case(invoice_id)
        assert case is not None
        assert case.waiting_on == "delivery"
    await assert_clean(premises, ["SLOW-late", "SLOW-drop"])


async def test_an_activity_that_times_out_while_the_provider_takes_its_time_sends_once(
    premises: Premises, told: Told, post: PostOffice, tmp_path: Path
) -> None:
    """Seen elsewhere: start-to-close 5 s, an answer after 12 s, no crash at all: four copies."""
    post.late_s = 6
    impatient = replace(told, timeout_s=2, provider_timeout_s=20)
    with WorkerProcess(impatient, tmp_path / "worker.log"):
        await begin(premises, "LATE-1", "late")
        await eventually(lambda: is_unknown(premises, "LATE-1"), 60)
        await eventually(lambda: is_sent(premises, "LATE-1"), 60)

    assert post.copies_to(address("LATE-1", "late")) == 1
    assert [task.state for task in premises.tasks("LATE-1", kind="unknown_delivery")] == [TaskState.DONE]
    await assert_clean(premises, ["LATE-1"])


async def test_a_provider_that_refuses_for_now_is_asked_again_and_one_that_refuses_for_good_is_not(
    premises: Premises, told: Told, post: PostOffice, tmp_path: Path
) -> None:
    with WorkerProcess(told, tmp_path / "worker.log"):
        await begin(premises, "BUSY-1", "busy")
        await begin(premises, "NOBODY-1", "nobody")
        await eventually(lambda: is_sent(premises, "BUSY-1"), 60)
        await eventually(lambda: premises.messages("NOBODY-1", MessageState.FAILED), 60)
        await asyncio.sleep(3)

    assert post.copies_to(address("BUSY-1", "busy")) == 1
    assert post.refusals[address("BUSY-1", "busy")] == post.busy_for
    assert premises.tasks("BUSY-1") == []
    assert post.refusals[address("NOBODY-1", "nobody")] == 1, "no hot loop"
    assert len(premises.messages("NOBODY-1")) == 1
    kinds = {task.kind for task in premises.tasks("NOBODY-1")}
    assert "contact" in kinds
    case = premises.case("NOBODY-1")
    assert case is not None
    assert case.waiting_on == "person"
    await assert_clean(premises, ["BUSY-1", "NOBODY-1"])
