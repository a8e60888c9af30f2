"""Two periods of a portfolio side by side: before and after the day on which collecting changed.

It compares and says what with; why they differ it cannot know. A figure with too little behind it is not shown.
Amounts are minor units of one currency, figures exact until they are shown. `docs/improvement.md` has the formulas.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise

from domain.figures.day_figures import COLLECTED_WITHIN
from domain.figures.outcomes import Period
from domain.figures.receivables_book import DSO_DAYS, Book

#: Fewer invoices than this say nothing of a period; of a single month, fewer than that.
LEAST_INVOICES = 30
LEAST_A_MONTH = 10
#: The most months on each side where nobody says how many.
MOST_MONTHS = 12


class Unit(StrEnum):
    DAYS = "days"
    PERCENT = "percent"
    MONEY = "money"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure of one period: `value` in its unit (money in minor units), made of `base` invoices or days of
    measuring; where there is no value, `why` says what is lacking."""

    value: Fraction | None
    base: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Definition:
    """A figure by name, and what it is in one sentence."""

    key: str
    name: str
    unit: Unit
    what: str
    falls: bool | None
    """Whether collecting goes better when it falls; None where neither is better."""


FIGURES = (
    Definition(
        "dso",
        f"DSO, balance method, {DSO_DAYS} days",
        Unit.DAYS,
        f"open receivables ÷ sales of the {DSO_DAYS} days before × {DSO_DAYS}; the mean of the month ends",
        True,
    ),
    Definition(
        "days_to_pay",
        "Days to pay",
        Unit.DAYS,
        "from issue to full payment, the mean of the invoices paid in the period",
        True,
    ),
    Definition(
        "days_late",
        "Days late",
        Unit.DAYS,
        "from due date to full payment, early ones negative, the mean of the invoices paid in the period",
        True,
    ),
    Definition(
        "collected_60d",
        f"Collection rate: paid within {COLLECTED_WITHIN} days of the due date",
        Unit.PERCENT,
        f"of the invoices that fell due in the period and {COLLECTED_WITHIN} days ago or before",
        False,
    ),
    Definition(
        "collected_60d_amount",
        "Collection rate, by amount",
        Unit.PERCENT,
        "the same, each invoice with what it was made out for",
        False,
    ),
    Definition(
        "paid_before_due",
        "Paid before the due date",
        Unit.PERCENT,
        "of the invoices that fell due in the period",
        False,
    ),
    Definition(
        "paid_by_due_date",
        "Paid by the due date",
        Unit.PERCENT,
        "the same, those paid on the day itself included",
        False,
    ),
    Definition(
        "sales", "Credit sales", Unit.MONEY, "what invoices issued in the period were made out for", None
    ),
    Definition("issued", "Invoices issued", Unit.COUNT, "in the period", None),
)


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure of both periods."""

    definition: Definition
    before: Measured
    after: Measured

    @property
    def difference(self) -> Fraction | None:
        """After less before."""
        if self.before.value is None or self.after.value is None:
            return None
        return self.after.value - self.before.value


@dataclass(frozen=True, slots=True)
class Capital:
    """Working capital freed = (DSO before − DSO after) × daily credit sales after, with what it is made of.
    Negative where more is tied up than before. It is reckoned from its inputs as they are shown, so that who
    multiplies them finds the same."""

    dso_before: Fraction
    """To two decimals."""
    dso_after: Fraction
    daily_sales: int
    """Minor units a day: credit sales of the later period ÷ its days."""

    @property
    def minor(self) -> int:
        return round((self.dso_before - self.dso_after) * self.daily_sales)


@dataclass(frozen=True, slots=True)
class Month:
    """One month of the course. What too few invoices stand behind is None."""

    period: Period
    is_after: bool
    dso: Fraction | None
    days_to_pay: Fraction | None
    collected_60d: Fraction | None
    paid_before_due: Fraction | None
    sales: int
    paid: int
    """How many invoices were paid in it."""
    due: int
    """How many fell due in it."""

    @property
    def name(self) -> str:
        """`2020-01`, or its last day where it is no calendar month."""
        whole = self.period.first.day == 1 and (self.period.last + timedelta(days=1)).day == 1
        return f"{self.period.last:%Y-%m}" if whole else self.period.last.isoformat()


@dataclass(frozen=True, slots=True)
class Improvement:
    """The comparison of one currency."""

    currency: str
    as_of: date
    go_live: date
    before: Period
    after: Period
    figures: tuple[Compared, ...]
    capital: Capital | None
    months: tuple[Month, ...]

    def figure(self, key: str) -> Compared:
        return next(each for each in self.figures if each.definition.key == key)

    @property
    def same_season(self) -> bool:
        """Whether both periods cover the same months of the year."""
        return _months_of_year(self.before) == _months_of_year(self.after)


def periods(
    go_live: date,
    as_of: date,
    months: int | None = None,
    before: Period | None = None,
    after: Period | None = None,
) -> tuple[Period, Period]:
    """What is compared: so many months on each side of the day, or the periods that are given.

    Raises ValueError with what does not fit.
    """
    if before is None and after is None:
        past = 0
        while past < MOST_MONTHS and add_months(go_live, past + 1) <= as_of + timedelta(days=1):
            past += 1
        if months is None:
            months = past
        if months > 0 and add_months(go_live, months) > as_of + timedelta(days=1):
            raise ValueError(
                f"{months} months after {go_live} end after {as_of}: name fewer, or a later --as-of"
            )
        if months < 1:
            raise ValueError(
                f"from {go_live} to {as_of} is less than a month: there is nothing to compare yet"
            )
        day = timedelta(days=1)
        return (
            Period(add_months(go_live, -months), go_live - day),
            Period(go_live, add_months(go_live, months) - day),
        )
    if before is None or after is None or months is not None:
        raise ValueError("name either --months, or both --before and --after")
    if before.last >= go_live:
        raise ValueError(f"the period before ends on {before.last}, which is not before {go_live}")
    if after.first < go_live:
        raise ValueError(f"the period after begins on {after.first}, which is before {go_live}")
    if after.last > as_of:
        raise ValueError(f"the period after ends on {after.last}, after {as_of}: name a later --as-of")
    return before, after


def compare(book: Book, currency: str, go_live: date, before: Period, after: Period) -> Improvement:
    """Both periods of a portfolio, from what was known of it on the day of the book."""
    figures = tuple(
        Compared(each, _measure(book, before, each.key), _measure(book, after, each.key)) for each in FIGURES
    )
    by_key = {each.definition.key: each for each in figures}
    dso, sales = by_key["dso"], by_key["sales"]
    capital = None
    if dso.before.value is not None and dso.after.value is not None and sales.after.value:
        daily = round(sales.after.value / after.days)
        capital = Capital(round(dso.before.value, 2), round(dso.after.value, 2), daily)
    months = [_month(book, each, is_after=False) for each in chunks(before)]
    months += [_month(book, each, is_after=True) for each in chunks(after)]
    return Improvement(currency, book.as_of, go_live, before, after, figures, capital, tuple(months))


def add_months(day: date, months: int) -> date:
    """The same day so many months later, or the last one that month has."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    month += 1
    following = date(year + month // 12, month % 12 + 1, 1)
    return date(year, month, min(day.day, (following - timedelta(days=1)).day))


def chunks(period: Period) -> list[Period]:
    """Its months from its first day, where they are whole; else counted back from its end, and what is left over
    at its beginning belongs to the first one."""
    after = period.last + timedelta(days=1)
    # Six months from 31 August end before 28 February, from which no six months lead back to the 31st.
    starts = [period.first]
    while starts[-1] < after:
        starts.append(add_months(period.first, len(starts)))
    if starts[-1] == after:
        return [Period(first, end - timedelta(days=1)) for first, end in pairwise(starts)]
    ends = [period.last]
    while (start := add_months(after, -len(ends))) > period.first:
        ends.append(start - timedelta(days=1))
    if len(ends) > 1 and ends[-1] < add_months(period.first, 1) - timedelta(days=1):
        ends.pop()
    ends.reverse()
    firsts = [period.first, *(end + timedelta(days=1) for end in ends[:-1])]
    return [Period(first, end) for first, end in zip(firsts, ends, strict=True)]


def _measure(book: Book, period: Period, key: str, least: int = LEAST_INVOICES) -> Measured:
    turned = book.turned(period)
    aged = book.turned(period, COLLECTED_WITHIN)
    paid, due = "paid in it", "due in it"
    long_due = f"due in it, {COLLECTED_WITHIN} days ago or before,"
    match key:
        case "dso":
            return _dso(book, period)
        case "sales":
            return Measured(Fraction(book.sales(period)), turned.issued)
        case "issued":
            return Measured(Fraction(turned.issued), turned.issued)
        case "days_to_pay":
            return _over(turned.days_to_pay, turned.paid, turned.paid, paid, least)
        case "days_late":
            return _over(turned.days_late, turned.paid, turned.paid, paid, least)
        case "paid_before_due":
            return _over(100 * turned.before_due, turned.due, turned.due, due, least)
        case "paid_by_due_date":
            return _over(100 * turned.by_due, turned.due, turned.due, due, least)
        case "collected_60d":
            return _over(100 * aged.in_time, aged.due, aged.due, long_due, least)
        case _:
            return _over(100 * aged.in_time_minor, aged.due_minor, aged.due, long_due, least)


def _over(part: int, whole: int, base: int, what: str, least: int) -> Measured:
    """A part over a whole, where enough invoices stand behind it."""
    if base < least or not whole:
        number = f"only {base}" if base else "none"
        return Measured(None, base, f"of the invoices {what} there are {number}, and {least} are needed")
    return Measured(Fraction(part, whole), base)


def _dso(book: Book, period: Period) -> Measured:
    days = [chunk.last for chunk in chunks(period)]
    values = [book.dso(day) for day in days]
    found = [value for value in values if value is not None]
    if len(found) < len(days):
        lacking = days[values.index(None)]
        known = "no invoice is known" if book.first is None else f"the first invoice known is of {book.first}"
        return Measured(
            None, len(found), f"{DSO_DAYS} days with sales are needed before {lacking}, and {known}"
        )
    return Measured(sum(found, Fraction(0)) / len(found), len(found))


def _month(book: Book, period: Period, *, is_after: bool) -> Month:
    to_pay, collected, before_due = (
        _measure(book, period, key, LEAST_A_MONTH)
        for key in ("days_to_pay", "collected_60d", "paid_before_due")
    )
    return Month(
        period,
        is_after,
        book.dso(period.last),
        to_pay.value,
        collected.value,
        before_due.value,
        book.sales(period),
        to_pay.base,
        before_due.base,
    )


def _months_of_year(period: Period) -> Counter[int]:
    return Counter(chunk.last.month for chunk in chunks(period))
