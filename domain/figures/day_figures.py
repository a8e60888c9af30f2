"""From exact sums over a portfolio to the figures people read: each is defined here alone, and rounded once.

The sums come from the invoices themselves (`domain/figures/receivables.py`) or from the database
(`store/receivables.py`); both sort invoices into the same kinds and add up the same integers. Formulas in
words: `docs/report.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, NamedTuple

from domain.figures.figures import percent, rounded
from domain.money import exponent

CURRENT = "current"
#: Days past due up to which a bucket reaches; above the last one everything is in `90+`.
BUCKETS = (("1-30", 30), ("31-60", 60), ("61-90", 90))
LAST_BUCKET = "90+"
#: Every bucket, in the order of age.
AGES = (CURRENT, *(name for name, _ in BUCKETS), LAST_BUCKET)
#: Days within which the collection rate counts, after the due date.
COLLECTED_WITHIN = 60
#: Customers whose share of what is open is the concentration.
TOP = 10
#: The periods of credit sales, in days; the longer one is that of CEI as well.
MONTH, QUARTER = 30, 90


class Kind(NamedTuple):
    """What the figures tell invoices apart by, on one day. Every known invoice is of exactly one kind."""

    bucket: str
    """The ageing bucket of an open one, else empty."""
    settled: bool
    """Paid in full by the day."""
    late: bool
    """Settled after it was due."""
    sold_within: int
    """Issued in the last 30 days, in the last 90, or earlier (0)."""
    opening: bool
    """Open 90 days before."""
    fell_due: bool
    """Due 60 days ago or before."""
    collected: bool
    """Of those: settled within 60 days of the due date."""


class Tally(NamedTuple):
    """Exact sums over the invoices of a kind; amounts in minor units."""

    number: int = 0
    minor: int = 0
    """What they were made out for."""
    owed: int = 0
    """What is left to pay on the day."""
    opening: int = 0
    """What was left to pay 90 days before."""
    days_late: int = 0
    days_to_pay: int = 0
    days_to_pay_weighted: int = 0
    """Days times minor units. These three are 0 for what is not settled."""

    def plus(self, other: Tally) -> Tally:
        return Tally(*(mine + its for mine, its in zip(self, other, strict=True)))


@dataclass(frozen=True)
class Shares:
    """How what is open spreads over customers: how many owe, what the ten largest owe, the sum of squares."""

    customers: int = 0
    top: int = 0
    squares: int = 0

    @classmethod
    def of(cls, owed: Iterable[int]) -> Shares:
        """Of what each customer owes."""
        ordered = sorted(owed, reverse=True)
        return cls(len(ordered), sum(ordered[:TOP]), sum(each * each for each in ordered))


@dataclass(frozen=True)
class Sums:
    """Everything the figures of a day and currency are made of."""

    tallies: Mapping[Kind, Tally] = field(default_factory=dict)
    sales: Mapping[date, int] = field(default_factory=dict)
    """What was sold on each day, in minor units."""
    shares: Shares = Shares()


#: Sets of invoices that figures are made of, by what is asked of a kind.
PARTS: dict[str, Callable[[Kind], bool]] = {
    "open": lambda kind: kind.bucket != "",
    "current": lambda kind: kind.bucket == CURRENT,
    "overdue": lambda kind: kind.bucket not in ("", CURRENT),
    **{f"aging:{age}": (lambda kind, age=age: kind.bucket == age) for age in AGES},  # type: ignore[misc]
    "opening_90": lambda kind: kind.opening,
    "sold_30": lambda kind: kind.sold_within == MONTH,
    "sold_90": lambda kind: kind.sold_within != 0,
    "settled": lambda kind: kind.settled,
    "late": lambda kind: kind.late,
    "on_time": lambda kind: kind.settled and not kind.late,
    "due_60d": lambda kind: kind.fell_due,
    "collected_60d": lambda kind: kind.collected,
}

#: Of which parts each figure is made. Count-back also takes the sales of its months.
MADE_OF: dict[str, tuple[str, ...]] = {
    "open_count": ("open",),
    "open_amount": ("open",),
    "overdue_amount": ("overdue",),
    "dso_balance_90": ("open", "sold_90"),
    "dso_balance_30": ("open", "sold_30"),
    "dso_countback": ("open",),
    "best_possible_dso_90": ("current", "sold_90"),
    "cei_90": ("opening_90", "sold_90", "open"),
    "settled_count": ("settled",),
    "avg_days_late_signed": ("settled",),
    "avg_days_late_late_only": ("late",),
    "avg_days_to_pay": ("settled",),
    "avg_days_to_pay_weighted": ("settled",),
    "pct_on_time_count": ("on_time", "settled"),
    "pct_on_time_amount": ("on_time", "settled"),
    "collected_60d_count_pct": ("collected_60d", "due_60d"),
    "collected_60d_amount_pct": ("collected_60d", "due_60d"),
    "collected_60d_base": ("due_60d",),
    "aging": ("open",),
    **{f"aging:{age}": (f"aging:{age}",) for age in AGES},
    "top10_share_open_pct": ("open",),
    "hhi_open": ("open",),
    "open_customers": ("open",),
}


def bucket_of(days_past_due: int) -> str:
    """The ageing bucket."""
    if days_past_due <= 0:
        return CURRENT
    return next((name for name, last in BUCKETS if days_past_due <= last), LAST_BUCKET)


def part(tallies: Mapping[Kind, Tally], name: str) -> Tally:
    """The sums over one of the `PARTS`."""
    belongs, total = PARTS[name], Tally()
    for kind, tally in tallies.items():
        if belongs(kind):
            total = total.plus(tally)
    return total


def ageing(tallies: Mapping[Kind, Tally], currency: str) -> dict[str, dict[str, Any]]:
    """Number and amount of open invoices by bucket; amounts are in major units."""
    aged = {age: part(tallies, f"aging:{age}") for age in AGES}
    return {age: {"count": each.number, "amount": major(each.owed, currency)} for age, each in aged.items()}


def figures(sums: Sums, as_of: date, currency: str) -> dict[str, Any]:
    """The report of a day; a figure that divides by nothing is None. Amounts are in major units."""
    made = {name: part(sums.tallies, name) for name in PARTS}
    balance, current, opening = made["open"].owed, made["current"].owed, made["opening_90"].opening
    settled, late, on_time = made["settled"], made["late"], made["on_time"]
    due, collected = made["due_60d"], made["collected_60d"]
    quarter, month = made["sold_90"].minor, made["sold_30"].minor
    shares = sums.shares
    return {
        "as_of": as_of.isoformat(),
        "open_count": made["open"].number,
        "open_amount": major(balance, currency),
        "overdue_amount": major(made["overdue"].owed, currency),
        "dso_balance_90": dso_balance(balance, quarter, QUARTER),
        "dso_balance_30": dso_balance(balance, month, MONTH),
        "dso_countback": dso_countback(sums.sales, balance, as_of),
        "best_possible_dso_90": dso_balance(current, quarter, QUARTER),
        "cei_90": percent(opening + quarter - balance, opening + quarter - current),
        "settled_count": settled.number,
        "avg_days_late_signed": average(settled.days_late, settled.number),
        "avg_days_late_late_only": average(late.days_late, late.number),
        "avg_days_to_pay": average(settled.days_to_pay, settled.number),
        "avg_days_to_pay_weighted": average(settled.days_to_pay_weighted, settled.minor),
        "pct_on_time_count": percent(on_time.number, settled.number),
        "pct_on_time_amount": percent(on_time.minor, settled.minor),
        "collected_60d_count_pct": percent(collected.number, due.number, 3),
        "collected_60d_amount_pct": percent(collected.minor, due.minor, 3),
        "collected_60d_base": due.number,
        "aging": ageing(sums.tallies, currency),
        "top10_share_open_pct": percent(shares.top, balance),
        "hhi_open": rounded(Fraction(shares.squares * 10_000, balance**2) if balance else None, 1),
        "open_customers": shares.customers,
    }


def dso_balance(balance: int, sales: int, days: int) -> float | None:
    """DSO by the balance method: receivables ÷ credit sales of the period × its days. Of the part that is not
    yet due it is the best possible DSO."""
    return rounded(Fraction(balance * days, sales) if sales else None, 2)


def dso_countback(sales: Mapping[date, int], balance: int, as_of: date) -> float | None:
    """DSO by count-back: whole months back from the day until their sales use up the receivables, of the last
    one its part. None where all sales there are do not. `sales` are by day."""
    if not balance:
        return 0.0
    days, left = Fraction(0), balance
    for first, last, sold in _months_back(sales, as_of):
        length = (last - first).days + 1
        if sold >= left:
            return rounded(days + Fraction(left * length, sold), 2)
        left -= sold
        days += length
    return None


def counted_back_to(sales: Mapping[date, int], balance: int, as_of: date) -> date | None:
    """The first day of the months whose sales count-back takes; None where it takes none."""
    left, earliest = balance, None
    for first, _, sold in _months_back(sales, as_of):
        if left <= 0:
            break
        left -= sold
        earliest = first
    return earliest


def _months_back(sales: Mapping[date, int], as_of: date) -> Iterable[tuple[date, date, int]]:
    """Month by month back to the first sale: its first day, its last (or `as_of`), what was sold in it."""
    by_month: dict[date, int] = {}
    for day, sold in sales.items():
        if day <= as_of:
            month = day.replace(day=1)
            by_month[month] = by_month.get(month, 0) + sold
    last = as_of
    while by_month and (first := last.replace(day=1)) >= min(by_month):
        yield first, last, by_month.get(first, 0)
        last = first - timedelta(days=1)


def major(minor: int, currency: str) -> float:
    """An amount to read, no longer money: in major units, rounded to two decimals."""
    return float(round(Fraction(minor, 10 ** exponent(currency)), 2))


def average(total: int, number: int) -> float | None:
    """Days, to three decimals."""
    return rounded(Fraction(total, number) if number else None, 3)
