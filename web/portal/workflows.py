"""How the pages talk to workflows: requests that may be refused, and facts. The customer's words come elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from workflows import telling
from workflows.invoice_collection import workflow_id

#: So long a customer waits for an answer before the page says that it is not known yet.
PATIENCE = timedelta(seconds=12)


#: How the client says that Temporal does not answer; RuntimeError where it never did since this process began.
_DOWN = (RPCError, RuntimeError)


class Unreachable(Exception):
    """The workflow cannot be asked at the moment; whether it heard is not known, and asking again is safe."""


class Ended(Exception):
    """The invoice's workflow is over."""


class Workflows(Protocol):
    """What the pages ask of workflows."""

    async def ask(
        self, invoice_id: str, update: str, request: Mapping[str, Any], request_id: str
    ) -> str | None:
        """An update: None once it is committed, else the rule that refused it. Raises Unreachable and Ended."""

    async def tell(self, invoice_id: str, signal: str, fact: Mapping[str, Any]) -> None:
        """A fact about an invoice. Raises Unreachable and Ended."""

    async def tell_account(self, customer_id: str, signal: str, fact: Mapping[str, Any]) -> None:
        """A fact about the account. Raises Unreachable."""


@dataclass(frozen=True)
class TemporalWorkflows:
    """The workflows of a Temporal namespace."""

    client: Client

    async def ask(
        self, invoice_id: str, update: str, request: Mapping[str, Any], request_id: str
    ) -> str | None:
        handle = self.client.get_workflow_handle(workflow_id(invoice_id))
        try:
            await handle.execute_update(
                update, dict(request), id=request_id, result_type=dict, rpc_timeout=PATIENCE
            )
        except WorkflowUpdateFailedError as refused:
            cause = refused.cause
            return (cause.type if isinstance(cause, ApplicationError) else None) or "Refused"
        except (WorkflowUpdateRPCTimeoutOrCancelledError, *_DOWN) as problem:
            raise _of(problem) from None
        return None

    async def tell(self, invoice_id: str, signal: str, fact: Mapping[str, Any]) -> None:
        handle = self.client.get_workflow_handle(workflow_id(invoice_id))
        try:
            await handle.signal(signal, dict(fact), rpc_timeout=PATIENCE)
        except _DOWN as problem:
            raise _of(problem) from None

    async def tell_account(self, customer_id: str, signal: str, fact: Mapping[str, Any]) -> None:
        try:
            await telling.tell_account(self.client, customer_id, signal, fact, rpc_timeout=PATIENCE)
        except _DOWN as problem:
            raise _of(problem) from None


def _of(problem: Exception) -> Exception:
    if isinstance(problem, RPCError) and problem.status is RPCStatusCode.NOT_FOUND:
        return Ended()
    return Unreachable(type(problem).__name__)
