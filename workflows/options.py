"""Time-outs and retries, one preset for each kind of work, with its reason."""

from __future__ import annotations

from datetime import timedelta
from typing import TypedDict

from temporalio.common import RetryPolicy

MAIN_QUEUE = "duecourse"
LEDGER_QUEUE = "duecourse-ledger"
DOCUMENTS_QUEUE = "duecourse-documents"


class Options(TypedDict):
    task_queue: str
    start_to_close_timeout: timedelta
    retry_policy: RetryPolicy


_UNBOUNDED = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1))

#: Facts and decisions: tried until the database is back; its unique keys make repeats safe.
LEDGER = Options(
    task_queue=LEDGER_QUEUE, start_to_close_timeout=timedelta(seconds=30), retry_policy=_UNBOUNDED
)
#: Deciding and drafting under the customer's lock: as safe to repeat, but slower.
DRAFT = Options(task_queue=MAIN_QUEUE, start_to_close_timeout=timedelta(minutes=2), retry_policy=_UNBOUNDED)
#: Sending: unbounded too, since the claim lets a second attempt never send again. Every try of a provider
#: that is down leaves rows, so they come further apart.
SEND = Options(
    task_queue=MAIN_QUEUE,
    start_to_close_timeout=timedelta(minutes=2),
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=10)),
)
#: Papers: a broken one is given up by the activity itself, so only a lost worker leads to a retry.
RENDER = Options(
    task_queue=DOCUMENTS_QUEUE, start_to_close_timeout=timedelta(minutes=3), retry_policy=_UNBOUNDED
)
#: What a schedule starts: its next run comes anyway, so a run that fails for long is given up.
HOUSEKEEPING = Options(
    task_queue=MAIN_QUEUE,
    start_to_close_timeout=timedelta(minutes=10),
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=5), maximum_attempts=5),
)
