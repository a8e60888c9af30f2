"""What concerns a customer rather than an invoice: recorded, then the customer's open invoices are woken."""

from __future__ import annotations

from collections.abc import Sequence

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.interface import AccountRecorded, RecordAccountFacts, SignalInput
    from workflows import arrivals, story
    from workflows.arrivals import raw_inputs
    from workflows.invoice_collection import nudge, wake_plans
    from workflows.options import LEDGER

WORKFLOW = "CustomerAccount"
PREFIX = "account-"


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

    @workflow.run
    async def run(self, *args: RawValue) -> None:
        """Record every signal, and nudge the invoices that it may concern."""
        errors: tuple[str, ...] = ()
        first = True
        while self._signals or first:
            first = False
            signals = arrivals.portion(self._signals)
            batch = RecordAccountFacts(
                customer_id=self._customer_id,
                workflow_id=workflow.info().workflow_id,
                at=workflow.now(),
                inputs=raw_inputs(args),
                signals=tuple(signals),
            )
            recorded = await workflow.execute_activity(
                "record_account_facts",
                batch,
                result_type=AccountRecorded,
                summary=story.recording_summary([signal.name for signal in signals]),
                **LEDGER,
            )
            del self._signals[: len(signals)]
            errors = recorded.errors
            await nudge(recorded.nudge)
            await wake_plans(recorded.plans)
        if errors:
            raise ApplicationError("; ".join(errors), type="InvalidStart", non_retryable=True)

    @workflow.signal(dynamic=True)
    def fact(self, name: str, args: Sequence[RawValue]) -> None:
        """Any signal, well-formed or not."""
        self._signals.append(SignalInput(name=name, inputs=raw_inputs(args)))
