"""Failures as they travel into histories: what went wrong and where, never about whom.

The text of an exception may hold anything: pydantic shows the value it refuses, PostgreSQL the row.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.exc import DBAPIError, OperationalError
from temporalio.exceptions import FailureError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.rulebook import Misconfigured
from store.customers import UnknownInvoice
from store.outbox import IllegalTransition

#: Exceptions whose texts are our own: ids, states and file names.
_OURS = (IllegalTransition, UnknownInvoice, Misconfigured, AssertionError)


class QuietFailure(Exception):
    """What is told of an exception instead of itself; the stack is the original one."""


class QuietFailures(Interceptor):
    """Replaces what an activity raises by what may be told of it."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Quiet(next)


class _Quiet(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        try:
            return await super().execute_activity(input)
        except FailureError:  # raised for Temporal, and worded for it
            raise
        except Exception as problem:
            raise QuietFailure(told(problem)).with_traceback(problem.__traceback__) from None


def told(problem: Exception) -> str:
    """What may be told of an exception: its kind, and its text where that is our own."""
    kind = type(problem).__name__
    if isinstance(problem, _OURS):
        return f"{kind}: {problem}"
    if isinstance(problem, OperationalError):  # the database, not what is in it
        return f"{kind}: {str(problem.orig).splitlines()[0]}"
    if isinstance(problem, DBAPIError):
        return f"{kind}: SQLSTATE {getattr(problem.orig, 'sqlstate', None)}"
    return kind
