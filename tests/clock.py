"""The present, for tests: the one place they take it from.

`DUECOURSE_TESTS_TODAY` (YYYY-MM-DD, not in the past) moves it to the same time of another day. A Temporal server
keeps the real time: what is started through the clients of these tests begins on the other day, by its own clock.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

from temporalio.client import Client, Interceptor, OutboundInterceptor, StartWorkflowInput, WorkflowHandle
from temporalio.service import RPCError
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from deploy.virtual_time import VirtualTime

_TODAY = os.environ.get("DUECOURSE_TESTS_TODAY")
AHEAD = date.fromisoformat(_TODAY) - datetime.now(UTC).date() if _TODAY else timedelta(0)
#: A workflow opens this long before the present, so that it has opened when its clock gets there.
_OPENING = timedelta(seconds=20)
#: A clock so little behind is not moved.
_NEAR = timedelta(minutes=1)
_THERE_WITHIN_S = 3.0


def now() -> datetime:
    return datetime.now(UTC) + AHEAD


def start_delay() -> timedelta | None:
    """How long what is started in this moment waits to begin; None where the server's time is the tests'."""
    return AHEAD - _OPENING if AHEAD else None


def at_present(client: Client) -> Client:
    """A client whose workflows begin at the present; the same one where that is the server's."""
    if not AHEAD:
        return client
    config = client.config()
    config["interceptors"] = [*config["interceptors"], _BeginAtPresent(client)]
    return Client(**config)


def virtual_time(client: Client) -> VirtualTime:
    """A clock for a test to move, which begins at the present and says itself when what it starts begins."""
    config = client.config()
    config["interceptors"] = [
        each for each in config["interceptors"] if not isinstance(each, _BeginAtPresent)
    ]
    return VirtualTime(Client(**config), now())


async def catch_up(client: Client, handle: WorkflowHandle[Any, Any]) -> None:
    """Bring a workflow that was just started, or ran already, to the present; there, nothing happens to it."""
    if not AHEAD:
        return
    skipper = TimeSkipper(client, config=TimeSkippingConfig(enabled=False))
    with suppress(RPCError, TimeoutError):  # it has ended; it gets there as soon as a worker takes it up
        behind = now() - await skipper.get_current_time(handle)
        if behind > _NEAR:
            await asyncio.wait_for(skipper.fast_forward(handle, behind), _THERE_WITHIN_S)


class _BeginAtPresent(Interceptor):
    def __init__(self, client: Client) -> None:
        self._client = client

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _Starts(next, self._client)


class _Starts(OutboundInterceptor):
    def __init__(self, next: OutboundInterceptor, client: Client) -> None:
        super().__init__(next)
        self._client = client

    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
        if input.start_delay is None:
            input.start_delay = start_delay()
        handle = await super().start_workflow(input)
        await catch_up(self._client, self._client.get_workflow_handle(handle.id))
        return handle
