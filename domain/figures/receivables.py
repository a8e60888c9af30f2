"""A portfolio of receivables as the figures see it: what each invoice was on a day, and the report over all.

All are of one currency: amounts of two never meet. An invoice is open on day D when it was issued on or before
D, was not settled by then and something was left to pay: a payment on D closes it, and what was credited,
cancelled or written off in full is neither open nor settled. What is due on D is current.

This is the reference: `store/receivables.py` has the database sort and add up the same way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from domain.figures.day_figures import (
    COLLECTED_WITHIN,
    MADE_OF,
    MONTH,
    PARTS,
    QUARTER,
    Kind,
    Shares,
    Sums,
    Tally,
    bucket_of,
    counted_back_to,
    figures,
    part,
)


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

    def is_known(self, on: date) -> bool:
        """Whether it was issued by then."""
        return self.issued_on <= on

    def is_settled(self, on: date) -> bool:
        """Whether it was paid in full by then."""
        return self.settled_on is not None and self.settled_on <= on

    def owed(self, on: date) -> int:
        """What is left to pay at the end of a day, in minor units; what was paid too much is not owed back."""
        if not self.is_known(on) or self.is_settled(on):
            return 0
        return max(0, self.minor + sum(minor for day, minor in self.changes if day <= on))

    def kind(self, on: date) -> Kind:
        """What it was on a day on which it is known."""
        settled = self.is_settled(on)
        fell_due = self.due_on + timedelta(days=COLLECTED_WITHIN) <= on
        age = (on - self.issued_on).days
        return Kind(
            bucket=bucket_of((on - self.due_on).days) if self.owed(on) else "",
            settled=settled,
            late=settled and self.days_late > 0,
            sold_within=next((days for days in (MONTH, QUARTER) if age < days), 0),
            opening=self.owed(on - timedelta(days=QUARTER)) > 0,
            fell_due=fell_due,
            collected=fell_due and self.settled_on is not None and self.days_late <= COLLECTED_WITHIN,
        )

    def tally(self, on: date) -> Tally:
        """What it adds to the sums of its kind."""
        opening = self.owed(on - timedelta(days=QUARTER))
        if not self.is_settled(on):
            return Tally(1, self.minor, self.owed(on), opening)
        to_pay = self.days_to_pay
        return Tally(1, self.minor, 0, opening, self.days_late, to_pay, to_pay * self.minor)

    @property
    def days_late(self) -> int:
        """Days between due date and settlement, negative where it was paid before."""
        assert self.settled_on is not None
        return (self.settled_on - self.due_on).days

    @property
    def days_to_pay(self) -> int:
        """Days between issue and settlement."""
        assert self.settled_on is not None
        return (self.settled_on - self.issued_on).days


def report(receivables: Iterable[Receivable], as_of: date, currency: str) -> dict[str, Any]:
    """The report of a day; see `figures`."""
    return figures(sums(receivables, as_of), as_of, currency)


def sums(receivables: Iterable[Receivable], as_of: date) -> Sums:
    """What the figures of a day are made of."""
    tallies: defaultdict[Kind, Tally] = defaultdict(Tally)
    sales: defaultdict[date, int] = defaultdict(int)
    owed: defaultdict[str, int] = defaultdict(int)
    for each in receivables:
        if each.is_known(as_of):
            kind = each.kind(as_of)
            tallies[kind] = tallies[kind].plus(each.tally(as_of))
            sales[each.issued_on] += each.minor
            owed[each.customer_id] += each.owed(as_of)
    return Sums(dict(tallies), dict(sales), Shares.of(filter(None, owed.values())))


@dataclass(frozen=True, slots=True)
class Listed:
    """An invoice behind a figure, and of which of its parts it is one."""

    invoice_id: str
    customer_id: str
    issued_on: date
    due_on: date
    settled_on: date | None
    minor: int
    owed: int
    opening: int
    """What was left to pay 90 days before the day; 0 where the figure does not ask."""
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Question:
    """Which invoices a figure is made of: those of its parts, for count-back also what was sold since a day."""

    figure: str
    parts: tuple[str, ...]
    sold_since: date | None = None

    @classmethod
    def about(cls, figure: str, sums_: Sums, as_of: date) -> Question:
        """Raises KeyError for a figure there is not."""
        parts = MADE_OF[figure]
        if figure != "dso_countback":
            return cls(figure, parts)
        return cls(figure, parts, counted_back_to(sums_.sales, part(sums_.tallies, "open").owed, as_of))

    def asks_for(self, kind: Kind) -> bool:
        """Whether one of its parts takes invoices of this kind."""
        return any(PARTS[name](kind) for name in self.parts)

    def parts_of(self, kind: Kind, issued_on: date) -> tuple[str, ...]:
        """The parts to which an invoice belongs; none where it does not stand behind the figure."""
        sold = self.sold_since is not None and issued_on >= self.sold_since
        return (*(name for name in self.parts if PARTS[name](kind)), *(("sold",) if sold else ()))


def listed(receivables: Iterable[Receivable], question: Question, as_of: date) -> Iterator[Listed]:
    """The invoices behind a figure, in the order they come."""
    for each in receivables:
        if not each.is_known(as_of):
            continue
        parts = question.parts_of(each.kind(as_of), each.issued_on)
        if parts:
            tally = each.tally(as_of)
            yield Listed(
                each.invoice_id,
                each.customer_id,
                each.issued_on,
                each.due_on,
                each.settled_on if each.is_settled(as_of) else None,
                each.minor,
                tally.owed,
                tally.opening,
                parts,
            )
