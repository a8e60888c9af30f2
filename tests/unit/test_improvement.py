"""Two periods side by side: by hand on a small portfolio, against the report's own figures, and with too little."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.figures.improvement import LEAST_INVOICES, Improvement, chunks, periods
from domain.figures.improvement import compare as compare_book
from domain.figures.outcomes import Period
from domain.figures.receivables import Receivable, report
from domain.figures.receivables_book import Book, turns
from domain.figures.trend import flows

GO_LIVE = date(2027, 1, 1)
AS_OF = date(2027, 12, 31)


def sold(
    number: int, issued: date, amount: int = 100, *, paid_after: int | None, terms: int = 30
) -> Receivable:
    settled = None if paid_after is None else issued + timedelta(days=paid_after)
    return Receivable(f"I-{number}", "C", issued, issued + timedelta(days=terms), amount * 100, settled)


def book_of(portfolio: list[Receivable], as_of: date) -> Book:
    return Book(flows(portfolio), turns(portfolio), as_of)


def compare(
    portfolio: list[Receivable], currency: str, go_live: date, before: Period, after: Period, as_of: date
) -> Improvement:
    return compare_book(book_of(portfolio, as_of), currency, go_live, before, after)


def daily(first: date, last: date, paid_after: int) -> list[Receivable]:
    """An invoice over 100 each day, each paid after as many days."""
    days = (last - first).days + 1
    return [sold(day, first + timedelta(days=day), paid_after=paid_after) for day in range(days)]


def test_paying_ten_days_sooner_frees_ten_days_of_sales() -> None:
    portfolio = daily(date(2025, 6, 1), date(2026, 12, 31), 40) + daily(GO_LIVE, AS_OF, 30)
    before, after = periods(GO_LIVE, AS_OF, 6)
    assert (before, after) == (
        Period(date(2026, 7, 1), date(2026, 12, 31)),
        Period(GO_LIVE, date(2027, 6, 30)),
    )
    told = compare(portfolio, "USD", GO_LIVE, before, after, AS_OF)
    assert told.figure("dso").before.value == 40  # 40 invoices of 100 are open, of 90 sold in 90 days
    # At the end of January nine old invoices are still open beside thirty, later thirty.
    assert told.figure("dso").after.value == Fraction(39 + 5 * 30, 6)
    to_pay = told.figure("days_to_pay")
    assert to_pay.before.value == 40
    assert to_pay.after.base == 181 + 10  # on ten days both an old one and one of the later kind were paid
    assert told.figure("paid_by_due_date").before.value == 0
    assert told.figure("paid_by_due_date").after.value is not None
    assert told.figure("collected_60d").after.value == 100
    assert told.figure("sales").after.value == 181 * 10_000
    assert told.capital is not None
    assert told.capital.daily_sales == 10_000
    assert told.capital.minor == 85_000  # 40 - 31.5 days of 100.00 each
    assert [month.name for month in told.months][5:7] == ["2026-12", "2027-01"]
    assert [month.is_after for month in told.months] == [False] * 6 + [True] * 6
    assert not told.same_season


def test_a_figure_with_too_little_behind_it_says_so_instead() -> None:
    few = [sold(number, date(2026, 12, 1) + timedelta(days=number), paid_after=20) for number in range(40)]
    told = compare(few, "USD", GO_LIVE, *periods(GO_LIVE, AS_OF, 3), AS_OF)
    dso = told.figure("dso")
    assert dso.before.value is None
    assert "90 days with sales are needed before 2026-10-31" in dso.before.why
    assert "2026-12-01" in dso.before.why
    assert told.capital is None
    paid = told.figure("days_to_pay").before
    assert paid.value is None
    assert paid.why == f"of the invoices paid in it there are only 11, and {LEAST_INVOICES} are needed"
    assert told.figure("days_to_pay").difference is None
    nothing = compare([], "USD", GO_LIVE, *periods(GO_LIVE, AS_OF, 3), AS_OF)
    assert all(each.before.value in (None, 0) for each in nothing.figures)


def test_what_cannot_be_known_yet_does_not_count() -> None:
    """Invoices that fell due fewer than sixty days ago are in no collection rate, on neither side."""
    as_of = date(2027, 3, 31)
    portfolio = daily(date(2026, 1, 1), as_of, 60)
    told = compare(portfolio, "USD", GO_LIVE, *periods(GO_LIVE, as_of, 3), as_of)
    rate = told.figure("collected_60d").after
    assert rate.base == 30  # due from 1 to 30 January
    later = [each for each in portfolio if each.settled_on and each.settled_on > as_of]
    assert later
    unknown = [Receivable(e.invoice_id, "C", e.issued_on, e.due_on, e.minor) for e in later]
    same = compare(
        [each for each in portfolio if each not in later] + unknown,
        "USD",
        GO_LIVE,
        *periods(GO_LIVE, as_of, 3),
        as_of,
    )
    assert [each.after for each in same.figures] == [each.after for each in told.figures]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"months": 13}, "13 months after 2027-01-01 end after 2027-12-31"),
        ({"months": 0}, "less than a month"),
        ({"before": Period(date(2026, 1, 1), date(2026, 2, 1))}, "both --before and --after"),
        (
            {
                "before": Period(date(2026, 12, 1), GO_LIVE),
                "after": Period(GO_LIVE, date(2027, 2, 1)),
            },
            "not before",
        ),
        (
            {
                "before": Period(date(2026, 1, 1), date(2026, 2, 1)),
                "after": Period(GO_LIVE, date(2028, 2, 1)),
            },
            "name a later --as-of",
        ),
    ],
)
def test_periods_that_cannot_be_compared(asked: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        periods(GO_LIVE, AS_OF, **asked)  # type: ignore[arg-type]


def test_as_many_whole_months_as_there_are_up_to_twelve() -> None:
    assert periods(GO_LIVE, date(2027, 4, 29))[1].last == date(2027, 3, 31)
    assert periods(GO_LIVE, date(2030, 1, 1))[0].first == date(2026, 1, 1)


@given(st.dates(date(2026, 1, 1), date(2026, 6, 30)), st.integers(0, 400))
def test_the_months_of_a_period_are_all_of_it(first: date, days: int) -> None:
    period = Period(first, first + timedelta(days=days))
    parts = chunks(period)
    assert (parts[0].first, parts[-1].last) == (period.first, period.last)
    assert sum(part.days for part in parts) == period.days
    assert all(28 <= part.days <= 62 for part in parts) or len(parts) == 1


@given(st.dates(date(2023, 1, 1), date(2026, 12, 31)), st.integers(1, 12))
@example(date(2025, 8, 31), 6)
@example(date(2028, 2, 29), 12)
def test_as_many_months_are_shown_on_each_side_as_are_compared(go_live: date, months: int) -> None:
    before, after = periods(go_live, date(2029, 12, 31), months)
    assert (len(chunks(before)), len(chunks(after))) == (months, months)


days = st.dates(date(2026, 10, 1), date(2027, 3, 31))


@given(
    st.lists(
        st.tuples(
            days,
            st.integers(1, 500),
            st.none() | st.integers(0, 90),
            st.none() | st.tuples(days, st.integers(1, 99)),
        ),
        max_size=12,
    )
)
def test_dso_is_the_reports_own(rows: list[tuple[date, int, int | None, tuple[date, int] | None]]) -> None:
    portfolio = []
    for number, (issued, amount, paid_after, part) in enumerate(rows):
        each = sold(number, issued, amount, paid_after=paid_after)
        changes = () if part is None else ((part[0], -part[1] * 100),)
        portfolio.append(
            Receivable(
                each.invoice_id, "C", each.issued_on, each.due_on, each.minor, each.settled_on, changes
            )
        )
    early = sold(99, date(2026, 7, 1), paid_after=0)
    book = book_of([*portfolio, early], date(2027, 12, 31))
    for day in (date(2026, 12, 31), date(2027, 2, 28)):
        known = [each for each in [*portfolio, early] if each.issued_on <= day]
        owed = sum(each.owed(day) for each in known)
        assert book.open_on(day) == owed
        told = book.dso(day)
        assert report(known, day, "USD")["dso_balance_90"] == (
            None if told is None else float(round(told, 2))
        )
