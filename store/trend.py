"""What each day changed in the portfolio, added up by the database: the figures of month ends come from it.

History is paid in full on one day, so that each invoice of it is owed from one day to another. A case may be
paid in parts and credited: what is left of it goes down in steps, each of them a row of `_steps`. The
definitions are those of `domain/trend.py`; a test holds the two to each other.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    cast,
    func,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from domain.day_figures import COLLECTED_WITHIN
from domain.trend import Flow
from store.receivables import INVOICED, issued_on
from store.schema import CaseRow, LedgerEntryRow, SettledInvoiceRow


def flows(session: Session) -> dict[str, dict[date, Flow]]:
    """What each day changed, by currency."""
    found: defaultdict[str, defaultdict[date, Flow]] = defaultdict(lambda: defaultdict(Flow))
    for rows, fields in (
        *_of_invoices(_history()),
        *_of_invoices(_cases()),
        *_owed_of_history(),
        *_owed_of_cases(),
    ):
        for row in session.execute(rows):
            currency, day, *sums = tuple[Any, ...](row)
            flow = Flow(**{field: int(minor or 0) for field, minor in zip(fields, sums, strict=True)})
            found[currency][day] = found[currency][day].plus(flow)
    return {currency: dict(by_day) for currency, by_day in found.items()}


#: A statement that gives currency, day and sums, and which fields of a `Flow` those are.
_Query = tuple[Select[Any], tuple[str, ...]]


def _history() -> FromClause:
    return select(
        SettledInvoiceRow.currency,
        SettledInvoiceRow.issued_on,
        SettledInvoiceRow.due_on,
        SettledInvoiceRow.settled_on,
        SettledInvoiceRow.amount_minor.label("minor"),
    ).subquery("history")


def _cases() -> FromClause:
    return select(
        CaseRow.invoice_id,
        CaseRow.currency,
        issued_on().label("issued_on"),
        CaseRow.due_on,
        CaseRow.settled_on,
        CaseRow.amount_minor.label("minor"),
    ).subquery("own")


def _of_invoices(of: FromClause) -> list[_Query]:
    """What was sold, settled and judged: the same of history and cases."""
    settled_on, minor = of.c.settled_on, of.c.minor
    judged_on = func.greatest(of.c.due_on + COLLECTED_WITHIN, of.c.issued_on)
    in_time = settled_on - of.c.due_on <= COLLECTED_WITHIN
    settled = _by_day(
        of, func.greatest(settled_on, of.c.issued_on), func.count(), func.sum(settled_on - of.c.issued_on)
    )
    judged = _by_day(
        of, judged_on,
        func.count(), func.sum(minor), func.count().filter(in_time), func.sum(minor).filter(in_time),
    )  # fmt: skip
    return [
        (_by_day(of, of.c.issued_on, func.sum(minor)), ("sold",)),
        (settled.where(settled_on.is_not(None)), ("settled", "days_to_pay")),
        (judged, ("due", "due_minor", "collected", "collected_minor")),
    ]


def _by_day(of: FromClause, day: ColumnElement[date], *sums: ColumnElement[Any]) -> Select[Any]:
    return select(of.c.currency, day.label("turned_on"), *sums).group_by(of.c.currency, "turned_on")


def _owed_of_history() -> list[_Query]:
    """Owed from issue to settlement, overdue from the day after the due date."""
    history = _history()
    queries: list[_Query] = []
    for field, begins in (
        ("owed", history.c.issued_on),
        ("overdue", func.greatest(history.c.issued_on, history.c.due_on + 1)),
    ):
        ends = func.greatest(history.c.settled_on, begins)
        queries.append((_by_day(history, begins, func.sum(history.c.minor)), (field,)))
        queries.append((_by_day(history, ends, -func.sum(history.c.minor)), (field,)))
    return queries


def _owed_of_cases() -> list[_Query]:
    """Each step of a case is owed from its day to that of the next, overdue from the day after the due date."""
    steps = _steps()
    queries: list[_Query] = []
    for field, begins in (
        ("owed", steps.c.day),
        ("overdue", func.greatest(steps.c.day, steps.c.due_on + 1)),
    ):
        lasts = or_(steps.c.until.is_(None), begins < steps.c.until)
        queries.append((_by_day(steps, begins, func.sum(steps.c.owed)).where(lasts), (field,)))
        ended = _by_day(steps, steps.c.until, -func.sum(steps.c.owed))
        queries.append((ended.where(steps.c.until.is_not(None), lasts), (field,)))
    return queries


def _steps() -> FromClause:
    """What is left to pay of a case from a day until another, None where that is to come."""
    own = _cases()
    day = func.greatest(LedgerEntryRow.entry_on, own.c.issued_on)
    entered = select(own.c.invoice_id, own.c.issued_on.label("day"), own.c.minor.label("minor"))
    changed = (
        select(own.c.invoice_id, day, LedgerEntryRow.amount_minor)
        .join(LedgerEntryRow, LedgerEntryRow.invoice_id == own.c.invoice_id)
        .where(
            LedgerEntryRow.kind != INVOICED,
            or_(own.c.settled_on.is_(None), LedgerEntryRow.entry_on < own.c.settled_on),
        )
    )
    moves = union_all(entered, changed).subquery("moves")
    by_day = (
        select(moves.c.invoice_id, moves.c.day, func.sum(moves.c.minor).label("minor"))
        .group_by(moves.c.invoice_id, moves.c.day)
        .subquery("by_day")
    )
    of, in_order = by_day.c.invoice_id, by_day.c.day
    steps = select(
        by_day.c.invoice_id,
        by_day.c.day,
        func.lead(by_day.c.day).over(partition_by=of, order_by=in_order).label("next"),
        func.sum(by_day.c.minor).over(partition_by=of, order_by=in_order).label("left"),
    ).subquery("steps")
    return (
        select(
            own.c.currency,
            own.c.due_on,
            steps.c.day,
            func.coalesce(steps.c.next, own.c.settled_on).label("until"),
            cast(func.greatest(steps.c.left, 0), BigInteger).label("owed"),
        )
        .join(own, own.c.invoice_id == steps.c.invoice_id)
        .where(or_(own.c.settled_on.is_(None), steps.c.day < own.c.settled_on))
        .subquery("left_to_pay")
    )
