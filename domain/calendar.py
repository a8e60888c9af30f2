"""The customer's clock: business days, dates of a time zone, and the window in which mail goes out.

Dates that people agreed on are dates; instants are UTC. A wall time that a clock change skips moves
forward by the length of the gap, one that happens twice is its first occurrence.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from typing import Literal, get_args
from zoneinfo import ZoneInfo

CalendarMode = Literal["country", "weekdays", "every_day"]

_MODES = get_args(CalendarMode)
_DAY = timedelta(days=1)
_MIDNIGHT = time(0, 0)
_SATURDAY_SUNDAY = frozenset({5, 6})
_UTC_NAMES = frozenset({"UTC", "Etc/UTC"})
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}", re.ASCII)
#: Names that a machine defines for itself, and the tables that count leap seconds.
_NO_ZONES = re.compile(r"localtime|posixrules|Factory|(right|posix)/.*")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)


@lru_cache(maxsize=1024)
def zone_info(name: str) -> ZoneInfo:
    """The time zone of an IANA name. Raises ValueError naming the zone and the fix."""
    if _ZONE.fullmatch(name) and not _NO_ZONES.fullmatch(name):
        try:
            return ZoneInfo(name)
        except (KeyError, OSError, ValueError):
            pass
    raise ValueError(f"{name[:64]!r} is not an IANA time zone such as 'America/New_York'")


def in_utc(instant: datetime) -> datetime:
    """The same instant in UTC. Refuses a naive datetime with ValueError."""
    if instant.tzinfo is UTC:
        return instant
    if instant.utcoffset() is None:
        raise ValueError(f"{instant.isoformat()} has no time zone: instants are aware, in UTC")
    return instant.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class SendWindow:
    """Wall times between which messages leave: from `opens` up to, not including, `closes`.

    `closes` at 00:00 is midnight at the end of the day, so 00:00 to 00:00 is the whole day.
    """

    opens: time
    closes: time

    def __post_init__(self) -> None:
        if self.opens.tzinfo or self.closes.tzinfo:
            raise ValueError("a send window is given in wall times without a time zone")
        if self.closes != _MIDNIGHT and self.opens >= self.closes:
            raise ValueError(
                f"a send window opens before it closes: {self.opens:%H:%M} to {self.closes:%H:%M}"
            )

    @classmethod
    def parse(cls, opens: str, closes: str) -> SendWindow:
        """Read two wall times such as `09:00` and `16:30`; `24:00` closes at the day's end."""
        return cls(_clock(opens), _MIDNIGHT if closes == "24:00" else _clock(closes))

    @property
    def length(self) -> timedelta:
        """From opening to closing by the wall."""
        opens, closes = (timedelta(hours=at.hour, minutes=at.minute) for at in (self.opens, self.closes))
        return (closes or timedelta(days=1)) - opens

    @property
    def is_all_day(self) -> bool:
        return self.opens == _MIDNIGHT and self.closes == _MIDNIGHT


def _clock(text: str) -> time:
    match = _CLOCK.fullmatch(text)
    if not match:
        raise ValueError(f"{text[:20]!r} is not a wall time such as '09:00'")
    return time(int(match[1]), int(match[2]))


ALL_DAY = SendWindow(_MIDNIGHT, _MIDNIGHT)


@dataclass(frozen=True)
class Calendar:
    """Business days and wall times of one customer.

    `country` knows the weekend and the given holidays, `weekdays` Monday to Friday alone, and with
    `every_day` every day is a business day. `weekend` holds weekdays (Monday is 0) of the country.
    """

    zone: str
    mode: CalendarMode = "country"
    holidays: frozenset[date] = frozenset()
    weekend: frozenset[int] = _SATURDAY_SUNDAY

    def __post_init__(self) -> None:
        zone_info(self.zone)
        if self.mode not in _MODES:
            raise ValueError(f"calendar mode {self.mode!r} is none of {', '.join(_MODES)}")
        if not self.weekend < frozenset(range(7)):
            raise ValueError("a weekend is some of the weekdays 0 to 6, not all of them")

    # Days

    def is_business_day(self, day: date) -> bool:
        if self.mode == "every_day":
            return True
        if self.mode == "weekdays":
            return day.weekday() < 5
        return day.weekday() not in self.weekend and day not in self.holidays

    def roll(self, day: date) -> date:
        """The day itself if it is a business day, else the next one."""
        return day if self.is_business_day(day) else self.add_business_days(day, 1)

    def add_business_days(self, day: date, count: int) -> date:
        """The `count`-th business day after `day` (before it, if negative); 0 rolls forward.

        One business day after a Saturday is the Monday.
        """
        if self.mode == "every_day":
            return day + timedelta(days=count)
        if count == 0:
            return self.roll(day)
        ordinal = day.toordinal()
        if count > 0:
            return date.fromordinal(self._nth(self._until(ordinal) + count))
        return date.fromordinal(self._nth(self._until(ordinal - 1) + count + 1))

    def business_days_between(self, start: date, end: date) -> int:
        """Business days after `start` up to and including `end`; negative if `end` is earlier."""
        if self.mode == "every_day":
            return (end - start).days
        return self._until(end.toordinal()) - self._until(start.toordinal())

    # Instants

    def local(self, instant: datetime) -> datetime:
        """The instant on the customer's wall clock, to show it; reckoning is done in UTC."""
        return in_utc(instant).astimezone(self._tz)

    def local_date(self, instant: datetime) -> date:
        """The date on the customer's wall calendar."""
        instant = in_utc(instant)
        return instant.date() if self._is_utc else instant.astimezone(self._tz).date()

    def at(self, day: date, wall: time) -> datetime:
        """The instant, in UTC, of a wall time on a date."""
        if wall.tzinfo is not None:
            raise ValueError(f"{wall.isoformat()} has a time zone: a wall time has none")
        if self._is_utc:
            return datetime.combine(day, wall, UTC)
        return _instant(self._tz, day, wall)

    def midnight_after(self, day: date) -> datetime:
        """The instant, in UTC, at which the date ends."""
        return self.at(day + _DAY, _MIDNIGHT)

    def next_open(self, instant: datetime, window: SendWindow) -> datetime:
        """The earliest instant, not before the given one, inside the window on a business day."""
        instant = in_utc(instant)
        if self.mode == "every_day" and window.is_all_day:
            return instant
        day = self.local_date(instant)
        if self.is_business_day(day):
            opens, closes = self._bounds(day, window)
            if opens < closes and instant < closes:
                return max(instant, opens)
        return self.window_opens(day + _DAY, window)

    def window_opens(self, day: date, window: SendWindow) -> datetime:
        """The instant at which the window opens on the day, or on the next business day after it."""
        while True:
            day = self.roll(day)
            opens, closes = self._bounds(day, window)
            if opens < closes:
                return opens
            day += _DAY

    def window_closes(self, day: date, window: SendWindow) -> datetime:
        """The instant at which that same opening of the window ends."""
        opens = self.window_opens(day, window)
        return self._bounds(self.local_date(opens), window)[1]

    # Reckoning

    @cached_property
    def _tz(self) -> ZoneInfo:
        return zone_info(self.zone)

    @cached_property
    def _is_utc(self) -> bool:
        return self.zone in _UTC_NAMES

    @cached_property
    def _working(self) -> tuple[int, ...]:
        """Working weekdays, Monday being 1: as ordinals of dates are, modulo 7."""
        weekend = self.weekend if self.mode == "country" else _SATURDAY_SUNDAY
        return tuple(weekday + 1 for weekday in range(7) if weekday not in weekend)

    @cached_property
    def _worked(self) -> tuple[int, ...]:
        """How many of a week's first 0 to 6 days are working days."""
        return tuple(sum(weekday <= days for weekday in self._working) for days in range(7))

    @cached_property
    def _off(self) -> tuple[int, ...]:
        """Ordinals of the holidays that fall on working weekdays."""
        if self.mode != "country":
            return ()
        return tuple(sorted(day.toordinal() for day in self.holidays if day.weekday() not in self.weekend))

    def _until(self, ordinal: int) -> int:
        """Business days since year 1, up to and including the day."""
        weeks, days = divmod(ordinal, 7)
        return weeks * len(self._working) + self._worked[days] - bisect_right(self._off, ordinal)

    def _nth(self, count: int) -> int:
        """The day on which `_until` reaches `count`: past the holidays met, never beyond it."""
        guess = count
        while True:
            weeks, rest = divmod(guess - 1, len(self._working))
            ordinal = weeks * 7 + self._working[rest]
            missing = count - self._until(ordinal)
            if missing == 0:
                return ordinal
            guess += missing

    def _bounds(self, day: date, window: SendWindow) -> tuple[datetime, datetime]:
        """Opening and closing of the window on the day; empty where a clock change swallowed it."""
        if self._is_utc:
            closing = day + _DAY if window.closes == _MIDNIGHT else day
            return datetime.combine(day, window.opens, UTC), datetime.combine(closing, window.closes, UTC)
        return _local_bounds(self._tz, day, window.opens, window.closes)


def _instant(zone: ZoneInfo, day: date, wall: time) -> datetime:
    return datetime.combine(day, wall.replace(fold=0), zone).astimezone(UTC)


@lru_cache(maxsize=16_384)
def _local_bounds(zone: ZoneInfo, day: date, opens: time, closes: time) -> tuple[datetime, datetime]:
    opening = _instant(zone, day, opens)
    if opening.astimezone(zone).date() != day:  # a date that never was: Pacific/Apia, 2011-12-30
        return opening, opening
    return opening, _instant(zone, day + _DAY if closes == _MIDNIGHT else day, closes)
