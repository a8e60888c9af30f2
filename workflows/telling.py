"""What our own processes tell workflows from outside: that they are to look again, and facts about an account."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from activities.interface import NUDGE
from workflows import customer_account
from workflows.invoice_collection import workflow_id
from workflows.options import MAIN_QUEUE


async def wake(client: Client, invoice_id: str) -> None:
    """Have an invoice's workflow look at its case; one that has ended needs no waking. Raises RPCError."""
    try:
        await client.get_workflow_handle(workflow_id(invoice_id)).signal(NUDGE)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise


async def tell_account(
    client: Client,
    customer_id: str,
    signal: str,
    fact: Mapping[str, Any],
    *,
    rpc_timeout: timedelta | None = None,
) -> str:
    """Tell a customer's account a fact, by the signal that starts it; returns its workflow id. Raises RPCError."""
    account = customer_account.workflow_id(customer_id)
    await client.start_workflow(
        customer_account.WORKFLOW,
        {"customer": {"customer_id": customer_id}},
        id=account,
        task_queue=MAIN_QUEUE,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary=f"{signal.replace('_', ' ')} of {customer_id}",
        start_signal=signal,
        start_signal_args=[dict(fact)],
        rpc_timeout=rpc_timeout,
    )
    return account
