"""Sleeping until an instant, or until something happens: the business time of a workflow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

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
        if duration > timedelta(0):
            try:
                await workflow.wait_condition(woken, timeout=duration, timeout_summary=summary)
            except TimeoutError:
                pass
            else:
                return False
        self._slept_until = instant
        return True

    async def a_minute(self, woken: Callable[[], bool]) -> bool:
        """Wait before looking again at what did not move, since somebody else is at it: never in a tight loop."""
        return await self.until(workflow.now() + timedelta(minutes=1), "Looking again in a minute", woken)
