"""The customer's lock: one holder at a time, also for customers nobody has heard of."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session, sessionmaker

from store import customers, facts
from store.schema import CaseRow, CustomerRow
from tests.store.rows import NOON, add_case

Sessions = sessionmaker[Session]


def test_unknown_customer_is_created_once_by_eight_at_once(sessions: Sessions) -> None:
    together = Barrier(8)

    def lock(_: int) -> str:
        with sessions.begin() as session:
            together.wait()
            return customers.lock(session, "C-1").customer_id

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lock, range(8))) == ["C-1"] * 8
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(CustomerRow)) == 1


def test_holders_of_the_lock_see_what_the_one_before_committed(sessions: Sessions) -> None:
    def add_one(_: int) -> None:
        with sessions.begin() as session:
            stale = session.get(CustomerRow, "C-1")
            customer = customers.lock(session, "C-1")
            assert stale is None or stale is customer
            customer.profile = {"customer_id": "C-1", "count": customer.profile.get("count", 0) + 1}

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add_one, range(40)))
    with sessions() as session:
        assert session.get_one(CustomerRow, "C-1").profile["count"] == 40


def test_lock_does_not_stop_rows_that_only_point_at_the_customer(sessions: Sessions) -> None:
    with sessions.begin() as session:
        customers.lock(session, "C-1")
    with sessions.begin() as holder, sessions.begin() as other:
        customers.lock(holder, "C-1")
        other.connection().exec_driver_sql("SET lock_timeout = '200ms'")
        facts.append_event(
            other, customer_id="C-1", invoice_id=None, kind="noted", event_id="1", payload={}, at=NOON
        )


def test_lock_of_an_invoice_that_moves_while_one_waits(sessions: Sessions) -> None:
    with sessions.begin() as session:
        add_case(session, "INV-1", "C-1")
        customers.lock(session, "C-2")

    def lock() -> str:
        with sessions.begin() as session:
            customer, case = customers.lock_of_invoice(session, "INV-1")
            assert case.customer_id == customer.customer_id
            return customer.customer_id

    with ThreadPoolExecutor(1) as thread:
        with sessions.begin() as session:
            customers.lock(session, "C-1")
            locked = thread.submit(lock)
            while not session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
                assert not locked.done()
            session.get_one(CaseRow, "INV-1").customer_id = "C-2"
        assert locked.result(10) == "C-2"


def test_lock_of_an_unknown_invoice(session: Session) -> None:
    with pytest.raises(customers.UnknownInvoice, match="INV-9"):
        customers.lock_of_invoice(session, "INV-9")


def test_business_time_of_a_customer_never_goes_back(session: Session) -> None:
    customer = customers.lock(session, "C-1")
    assert customers.advance(customer, NOON) == NOON
    assert customers.advance(customer, NOON - timedelta(days=1)) == NOON
    assert customers.advance(customer, NOON + timedelta(days=1)) == NOON + timedelta(days=1)


def test_an_instant_without_a_zone_is_refused(session: Session) -> None:
    customer = customers.lock(session, "C-1")
    customer.latest_at = datetime(2026, 12, 7, 12)  # noqa: DTZ001
    with pytest.raises(Exception, match="no time zone"):
        session.flush()


def test_each_write_of_a_case_counts_up_its_revision(session: Session) -> None:
    case = add_case(session)
    assert case.revision == 1
    case.stage = "due"
    session.flush()
    assert case.revision == 2
