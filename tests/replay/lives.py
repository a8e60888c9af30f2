"""The lives that the recorded histories tell: real workflows on real servers, driven as an ERP and staff do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa
from temporalio.client import WorkflowFailureError, WorkflowHandle, WorkflowUpdateFailedError

from activities import account_ledger
from store.schema import MessageRow, MessageState
from tests import clock
from tests.premises import Premises, contact, eventually, of_bytes, of_json, payment, result_of, start_input

#: What must never be found in a history but where somebody else sent it.
SECRETS = (
    "Zebediah Quillfeather",
    "zebediah@quillfeather.example",
    "+12025550177",
    "SECRET-LINE",
    "SECRET-NOTE",
    "SECRET-DISPUTE",
    "SECRET-CALL",
    "SECRET-PAYER",
    "DE89 3704 0044 0532 0130 00",
    "DE89370400440532013000",
    "000123456789",
    "Dear Zebediah",
)


class Stage:
    """Where a life takes place: an installation at work, with clocks that are moved."""

    def __init__(self, premises: Premises) -> None:
        self.premises = premises
        self.time = clock.virtual_time(premises.client)

    async def begin(self, invoice_id: str, **told: Any) -> WorkflowHandle[Any, Any]:
        """An invoice of a customer full of secrets."""
        customer = contact(
            "zebediah@quillfeather.example", name="Zebediah Quillfeather", phone="+12025550177"
        )
        customer |= {"relationship_notes": "SECRET-NOTE"} | told.pop("customer", {})
        lines = [{"description": "SECRET-LINE", "amount": "1250.00"}]
        invoice = {"lines": lines} | told.pop("invoice", {})
        start = start_input(invoice_id, invoice=invoice, customer=customer, **told)
        return await self.premises.start(start, client=self.time.client)

    async def until_sent(self, invoice_id: str, messages: int = 1) -> None:
        await eventually(lambda: len(self.premises.messages(invoice_id, MessageState.SENT)) == messages, 60)
        await self.quiet(invoice_id)

    async def quiet(self, *invoice_ids: str) -> None:
        await self.time.idle([f"invoice-{invoice_id}" for invoice_id in invoice_ids])

    async def days(self, count: int, *invoice_ids: str, at_once: int = 4, plan: str | None = None) -> None:
        """Live so many days, a plan too where its workflow is named."""
        ids = [f"invoice-{invoice_id}" for invoice_id in invoice_ids] + ([plan] if plan else [])
        to = self.time.now + timedelta(days=count)
        while self.time.now < to:
            await self.time.advance(min(to, self.time.now + timedelta(days=at_once)), ids)
            await self.time.idle(ids)

    def today(self, ahead: int = 0) -> str:
        return str((self.time.now + timedelta(days=ahead)).date())

    async def pay(self, handle: WorkflowHandle[Any, Any], payment_id: str, amount: str) -> None:
        fact = payment(payment_id, amount, reference="SECRET-PAYER", received_on=self.today())
        await handle.signal("payment_received", fact)


Life = Callable[[Stage], Awaitable[list[WorkflowHandle[Any, Any]]]]


async def settled(stage: Stage) -> list[WorkflowHandle[Any, Any]]:
    """A due notice, half a payment with its repeat, a reminder of the rest, the rest."""
    handle = await stage.begin("SETTLED")
    await stage.until_sent("SETTLED")
    await stage.pay(handle, "P-1", "625.00")
    await stage.pay(handle, "P-1", "625.00")
    await stage.days(8, "SETTLED")
    await stage.pay(handle, "P-2", "625.00")
    await result_of(handle)
    return [handle]


async def referred(stage: Stage) -> list[WorkflowHandle[Any, Any]]:
    """Every rung to the referral, then half a year in which nothing comes."""
    handle = await stage.begin("REFERRED")
    await stage.until_sent("REFERRED")
    await stage.days(300, "REFERRED", at_once=12)
    await result_of(handle)
    return [handle]


async def disputed(stage: Stage) -> list[WorkflowHandle[Any, Any]]:
    """Disputed in the middle of a wait, partly resolved by a credit, the rest paid."""
    handle = await stage.begin("DISPUTED")
    await stage.until_sent("DISPUTED")
    await stage.days(2, "DISPUTED")
    dispute = {
        "dispute_id": "D-1",
        "reason": "quality",
        "note": "SECRET-DISPUTE",
        "raised_by": "SECRET-PAYER",
    }
    await handle.signal("dispute_raised", dispute)
    await stage.days(20, "DISPUTED")
    credit = {"credit_id": "CR-1", "amount": "250.00"}
    await handle.signal("dispute_resolved", {"dispute_id": "D-1", "outcome": "partly", "credit": credit})
    await stage.days(6, "DISPUTED")
    await stage.pay(handle, "P-1", "1000.00")
    await result_of(handle)
    return [handle]


async def parked(stage: Stage) -> list[WorkflowHandle[Any, Any]]:
    """An unreadable payment pauses the case; the history ends in the middle of that wait."""
    handle = await stage.begin("PARKED")
    await stage.until_sent("PARKED")
    await stage.premises.raw_signal("invoice-PARKED", "payment_received", [of_bytes(b"{]")])
    await stage.premises.raw_signal("invoice-PARKED", "payment_recieved", [])
    await stage.days(40, "PARKED", at_once=20)
    return [handle]


async def promised(stage: Stage) -> list[WorkflowHandle[Any, Any]]:
    """A call with a promise, confirmed in writing, broken; requests refused; a second climb; paid late."""
    handle = await stage.begin("PROMISED")
    await stage.until_sent("PROMISED")
    call = {
        "outcome": "reached",
        "by": "Bob",
        "note": "SECRET-CALL",
        "promise": {"pay_by": stage.today(3), "promise_id": "PR-1"},
    }
    await handle.execute_update("log_call", call, id="call-1", result_type=dict)
    for name, request in (
        ("promise_to_pay", {"pay_by": stage.today(90), "by": "SECRET-PAYER"}),
        ("decide_plan", {"plan_id": "PL-1", "accept": True, "by": "SECRET-PAYER"}),
        ("decide_step", {"step": "demand", "approve": True, "by": "Bob"}),
    ):
        try:
            await handle.execute_update(name, request, id=f"{name}-1", result_type=dict)
        except WorkflowUpdateFailedError:
            continue
        raise AssertionError(f"{name} was not refused")
    await stage.days(14, "PROMISED")
    await handle.execute_update(
        "snooze", {"until": stage.today(5), "by": "Bob", "reason": "fair"}, id="snooze-1", result_type=dict
    )
    await stage.days(8, "PROMISED")
    await stage.pay(handle, "P-1", "1250.00")
    await result_of(handle)
    return [handle]


async def approved(stage: Stage) -> list[WorkflowHandle[Any, Any]]:
    """A natural person: harsh steps wait for staff; one approval expires, the next is given, one is denied."""
    handle = await stage.begin("APPROVED", customer={"kind": "person"})
    await stage.until_sent("APPROVED")
    await _until_asked(stage, "APPROVED", "credit_hold")
    await stage.days(9, "APPROVED", at_once=3)  # it expires, and is asked for again
    await _until_asked(stage, "APPROVED", "credit_hold")
    decision = {"step": "credit_hold", "approve": True, "by": "Bob"}
    await handle.execute_update("decide_step", decision, id="approve-1", result_type=dict)
    await _until_asked(stage, "APPROVED", "demand")
    denial = {"step": "demand", "approve": False, "by": "Bob", "note": "SECRET-CALL"}
    await handle.execute_update("decide_step", denial, id="deny-1", result_type=dict)
    await stage.days(3, "APPROVED")
    await handle.execute_update(
        "write_off", {"by": "Bob", "reason": "SECRET-CALL"}, id="write-off-1", result_type=dict
    )
    await result_of(handle)
    return [handle]


async def planned(stage: Stage) -> list[WorkflowHandle[Any, Any]]:
    """Two instalments, proposed by the customer and agreed at once: reminders, payments, thanks, kept."""
    handle, plan = await _plan(stage, "PLANNED", source="portal")
    for payment_id in ("P-1", "P-2"):
        await _until_step(stage, plan, "plan_reminder")
        await stage.pay(handle, payment_id, "625.00")
        await stage.time.idle([handle.id, plan.id])
    await result_of(handle)
    await result_of(plan)
    return [plan, handle]


async def lapsed(stage: Stage) -> list[WorkflowHandle[Any, Any]]:
    """Offered by staff and accepted; signals that a plan does not know; nothing is paid, and it is broken."""
    handle, plan = await _plan(stage, "LAPSED")
    decision = {"plan_id": plan.id.removeprefix("plan-"), "accept": True, "by": "Bob"}
    await handle.execute_update("decide_plan", decision, id="decide-1", result_type=dict)
    await stage.premises.raw_signal(plan.id, "payment_received", [of_bytes(b"{]")])
    await stage.premises.raw_signal(plan.id, "nonsense", [])
    await stage.days(60, "LAPSED", plan=plan.id)
    assert (await result_of(plan))["state"] == "broken"
    await handle.execute_update(
        "write_off", {"by": "Bob", "reason": "SECRET-CALL"}, id="write-off-1", result_type=dict
    )
    await result_of(handle)
    return [plan, handle]


async def _plan(
    stage: Stage, invoice_id: str, **request: Any
) -> tuple[WorkflowHandle[Any, Any], WorkflowHandle[Any, Any]]:
    """An invoice with a plan of two instalments on the table, both standing at the same instant."""
    handle = await stage.begin(invoice_id)
    await stage.until_sent(invoice_id)
    asked = {"count": 2, "by": "SECRET-PAYER", **request}
    answer = await handle.execute_update("propose_plan", asked, id="propose-1", result_type=dict)
    plan = stage.premises.client.get_workflow_handle(f"plan-{answer['case']['plan']['plan_id']}")
    await stage.quiet(invoice_id)
    await stage.time.catch_up([handle.id, plan.id])
    await stage.time.idle([handle.id, plan.id])
    return handle, plan


async def _until_step(stage: Stage, plan: WorkflowHandle[Any, Any], step: str) -> None:
    """Live until the plan has sent its next message of this kind."""
    before = stage.premises.sent_of(step)
    for _ in range(60):
        await stage.days(1, plan=plan.id)
        if stage.premises.sent_of(step) > before:
            return
    raise AssertionError(f"no {step} was sent")


async def _until_asked(stage: Stage, invoice_id: str, step: str) -> None:
    for _ in range(60):
        await stage.quiet(invoice_id)
        case = stage.premises.case(invoice_id)
        if case is not None and case.waiting_on == "approval" and (case.decision or {})["step"] == step:
            return
        await stage.days(1, invoice_id)
    raise AssertionError(f"{step} was never asked for")


async def grouped(stage: Stage) -> list[WorkflowHandle[Any, Any]]:
    """Two invoices of one customer in one message; one remittance pays both through the account."""
    customer = {"customer_id": "C-GROUPED"}
    due = {"due_on": stage.today(20)}
    handles = [await stage.begin(f"GROUPED-{n}", customer=customer, invoice=due) for n in (1, 2)]
    await eventually(lambda: all(stage.premises.case(f"GROUPED-{n}") for n in (1, 2)))
    await stage.days(16, "GROUPED-1", "GROUPED-2")
    await stage.until_sent("GROUPED-1")
    cash = payment("P-1", "2600.00", received_on=stage.today(), reference="SECRET-PAYER") | {
        "allocations": [{"invoice_id": f"GROUPED-{n}", "amount": "1250.00"} for n in (1, 2)]
    }
    account = await stage.premises.raw_signal_with_start(
        "account-C-GROUPED", "cash_received", [of_json(cash)],
        [of_json({"customer": "C-GROUPED"})], kind="CustomerAccount",
    )  # fmt: skip
    for handle in handles:
        await result_of(handle)
    return [*handles, account]


async def remitted(stage: Stage) -> list[WorkflowHandle[Any, Any]]:
    """One remittance over five invoices where a transaction books two: unapplied cash, then portion by portion."""
    customer, due = {"customer_id": "C-REMITTED"}, {"due_on": stage.today(60), "amount": "100.00"}
    handles = [await stage.begin(f"REMITTED-{n}", customer=customer, invoice=due) for n in range(5)]
    await stage.quiet(*(f"REMITTED-{n}" for n in range(5)))
    cash = payment("P-1", "510.00", received_on=stage.today(), reference="SECRET-PAYER") | {
        "allocations": [{"invoice_id": f"REMITTED-{n}", "amount": "100.00"} for n in range(5)]
    }
    with patch.object(account_ledger, "MOST_ALLOCATED", 2):
        account = await stage.premises.raw_signal_with_start(
            "account-C-REMITTED", "cash_received", [of_json(cash)],
            [of_json({"customer": "C-REMITTED"})], kind="CustomerAccount",
        )  # fmt: skip
        await result_of(account)
    for handle in handles:
        await result_of(handle)
    return [account, handles[-1]]


async def reopened(stage: Stage) -> list[WorkflowHandle[Any, Any]]:
    """A payment before its invoice; a reversal after closing; the second run climbs, then is credited."""
    start = start_input("REOPENED")
    first = await stage.premises.raw_signal_with_start(
        "invoice-REOPENED", "payment_received", [of_json(payment("P-1"))], [of_json(start)]
    )
    described = await first.describe()
    await result_of(first)
    back = {"reversal_id": "R-1", "payment_id": "P-1", "amount": "1250.00"}
    second = await stage.time.client.start_workflow(
        "InvoiceCollection", start, id="invoice-REOPENED", task_queue="duecourse",
        start_signal="payment_reversed", start_signal_args=[back],
    )  # fmt: skip
    await stage.days(10, "REOPENED")
    await second.signal("credit_issued", {"credit_id": "CR-1", "amount": "1250.00", "currency": "USD"})
    await result_of(second)
    runs = stage.premises.client
    return [
        runs.get_workflow_handle("invoice-REOPENED", run_id=described.run_id),
        runs.get_workflow_handle("invoice-REOPENED", run_id=second.first_execution_run_id),
    ]


async def prepaid(stage: Stage) -> list[WorkflowHandle[Any, Any]]:
    """Due at once, and paid in the same call: the payment is recorded before the first step, which never comes."""
    invoice = await stage.premises.raw_signal_with_start(
        "invoice-PREPAID", "payment_received", [of_json(payment("P-1"))], [of_json(start_input("PREPAID"))]
    )
    await result_of(invoice)
    assert stage.premises.messages("PREPAID") == []
    return [invoice]


async def refused(stage: Stage) -> list[WorkflowHandle[Any, Any]]:
    """Starts that do not fit, with a fact each."""
    invoice = await stage.premises.raw_signal_with_start(
        "invoice-REFUSED", "payment_received", [of_json(payment("P-1"))], [of_json({"invoice": 5})]
    )
    account = await stage.premises.raw_signal_with_start(
        "account-C-REFUSED", "risk_noted", [of_json({})], [], kind="CustomerAccount"
    )
    for handle in (invoice, account):
        try:
            await result_of(handle)
        except WorkflowFailureError:
            continue
        raise AssertionError(f"{handle.id} was not refused")
    return [invoice, account]


async def housekeeping(stage: Stage) -> list[WorkflowHandle[Any, Any]]:
    """What schedules start: a message that was thought lost is found, and a day is closed."""
    await stage.begin("HOUSEKEEPING")
    await stage.until_sent("HOUSEKEEPING")
    (message,) = stage.premises.messages("HOUSEKEEPING")
    assert message.sent_at is not None
    since = message.sent_at - timedelta(days=1)
    lost = sa.update(MessageRow).where(MessageRow.message_id == message.message_id)
    with stage.premises.sessions.begin() as session:
        session.execute(lost.values(state=MessageState.SENDING, unknown_since=since))
    check = await stage.premises.raw_start("delivery-check-1", [], kind="DeliveryCheck")
    close = await stage.premises.raw_start(
        "daily-close-1", [of_json("nobody asks for this")], kind="DailyClose"
    )
    tell = await stage.premises.raw_start("credit-hold-notices-1", [], kind="CreditHoldNotices")
    for handle in (check, close, tell):
        await result_of(handle)
    assert stage.premises.messages("HOUSEKEEPING", MessageState.SENT), "it was not found"
    return [check, close, tell]


async def thanked(stage: Stage) -> list[WorkflowHandle[Any, Any]]:
    """Paid before the due date and thanked for it inside the window; and a look for mail that finds none."""
    handle = await stage.begin("THANKED", invoice={"due_on": stage.today(60)}, policy="standard")
    await stage.quiet("THANKED")
    await stage.pay(handle, "P-1", "1250.00")
    await stage.days(12, "THANKED", at_once=1)
    await result_of(handle)
    (message,) = stage.premises.messages("THANKED", MessageState.SENT)
    assert message.step == "thanks"
    poll = await stage.premises.raw_start("inbox-poll-1", [], kind="InboxPoll")
    await result_of(poll)
    return [handle, poll]


async def news(stage: Stage) -> list[WorkflowHandle[Any, Any]]:
    """A look into the feeds, of which there are none."""
    poll = await stage.premises.raw_start("feed-poll-1", [], kind="FeedPoll")
    await result_of(poll)
    return [poll]


#: Every life by the name of its history; `continued` is one of them lived with a new run for each revision.
LIVES: dict[str, Life] = {
    life.__name__: life
    for life in (
        settled,
        referred,
        disputed,
        parked,
        promised,
        approved,
        planned,
        lapsed,
        grouped,
        remitted,
        reopened,
        prepaid,
        refused,
        housekeeping,
        thanked,
        news,
    )
}
