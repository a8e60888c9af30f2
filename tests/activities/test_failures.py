"""What a failed activity tells a history: never about whom."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy import text
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor

import worker
from activities.failures import QuietFailure, QuietFailures, told
from store.customers import UnknownInvoice
from store.outbox import IllegalTransition
from tests.activities.conftest import Office


class Person(BaseModel):
    age: int


async def told_of(problem: Exception) -> Exception:
    class Fails(ActivityInboundInterceptor):
        def __init__(self) -> None:
            pass

        async def execute_activity(self, input: Any) -> Any:
            raise problem

    outermost = QuietFailures().intercept_activity(Fails())
    with pytest.raises(Exception) as raised:  # noqa: PT011
        await outermost.execute_activity(None)  # type: ignore[arg-type]
    return raised.value


async def test_values_and_rows_stay_here(office: Office) -> None:
    try:
        Person.model_validate({"age": "Ann Payne"})
    except ValueError as problem:
        told_instead = await told_of(problem)
    assert isinstance(told_instead, QuietFailure)
    assert str(told_instead) == "ValidationError"
    assert told_instead.__cause__ is None
    assert told_instead.__suppress_context__
    assert told_instead.__traceback__ is not None

    office.open(customer={"name": "Ann Payne"})
    with office.sessions() as session, pytest.raises(Exception, match="Ann Payne") as refused:
        session.execute(text("update customers set audit_seq = null"))
    assert told(refused.value) == "IntegrityError: SQLSTATE 23502"


async def test_our_own_words_are_told() -> None:
    for problem in (UnknownInvoice("INV-1"), IllegalTransition("M-1", "claim", "it is SENT")):
        assert str(await told_of(problem)) == f"{type(problem).__name__}: {problem}"
    refused = ApplicationError("message M-1 was not accepted", type="NotAccepted")
    assert await told_of(refused) is refused


def test_every_worker_is_quiet(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[dict[str, Any]] = []
    monkeypatch.setattr(worker, "Worker", lambda *_, **told: built.append(told))
    parts = worker.Parts(office.engine, office.rulebook, office.post, office.renderer)
    worker.workers(None, parts)  # type: ignore[arg-type]
    assert len(built) == 3
    assert all(isinstance(told["interceptors"][0], QuietFailures) for told in built)
