"""Waking the workflows of many invoices, outside any history: a workflow that wakes each itself pays with events."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.interface import NUDGE, WakeInvoices


@dataclass(frozen=True)
class InvoiceWaking:
    """Knows the server."""

    client: Client

    @activity.defn
    async def wake_invoices(self, wake: WakeInvoices) -> None:
        """Have these invoices looked at. One whose workflow has ended needs no waking."""
        await asyncio.gather(*(self._wake(workflow_id) for workflow_id in wake.workflows))

    async def _wake(self, workflow_id: str) -> None:
        try:
            await self.client.get_workflow_handle(workflow_id).signal(NUDGE)
        except RPCError as problem:
            if problem.status is not RPCStatusCode.NOT_FOUND:
                raise
