"""What concerns a customer rather than an invoice: recorded, then the customer's open invoices are woken.

A remittance over very many invoices is on the customer's account with the first record; then one activity after
the other moves a portion of it to its invoices and says whether there is more. What else arrives goes with the
next of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.interface import (
        LONGEST_FACT,
        LONGEST_REMITTANCE,
        AccountRecorded,
        RecordAccountFacts,
        SignalInput,
        WakeInvoices,
    )
    from domain.contract import CashReceived
    from workflows import arrivals, invoice_collection, story
    from workflows.arrivals import raw_inputs
    from workflows.invoice_collection import nudge, wake_plans
    from workflows.options import LEDGER

WORKFLOW = "CustomerAccount"
PREFIX = "account-"
#: Invoices woken by one activity: their ids stay far below what a payload may weigh.
WOKEN_AT_ONCE = 200


def workflow_id(customer_id: str) -> str:
    """The workflow id of a customer's account."""
    return f"{PREFIX}{customer_id}"


@workflow.defn(name=WORKFLOW)
class CustomerAccount:
    """Short-lived: started by the signal that brings the fact, ends when all that arrived is recorded."""

    @workflow.init
    def __init__(self, *args: RawValue) -> None:
        self._customer_id = arrivals.id_behind(PREFIX, workflow.info().workflow_id)
        self._signals: list[SignalInput] = []
        self._by_portions = workflow.patched("remittance-portions")

    @workflow.run
    async def run(self, *args: RawValue) -> None:
        """Record every signal, and nudge the invoices that it may concern."""
        recorded = await self._record(args)
        while self._signals or recorded.more:
            is_long = workflow.info().is_continue_as_new_suggested() or recorded.continue_as_new
            if is_long and not self._signals:
                workflow.continue_as_new(args=args)
            recorded = await self._record(args)
        if recorded.errors:
            raise ApplicationError("; ".join(recorded.errors), type="InvalidStart", non_retryable=True)

    async def _record(self, args: Sequence[RawValue]) -> AccountRecorded:
        """Record what has arrived, and do a portion of what is left to do."""
        signals = arrivals.portion(self._signals)
        batch = RecordAccountFacts(
            customer_id=self._customer_id,
            workflow_id=workflow.info().workflow_id,
            at=workflow.now(),
            inputs=raw_inputs(args),
            signals=tuple(signals),
            by_portions=self._by_portions,
        )
        recorded: AccountRecorded = await workflow.execute_activity(
            "record_account_facts",
            batch,
            result_type=AccountRecorded,
            summary=story.recording_summary([signal.name for signal in signals]),
            **LEDGER,
        )
        del self._signals[: len(signals)]
        await self._wake(recorded.nudge)
        await wake_plans(recorded.plans)
        return recorded

    async def _wake(self, invoices: Sequence[str]) -> None:
        if not self._by_portions:
            await nudge(invoices)
            return
        for start in range(0, len(invoices), WOKEN_AT_ONCE):
            woken = [invoice_collection.workflow_id(each) for each in invoices[start : start + WOKEN_AT_ONCE]]
            await workflow.execute_activity(
                "wake_invoices",
                WakeInvoices(workflows=tuple(woken)),
                summary=f"Wake {len(woken)} invoices",
                **LEDGER,
            )

    @workflow.signal(dynamic=True)
    def fact(self, name: str, args: Sequence[RawValue]) -> None:
        """Any signal, well-formed or not."""
        is_remittance = self._by_portions and name == CashReceived.fact_kind
        longest = LONGEST_REMITTANCE if is_remittance else LONGEST_FACT
        self._signals.append(SignalInput(name=name, inputs=raw_inputs(args, longest)))
