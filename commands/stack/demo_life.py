"""The life of the sample portfolio: ninety days, one after the other, everything due on a day together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time

from commands.stack.day_by_day import DayByDay
from commands.stack.demo_script import Happening, Staff
from commands.stack.sample_portfolio import Portfolio
from domain.contract import Start

DAYS = 90
#: When the last day ends for everybody: after its windows in Denver, before those of the next day in Tokyo.
_ENDS_AT = clock_time(23, 45)


@dataclass
class Diary:
    """What a life came to, beside what the database knows."""

    seconds: dict[date, float] = field(default_factory=dict)
    """How long each day took on which anything happened."""
    refused: list[str] = field(default_factory=list)
    """Scripted requests that a rule refused."""


@dataclass(frozen=True)
class Day:
    """All the news of one morning."""

    on: date
    starts: Sequence[Start]
    happenings: Sequence[Happening]

    @property
    def customers(self) -> set[str]:
        told = {happening.customer_id for happening in self.happenings}
        return told | {start.customer.customer_id for start in self.starts}


async def live(
    days: DayByDay,
    portfolio: Portfolio,
    until: date,
    *,
    script: Mapping[date, Sequence[Happening]],
    staff: Staff | None,
    on_day: Callable[[date], None] = lambda day: None,
) -> Diary:
    """Live from day 0 through `until`; afterwards all clocks show the same instant.

    Without script and staff nobody pays, answers or decides.
    """
    diary = Diary()
    for customer in portfolio.customers.values():
        days.meet(customer)
    for day in _each(portfolio.day0, until):
        began = time.monotonic()
        on_day(day)
        starts = [start for sent_on, start in portfolio.starts if sent_on == day]
        done = staff.work(day) if staff is not None else []
        news = Day(day, starts, [*script.get(day, ()), *done])
        awake = news.customers | days.due_by(day)
        if awake:
            await _live_day(days, news, awake, diary)
            diary.seconds[day] = time.monotonic() - began
    await days.end_at(datetime.combine(until, _ENDS_AT, UTC))
    return diary


def _each(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=offset) for offset in range((last - first).days + 1))


async def _live_day(days: DayByDay, news: Day, awake: set[str], diary: Diary) -> None:
    await asyncio.gather(*(_morning(days, news, customer_id, diary) for customer_id in news.customers))
    await days.finish(news.on, awake)


async def _morning(days: DayByDay, news: Day, customer_id: str, diary: Diary) -> None:
    """The customer's new invoices, then what else there is to tell, in its order."""
    at = days.morning(customer_id, news.on)
    starts = [start for start in news.starts if start.customer.customer_id == customer_id]
    await asyncio.gather(*(days.start(start, at) for start in starts))
    for happening in news.happenings:
        if happening.customer_id == customer_id and not await happening.happen(days, at):
            diary.refused.append(f"{news.on}: {happening}")
