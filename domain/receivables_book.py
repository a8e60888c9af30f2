"""A portfolio read once and asked about any period: what was issued, due and paid in it, open on a day, sold."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from fractions import Fraction
from itertools import accumulate

from domain.outcomes import Period
from domain.receivables import Receivable

#: The days of sales that a DSO is measured by.
DSO_DAYS = 90


class Book:
    """The invoices known on a day, by the days that matter: read once, asked for every period."""

    def __init__(self, receivables: Iterable[Receivable], as_of: date) -> None:
        self.as_of = as_of
        known = [each for each in receivables if each.issued_on <= as_of]
        moved: Counter[date] = Counter()
        sold: Counter[date] = Counter()
        for each in known:
            sold[each.issued_on] += each.minor
            _move(moved, each)
        self._open = _Sums(moved)
        self._sold = _Sums(sold)
        self.first = min(sold, default=None)
        settled = [each for each in known if each.settled_on is not None and each.settled_on <= as_of]
        self._issued = _ByDay(known, lambda each: each.issued_on)
        self._due = _ByDay(known, lambda each: each.due_on)
        self._paid = _ByDay(settled, lambda each: each.settled_on or as_of)

    def issued_in(self, period: Period) -> Sequence[Receivable]:
        return self._issued.within(period.first, period.last)

    def due_in(self, period: Period, days_ago: int = 0) -> Sequence[Receivable]:
        """Those that fell due in a period, and so many days ago or before."""
        return self._due.within(period.first, min(period.last, self.as_of - timedelta(days=days_ago)))

    def paid_in(self, period: Period) -> Sequence[Receivable]:
        """Those that were paid in full in a period."""
        return self._paid.within(period.first, period.last)

    def is_paid(self, each: Receivable, within: int) -> bool:
        """Whether it was paid so many days after its due date, negative before it."""
        return each.settled_on is not None and each.settled_on <= self.as_of and each.days_late <= within

    def open_on(self, day: date) -> int:
        """What was owed at the end of a day."""
        return self._open.until(day)

    def sales(self, period: Period) -> int:
        return self._sold.until(period.last) - self._sold.until(period.first - timedelta(days=1))

    def dso(self, day: date) -> Fraction | None:
        """By the balance method; None without sales, or where the history does not reach back so far."""
        window = Period(day - timedelta(days=DSO_DAYS - 1), day)
        if self.first is None or self.first > window.first:
            return None
        sales = self.sales(window)
        return Fraction(self.open_on(day) * DSO_DAYS, sales) if sales else None


def _move(moved: Counter[date], each: Receivable) -> None:
    """Enter what an invoice does to the open amount of which day; what was paid too much is not owed back."""
    if each.is_settled(each.issued_on):
        return
    changes: Counter[date] = Counter()
    for day, minor in each.changes:
        if not each.is_settled(day):
            changes[max(day, each.issued_on)] += minor
    changes[each.issued_on] += each.minor
    net = owed = 0
    for day in sorted(changes):
        net += changes[day]
        moved[day] += max(0, net) - owed
        owed = max(0, net)
    if each.settled_on is not None:
        moved[each.settled_on] -= owed


class _ByDay:
    """Invoices in the order of one of their days."""

    def __init__(self, known: Iterable[Receivable], day: Callable[[Receivable], date]) -> None:
        self._sorted = sorted(known, key=day)
        self._days = [day(each) for each in self._sorted]

    def within(self, first: date, last: date) -> Sequence[Receivable]:
        return self._sorted[bisect_left(self._days, first) : bisect_right(self._days, last)]


class _Sums:
    """Running sums by day."""

    def __init__(self, by_day: Counter[date]) -> None:
        self._days = sorted(by_day)
        self._sums = [0, *accumulate(by_day[day] for day in self._days)]

    def until(self, day: date) -> int:
        return self._sums[bisect_right(self._days, day)]
