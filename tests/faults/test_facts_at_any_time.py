"""Facts that come while something else is under way: recorded at once, and seen by every claim."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
from temporalio import activity
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest

from activities import notices
from activities.adapters.smtp import SmtpTransport
from activities.rulebook import load_rulebook
from settings import ROOT
from store.schema import CreditHoldRow, MessageState
from tests import clock
from tests.faults.post import PostOffice
from tests.faults.test_killed_workers import fate
from tests.premises import (
    NoPaper,
    Premises,
    becomes,
    case_of,
    contact,
    eventually,
    failed_tasks,
    of_json,
    payment,
    result_of,
    start_input,
)


class Gate:
    """Where activities (of one workflow only, if told) stand until the test lets them go on."""

    def __init__(self, only: str | None = None) -> None:
        self._only = only
        self.standing = 0
        self._open = threading.Event()
        self._lock = threading.Lock()

    def __call__(self) -> None:
        if self._only not in (None, activity.info().workflow_id):
            return
        with self._lock:
            self.standing += 1
        self._open.wait(60)

    def open(self) -> None:
        self._open.set()


class SlowPaper(NoPaper):
    """Every PDF waits at the gate."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def render(self, html: str, *, timeout: float) -> bytes:
        self._gate()
        return super().render(html, timeout=timeout)


def parts_of(premises: Premises, post: PostOffice, **more: Any) -> Any:
    return premises.parts(SmtpTransport("127.0.0.1", post.port), **more)


def address(invoice_id: str) -> str:
    return f"ap@{invoice_id.lower()}.example"


async def begin(premises: Premises, invoice_id: str, **told: Any) -> Any:
    return await premises.start(start_input(invoice_id, customer=contact(address(invoice_id)), **told))


async def pay_and_time(premises: Premises, invoice_id: str) -> float:
    """Signal a payment; seconds from the signal's acknowledgement to its committed row."""
    await premises.handle(invoice_id).signal("payment_received", payment("P-1"))
    began = asyncio.get_running_loop().time()
    await eventually(lambda: premises.ledger(invoice_id, "payment_received"), 20, every=0.01)
    return asyncio.get_running_loop().time() - began


async def test_a_payment_between_the_draft_and_the_claim_cancels_the_message(
    premises: Premises, post: PostOffice
) -> None:
    gate = Gate()
    async with premises.working(parts_of(premises, post, notices={"before_claim": gate})):
        handle = await begin(premises, "PAID-1")
        await eventually(lambda: gate.standing)
        await pay_and_time(premises, "PAID-1")
        gate.open()
        assert (await result_of(handle))["outcome"] == "paid"
    assert fate(premises, "PAID-1") == "cancelled"
    assert post.taken == []
    assert await failed_tasks(handle) == []


async def test_half_a_payment_between_the_draft_and_the_claim_leads_to_a_fresh_message(
    premises: Premises, post: PostOffice
) -> None:
    gate = Gate()
    async with premises.working(parts_of(premises, post, notices={"before_claim": gate})):
        handle = await begin(premises, "PAID-2")
        await eventually(lambda: gate.standing)
        await handle.signal("payment_received", payment("P-1", "1000.00"))
        await eventually(lambda: premises.ledger("PAID-2", "payment_received"))
        gate.open()
        await eventually(lambda: premises.messages("PAID-2", MessageState.SENT))
    states = [message.state for message in premises.messages("PAID-2")]
    assert states == [MessageState.CANCELLED, MessageState.SENT]
    (mail,) = post.taken
    text = message_from_bytes(mail, policy=policy.default).get_body(("plain",)).get_content()
    assert "250.00" in text
    assert await failed_tasks(handle) == []


async def test_a_payment_between_the_claim_and_the_send_is_too_late_for_one_message_only(
    premises: Premises, post: PostOffice
) -> None:
    gate = Gate()
    async with premises.working(parts_of(premises, post, notices={"after_claim": gate})):
        handle = await begin(premises, "PAID-3")
        await eventually(lambda: gate.standing)
        await pay_and_time(premises, "PAID-3")
        gate.open()
        assert (await result_of(handle))["outcome"] == "paid"
    assert post.copies_to(address("PAID-3")) == 1
    text = message_from_bytes(post.taken[0], policy=policy.default).get_body(("plain",)).get_content()
    assert "payments we had received by" in " ".join(text.split())
    assert await failed_tasks(handle) == []


@pytest.mark.parametrize("busy", ["main", "documents", "drafting"])
async def test_a_payment_is_recorded_at_once_while_every_slot_is_busy(
    premises: Premises, post: PostOffice, monkeypatch: pytest.MonkeyPatch, busy: str
) -> None:
    """Two slots a queue, both taken, and more work waiting for them."""
    gate = Gate()
    more: dict[str, Any] = {"threads": 2}
    if busy == "main":
        more["notices"] = {"before_claim": gate}
    elif busy == "documents":
        more["renderer"] = SlowPaper(gate)
    else:
        _while_writing(monkeypatch, gate)
    invoices = [f"BUSY-{busy}-{number}" for number in range(4)]
    async with premises.working(parts_of(premises, post, **more)):
        handles = [await begin(premises, invoice_id) for invoice_id in invoices]
        await eventually(lambda: gate.standing == 2)
        await eventually(lambda: all(premises.case(invoice_id) for invoice_id in invoices))
        seconds = [await pay_and_time(premises, invoice_id) for invoice_id in invoices]
        assert gate.standing == 2, "they are still busy"
        gate.open()
        outcomes = [(await result_of(handle))["outcome"] for handle in handles]
    assert outcomes == ["paid"] * len(invoices)
    assert post.taken == [], "nothing is sent for money known to be paid"
    assert max(seconds) < 5, seconds
    for handle in handles:
        assert await failed_tasks(handle) == []


def _while_writing(monkeypatch: pytest.MonkeyPatch, gate: Gate) -> None:
    write: Callable[..., Any] = notices.write_words

    def slowly(*args: Any, **named: Any) -> Any:
        gate()
        return write(*args, **named)

    monkeypatch.setattr(notices, "write_words", slowly)


async def test_a_payment_while_an_approval_is_under_way(premises: Premises, post: PostOffice) -> None:
    """A natural person's demand waits for a person; the payment does not wait for it."""
    time = clock.virtual_time(premises.client)
    async with premises.working(parts_of(premises, post)):
        person = contact(address("ASKED-1")) | {"kind": "person"}
        handle = await premises.start(start_input("ASKED-1", customer=person), client=time.client)
        await eventually(lambda: premises.messages("ASKED-1", MessageState.SENT))
        for _ in range(12):
            await time.advance(time.now + timedelta(days=5), [handle.id])
            await time.idle([handle.id])
            if premises.waiting_on("ASKED-1") == "approval":
                break
        assert premises.waiting_on("ASKED-1") == "approval"
        sent = len(post.taken)
        assert await pay_and_time(premises, "ASKED-1") < 5
        assert (await result_of(handle))["outcome"] == "paid"
    assert len(post.taken) == sent
    assert [task.state for task in premises.tasks("ASKED-1", kind="approval")] == ["cancelled"]


async def test_more_than_one_portion_waits_when_the_case_is_opened(
    premises: Premises, post: PostOffice
) -> None:
    """Told while no worker ran: all of it is recorded before the step that is due at once."""
    first, *more = [payment(f"P-{number}", "12.50") for number in range(100)]
    handle = await premises.raw_signal_with_start(
        "invoice-PORTIONS-1", "payment_received", [of_json(first)], [of_json(start_input("PORTIONS-1"))]
    )
    for fact in more:
        await premises.raw_signal("invoice-PORTIONS-1", "payment_received", [of_json(fact)])
    async with premises.working(parts_of(premises, post)):
        assert (await result_of(handle, 60))["outcome"] == "paid"
    assert len(premises.ledger("PORTIONS-1", "payment_received")) == 100
    assert premises.messages("PORTIONS-1") == []
    assert await failed_tasks(handle) == []


async def test_one_remittance_pays_three_invoices_with_one_payment_id(
    premises: Premises, post: PostOffice
) -> None:
    invoices = [f"THREE-{number}" for number in range(3)]
    async with premises.working(parts_of(premises, post)):
        handles = [
            await premises.start(
                start_input(invoice_id, customer={"customer_id": "C-THREE"}, invoice={"due_on": "2199-06-01"})
            )
            for invoice_id in invoices
        ]
        await eventually(lambda: all(premises.case(invoice_id) for invoice_id in invoices))
        cash = payment("P-1", "3750.00") | {
            "allocations": [{"invoice_id": invoice_id, "amount": "1250.00"} for invoice_id in invoices]
        }
        for _ in range(2):  # and a repeat
            await premises.raw_signal_with_start(
                "account-C-THREE", "cash_received", [of_json(cash)],
                [of_json({"customer": "C-THREE"})], kind="CustomerAccount",
            )  # fmt: skip
        for handle in handles:
            assert (await result_of(handle))["outcome"] == "paid"
    for invoice_id in invoices:
        entries = premises.ledger(invoice_id, "payment_received")
        assert [(entry.event_id, entry.amount_minor) for entry in entries] == [("P-1", -125_000)]
    assert premises.tasks(kind="unapplied_cash") == []


async def test_the_same_facts_again_in_every_run_and_after_a_reset_change_nothing(
    premises: Premises, post: PostOffice
) -> None:
    """Through the ladder to a credit hold, a new run after every revision; then a reset to the beginning."""
    time = clock.virtual_time(premises.client)
    rulebook = load_rulebook(ROOT / "deploy", continue_as_new_every=1)
    manager = {"account_manager": {"name": "Sam Reed", "email": "sam@seller.example"}}
    async with premises.working(parts_of(premises, post, rulebook=rulebook)):
        start = start_input("AGAIN-1", customer=contact(address("AGAIN-1")) | manager)
        handle = await premises.start(start, client=time.client)
        await eventually(lambda: premises.messages("AGAIN-1", MessageState.SENT))
        facts = [
            ("payment_received", payment("P-1", "250.00")),
            ("credit_issued", {"credit_id": "CR-1", "amount": "100.00", "currency": "USD"}),
            ("risk_noted", {"note_id": "N-1", "text": "layoffs"}),
        ]
        for _ in range(8):  # weekends and the hour of the day may move the block date
            for name, fact in facts:
                await handle.signal(name, fact)
            await time.idle([handle.id])
            time.forget(handle.id)  # every new run's clock begins at the real time
            await time.advance(time.now + timedelta(days=9), [handle.id])
            await time.idle([handle.id])
            if _holds(premises, "AGAIN-1"):
                break
        await eventually(lambda: _holds(premises, "AGAIN-1"))
        before = _everything(premises, post, "AGAIN-1")
        runs = {each.run_id async for each in premises.client.list_workflows(f"WorkflowId = '{handle.id}'")}
        assert len(runs) > 8
        assert before["mails"] >= 4
        assert before["balance"] == 90_000

        for name, fact in facts:
            await handle.signal(name, fact)
        await time.idle([handle.id])
        await _reset(premises, handle.id)
        await time.idle([handle.id])
        await eventually(lambda: premises.waiting_on("AGAIN-1"))
        for name, fact in facts:
            await handle.signal(name, fact)
        await asyncio.sleep(1)
        await time.idle([handle.id])
        await becomes(lambda: _everything(premises, post, "AGAIN-1"), before)
        assert (await case_of(premises.handle("AGAIN-1")))["balance_due"] == "900.00"
        assert await failed_tasks(premises.handle("AGAIN-1")) == []
        await premises.handle("AGAIN-1").signal("payment_received", payment("P-2", "900.00"))
        assert (await result_of(premises.handle("AGAIN-1")))["outcome"] == "paid"
    assert max(post.copies().values()) == 1


def _holds(premises: Premises, invoice_id: str) -> int:
    with premises.sessions() as session:
        return session.query(CreditHoldRow).filter_by(invoice_id=invoice_id).count()


def _everything(premises: Premises, post: PostOffice, invoice_id: str) -> dict[str, Any]:
    """What a reset must not repeat."""
    return {
        "mails": len(post.taken),
        "messages": sorted((m.step, m.state) for m in premises.messages(invoice_id)),
        "tasks": sorted((task.kind, task.ref) for task in premises.tasks(invoice_id)),
        "events": sorted((event.kind, event.event_id) for event in premises.events(invoice_id)),
        "holds": _holds(premises, invoice_id),
        "balance": sum(entry.amount_minor for entry in premises.ledger(invoice_id)),
    }


async def _reset(premises: Premises, workflow_id: str) -> None:
    """As an operator does: back to the first workflow task of the present run, later signals reapplied."""
    described = await premises.client.get_workflow_handle(workflow_id).describe()
    await premises.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=premises.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id, run_id=described.run_id),
            reason="a test",
            workflow_task_finish_event_id=4,
            request_id=f"reset-{workflow_id}",
        )
    )
