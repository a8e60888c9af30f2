"""The figures of a portfolio of receivables on a day: ageing, DSO, CEI, days late, collected, concentration.

Every figure is computed exactly and rounded once, at the end. All are of one currency: amounts of two never
meet. An invoice is open on day D when it was issued on or before D and not settled, or settled after D; a
payment on D closes it, and what is due on D is current.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from domain.money import exponent

#: Days past due up to which a bucket reaches; above the last one everything is in `90+`.
BUCKETS = (("1-30", 30), ("31-60", 60), ("61-90", 90))
LAST_BUCKET = "90+"
CURRENT = "current"
#: Days within which the collection rate counts, after the due date.
COLLECTED_WITHIN = 60
#: Customers whose share of what is open is the concentration.
TOP = 10


@dataclass(frozen=True, slots=True)
class Receivable:
    """An invoice as the figures see it. `settled_on` is the day it was paid in full, None while it is not."""

    invoice_id: str
    customer_id: str
    issued_on: date
    due_on: date
    minor: int
    """Its amount in minor units."""
    settled_on: date | None = None
    changes: tuple[tuple[date, int], ...] = ()
    """What was paid of it, credited or added to it before it was settled: minor units by day, negative reduces."""

    def is_open(self, on: date) -> bool:
        return self.issued_on <= on and (self.settled_on is None or self.settled_on > on)

    def owed(self, on: date) -> int:
        """What is left to pay at the end of a day, in minor units."""
        if not self.is_open(on):
            return 0
        return self.minor + sum(minor for day, minor in self.changes if day <= on)

    @property
    def days_late(self) -> int:
        """Days between due date and settlement, negative where it was paid before."""
        assert self.settled_on is not None
        return (self.settled_on - self.due_on).days


def bucket_of(days_past_due: int) -> str:
    """The ageing bucket."""
    if days_past_due <= 0:
        return CURRENT
    return next((name for name, last in BUCKETS if days_past_due <= last), LAST_BUCKET)


def report(receivables: Iterable[Receivable], as_of: date, currency: str) -> dict[str, Any]:
    """The report of a day; a figure that divides by nothing is None. Amounts are in major units.

    Formulas: `docs/report.md`.
    """
    known = [each for each in receivables if each.issued_on <= as_of]
    standing = [each for each in known if each.is_open(as_of)]
    settled = [each for each in known if not each.is_open(as_of)]
    unit = 10 ** exponent(currency)
    balance = _owed(standing, as_of)
    current = _owed((each for each in standing if each.due_on >= as_of), as_of)
    late = [each for each in settled if each.days_late > 0]
    on_time = [each for each in settled if each.days_late <= 0]
    base = [each for each in known if each.due_on + timedelta(days=COLLECTED_WITHIN) <= as_of]
    collected = [each for each in base if each.settled_on and each.days_late <= COLLECTED_WITHIN]
    shares = _by_customer(standing, as_of)
    sales = _sales(known, as_of, 90)
    opening = _owed(known, as_of - timedelta(days=90))
    collectable = opening + sales - current
    return {
        "as_of": as_of.isoformat(),
        "open_count": len(standing),
        "open_amount": _rounded(Fraction(balance, unit), 2),
        "overdue_amount": _rounded(Fraction(balance - current, unit), 2),
        "dso_balance_90": dso_balance(known, balance, as_of, 90),
        "dso_balance_30": dso_balance(known, balance, as_of, 30),
        "dso_countback": dso_countback(known, balance, as_of),
        "best_possible_dso_90": dso_balance(known, current, as_of, 90),
        "cei_90": _percent(opening + sales - balance, collectable),
        "settled_count": len(settled),
        "avg_days_late_signed": _mean([each.days_late for each in settled]),
        "avg_days_late_late_only": _mean([each.days_late for each in late]),
        "avg_days_to_pay": _mean([_days_to_pay(each) for each in settled]),
        "avg_days_to_pay_weighted": _rounded(
            _share(sum(_days_to_pay(each) * each.minor for each in settled), _total(settled)), 3
        ),
        "pct_on_time_count": _percent(len(on_time), len(settled)),
        "pct_on_time_amount": _percent(_total(on_time), _total(settled)),
        "collected_60d_count_pct": _percent(len(collected), len(base), 3),
        "collected_60d_amount_pct": _percent(_total(collected), _total(base), 3),
        "collected_60d_base": len(base),
        "aging": _ageing(standing, as_of, unit),
        "top10_share_open_pct": _percent(sum(shares[:TOP]), balance),
        "hhi_open": _rounded(
            sum((Fraction(100 * share, balance) ** 2 for share in shares), Fraction(0)) if balance else None,
            1,
        ),
        "open_customers": len(shares),
    }


def dso_balance(known: Iterable[Receivable], balance: int, as_of: date, days: int) -> float | None:
    """DSO by the balance method: receivables ÷ credit sales of the period × its days. Of the part that is not
    yet due it is the best possible DSO."""
    share = _share(balance * days, _sales(known, as_of, days))
    return _rounded(share, 2)


def dso_countback(known: Sequence[Receivable], balance: int, as_of: date) -> float | None:
    """DSO by count-back: whole months back from the day until their sales use up the receivables, of the last
    one its part. None where all sales there are do not."""
    sales: defaultdict[tuple[int, int], int] = defaultdict(int)
    for each in known:
        sales[each.issued_on.year, each.issued_on.month] += each.minor
    if not balance:
        return 0.0
    left, days, last = balance, Fraction(0), as_of
    while sales and (last.year, last.month) >= min(sales):
        first = last.replace(day=1)
        month = sales[last.year, last.month]
        length = (last - first).days + 1
        if month >= left:
            return _rounded(days + Fraction(left * length, month), 2)
        left -= month
        days += length
        last = first - timedelta(days=1)
    return None


def _sales(known: Iterable[Receivable], as_of: date, days: int) -> int:
    """Credit sales in (D − days, D]."""
    first = as_of - timedelta(days=days)
    return _total(each for each in known if each.issued_on > first)


def _ageing(standing: Iterable[Receivable], as_of: date, unit: int) -> dict[str, dict[str, Any]]:
    buckets = {name: [0, 0] for name in (CURRENT, *(name for name, _ in BUCKETS), LAST_BUCKET)}
    for each in standing:
        bucket = buckets[bucket_of((as_of - each.due_on).days)]
        bucket[0] += 1
        bucket[1] += each.owed(as_of)
    return {
        name: {"count": number, "amount": _rounded(Fraction(minor, unit), 2)}
        for name, (number, minor) in buckets.items()
    }


def _by_customer(standing: Iterable[Receivable], as_of: date) -> list[int]:
    """What each customer owes, the most first."""
    owed: defaultdict[str, int] = defaultdict(int)
    for each in standing:
        owed[each.customer_id] += each.owed(as_of)
    return sorted(owed.values(), reverse=True)


def _owed(receivables: Iterable[Receivable], on: date) -> int:
    return sum(each.owed(on) for each in receivables)


def _total(receivables: Iterable[Receivable]) -> int:
    """What they were made out for."""
    return sum(each.minor for each in receivables)


def _days_to_pay(each: Receivable) -> int:
    assert each.settled_on is not None
    return (each.settled_on - each.issued_on).days


def _share(part: int, whole: int) -> Fraction | None:
    return Fraction(part, whole) if whole else None


def _mean(values: Sequence[int]) -> float | None:
    return _rounded(_share(sum(values), len(values)), 3)


def _percent(part: int, whole: int, places: int = 2) -> float | None:
    return _rounded(_share(100 * part, whole), places)


def _rounded(value: Fraction | None, places: int) -> float | None:
    """A figure to read, no longer money: rounded half to even."""
    return None if value is None else float(round(value, places))
