"""An invoice that is started again: running, done, killed or long forgotten by Temporal. No second climb."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import WithStartWorkflowOperation, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from activities.adapters.smtp import SmtpTransport
from store.schema import MessageState
from tests import clock
from tests.faults.post import PostOffice
from tests.premises import (
    Premises,
    becomes,
    contact,
    eventually,
    failed_tasks,
    noon_zone,
    of_json,
    payment,
    result_of,
    start_input,
    today_in,
)
from workflows.options import MAIN_QUEUE


@pytest.fixture(scope="module", autouse=True)
async def at_work(premises: Premises) -> AsyncIterator[PostOffice]:
    with PostOffice() as office:
        async with premises.working(premises.parts(SmtpTransport("127.0.0.1", office.port))):
            yield office


def due_today(invoice_id: str, **invoice: Any) -> dict[str, Any]:
    customer = contact(f"ap@{invoice_id.lower()}.example")
    return start_input(invoice_id, customer=customer, invoice=invoice)


async def begin(premises: Premises, invoice_id: str) -> WorkflowHandle[Any, Any]:
    """An invoice whose due notice has gone out."""
    handle = await premises.start(due_today(invoice_id))
    await eventually(lambda: premises.messages(invoice_id, MessageState.SENT))
    await becomes(lambda: premises.waiting_on(invoice_id), "time")
    return handle


async def test_one_that_runs(premises: Premises) -> None:
    await begin(premises, "RUNS-1")
    with pytest.raises(WorkflowAlreadyStartedError):
        await premises.start(due_today("RUNS-1"))
    await asyncio.sleep(1)
    assert len(premises.messages("RUNS-1")) == 1


async def test_a_payment_in_the_same_call(premises: Premises) -> None:
    """A step that is due at once is not even begun for money that was told with the start."""
    for number in range(5):
        invoice_id = f"PAID-AT-START-{number}"
        handle = await premises.raw_signal_with_start(
            f"invoice-{invoice_id}", "payment_received", [of_json(payment("P-1"))], [of_json(due_today(invoice_id))]
        )  # fmt: skip
        assert (await result_of(handle))["outcome"] == "paid"
        assert premises.messages(invoice_id) == []


async def test_a_request_in_the_same_call(premises: Premises) -> None:
    until = str(today_in(noon_zone()) + timedelta(days=9))
    for number in range(3):
        invoice_id = f"SNOOZED-AT-START-{number}"
        start = WithStartWorkflowOperation(
            "InvoiceCollection", due_today(invoice_id), id=f"invoice-{invoice_id}", task_queue=MAIN_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )  # fmt: skip
        snooze = {"until": until, "by": "Bob", "reason": "a test"}
        await premises.client.execute_update_with_start_workflow(
            "snooze", snooze, start_workflow_operation=start, result_type=dict
        )
        assert premises.waiting_on(invoice_id) == "hold"
        assert premises.messages(invoice_id) == []


async def test_one_that_is_paid(premises: Premises) -> None:
    """Temporal's default policy allows a second run: it returns the recorded outcome and sends nothing."""
    first = await begin(premises, "DONE-1")
    await first.signal("payment_received", payment("P-1"))
    ended = await result_of(first)
    again = await premises.start(due_today("DONE-1"))
    assert await result_of(again) == ended == {"outcome": "paid", "balance_due": "0.00", "currency": "USD"}
    assert len(premises.messages("DONE-1")) == 1
    assert premises.tasks("DONE-1") == []
    assert await failed_tasks(again) == []


async def test_one_that_says_something_else(premises: Premises) -> None:
    """What was recorded first stands, and a person is told, once."""
    first = await begin(premises, "DIFFERS-1")
    await first.signal("payment_received", payment("P-1"))
    await result_of(first)
    for _ in range(2):
        again = await premises.start(due_today("DIFFERS-1", amount="9999.00"))
        assert (await result_of(again))["outcome"] == "paid"
    assert [task.kind for task in premises.tasks("DIFFERS-1")] == ["start_differs"]
    assert sum(entry.amount_minor for entry in premises.ledger("DIFFERS-1")) == 0


async def test_one_that_an_operator_terminated(premises: Premises) -> None:
    """The case goes on where it was: the notice that went out is not repeated."""
    first = await begin(premises, "KILLED-1")
    await first.terminate("a test")
    again = await premises.start(due_today("KILLED-1"))
    await becomes(lambda: premises.waiting_on("KILLED-1"), "time")
    await asyncio.sleep(1)
    assert len(premises.messages("KILLED-1")) == 1
    await again.signal("payment_received", payment("P-1"))
    assert (await result_of(again))["outcome"] == "paid"


@pytest.mark.slow
async def test_one_that_temporal_has_forgotten(premises: Premises) -> None:
    """Past its retention nothing of it is left there; the database is the guard."""
    first = await begin(premises, "FORGOTTEN-1")
    await first.signal("payment_received", payment("P-1"))
    ended = await result_of(first)
    described = await first.describe()
    await premises.client.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(
            namespace=premises.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=first.id, run_id=described.run_id),
        )
    )
    while True:
        try:
            await premises.client.get_workflow_handle(first.id, run_id=described.run_id).describe()
        except RPCError:
            break
        await asyncio.sleep(0.1)
    again = await premises.start(due_today("FORGOTTEN-1"))
    assert await result_of(again) == ended
    assert len(premises.messages("FORGOTTEN-1")) == 1


@pytest.mark.slow  # who meets another at work on the same customer looks again after a minute
async def test_one_customer_for_many_starts_at_once(premises: Premises, at_work: PostOffice) -> None:
    """Twelve invoices of a customer due today, all started together: each is asked for exactly once."""
    invoices = [f"AT-ONCE-{number}" for number in range(12)]
    customer = {"customer_id": "C-AT-ONCE"} | contact("ap@at-once.example")
    await asyncio.gather(
        *(premises.start(start_input(invoice_id, customer=customer)) for invoice_id in invoices)
    )
    await eventually(
        lambda: all(premises.messages(invoice_id, MessageState.SENT) for invoice_id in invoices), 100
    )
    await becomes(lambda: {premises.waiting_on(invoice_id) for invoice_id in invoices}, {"time"})
    asked = [
        event.payload["step"]
        for invoice_id in invoices
        for event in premises.events(invoice_id, "step_taken")
    ]
    assert asked == ["due"] * len(invoices)
    assert 1 <= at_work.copies_to("ap@at-once.example") <= len(invoices)


def next_change(zone: str, after: date) -> date:
    """The next day on which the clocks of a zone change."""
    day = after
    while True:
        midnight, following = (
            datetime.combine(each, time.min, ZoneInfo(zone)) for each in (day, day + timedelta(1))
        )
        if midnight.utcoffset() != following.utcoffset():
            return day
        day += timedelta(days=1)


@pytest.mark.slow
async def test_clocks_that_change_and_the_turn_of_the_year(premises: Premises) -> None:
    """A step on a day of 23 or 25 hours, and one over New Year: once, at the opening of its window."""
    virtual = clock.virtual_time(premises.client)
    soon = virtual.now.date() + timedelta(days=12)
    cases = {
        "DST-NY": ("America/New_York", next_change("America/New_York", soon)),
        "DST-BERLIN": ("Europe/Berlin", next_change("Europe/Berlin", soon)),
        "NEW-YEAR": ("America/New_York", date(soon.year + (soon.month == 12 and soon.day > 20), 12, 31)),
    }
    for invoice_id, (zone, day) in cases.items():
        due = str(day - timedelta(days=7))  # the overdue notice falls on the day itself
        customer = contact(f"ap@{invoice_id.lower()}.example") | {"timezone": zone}
        start = start_input(invoice_id, customer=customer, invoice={"due_on": due, "issued_on": None})
        await premises.start(start, client=virtual.client)
    await eventually(lambda: all(premises.case(invoice_id) for invoice_id in cases))
    ids = [f"invoice-{invoice_id}" for invoice_id in cases]
    last = max(day for _, day in cases.values())
    while virtual.now.date() <= last + timedelta(days=9):
        await virtual.advance(virtual.now + timedelta(days=20), ids)
        await virtual.idle(ids)
    for invoice_id, (zone, day) in cases.items():
        taken = {
            e.payload["step"]: e.at.astimezone(ZoneInfo(zone))
            for e in premises.events(invoice_id, "step_taken")
        }
        assert list(taken)[:4] == ["pre_due", "due", "overdue", "overdue_2"], invoice_id
        assert taken["overdue"].date() == day, invoice_id
        assert taken["overdue"].time() < time(0, 30), invoice_id
        assert taken["overdue_2"].date() == day + timedelta(days=7), invoice_id
        assert len(premises.messages(invoice_id, MessageState.SENT)) >= 4
        assert await failed_tasks(premises.handle(invoice_id)) == []
