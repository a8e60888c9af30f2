"""A clock that tests and the demo move: workflows on a time-skipping server, all kept at one instant.

Every workflow has a clock of its own there. One that is started through `VirtualTime.client` begins at
the virtual time; the clocks stand (they only run with the real time) until they are brought further.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    StartWorkflowInput,
    WorkflowExecutionStatus,
    WorkflowHandle,
)
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import TimeSkipper, TimeSkippingConfig

#: The server refuses to move a clock by nothing.
_SMALLEST_STEP = timedelta(milliseconds=1)
#: A new workflow opens this long before the instant it is brought to, so that it has opened by then.
_OPENING = timedelta(seconds=20)
#: A workflow that is at work when so short a skip ends is skipped on by the server, to its next timer and the one
#: after: it is let finish first.
_SHORT = timedelta(seconds=20)
_FINISHES_WITHIN_S = 10.0
_LOOK_EVERY_S = 0.01
#: Events of a run before its first workflow task.
_OF_A_RUN_TO_BEGIN = 3
#: The server lets a run that continues a short one wait a second, which no skipping of time makes shorter.
_BACKOFF_S = 1.5
#: How long a workflow that another one starts may take to be there: a signal between two workflows is under way
#: without the server showing the sender at work.
_THERE_WITHIN_S = 15.0


class VirtualTime:
    """Starts workflows through `client` at the virtual time, and moves their clocks together."""

    def __init__(self, client: Client, now: datetime | None = None) -> None:
        self.now = now or datetime.now(UTC)
        self._starting_at: ContextVar[datetime | None] = ContextVar("starting_at", default=None)
        self._ahead: dict[str, timedelta] = {}  # of the real time, by workflow id
        self._begun: dict[str, str] = {}  # the run known to have begun, by workflow id
        config = client.config()
        config["interceptors"] = [*config["interceptors"], _BeginLater(self)]
        self._skipper = TimeSkipper(Client(**config), config=TimeSkippingConfig(enabled=False))

    @property
    def client(self) -> Client:
        """The client to start workflows with."""
        return self._skipper.client

    @contextmanager
    def at(self, instant: datetime) -> Iterator[None]:
        """What is started inside begins at `instant` instead of `now`."""
        token = self._starting_at.set(instant)
        try:
            yield
        finally:
            self._starting_at.reset(token)

    def delay(self) -> timedelta:
        """How long a workflow that is started in this moment waits to begin at the virtual time."""
        return (self._starting_at.get() or self.now) - _OPENING - datetime.now(UTC)

    def forget(self, workflow_id: str) -> None:
        """A new run may begin under this id, with a clock of its own."""
        self._ahead.pop(workflow_id, None)

    async def time_of(self, workflow_id: str) -> datetime:
        """The virtual time of a workflow."""
        return await self._skipper.get_current_time(self._handle(workflow_id))

    async def catch_up(self, workflow_ids: Iterable[str]) -> None:
        """Bring every one of these workflows that still runs to `now`, all at once."""
        await self.bring(workflow_ids, self.now)

    async def advance(self, to: datetime, workflow_ids: Iterable[str]) -> None:
        """Let every one of these workflows live until `to`. A clock never goes back."""
        self.now = max(self.now, to)
        await self.catch_up(workflow_ids)

    async def bring(self, workflow_ids: Iterable[str], to: datetime) -> None:
        """Let these workflows live until `to`, all at once; a clock that is further stays where it is."""
        await asyncio.gather(*(self._bring(workflow_id, to) for workflow_id in workflow_ids))

    async def there(self, workflow_ids: Iterable[str]) -> None:
        """Wait until every one of these workflows has been started, by whoever is about to.

        Raises RPCError (not found) for one that nobody starts.
        """
        await asyncio.gather(*(self._there(workflow_id) for workflow_id in workflow_ids))

    async def idle(self, workflow_ids: Iterable[str]) -> None:
        """Wait until every one of these workflows has done all it can at its present time."""
        await asyncio.gather(*(self._idle(workflow_id) for workflow_id in workflow_ids))

    async def _bring(self, workflow_id: str, to: datetime) -> None:
        handle = self._handle(workflow_id)
        try:
            if workflow_id not in self._ahead:
                self._ahead[workflow_id] = await self.time_of(workflow_id) - datetime.now(UTC)
            step = to - datetime.now(UTC) - self._ahead[workflow_id]
            if step < _SMALLEST_STEP:
                return
            if step < _SHORT:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._idle(workflow_id), _FINISHES_WITHIN_S)
                step = to - datetime.now(UTC) - self._ahead[workflow_id]
            if step >= _SMALLEST_STEP:
                await self._skipper.fast_forward(handle, step)
                self._ahead[workflow_id] = to - datetime.now(UTC)
        except BaseException as error:
            self.forget(workflow_id)  # who knows how far it came
            gone = (RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION)
            if not isinstance(error, RPCError) or error.status not in gone:
                raise

    async def _there(self, workflow_id: str) -> None:
        by = time.monotonic() + _THERE_WITHIN_S
        while True:
            try:
                await self._handle(workflow_id).describe()
                return
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND or time.monotonic() > by:
                    raise
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _idle(self, workflow_id: str) -> None:
        handle = self._handle(workflow_id)
        begun_by = time.monotonic() + _BACKOFF_S
        while True:
            described = await handle.describe()
            raw = described.raw_description
            begins = not await self._has_begun(workflow_id, described.run_id) and (
                described.run_id != raw.workflow_execution_info.first_run_id
                or described.history_length <= _OF_A_RUN_TO_BEGIN
                or time.monotonic() < begun_by
            )
            busy = begins or raw.pending_activities or raw.HasField("pending_workflow_task")
            if described.status is not WorkflowExecutionStatus.RUNNING or not busy:
                return
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _has_begun(self, workflow_id: str, run_id: str) -> bool:
        """Whether a run that was described had a workflow task. A skip of time before it would keep the run from ever
        having one. The first time it is seen to have begun it may have done so since it was described: not yet."""
        if self._begun.get(workflow_id) == run_id:
            return True
        run = self.client.get_workflow_handle(workflow_id, run_id=run_id)
        async for event in run.fetch_history_events(page_size=20):
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED:
                self._begun[workflow_id] = run_id
                break
        return False

    def _handle(self, workflow_id: str) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(workflow_id)


class _BeginLater(Interceptor):
    """Delays every start to the virtual time; the delay is then skipped like any other timer."""

    def __init__(self, virtual: VirtualTime) -> None:
        self._virtual = virtual

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _DelayedStarts(next, self._virtual)


class _DelayedStarts(OutboundInterceptor):
    def __init__(self, next: OutboundInterceptor, virtual: VirtualTime) -> None:
        super().__init__(next)
        self._virtual = virtual

    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
        self._virtual.forget(input.id)
        delay = self._virtual.delay()
        if input.start_delay is None and delay > timedelta(0):
            input.start_delay = delay
        return await super().start_workflow(input)
