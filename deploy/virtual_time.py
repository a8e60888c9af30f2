"""A clock that tests and the demo move: workflows on a time-skipping server, all kept at one instant."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import TimeSkipper, TimeSkippingConfig

#: The server refuses to move a clock by nothing.
_SMALLEST_STEP = timedelta(milliseconds=1)


class VirtualTime:
    """Starts workflows through `client` with their clocks standing, and moves those clocks together.

    A new workflow begins at the real time; `catch_up` brings it to `now` before anything is asked of it.
    """

    def __init__(self, client: Client, now: datetime | None = None) -> None:
        self._skipper = TimeSkipper(client, config=TimeSkippingConfig(enabled=False))
        self.now = now or datetime.now(UTC)

    @property
    def client(self) -> Client:
        """The client to start workflows with."""
        return self._skipper.client

    async def time_of(self, handle: WorkflowHandle[object, object]) -> datetime:
        """The virtual time of a workflow."""
        return await self._skipper.get_current_time(handle)

    async def catch_up(self, workflow_ids: Iterable[str]) -> None:
        """Bring every one of these workflows that still runs to `now`, all at once."""
        await asyncio.gather(*(self._bring(workflow_id) for workflow_id in workflow_ids))

    async def advance(self, to: datetime, workflow_ids: Iterable[str]) -> None:
        """Let every one of these workflows live until `to`. A clock never goes back."""
        self.now = max(self.now, to)
        await self.catch_up(workflow_ids)

    async def _bring(self, workflow_id: str) -> None:
        handle = self.client.get_workflow_handle(workflow_id)
        try:
            step = self.now - await self._skipper.get_current_time(handle)
            if step >= _SMALLEST_STEP:
                await self._skipper.fast_forward(handle, step)
        except RPCError as error:
            if error.status not in (RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION):
                raise
