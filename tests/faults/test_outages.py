"""PostgreSQL and Temporal gone for a while: no claim without a database, no timer or signal lost."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from temporalio.service import RPCError, RPCStatusCode

from activities.adapters.smtp import SmtpTransport
from deploy.local_postgres import LocalPostgres
from deploy.local_temporal import LocalTemporal
from store.migrate import upgrade
from store.schema import MessageState
from tests import clock
from tests.faults.post import PostOffice
from tests.faults.test_facts_at_any_time import Gate, address, begin
from tests.faults.test_killed_workers import fate
from tests.premises import (
    Premises,
    case_of,
    connect,
    contact,
    eventually,
    failed_tasks,
    payment,
    result_of,
    start_input,
)


@pytest.fixture
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPostgres]:
    """A database server of the test's own, to be killed."""
    with LocalPostgres(tmp_path_factory.mktemp("pg"), durable=False, own=True) as server:
        upgrade(server.url)
        yield server


@pytest.fixture
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTemporal]:
    """A Temporal server of the test's own, whose state outlives it."""
    with LocalTemporal(tmp_path_factory.mktemp("t"), time_skipping=True, headless=True) as server:
        yield server


def kill(server: LocalPostgres | LocalTemporal) -> None:
    """SIGKILL, and what it was doing is gone."""
    assert server.pid
    os.kill(server.pid, signal.SIGKILL)


def is_down(place: Premises) -> bool:
    try:
        with place.engine.connect() as connection:
            connection.execute(sa.text("select 1"))
    except sa.exc.OperationalError:
        return True
    return False


async def test_postgres_down_before_the_claim_and_after_the_provider_accepted(
    temporal: LocalTemporal, postgres: LocalPostgres, post: PostOffice
) -> None:
    """Before: nothing is sent until it is back, then once. After: sent once, unknown, not sent again."""
    place = Premises(postgres.url, await connect(temporal.address))
    early, late = Gate(only="invoice-DOWN-BEFORE"), Gate(only="invoice-DOWN-AFTER")
    hooks = {"before_claim": early, "after_acceptance": late}
    parts = place.parts(SmtpTransport("127.0.0.1", post.port), notices=hooks)
    async with place.working(parts):
        before = await begin(place, "DOWN-BEFORE")
        after = await begin(place, "DOWN-AFTER")
        waiting = await place.start(start_input("DOWN-PAID", invoice={"due_on": "2199-06-01"}))
        await eventually(lambda: early.standing and late.standing and place.case("DOWN-PAID"))

        kill(postgres)
        await eventually(lambda: is_down(place))
        early.open()
        late.open()
        await waiting.signal("payment_received", payment("P-1"))
        await asyncio.sleep(3)
        assert post.copies_to(address("DOWN-BEFORE")) == 0, "no claim, no send"
        assert post.copies_to(address("DOWN-AFTER")) == 1
        postgres.stop()
        postgres.start()

        await eventually(lambda: fate(place, "DOWN-BEFORE") == "sent", 60)
        await eventually(lambda: fate(place, "DOWN-AFTER") == "unknown", 60)
        assert (await result_of(waiting, 60))["outcome"] == "paid"
        await asyncio.sleep(2)
    assert post.copies_to(address("DOWN-BEFORE")) == 1
    assert post.copies_to(address("DOWN-AFTER")) == 1
    assert len(place.tasks("DOWN-AFTER", kind="unknown_delivery")) == 1
    for handle in (before, after, waiting):
        assert await failed_tasks(handle) == []
    place.engine.dispose()


@pytest.mark.temporal
async def test_temporal_restarted_over_a_due_timer(
    lasting: LocalTemporal, database: str, post: PostOffice
) -> None:
    """The step comes once the server is back; facts signalled before are there, during are refused."""
    place = Premises(database, await connect(lasting.address))
    time = clock.virtual_time(place.client)
    parts = place.parts(SmtpTransport("127.0.0.1", post.port))
    async with place.working(parts):
        start = start_input("RESTART-1", customer=contact(address("RESTART-1")))
        handle = await place.start(start, client=time.client)
        await eventually(lambda: len(place.messages("RESTART-1", MessageState.SENT)) == 1)
        await time.idle([handle.id])
        case = place.case("RESTART-1")
        assert case is not None
        assert case.next_at is not None
        await time.advance(case.next_at - timedelta(seconds=5), [handle.id])
        assert len(place.messages("RESTART-1")) == 1, "the timer has not fired yet"
        await handle.signal("risk_noted", {"note_id": "N-1", "text": "heard before"})
        kill(lasting)
        with pytest.raises(RPCError) as refused:
            await handle.signal(
                "risk_noted", {"note_id": "N-2", "text": "x"}, rpc_timeout=timedelta(seconds=1)
            )
        assert refused.value.status in (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED)
        await asyncio.sleep(6)  # the timer falls due while nobody is there
        lasting.start()

        await eventually(lambda: len(place.messages("RESTART-1", MessageState.SENT)) == 2, 90)
        await eventually(lambda: place.events("RESTART-1", "risk_noted"), 30)
        await handle.signal("payment_received", payment("P-1"))
        await eventually(lambda: place.ledger("RESTART-1", "payment_received"), 30)
        await time.idle([handle.id])  # the payment is committed before the workflow hears so
        assert (await case_of(handle))["balance_due"] == "0.00"
    assert post.copies_to(address("RESTART-1")) == 2
    assert [message.step for message in place.messages("RESTART-1")] == ["due", "overdue"]
    assert await failed_tasks(handle) == []
    place.engine.dispose()
