"""The worklist: what a person has to do or look at. A thing is listed once, however often it is reported."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from store.schema import TaskRow, TaskState, task_numbers

#: Raw input is kept whole up to the first size, else its beginning up to the second (`contract.md`).
RAW_WHOLE, RAW_BEGINNING = 64_000, 4_000

#: Base32 as Crockford wrote it: no letter that is read as a digit.
_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def open_task(
    session: Session,
    *,
    kind: str,
    why: str,
    at: datetime,
    customer_id: str | None = None,
    invoice_id: str | None = None,
    invoices: Iterable[str] = (),
    ref: str = "",
    raw: bytes | None = None,
    raw_sha256: bytes | None = None,
    due_on: date | None = None,
) -> str:
    """List a thing to do and return its item id.

    `kind`, customer, invoice and `ref` say what it is: `ref` names what sets it apart (event id, step and
    cycle, message id). What is listed, or was done, is not listed again, but what was cancelled is;
    invoices that are new to an open task join it. `raw_sha256` is given where `raw` is only the
    beginning. All text may be anybody's: what PostgreSQL cannot hold is replaced.
    """
    kind, why, ref = _storable(kind), _storable(why), _storable(ref)
    customer_id = None if customer_id is None else _storable(customer_id)
    invoice_id = None if invoice_id is None else _storable(invoice_id)
    about = {_storable(invoice) for invoice in invoices} | ({invoice_id} if invoice_id else set())
    same = (
        select(TaskRow)
        .where(TaskRow.kind == kind, TaskRow.ref == ref)
        .where(TaskRow.customer_id == customer_id, TaskRow.invoice_id == invoice_id)
        .where(TaskRow.state != TaskState.CANCELLED)
        .with_for_update()
    )
    while True:
        listed = session.scalars(same, execution_options={"populate_existing": True}).all()
        for task in listed:
            if about <= set(task.invoices):
                return task.item_id
        for task in listed:
            if task.state == TaskState.OPEN:
                task.invoices = sorted({*task.invoices, *about})
                return task.item_id
        item_id = f"T-{_short(session.scalars(select(task_numbers.next_value())).one())}"
        task_values = {
            "item_id": item_id,
            "kind": kind,
            "customer_id": customer_id,
            "invoice_id": invoice_id,
            "invoices": sorted(about),
            "ref": ref,
            "why": why,
            "raw": _kept(raw),
            "raw_sha256": None if raw is None else raw_sha256 or hashlib.sha256(raw).digest(),
            "due_on": due_on,
            "created_at": at,
        }
        added = insert(TaskRow).values(task_values).on_conflict_do_nothing().returning(TaskRow.item_id)
        if session.scalar(added):
            return item_id
        # Somebody listed it in the same moment: look again.


def get(session: Session, item_id: str) -> TaskRow | None:
    """One item, whatever its state."""
    return session.get(TaskRow, item_id)


def close_task(
    session: Session,
    item_id: str,
    *,
    at: datetime,
    by: str,
    outcome: str,
    state: TaskState = TaskState.DONE,
) -> bool:
    """Close one task; False when there is none of this id that is open."""
    task = session.get(TaskRow, item_id, with_for_update=True, populate_existing=True)
    if task is None or task.state != TaskState.OPEN:
        return False
    _close(task, at=at, by=by, outcome=outcome, state=state)
    return True


def close_tasks(
    session: Session,
    *,
    invoice_id: str,
    at: datetime,
    by: str,
    outcome: str,
    kinds: Collection[str] | None = None,
) -> list[str]:
    """Take an invoice off the open tasks about it (of some kinds); returns the items this cancelled.

    A grouped task stays open for the invoices that remain.
    """
    about = select(TaskRow).where(TaskRow.state == TaskState.OPEN, TaskRow.invoices.contains([invoice_id]))
    if kinds is not None:
        about = about.where(TaskRow.kind.in_(kinds))
    cancelled = []
    for task in session.scalars(about.order_by(TaskRow.item_id).with_for_update()).all():
        task.invoices = [other for other in task.invoices if other != invoice_id]
        if not task.invoices:
            task.invoices = [invoice_id]
            _close(task, at=at, by=by, outcome=outcome, state=TaskState.CANCELLED)
            cancelled.append(task.item_id)
    return cancelled


def invoices_listed(session: Session, invoice_ids: Collection[str]) -> set[str]:
    """Those of these invoices that an open task is about, with others perhaps."""
    about = select(func.unnest(TaskRow.invoices)).where(
        TaskRow.state == TaskState.OPEN, TaskRow.invoices.overlap(list(invoice_ids))
    )
    return set(session.scalars(about)).intersection(invoice_ids)


def list_open(
    session: Session,
    *,
    kind: str | None = None,
    customer_id: str | None = None,
    invoice_id: str | None = None,
    ref: str | None = None,
    limit: int = 1000,
) -> list[TaskRow]:
    """Open tasks: those with a day first, by day; then the oldest first."""
    tasks = select(TaskRow).where(TaskRow.state == TaskState.OPEN)
    if kind is not None:
        tasks = tasks.where(TaskRow.kind == kind)
    if customer_id is not None:
        tasks = tasks.where(TaskRow.customer_id == customer_id)
    if invoice_id is not None:
        tasks = tasks.where(TaskRow.invoices.contains([invoice_id]))
    if ref is not None:
        tasks = tasks.where(TaskRow.ref == ref)
    order = (TaskRow.due_on.nulls_last(), TaskRow.created_at, TaskRow.item_id)
    return list(session.scalars(tasks.order_by(*order).limit(limit)))


def _close(task: TaskRow, *, at: datetime, by: str, outcome: str, state: TaskState) -> None:
    task.state, task.done_at, task.done_by, task.outcome = state, at, by, outcome


def _kept(raw: bytes | None) -> bytes | None:
    return raw if raw is None or len(raw) <= RAW_WHOLE else raw[:RAW_BEGINNING]


def _storable(text: str) -> str:
    """The text without NUL and lone surrogates, cut to a length that an index can hold."""
    return text.replace("\0", "�").encode("utf-8", "replace").decode()[:500]


def _short(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 32)
        digits = _DIGITS[digit] + digits
    return digits or "0"
