"""The worklist lists a thing once, groups what belongs together, and keeps what is done."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from store import worklist
from store.schema import TaskRow, TaskState
from tests.store.rows import NOON

CLOSED: dict[str, Any] = {"at": NOON, "by": "kim", "outcome": "reached"}


def call(session: Session, *invoices: str, ref: str = "call/0") -> str:
    return worklist.open_task(
        session, kind="call", why="16 days", at=NOON, customer_id="C-1", invoices=invoices, ref=ref
    )


def test_item_ids_are_short_and_count_up(session: Session) -> None:
    session.execute(text("ALTER SEQUENCE task_numbers RESTART"))
    item_ids = [call(session, "INV-1", ref=f"call/{cycle}") for cycle in range(34)]
    assert item_ids[:2] == ["T-1", "T-2"]
    assert item_ids[31:33] == ["T-10", "T-11"]


def test_the_same_thing_is_listed_once_also_after_it_was_done(session: Session) -> None:
    item_id = call(session, "INV-1")
    assert call(session, "INV-1") == item_id
    assert worklist.close_task(session, item_id, **CLOSED)
    assert call(session, "INV-1") == item_id
    assert worklist.list_open(session) == []
    assert call(session, "INV-1", ref="call/1") != item_id


def test_invoices_join_an_open_task_and_make_a_new_one_when_it_was_done(session: Session) -> None:
    first = call(session, "INV-2")
    assert call(session, "INV-1") == first
    assert session.get_one(TaskRow, first).invoices == ["INV-1", "INV-2"]
    worklist.close_task(session, first, **CLOSED)
    second = call(session, "INV-3")
    assert second != first
    assert session.get_one(TaskRow, first).invoices == ["INV-1", "INV-2"]


def test_eight_at_once_list_it_once(sessions: sessionmaker[Session]) -> None:
    def list_it(number: int) -> str:
        with sessions.begin() as session:
            return call(session, f"INV-{number}")

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(list_it, range(8)))) == 1
    with sessions() as session:
        (task,) = worklist.list_open(session)
        assert task.invoices == [f"INV-{number}" for number in range(8)]


def test_an_invoice_is_taken_off_and_the_last_one_cancels(session: Session) -> None:
    grouped = call(session, "INV-1", "INV-2")
    assert worklist.close_tasks(session, invoice_id="INV-1", kinds=["alert"], **CLOSED) == []
    assert worklist.close_tasks(session, invoice_id="INV-1", **CLOSED) == []
    assert session.get_one(TaskRow, grouped).invoices == ["INV-2"]
    assert worklist.close_tasks(session, invoice_id="INV-2", kinds=["call"], **CLOSED) == [grouped]
    task = session.get_one(TaskRow, grouped)
    assert (task.state, task.done_by, task.done_at) == (TaskState.CANCELLED, "kim", NOON)
    assert not worklist.close_task(session, grouped, **CLOSED)


def test_order_and_filters_of_the_list(session: Session) -> None:
    def task(kind: str, due_on: date | None) -> str:
        return worklist.open_task(
            session, kind=kind, why="", at=NOON, customer_id="C-1", invoice_id="INV-1", due_on=due_on
        )

    undated, late, early = task("a", None), task("b", date(2026, 12, 9)), task("c", date(2026, 12, 8))
    assert [row.item_id for row in worklist.list_open(session)] == [early, late, undated]
    assert [row.item_id for row in worklist.list_open(session, kind="a", invoice_id="INV-1")] == [undated]
    assert worklist.list_open(session, customer_id="C-2") == []


@pytest.mark.parametrize(("size", "kept"), [(64_000, 64_000), (64_001, 4_000), (0, 0)])
def test_raw_input_is_kept_whole_or_its_beginning(session: Session, size: int, kept: int) -> None:
    item_id = worklist.open_task(session, kind="unreadable", why="", at=NOON, raw=b'"' * size)
    task = session.get_one(TaskRow, item_id)
    assert task.raw == b'"' * kept
    assert task.raw_sha256 is not None


def test_any_text_can_be_listed(session: Session) -> None:
    hostile = "a\0\ud800\U0001f600" + "x" * 10_000
    item_id = worklist.open_task(
        session, kind="k", why=hostile, at=NOON, customer_id=hostile, invoice_id=hostile, ref=hostile
    )
    session.flush()
    assert session.get_one(TaskRow, item_id).why.startswith("a�?\U0001f600xxx")
