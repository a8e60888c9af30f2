"""The figures month by month: from what each day changed in a portfolio to the figures of month ends.

A portfolio of any size is read once: what is owed on a day is the sum of all changes up to it. Every figure is
that of the report of its day (`domain/figures/day_figures.py`); those of `month` are over what happened in the month.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

from domain.figures.day_figures import COLLECTED_WITHIN, QUARTER, average, dso_balance, dso_countback, major
from domain.figures.figures import percent
from domain.figures.receivables import Receivable


class Flow(NamedTuple):
    """What a day changed; amounts in minor units. An invoice counts from its issue on, whatever is dated before."""

    sold: int = 0
    owed: int = 0
    """More owed than the day before, or less."""
    overdue: int = 0
    """More overdue, or less."""
    settled: int = 0
    """Invoices settled."""
    days_to_pay: int = 0
    """Of those settled, together."""
    due: int = 0
    """Invoices that fell due 60 days ago."""
    due_minor: int = 0
    collected: int = 0
    """Of those: settled by the day."""
    collected_minor: int = 0

    def plus(self, other: Flow) -> Flow:
        return Flow(*(mine + its for mine, its in zip(self, other, strict=True)))


def month_ends(as_of: date, months: int) -> list[date]:
    """The last days of so many months, the oldest first; the last one is the day itself."""
    ends = [as_of]
    while len(ends) < months:
        ends.append(ends[-1].replace(day=1) - timedelta(days=1))
    return ends[::-1]


def trend(flows: Mapping[date, Flow], ends: Iterable[date], currency: str) -> list[dict[str, Any]]:
    """The figures of each of the days, which end their months and come in order."""
    sales = {day: flow.sold for day, flow in flows.items() if flow.sold}
    days, total, rows = deque(sorted(flows.items())), Flow(), []
    for end in ends:
        month = Flow()
        while days and days[0][0] <= end:
            day, flow = days.popleft()
            total = total.plus(flow)
            if day >= end.replace(day=1):
                month = month.plus(flow)
        quarter = sum(sold for day, sold in sales.items() if end - timedelta(days=QUARTER) < day <= end)
        rows.append(
            {
                "as_of": end.isoformat(),
                "open_amount": major(total.owed, currency),
                "overdue_amount": major(total.overdue, currency),
                "dso_balance_90": dso_balance(total.owed, quarter, QUARTER),
                "dso_countback": dso_countback(sales, total.owed, end),
                **_paid(total),
                "month": {
                    "sales": major(month.sold, currency),
                    "settled_count": month.settled,
                    **_paid(month),
                },
            }
        )
    return rows


def _paid(flow: Flow) -> dict[str, float | None]:
    return {
        "collected_60d_count_pct": percent(flow.collected, flow.due, 3),
        "collected_60d_amount_pct": percent(flow.collected_minor, flow.due_minor, 3),
        "avg_days_to_pay": average(flow.days_to_pay, flow.settled),
    }


def flows(receivables: Iterable[Receivable]) -> dict[date, Flow]:
    """What each day changed; `store/trend.py` has the database add up the same."""
    by_day: defaultdict[date, Flow] = defaultdict(Flow)
    for each in receivables:
        for day, flow in flows_of(each):
            by_day[day] = by_day[day].plus(flow)
    return dict(by_day)


def flows_of(each: Receivable) -> Iterable[tuple[date, Flow]]:
    """What one invoice changed, and on which days."""
    yield each.issued_on, Flow(sold=each.minor)
    overdue_on = each.due_on + timedelta(days=1)
    days = {each.issued_on, overdue_on, *(day for day, _ in each.changes)} | ({each.settled_on} - {None})
    owed = overdue = 0
    for day in sorted(filter(None, days)):
        owes = each.owed(day)
        is_late = owes if day >= overdue_on else 0
        yield day, Flow(owed=owes - owed, overdue=is_late - overdue)
        owed, overdue = owes, is_late
    if each.settled_on is not None:
        yield max(each.settled_on, each.issued_on), Flow(settled=1, days_to_pay=each.days_to_pay)
    in_time = each.settled_on is not None and each.days_late <= COLLECTED_WITHIN
    judged_on = max(each.due_on + timedelta(days=COLLECTED_WITHIN), each.issued_on)
    yield (
        judged_on,
        Flow(
            due=1, due_minor=each.minor, collected=int(in_time), collected_minor=each.minor if in_time else 0
        ),
    )
