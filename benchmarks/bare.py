"""The least that Temporal can do for such a life: the same timers, signal and activities, all empty."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

#: What a bare life does, in order: a number sleeps so many seconds, `PAY` waits for the signal, any other
#: word is the task queue of an empty activity.
Score = list[float | str]
PAY = "pay"
QUEUE = "bare"


@workflow.defn
class BareLife:
    """Plays a score."""

    def __init__(self) -> None:
        self._paid = False

    @workflow.run
    async def run(self, score: Score) -> None:
        """Every timer is slept out but the one that the payment interrupts."""
        timer: asyncio.Task[None] | None = None
        for move, following in zip(score, [*score[1:], ""], strict=True):
            if not isinstance(move, str):
                timer = asyncio.create_task(asyncio.sleep(move))
                if following != PAY:
                    await timer
            elif move == PAY:
                await workflow.wait_condition(lambda: self._paid)
            else:
                await workflow.execute_activity(
                    empty, task_queue=move, start_to_close_timeout=timedelta(minutes=1)
                )
                if timer is not None and not timer.done():
                    timer.cancel()

    @workflow.signal
    def pay(self) -> None:
        """The payment, which says nothing."""
        self._paid = True


@activity.defn
def empty() -> None:
    """Nothing."""


def workers(client: Client, queues: list[str], threads: int) -> list[Worker]:
    """One for each task queue, with as many slots as ours have."""
    return [
        Worker(
            client,
            task_queue=queue,
            workflows=[BareLife] if queue == QUEUE else [],
            activities=[empty],
            activity_executor=ThreadPoolExecutor(threads),
            max_concurrent_activities=threads,
        )
        for queue in queues
    ]
