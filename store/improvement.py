"""What two periods are compared by, added up by the database, and the invoices that it is made of.

The definitions are those of `domain/figures/receivables_book.py`; a test holds the two to each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, case, func, or_, select
from sqlalchemy.orm import Session

from domain.figures.day_figures import COLLECTED_WITHIN
from domain.figures.outcomes import Period
from domain.figures.receivables_book import Turn
from store.receivables import every_invoice
from store.schema import CustomerRow

#: A sheet has 1,048,576 rows; a workbook that people open has fewer.
MOST_INVOICES = 200_000


class InvoiceOfPeriods(NamedTuple):
    """An invoice that was issued, due or paid in one of the periods."""

    invoice_id: str
    customer_id: str
    customer: str
    issued_on: date
    due_on: date
    settled_on: date | None
    minor: int


def turns(session: Session) -> dict[str, dict[date, Turn]]:
    """What turned on each day, by currency."""
    of = every_invoice()
    late = of.c.settled_on - of.c.due_on
    in_time = late <= COLLECTED_WITHIN
    found: defaultdict[str, defaultdict[date, Turn]] = defaultdict(lambda: defaultdict(Turn))
    queries: list[tuple[Any, dict[str, ColumnElement[Any]]]] = [
        (of.c.issued_on, {"issued": func.count()}),
        (
            of.c.settled_on,
            {
                "paid": func.count(),
                "days_to_pay": func.sum(of.c.settled_on - of.c.issued_on),
                "days_late": func.sum(late),
            },
        ),
        (
            of.c.due_on,
            {
                "due": func.count(),
                "due_minor": func.sum(of.c.minor),
                "before_due": func.count().filter(late < 0),
                "by_due": func.count().filter(late <= 0),
                "in_time": func.count().filter(in_time),
                "in_time_minor": func.sum(of.c.minor).filter(in_time),
            },
        ),
    ]
    for day, sums in queries:
        rows = select(of.c.currency, day, *sums.values()).where(day.is_not(None)).group_by(of.c.currency, day)
        for currency, on, *values in session.execute(rows):
            turn = Turn(**{name: int(value or 0) for name, value in zip(sums, values, strict=True)})
            found[currency][on] = found[currency][on].plus(turn)
    return {currency: dict(by_day) for currency, by_day in found.items()}


def invoices(
    session: Session, currency: str, periods: Sequence[Period], as_of: date, limit: int
) -> list[InvoiceOfPeriods]:
    """The invoices that the figures of some periods are made of, the earliest issued first; at most so many."""
    of = every_invoice()
    settled_on = case((of.c.settled_on <= as_of, of.c.settled_on))
    days = (of.c.issued_on, of.c.due_on, settled_on)
    within = [day.between(period.first, min(period.last, as_of)) for day in days for period in periods]
    rows = (
        select(
            of.c.invoice_id,
            of.c.customer_id,
            func.coalesce(CustomerRow.profile["name"].astext, ""),
            of.c.issued_on,
            of.c.due_on,
            settled_on,
            of.c.minor,
        )
        .join(CustomerRow, CustomerRow.customer_id == of.c.customer_id)
        .where(of.c.currency == currency, of.c.issued_on <= as_of, or_(*within))
        .order_by(of.c.issued_on, of.c.invoice_id)
        .limit(limit)
    )
    return [InvoiceOfPeriods(*row) for row in session.execute(rows)]
