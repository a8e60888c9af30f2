"""Sleeping until an instant, or until something happens: the business time of a workflow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow


class Sleeper:
    """Sleeps for one workflow, and knows what time it is there."""

    def __init__(self) -> None:
        self._slept_until: datetime | None = None

    def now(self) -> datetime:
        """The business time: the workflow's, or the instant just slept until where a timer fired early."""
        return max(workflow.now(), self._slept_until or workflow.now())

    async def until(self, instant: datetime, summary: str, woken: Callable[[], bool]) -> bool:
        """Whether the instant was reached before something woke the workflow. `summary` is shown in the UI."""
        duration = instant - workflow.now()
        if duration > timedelta(0) and await _woken_within(duration, summary, woken):
            return False
        self._slept_until = instant
        return True

    async def a_minute(self, woken: Callable[[], bool]) -> bool:
        """Wait before looking again at what did not move, since somebody else is at it: never in a tight loop."""
        return await self.until(workflow.now() + timedelta(minutes=1), "Looking again in a minute", woken)


async def _woken_within(duration: timedelta, summary: str, woken: Callable[[], bool]) -> bool:
    """Whether `woken` became true before a timer of this length fired.

    What `workflow.wait_condition` does with a time-out, but for `asyncio.wait_for`, which it calls: Python 3.12 wakes
    the waiting task a turn of the event loop earlier than 3.11. A workflow that sleeps would then give its next
    commands in another order under another Python, and not replay. These are the turns of 3.11.
    """
    sleep, condition = workflow.sleep(duration, summary=summary), workflow.wait_condition(woken)
    became_true = _begun(condition)
    fired = _begun(sleep)
    over = asyncio.get_running_loop().create_future()

    def end(_: asyncio.Future[None]) -> None:
        fired.cancel()  # which takes the timer back in the next turn, just before the waiting task goes on
        if not over.done():
            over.set_result(None)

    became_true.add_done_callback(end)
    fired.add_done_callback(end)
    try:
        await over
        if became_true.done():
            return True
        await asyncio.sleep(0)
        return False
    finally:
        fired.cancel()
        became_true.cancel()
        sleep.close()
        condition.close()


def _begun(waiting: Coroutine[Any, Any, None]) -> asyncio.Future[None]:
    """Begin something to wait for in this very turn, and return what it waits for."""
    future: asyncio.Future[None] = waiting.send(None)
    return future
