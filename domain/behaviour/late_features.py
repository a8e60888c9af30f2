"""What a trained model is told of an invoice: figures that were known at the end of a day, and nothing later.

Whether an invoice is disputed is not among them: when it is issued nobody knows.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import log10
from statistics import median

from domain.behaviour.lateness import LATE, Experience, LateScore, What, events_of, is_late, shrunk, size_of
from domain.files.past_invoices import PastInvoice

#: In place of what is not known; far from everything that is.
UNKNOWN = -1000.0
#: After so many days something counts half as much.
_HALF_LIFE = 60.0
#: The newest payments of a customer that are looked at one by one.
_NEWEST = 10

#: The names of the figures, in their order; a model file names those it was trained on.
FEATURES = (
    "late5_explained",
    "late5_by_customer",
    "late30_explained",
    "late5_recently",
    "late5_of_size",
    "mean_days_late",
    "last_days_late",
    "median_of_newest",
    "most_of_newest",
    "open",
    "overdue",
    "open_amount",
    "overdue_amount",
    "oldest_overdue",
    "days_since_late",
    "days_since_issue",
    "issued_that_day",
    "amount",
    "amount_to_usual",
    "terms",
    "due_weekday",
    "due_day",
    "issue_weekday",
    "issue_day",
)


@dataclass(frozen=True, slots=True)
class Described:
    """An invoice at the end of a day, by its place in the sequence."""

    index: int
    on: date
    figures: tuple[float, ...]
    score: LateScore


def described_at_issue(invoices: Sequence[PastInvoice], since: date) -> Iterator[Described]:
    """Each invoice issued from `since` on, at the end of its own day of issue."""
    known, habits = Experience(invoices), _Portfolio(invoices)
    for day, issued in known.days():
        habits.learn(day, at_issue=True)
        for index in issued if day >= since else ():
            score = known.score(index, day, at_issue=True)
            yield Described(index, day, habits.describe(index, day, score), score)


def described_on(invoices: Sequence[PastInvoice], day: date) -> Iterator[Described]:
    """Each invoice that is open at the end of `day`, the earliest due first."""
    known, habits = Experience(invoices), _Portfolio(invoices)
    for _ in known.days(until=day):
        pass
    habits.learn(day)
    for index in known.standing(day):
        score = known.score(index, day)
        yield Described(index, day, habits.describe(index, day, score), score)


@dataclass(slots=True)
class _Habits:
    """What is known of one customer on a day."""

    open: dict[int, PastInvoice] = field(default_factory=dict)
    paid: int = 0
    days_late: int = 0
    newest: deque[int] = field(default_factory=lambda: deque(maxlen=_NEWEST))
    recent_late: float = 0.0
    recent: float = 0.0
    recent_at: int = 0
    late_on: int | None = None
    issued_on: int | None = None
    issued_then: int = 0
    before_on: int | None = None
    """The day of issue before the newest one."""
    amounts: float = 0.0
    issued: int = 0

    def fade(self, day: int) -> float:
        return float(0.5 ** ((day - self.recent_at) / _HALF_LIFE))


class _Portfolio:
    """The habits of all customers, taken in day by day."""

    def __init__(self, invoices: Sequence[PastInvoice]) -> None:
        self._invoices = invoices
        self._events = events_of(invoices)
        self._next = 0
        self._put_off: list[tuple[int, What, int]] = []
        self._habits: defaultdict[str, _Habits] = defaultdict(_Habits)
        self._sizes: defaultdict[tuple[str, tuple[str, int]], list[int]] = defaultdict(lambda: [0, 0])

    def learn(self, day: date, *, at_issue: bool = False) -> None:
        """Take in what was known at the end of `day`.

        At issue, how an invoice went that was settled on its own day of issue is put off until the next day is
        taken in: of itself it must say nothing.
        """
        for event in self._put_off:
            self._take_in(*event)
        self._put_off.clear()
        until = day.toordinal()
        while self._next < len(self._events) and self._events[self._next][0] <= until:
            event = self._events[self._next]
            self._next += 1
            on, what, index = event
            if at_issue and what is not What.IS_ISSUED and on == self._invoices[index].issued_on.toordinal():
                self._put_off.append(event)
            else:
                self._take_in(*event)

    def _take_in(self, on: int, what: What, index: int) -> None:
        habits = self._habits[self._invoices[index].customer_id]
        if what is What.IS_ISSUED:
            self._issue(habits, index, on)
        elif what is What.IS_SETTLED:
            self._settle(habits, index)
        elif what is What.IS_LATE_OR_NOT:
            self._find_late(habits, index, on)

    def _issue(self, habits: _Habits, index: int, on: int) -> None:
        invoice = self._invoices[index]
        if invoice.settled_on is None or invoice.settled_on > invoice.issued_on:
            habits.open[index] = invoice
        habits.amounts += log10(1 + invoice.amount.minor)
        habits.issued += 1
        if habits.issued_on != on:
            habits.before_on, habits.issued_on, habits.issued_then = habits.issued_on, on, 0
        habits.issued_then += 1

    def _settle(self, habits: _Habits, index: int) -> None:
        invoice = self._invoices[index]
        assert invoice.settled_on is not None
        days = max(-60, min(120, (invoice.settled_on - invoice.due_on).days))
        habits.open.pop(index, None)
        habits.paid += 1
        habits.days_late += days
        habits.newest.append(days)

    def _find_late(self, habits: _Habits, index: int, on: int) -> None:
        invoice = self._invoices[index]
        late = is_late(invoice, LATE)
        fade = habits.fade(on)
        habits.recent_late = habits.recent_late * fade + late
        habits.recent = habits.recent * fade + 1
        habits.recent_at = on
        of_size = self._sizes[invoice.customer_id, size_of(invoice)]
        of_size[0] += late
        of_size[1] += 1
        if late:
            habits.late_on = on

    def describe(self, index: int, day: date, score: LateScore) -> tuple[float, ...]:
        """The figures of an invoice at the end of `day`, in the order of `FEATURES`."""
        invoice = self._invoices[index]
        habits = self._habits[invoice.customer_id]
        today = day.toordinal()
        others = [each for other, each in habits.open.items() if other != index]
        overdue = [each for each in others if each.due_on < day]
        fade = habits.fade(today)
        size_late, size_known = self._sizes.get((invoice.customer_id, size_of(invoice)), (0, 0))
        amount = log10(1 + invoice.amount.minor)
        last_issue = (
            habits.before_on if habits.issued_on == invoice.issued_on.toordinal() else habits.issued_on
        )
        usual = (habits.amounts - amount) / (habits.issued - 1) if habits.issued > 1 else amount
        return (
            score.p_late5,
            score.customer_late5,
            score.p_late30,
            shrunk(habits.recent_late * fade, habits.recent * fade, score.customer_late5),
            shrunk(size_late, size_known, score.p_late5),
            habits.days_late / habits.paid if habits.paid else UNKNOWN,
            habits.newest[-1] if habits.newest else UNKNOWN,
            median(habits.newest) if habits.newest else UNKNOWN,
            max(habits.newest) if habits.newest else UNKNOWN,
            len(others),
            len(overdue),
            _together(others),
            _together(overdue),
            max(((day - each.due_on).days for each in overdue), default=0),
            UNKNOWN if habits.late_on is None else today - habits.late_on,
            UNKNOWN if last_issue is None else today - last_issue,
            habits.issued_then if habits.issued_on == today else 0,
            amount,
            amount - usual,
            (invoice.due_on - invoice.issued_on).days,
            invoice.due_on.weekday(),
            invoice.due_on.day,
            invoice.issued_on.weekday(),
            invoice.issued_on.day,
        )


def _together(invoices: Sequence[PastInvoice]) -> float:
    """The logarithm of a sum, whatever the currencies: a figure for a model, never an amount."""
    return log10(1 + sum(each.amount.minor for each in invoices))
