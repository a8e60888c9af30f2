"""How we start an invoice's workflow: the summary people see, the input, and the policies of the contract."""

from __future__ import annotations

from typing import Any

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from commands.terminal import amount, day
from domain.contract import Start
from workflows.invoice_collection import workflow_id
from workflows.options import MAIN_QUEUE

WORKFLOW = "InvoiceCollection"
#: The server refuses longer summaries, in bytes.
_LONGEST_SUMMARY = 200


def start_input(start: Start) -> dict[str, Any]:
    """A start as it travels: what was told, nothing that is only a default."""
    return start.model_dump(mode="json", exclude_unset=True)


def start_summary(start: Start) -> str:
    """`Acme Ltd · INV-1001 · 1,250.00 USD due 1 Dec 2026`, cut at the customer's name where it is too long."""
    invoice = start.invoice
    rest = f" · {invoice.shown_number} · {amount(invoice.money.minor, invoice.currency)} due {day(invoice.due_on)}"
    name = start.customer.shown_name.encode()
    room = max(0, _LONGEST_SUMMARY - len(rest.encode()))
    if len(name) > room:
        return name[: max(0, room - 3)].decode("utf-8", "ignore") + "…" + rest
    return name.decode() + rest


async def start_case(client: Client, start: Start) -> bool:
    """Start an invoice's workflow. False where it ended before; one that runs is left as it is."""
    try:
        await client.start_workflow(
            WORKFLOW,
            start_input(start),
            id=workflow_id(start.invoice.invoice_id),
            task_queue=MAIN_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=start_summary(start),
        )
    except WorkflowAlreadyStartedError:
        return False
    return True


async def signal_with_start(client: Client, start: Start, signal: str, fact: dict[str, Any]) -> None:
    """Signal an invoice whether or not its workflow runs: nothing is lost when a fact comes late."""
    await client.start_workflow(
        WORKFLOW,
        start_input(start),
        id=workflow_id(start.invoice.invoice_id),
        task_queue=MAIN_QUEUE,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary=start_summary(start),
        start_signal=signal,
        start_signal_args=[fact],
    )
