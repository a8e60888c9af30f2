"""Business days, dates of a time zone and send windows: tables for the awkward days, then properties."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.calendar import ALL_DAY, Calendar, CalendarMode, SendWindow, in_utc, zone_info

OFFICE = SendWindow(time(9), time(16))
NEW_YORK = Calendar("America/New_York", "weekdays", frozenset())
BERLIN = Calendar("Europe/Berlin", "weekdays", frozenset())
KIRITIMATI = Calendar("Pacific/Kiritimati", "weekdays", frozenset())
YEAR_END = Calendar(
    "Europe/Berlin",
    "country",
    frozenset({date(2026, 12, 25), date(2026, 12, 26), date(2027, 1, 1)}),
)
RIYADH = Calendar("Asia/Riyadh", "country", frozenset(), weekend=frozenset({4, 5}))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# Days


@pytest.mark.parametrize(
    ("calendar", "day", "rolled"),
    [
        (NEW_YORK, "2026-11-30", "2026-11-30"),
        (NEW_YORK, "2026-12-12", "2026-12-14"),
        (NEW_YORK, "2026-12-13", "2026-12-14"),
        (NEW_YORK, "2028-02-29", "2028-02-29"),
        (NEW_YORK, "2032-02-29", "2032-03-01"),
        (YEAR_END, "2026-12-25", "2026-12-28"),
        (YEAR_END, "2027-01-01", "2027-01-04"),
        (RIYADH, "2026-12-04", "2026-12-06"),
        (Calendar("UTC", "every_day", frozenset({date(2026, 12, 25)})), "2026-12-25", "2026-12-25"),
        (Calendar("UTC", "weekdays", frozenset({date(2026, 12, 25)})), "2026-12-25", "2026-12-25"),
    ],
)
def test_roll(calendar: Calendar, day: str, rolled: str) -> None:
    assert calendar.roll(date.fromisoformat(day)) == date.fromisoformat(rolled)


@pytest.mark.parametrize(
    ("calendar", "day", "count", "expected"),
    [
        (NEW_YORK, "2026-12-11", 1, "2026-12-14"),
        (NEW_YORK, "2026-12-12", 1, "2026-12-14"),
        (NEW_YORK, "2026-12-12", 0, "2026-12-14"),
        (NEW_YORK, "2026-12-14", 0, "2026-12-14"),
        (NEW_YORK, "2026-12-14", 5, "2026-12-21"),
        (NEW_YORK, "2026-12-14", -1, "2026-12-11"),
        (NEW_YORK, "2026-12-13", -1, "2026-12-11"),
        (NEW_YORK, "2028-02-28", 2, "2028-03-01"),
        (YEAR_END, "2026-12-24", 1, "2026-12-28"),
        (YEAR_END, "2026-12-31", 1, "2027-01-04"),
        (YEAR_END, "2026-12-24", 5, "2027-01-04"),
        (YEAR_END, "2027-01-04", -5, "2026-12-24"),
        (Calendar("UTC", "every_day"), "2026-12-31", 3, "2027-01-03"),
    ],
)
def test_add_business_days(calendar: Calendar, day: str, count: int, expected: str) -> None:
    assert calendar.add_business_days(date.fromisoformat(day), count) == date.fromisoformat(expected)


def test_business_days_between_counts_the_end_and_not_the_start() -> None:
    assert NEW_YORK.business_days_between(date(2026, 11, 30), date(2026, 12, 7)) == 5
    assert NEW_YORK.business_days_between(date(2026, 12, 7), date(2026, 11, 30)) == -5
    assert NEW_YORK.business_days_between(date(2026, 12, 12), date(2026, 12, 13)) == 0
    assert YEAR_END.business_days_between(date(2026, 12, 24), date(2027, 1, 4)) == 5


# Instants


@pytest.mark.parametrize(
    ("calendar", "day", "wall", "instant"),
    [
        (NEW_YORK, "2027-03-13", time(9), "2027-03-13T14:00"),
        (NEW_YORK, "2027-03-14", time(1, 59), "2027-03-14T06:59"),
        (NEW_YORK, "2027-03-14", time(2, 30), "2027-03-14T07:30"),  # skipped: 03:30 is meant
        (NEW_YORK, "2027-03-14", time(3), "2027-03-14T07:00"),
        (NEW_YORK, "2027-03-15", time(9), "2027-03-15T13:00"),
        (NEW_YORK, "2026-11-01", time(1, 30), "2026-11-01T05:30"),  # happens twice: the first
        (NEW_YORK, "2026-11-01", time(1, 30, fold=1), "2026-11-01T05:30"),
        (NEW_YORK, "2026-11-01", time(2), "2026-11-01T07:00"),
        (BERLIN, "2027-03-28", time(2, 15), "2027-03-28T01:15"),
        (BERLIN, "2027-03-28", time(9), "2027-03-28T07:00"),
        (KIRITIMATI, "2027-01-01", time(0), "2026-12-31T10:00"),
        (Calendar("UTC"), "2028-02-29", time(12), "2028-02-29T12:00"),
    ],
)
def test_at(calendar: Calendar, day: str, wall: time, instant: str) -> None:
    assert calendar.at(date.fromisoformat(day), wall) == utc(instant)


@pytest.mark.parametrize(
    ("calendar", "day", "ends"),
    [
        (NEW_YORK, "2027-03-14", "2027-03-15T04:00"),
        (NEW_YORK, "2026-11-01", "2026-11-02T05:00"),
        (BERLIN, "2026-12-31", "2026-12-31T23:00"),
        (KIRITIMATI, "2026-12-31", "2026-12-31T10:00"),
        (Calendar("Asia/Kathmandu"), "2026-12-31", "2026-12-31T18:15"),
        (Calendar("Africa/Cairo"), "2026-04-23", "2026-04-23T22:00"),  # midnight itself is skipped
        (Calendar("America/Havana"), "2026-10-31", "2026-11-01T04:00"),  # midnight happens twice
        (Calendar("UTC"), "2026-12-31", "2027-01-01T00:00"),
    ],
)
def test_midnight_after(calendar: Calendar, day: str, ends: str) -> None:
    assert calendar.midnight_after(date.fromisoformat(day)) == utc(ends)


def test_local_date_is_the_customers() -> None:
    instant = utc("2026-12-31T10:30")
    assert KIRITIMATI.local_date(instant) == date(2027, 1, 1)
    assert NEW_YORK.local_date(instant) == date(2026, 12, 31)
    assert Calendar("UTC").local_date(instant) == date(2026, 12, 31)
    assert NEW_YORK.local_date(utc("2026-12-31T04:59")) == date(2026, 12, 30)


@pytest.mark.parametrize(
    ("calendar", "window", "instant", "expected"),
    [
        (NEW_YORK, OFFICE, "2026-11-30T13:59", "2026-11-30T14:00"),
        (NEW_YORK, OFFICE, "2026-11-30T14:00", "2026-11-30T14:00"),
        (NEW_YORK, OFFICE, "2026-11-30T20:59:59", "2026-11-30T20:59:59"),
        (NEW_YORK, OFFICE, "2026-11-30T21:00", "2026-12-01T14:00"),
        (NEW_YORK, OFFICE, "2027-03-12T21:00", "2027-03-15T13:00"),  # over the weekend of the change
        (NEW_YORK, OFFICE, "2026-10-30T20:30", "2026-11-02T14:00"),
        (BERLIN, OFFICE, "2027-03-26T16:00", "2027-03-29T07:00"),
        (YEAR_END, OFFICE, "2026-12-24T15:00", "2026-12-28T08:00"),
        (KIRITIMATI, OFFICE, "2026-12-31T10:00", "2026-12-31T19:00"),
        (NEW_YORK, ALL_DAY, "2026-12-12T12:00", "2026-12-14T05:00"),
        (NEW_YORK, ALL_DAY, "2026-12-14T04:59:59", "2026-12-14T05:00"),
        (NEW_YORK, ALL_DAY, "2026-12-15T04:59:59", "2026-12-15T04:59:59"),
        (NEW_YORK, SendWindow.parse("09:00", "24:00"), "2026-12-15T04:59", "2026-12-15T04:59"),
        (Calendar("UTC", "every_day"), ALL_DAY, "2026-12-12T12:00", "2026-12-12T12:00"),
        (Calendar("UTC", "weekdays"), OFFICE, "2026-12-12T12:00", "2026-12-14T09:00"),
        # A window that the clock change swallows waits for the next day; one inside the gap shifts.
        (Calendar("America/New_York", "every_day"), SendWindow.parse("02:30", "03:15"), "2027-03-14T06:00",
         "2027-03-15T06:30"),
        (Calendar("America/New_York", "every_day"), SendWindow.parse("02:15", "02:45"), "2027-03-14T06:00",
         "2027-03-14T07:15"),
        # Friday 2011-12-30 never was in Apia.
        (Calendar("Pacific/Apia", "weekdays"), OFFICE, "2011-12-30T05:00", "2012-01-01T19:00"),
    ],
)  # fmt: skip
def test_next_open(calendar: Calendar, window: SendWindow, instant: str, expected: str) -> None:
    assert calendar.next_open(utc(instant), window) == utc(expected)


def test_the_window_of_a_day_opens_on_a_business_day() -> None:
    assert NEW_YORK.window_opens(date(2026, 12, 12), OFFICE) == utc("2026-12-14T14:00")
    assert NEW_YORK.window_closes(date(2026, 12, 12), OFFICE) == utc("2026-12-14T21:00")
    assert NEW_YORK.window_opens(date(2026, 12, 14), ALL_DAY) == utc("2026-12-14T05:00")
    assert NEW_YORK.window_closes(date(2026, 12, 14), ALL_DAY) == utc("2026-12-15T05:00")


# Refusals


@pytest.mark.parametrize("call", ["local", "local_date", "next_open"])
def test_naive_instants_are_refused(call: str) -> None:
    naive = datetime(2026, 12, 1, 9)  # noqa: DTZ001
    arguments = (naive, OFFICE) if call == "next_open" else (naive,)
    with pytest.raises(ValueError, match="no time zone"):
        getattr(NEW_YORK, call)(*arguments)


def test_wall_times_with_a_zone_are_refused() -> None:
    with pytest.raises(ValueError, match="has a time zone"):
        NEW_YORK.at(date(2026, 12, 1), time(9, tzinfo=UTC))
    with pytest.raises(ValueError, match="without a time zone"):
        SendWindow(time(9, tzinfo=UTC), time(16))


def test_instants_of_other_zones_are_taken_into_utc() -> None:
    tokyo = datetime(2026, 12, 1, 9, tzinfo=timezone(timedelta(hours=9)))
    assert in_utc(tokyo) == utc("2026-12-01T00:00")
    assert in_utc(tokyo).tzinfo is UTC
    assert NEW_YORK.local_date(tokyo) == date(2026, 11, 30)


@pytest.mark.parametrize(
    "name",
    ["", "Mars/Olympus", "America", "../../etc/passwd", "/etc/localtime", "localtime", "right/UTC", "UTC\0",
     "america new_york", "\ud800", "zone.tab", "A" * 10_000],
)  # fmt: skip
def test_zones_that_do_not_exist_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not an IANA time zone"):
        zone_info(name)
    with pytest.raises(ValueError, match="is not an IANA time zone"):
        Calendar(name)


def test_calendars_and_windows_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="not all of them"):
        Calendar("UTC", weekend=frozenset(range(7)))
    with pytest.raises(ValueError, match="is none of"):
        Calendar("UTC", "lunar")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="opens before it closes"):
        SendWindow(time(16), time(9))
    for clock in ["9:00", "24:01", "٠٩:٠٠", "09:00\n", ""]:
        with pytest.raises(ValueError, match="is not a wall time"):
            SendWindow.parse("08:00", clock)


# Properties

days = st.dates(date(1990, 1, 1), date(2120, 12, 31))
instants = st.datetimes(datetime(2000, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
near_changes = st.builds(
    lambda start, minutes: start + timedelta(minutes=minutes),
    st.sampled_from(
        [utc("2027-03-13T00:00"), utc("2026-10-31T00:00"), utc("2027-03-27T00:00"), utc("2011-12-29T00:00")]
    ),
    st.integers(0, 4 * 24 * 60),
)
zones = st.sampled_from(
    ["UTC", "America/New_York", "Europe/Berlin", "Pacific/Kiritimati", "Pacific/Apia", "Asia/Kathmandu",
     "Australia/Lord_Howe", "America/Havana", "Africa/Cairo", "America/Sao_Paulo"]
)  # fmt: skip
modes: st.SearchStrategy[CalendarMode] = st.sampled_from(["country", "weekdays", "every_day"])


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    start = draw(days)
    holidays = draw(st.frozensets(st.integers(0, 60), max_size=25))
    weekend = draw(st.frozensets(st.integers(0, 6), max_size=6))
    return Calendar(
        draw(zones), draw(modes), frozenset(start + timedelta(days=day) for day in holidays), weekend
    )


@st.composite
def windows(draw: st.DrawFn) -> SendWindow:
    opens = draw(st.integers(0, 1439))
    closes = draw(st.integers(opens + 1, 1440)) % 1440
    return SendWindow(time(opens // 60, opens % 60), time(closes // 60, closes % 60))


@given(calendars(), days)
def test_roll_gives_the_first_business_day_and_never_goes_back(calendar: Calendar, day: date) -> None:
    rolled = calendar.roll(day)
    assert rolled >= day
    assert calendar.is_business_day(rolled)
    assert not any(calendar.is_business_day(day + timedelta(days=n)) for n in range((rolled - day).days))
    assert calendar.roll(rolled) == rolled


@given(calendars(), st.data())
def test_business_days_are_counted_as_a_walk_counts_them(calendar: Calendar, data: st.DataObject) -> None:
    first = min(calendar.holidays, default=date(2026, 1, 1))
    start = first + timedelta(days=data.draw(st.integers(-10, 60)))
    count = data.draw(st.integers(-40, 40))
    end = calendar.add_business_days(start, count)
    if count == 0:
        assert end == calendar.roll(start)
        return
    assert calendar.is_business_day(end)
    forward = 1 if count > 0 else -1
    walked = sum(
        calendar.is_business_day(start + timedelta(days=n * forward))
        for n in range(1, abs((end - start).days) + 1)
    )
    assert walked == abs(count)
    assert (end > start) == (count > 0)
    if count > 0:
        assert calendar.business_days_between(start, end) == count
        assert calendar.business_days_between(end, start) == -count


@given(calendars(), st.one_of(instants, near_changes), windows())
def test_next_open_never_goes_back_and_is_idempotent(
    calendar: Calendar, instant: datetime, window: SendWindow
) -> None:
    opened = calendar.next_open(instant, window)
    assert opened >= instant
    assert opened.tzinfo is UTC
    assert calendar.is_business_day(calendar.local_date(opened))
    assert calendar.next_open(opened, window) == opened


@given(calendars(), st.one_of(instants, near_changes), st.integers(0, 3 * 24 * 60), windows())
def test_next_open_keeps_the_order_of_instants(
    calendar: Calendar, instant: datetime, minutes: int, window: SendWindow
) -> None:
    later = instant + timedelta(minutes=minutes)
    assert calendar.next_open(instant, window) <= calendar.next_open(later, window)


@given(calendars(), instants)
def test_a_date_holds_its_instants(calendar: Calendar, instant: datetime) -> None:
    assume(calendar.zone != "Pacific/Apia")
    day = calendar.local_date(instant)
    assert calendar.midnight_after(day - timedelta(days=1)) <= instant < calendar.midnight_after(day)


@given(zones, days, st.integers(0, 1439))
def test_at_and_local_are_inverse_outside_clock_changes(zone: str, day: date, minute: int) -> None:
    calendar = Calendar(zone)
    wall = time(minute // 60, minute % 60)
    instant = calendar.at(day, wall)
    around = (timedelta(days=-1), timedelta(0), timedelta(days=1))
    assume(len({calendar.local(instant + shift).utcoffset() for shift in around}) == 1)
    local = calendar.local(instant)
    assert (local.date(), local.time()) == (day, wall)
