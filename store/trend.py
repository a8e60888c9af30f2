"""What each day changed in the portfolio, added up by the database: the figures of month ends come from it.

First every invoice counts in full from its issue until it was settled: that takes three passes over the dates of
all invoices, each grouped by a plain date, of which the database knows that there are few. What payments in
parts and credits took off before is a correction, by the steps in which a case went down; so is what was paid
or due before it was issued. The definitions are those of `domain/figures/trend.py`; a test holds the two to each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    and_,
    cast,
    func,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from domain.figures.day_figures import COLLECTED_WITHIN
from domain.figures.receivables import Receivable
from domain.figures.trend import Flow, flows_of
from store.receivables import INVOICED, allow_memory, every_invoice, issued_on
from store.schema import CaseRow, LedgerEntryRow


def flows(session: Session) -> dict[str, dict[date, Flow]]:
    """What each day changed, by currency."""
    allow_memory(session)
    found: defaultdict[str, defaultdict[date, Flow]] = defaultdict(lambda: defaultdict(Flow))
    for query in (_issued, _settled, _due, _out_of_order, _corrections):
        for currency, day, flow in query(session):
            found[currency][day] = found[currency][day].plus(flow)
    return {currency: dict(by_day) for currency, by_day in found.items()}


_Flows = Iterator[tuple[str, date, Flow]]


def _issued(session: Session) -> _Flows:
    """Sold, and owed from then on."""
    of = every_invoice()
    for currency, day, minor in session.execute(_by(of, of.c.issued_on, func.sum(of.c.minor))):
        yield currency, day, Flow(sold=int(minor), owed=int(minor))


def _settled(session: Session) -> _Flows:
    """Paid in full: no longer owed, and no longer overdue where it was."""
    of = every_invoice()
    rows = _by(
        of,
        of.c.settled_on,
        func.count(),
        func.sum(of.c.settled_on - of.c.issued_on),
        func.sum(of.c.minor),
        _sum_of(of.c.minor, of.c.settled_on > of.c.due_on + 1),
    ).where(of.c.settled_on.is_not(None))
    for currency, day, number, days, minor, late in session.execute(rows):
        yield currency, day, Flow(owed=-int(minor), overdue=-int(late), settled=number, days_to_pay=int(days))


def _due(session: Session) -> _Flows:
    """Overdue from the day after it was due, and judged 60 days after it."""
    of = every_invoice()
    late = or_(of.c.settled_on.is_(None), of.c.settled_on > of.c.due_on + 1)
    in_time = of.c.settled_on <= of.c.due_on + COLLECTED_WITHIN
    rows = _by(
        of,
        of.c.due_on,
        _sum_of(of.c.minor, late),
        func.count(),
        func.sum(of.c.minor),
        func.count().filter(in_time),
        _sum_of(of.c.minor, in_time),
    )
    for currency, day, overdue, due, minor, collected, collected_minor in session.execute(rows):
        yield currency, day + timedelta(days=1), Flow(overdue=int(overdue))
        yield (
            currency,
            day + timedelta(days=COLLECTED_WITHIN),
            Flow(due=due, due_minor=int(minor), collected=collected, collected_minor=int(collected_minor)),
        )


def _out_of_order(session: Session) -> _Flows:
    """What is to be put right of invoices that were paid or due before they were issued, since nothing of them
    counts before that: what they changed, without what the other passes say of them."""
    of = every_invoice()
    paid_before = and_(of.c.settled_on.is_not(None), of.c.settled_on < of.c.issued_on)
    dates = (of.c.currency, of.c.issued_on, of.c.due_on, of.c.settled_on)
    rows = select(*dates, func.count(), func.sum(of.c.minor)).group_by(*dates)
    for currency, issued, due, settled, number, minor in session.execute(
        rows.where(or_(of.c.due_on < of.c.issued_on, paid_before))
    ):
        for day, flow in flows_of(Receivable("", "", issued, due, int(minor), settled)):
            yield currency, day, flow._replace(**{each: number * getattr(flow, each) for each in _COUNTS})
        for day, flow in _taken_for(issued, due, settled, number, int(minor)):
            yield currency, day, Flow(*(-each for each in flow))


#: The fields of a flow that count invoices or their days, not money.
_COUNTS = ("settled", "days_to_pay", "due", "collected")


def _taken_for(
    issued: date, due: date, settled: date | None, number: int, minor: int
) -> Iterator[tuple[date, Flow]]:
    """What the passes over all invoices say of so many with the same dates."""
    yield issued, Flow(sold=minor, owed=minor)
    late = settled is None or settled > due + timedelta(days=1)
    yield due + timedelta(days=1), Flow(overdue=minor if late else 0)
    if settled is not None:
        days = number * (settled - issued).days
        yield settled, Flow(owed=-minor, overdue=-minor if late else 0, settled=number, days_to_pay=days)
    judged_on = due + timedelta(days=COLLECTED_WITHIN)
    in_time = settled is not None and settled <= judged_on
    collected = {"collected": number, "collected_minor": minor} if in_time else {}
    yield judged_on, Flow(due=number, due_minor=minor, **collected)


def _sum_of(amounts: ColumnElement[int], condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(amounts).filter(condition), 0)


def _by(of: FromClause, day: ColumnElement[date], *sums: ColumnElement[Any]) -> Select[Any]:
    return select(of.c.currency, day, *sums).group_by(of.c.currency, day)


def _corrections(session: Session) -> _Flows:
    """By how much less was owed, and overdue, than the full amount of cases that were paid in parts or credited.

    Each step of a case lasts from its day to that of the next one, the last until the case was settled.
    """
    moves = (
        select(
            CaseRow.invoice_id,
            CaseRow.currency,
            CaseRow.due_on,
            CaseRow.settled_on,
            CaseRow.amount_minor.label("minor"),
            func.greatest(LedgerEntryRow.entry_on, issued_on()).label("day"),
            func.sum(LedgerEntryRow.amount_minor).label("moved"),
        )
        .join(CaseRow, CaseRow.invoice_id == LedgerEntryRow.invoice_id)
        .where(
            LedgerEntryRow.kind != INVOICED,
            or_(CaseRow.settled_on.is_(None), LedgerEntryRow.entry_on < CaseRow.settled_on),
        )
        .group_by(CaseRow.invoice_id, "day")
        .subquery("moves")
    )
    of, in_order = moves.c.invoice_id, moves.c.day
    left = moves.c.minor + func.sum(moves.c.moved).over(partition_by=of, order_by=in_order)
    following = func.lead(moves.c.day).over(partition_by=of, order_by=in_order)
    steps = (
        select(
            moves.c.currency,
            moves.c.day,
            func.greatest(moves.c.due_on + 1, moves.c.day).label("overdue_on"),
            func.coalesce(following, moves.c.settled_on).label("until"),
            cast(func.greatest(left, 0) - moves.c.minor, BigInteger).label("less"),
        )
        .where(or_(moves.c.settled_on.is_(None), moves.c.day < moves.c.settled_on))
        .cte("steps")
    )
    nothing = cast(0, BigInteger)
    overdue = or_(steps.c.until.is_(None), steps.c.overdue_on < steps.c.until)
    changes = union_all(
        select(steps.c.currency, steps.c.day, steps.c.less.label("owed"), nothing.label("overdue")),
        select(steps.c.currency, steps.c.until, -steps.c.less, nothing).where(steps.c.until.is_not(None)),
        select(steps.c.currency, steps.c.overdue_on, nothing, steps.c.less).where(overdue),
        select(steps.c.currency, steps.c.until, nothing, -steps.c.less).where(
            steps.c.until.is_not(None), overdue
        ),
    ).subquery("changes")
    rows = _by(changes, changes.c.day, func.sum(changes.c.owed), func.sum(changes.c.overdue))
    for currency, day, owed, late in session.execute(rows):
        yield currency, day, Flow(owed=int(owed), overdue=int(late))
