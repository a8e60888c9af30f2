"""A portfolio as sums by day, asked about any period: what was issued, due and paid in it, open on a day, sold.

The sums come from the invoices themselves or from the database (`store/improvement.py`); a test holds the two to
each other.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from fractions import Fraction
from itertools import accumulate
from typing import NamedTuple

from domain.figures.day_figures import COLLECTED_WITHIN
from domain.figures.outcomes import Period
from domain.figures.receivables import Receivable
from domain.figures.trend import Flow

#: The days of sales that a DSO is measured by.
DSO_DAYS = 90


class Turn(NamedTuple):
    """What invoices were issued, paid in full or due on a day; amounts in minor units."""

    issued: int = 0
    paid: int = 0
    days_to_pay: int = 0
    """Of those paid, together; so with the next."""
    days_late: int = 0
    due: int = 0
    due_minor: int = 0
    before_due: int = 0
    """Of those due: paid before that day; by its end; within 60 days of it, as their amount, too."""
    by_due: int = 0
    in_time: int = 0
    in_time_minor: int = 0

    def plus(self, other: Turn) -> Turn:
        return Turn(*(mine + its for mine, its in zip(self, other, strict=True)))

    def less(self, other: Turn) -> Turn:
        return Turn(*(mine - its for mine, its in zip(self, other, strict=True)))


def turns(receivables: Iterable[Receivable]) -> dict[date, Turn]:
    """What turned on each day."""
    by_day: defaultdict[date, Turn] = defaultdict(Turn)
    for each in receivables:
        by_day[each.issued_on] = by_day[each.issued_on].plus(Turn(issued=1))
        late = None if each.settled_on is None else each.days_late
        in_time = late is not None and late <= COLLECTED_WITHIN
        due = Turn(
            due=1,
            due_minor=each.minor,
            before_due=int(late is not None and late < 0),
            by_due=int(late is not None and late <= 0),
            in_time=int(in_time),
            in_time_minor=each.minor if in_time else 0,
        )
        by_day[each.due_on] = by_day[each.due_on].plus(due)
        if each.settled_on is not None:
            paid = Turn(paid=1, days_to_pay=each.days_to_pay, days_late=each.days_late)
            by_day[each.settled_on] = by_day[each.settled_on].plus(paid)
    return dict(by_day)


class Book:
    """What a portfolio came to by a day: nothing that happened later counts."""

    def __init__(self, flows: Mapping[date, Flow], turned: Mapping[date, Turn], as_of: date) -> None:
        self.as_of = as_of
        self._flow_days = sorted(flows)
        self._open = [0, *accumulate(flows[day].owed for day in self._flow_days)]
        self._sold = [0, *accumulate(flows[day].sold for day in self._flow_days)]
        self._turn_days = sorted(turned)
        self._turns = [Turn(), *accumulate((turned[day] for day in self._turn_days), Turn.plus)]
        issued = (day for day in self._flow_days if flows[day].sold and day <= as_of)
        self.first = next(issued, None)
        """The day of the first invoice."""

    def turned(self, period: Period, days_ago: int = 0) -> Turn:
        """What turned in a period, and so many days ago or before."""
        last = min(period.last, self.as_of - timedelta(days=days_ago))
        if last < period.first:
            return Turn()
        return self._until(last).less(self._until(period.first - timedelta(days=1)))

    def _until(self, day: date) -> Turn:
        return self._turns[bisect_right(self._turn_days, day)]

    def open_on(self, day: date) -> int:
        """What was owed at the end of a day."""
        return self._open[bisect_right(self._flow_days, day)]

    def sales(self, period: Period) -> int:
        """What the invoices issued in a period were made out for."""
        until = bisect_right(self._flow_days, min(period.last, self.as_of))
        before = bisect_right(self._flow_days, period.first - timedelta(days=1))
        return self._sold[until] - self._sold[before] if until > before else 0

    def dso(self, day: date) -> Fraction | None:
        """By the balance method; None without sales, or where the history does not reach back so far."""
        window = Period(day - timedelta(days=DSO_DAYS - 1), day)
        if self.first is None or self.first > window.first:
            return None
        sales = self.sales(window)
        return Fraction(self.open_on(day) * DSO_DAYS, sales) if sales else None
