"""How likely an invoice is to be paid late, by how its customer has paid before: behaviour, not the case.

Whether an open case is about to be lost is another question, which `domain/risk.py` answers. What is said of a
day follows from what was known at its end alone: the settlements up to it, and that everything else was still
open. Nothing acts by a score: it holds, demands and refers nothing. Formulas: `docs/risk.md`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import IntEnum, StrEnum
from itertools import groupby
from typing import Final, NamedTuple

from domain.files.past_invoices import PastInvoice
from domain.money import Money, exponent

#: Days after the due date from which a payment counts as late, and as very late.
LATE: Final = 5
VERY_LATE: Final = 30
#: So many invoices of everybody stand beside a customer's own: two late ones are not yet a habit.
PRIOR = 10
#: So many invoices that went as expected stand beside those by which a size or terms are judged.
RATIO_PRIOR = 10
#: Below so many invoices little is known of a customer.
_FEW = 3
#: Terms of so many weeks and longer are judged together.
_LONGEST_TERMS = 13
#: From so many times as often, or as seldom, the size or the terms are worth a word.
_TELLING = 1.5
#: From here being very late is worth a word.
_TELLING_VERY_LATE = 0.05


class Band(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


#: From these probabilities of being late, or very late, on; the benchmark shows what became of each band.
MEDIUM_FROM = (0.15, 0.05)
HIGH_FROM = (0.40, 0.20)


def band_of(p_late5: float, p_late30: float) -> Band:
    """The band of an invoice, by the worse of its two probabilities."""
    for band, (late, very_late) in ((Band.HIGH, HIGH_FROM), (Band.MEDIUM, MEDIUM_FROM)):
        if p_late5 >= late or p_late30 >= very_late:
            return band
    return Band.LOW


@dataclass(frozen=True, slots=True)
class LateScore:
    """The probabilities that an invoice is paid 5 (30) or more days after it is due.

    `customer_late5` and `customer_late30` are what the customer's own history says, before size and terms of the
    invoice are looked at. `past` counts the invoices of the customer of which it was known how they went.
    """

    invoice_id: str
    p_late5: float
    p_late30: float
    customer_late5: float
    customer_late30: float
    past: int
    reasons: tuple[str, ...]

    @property
    def band(self) -> Band:
        return band_of(self.p_late5, self.p_late30)


def scores_at_issue(invoices: Sequence[PastInvoice], since: date) -> list[LateScore]:
    """Each invoice issued from `since` on, scored at the end of its own day of issue."""
    known = Experience(invoices)
    return [
        known.score(index, day, at_issue=True)
        for day, issued in known.days()
        if day >= since
        for index in issued
    ]


def scores_on(invoices: Sequence[PastInvoice], day: date) -> list[LateScore]:
    """Each invoice that is open at the end of `day`, the earliest due first."""
    known = Experience(invoices)
    for _ in known.days(until=day):
        pass
    return [known.score(index, day) for index in known.standing(day)]


def shrunk(late: float, of: float, base: float) -> float:
    """(k + 10 g) / (n + 10): the share that was late, drawn towards the base rate where little is known."""
    return (late + PRIOR * base) / (of + PRIOR)


class What(IntEnum):
    """What becomes known of an invoice on a day, in the order it is taken in."""

    IS_LATE_OR_NOT = 0
    IS_VERY_LATE_OR_NOT = 1
    IS_SETTLED = 2
    IS_ISSUED = 3


@dataclass(slots=True)
class _Ratio:
    """How many were late, and how many should have been by what was expected of each when it was issued."""

    observed: int = 0
    expected: float = 0.0

    @property
    def value(self) -> float:
        return (self.observed + RATIO_PRIOR) / (self.expected + RATIO_PRIOR)


class _Weighed(NamedTuple):
    """A probability, step by step; the two ratios are those by which the odds were multiplied."""

    customer: float
    size_ratio: float
    with_size: float
    terms_ratio: float
    whole: float


@dataclass(slots=True)
class _Lateness:
    """What is known of being `days` late."""

    days: int
    late: int = 0
    known: int = 0
    by_customer: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    """Late, and known."""
    by_size: defaultdict[tuple[str, int], _Ratio] = field(default_factory=lambda: defaultdict(_Ratio))
    of_sizes: _Ratio = field(default_factory=_Ratio)
    """Of all sizes together: where everybody is later than expected, no size is to blame."""
    by_terms: defaultdict[int, _Ratio] = field(default_factory=lambda: defaultdict(_Ratio))
    of_terms: _Ratio = field(default_factory=_Ratio)
    expected: dict[int, _Weighed] = field(default_factory=dict)
    """What was expected of each invoice when it was issued."""
    outcomes: dict[int, bool] = field(default_factory=dict)

    def learn(self, index: int, customer_id: str, is_late: bool) -> None:
        self.late += is_late
        self.known += 1
        own = self.by_customer[customer_id]
        own[0] += is_late
        own[1] += 1
        self.outcomes[index] = is_late

    def judge(self, index: int, size: tuple[str, int], terms: int) -> None:
        """Compare what became of an invoice with what was expected of it."""
        expected, is_late = self.expected[index], self.outcomes[index]
        for ratio, probability in (
            (self.by_size[size], expected.customer),
            (self.of_sizes, expected.customer),
            (self.by_terms[terms], expected.with_size),
            (self.of_terms, expected.with_size),
        ):
            ratio.observed += is_late
            ratio.expected += probability


class Experience:
    """What is known of a portfolio, taken in day by day; an invoice is meant by its place in the sequence."""

    def __init__(self, invoices: Sequence[PastInvoice]) -> None:
        self._invoices = invoices
        self._sizes = [size_of(each) for each in invoices]
        self._terms = [terms_of(each) for each in invoices]
        self._late, self._very_late = _Lateness(LATE), _Lateness(VERY_LATE)
        self._settled_after: Counter[tuple[str, int]] = Counter()
        """Invoices of a customer (of everybody: an empty id) settled so many days after they were due."""

    def days(self, until: date = date.max) -> Iterator[tuple[date, list[int]]]:
        """Each day on which invoices were issued, with those, once everything known at its end is taken in.

        How an invoice went that was settled on its own day of issue is compared with what was expected of it
        only after the day, so that the order within a day changes nothing.
        """
        for ordinal, events in groupby(events_of(self._invoices), key=lambda event: event[0]):
            if ordinal > until.toordinal():
                return
            issued: list[int] = []
            later: list[tuple[_Lateness, int]] = []
            for _, what, index in events:
                invoice = self._invoices[index]
                if what is What.IS_ISSUED:
                    issued.append(index)
                elif what is What.IS_SETTLED:
                    self._settle(invoice)
                else:
                    of = self._late if what is What.IS_LATE_OR_NOT else self._very_late
                    of.learn(index, invoice.customer_id, is_late(invoice, of.days))
                    if index in of.expected:
                        of.judge(index, self._sizes[index], self._terms[index])
                    else:
                        later.append((of, index))
            for of in (self._late, self._very_late):
                of.expected.update((index, self._weigh(of, index, None)) for index in issued)
            if issued:
                yield date.fromordinal(ordinal), issued
            for of, index in later:
                of.judge(index, self._sizes[index], self._terms[index])

    def standing(self, day: date) -> list[int]:
        """The invoices that are open at the end of `day`, the earliest due first."""
        standing = [index for index, each in enumerate(self._invoices) if each.is_open(day)]
        return sorted(
            standing, key=lambda index: (self._invoices[index].due_on, self._invoices[index].invoice_id)
        )

    def score(self, index: int, day: date, *, at_issue: bool = False) -> LateScore:
        """The score of an invoice at the end of `day`, up to which everything was taken in.

        At issue nothing is known of the invoice itself; later on that it is still open counts.
        """
        invoice = self._invoices[index]
        past_due = None if at_issue or day < invoice.due_on else (day - invoice.due_on).days
        late, very_late = (
            of.expected[index] if at_issue else self._weigh(of, index, past_due)
            for of in (self._late, self._very_late)
        )
        return LateScore(
            invoice_id=invoice.invoice_id,
            p_late5=late.whole,
            p_late30=min(very_late.whole, late.whole),
            customer_late5=late.customer,
            customer_late30=min(very_late.customer, late.customer),
            past=self._own(self._late, index)[1],
            reasons=tuple(self._reasons(index, past_due, late, very_late)),
        )

    def _settle(self, invoice: PastInvoice) -> None:
        assert invoice.settled_on is not None
        days = (invoice.settled_on - invoice.due_on).days
        self._settled_after[invoice.customer_id, days] += 1
        self._settled_after["", days] += 1

    def _own(self, of: _Lateness, index: int) -> tuple[int, int]:
        """Late and known ones of the customer of an invoice, without the invoice itself."""
        late, known = of.by_customer.get(self._invoices[index].customer_id, (0, 0))
        return _without(of, index, late, known)

    def _weigh(self, of: _Lateness, index: int, past_due: int | None) -> _Weighed:
        """`past_due` is how many days it is open after its due date; None before that, and at issue."""
        invoice = self._invoices[index]
        if past_due is not None and past_due >= of.days:
            return _Weighed(1.0, 1.0, 1.0, 1.0, 1.0)
        late, known = self._own(of, index)
        all_late, all_known = _without(of, index, of.late, of.known)
        if past_due is not None:  # among those that were open as long after their due date
            between = range(past_due + 1, of.days)
            known = late + sum(self._settled_after[invoice.customer_id, days] for days in between)
            all_known = all_late + sum(self._settled_after["", days] for days in between)
        customer = shrunk(late, known, all_late / all_known if all_known else 0.0)
        size = of.by_size[self._sizes[index]].value / of.of_sizes.value
        with_size = _times(customer, size)
        terms = of.by_terms[self._terms[index]].value / of.of_terms.value
        return _Weighed(customer, size, with_size, terms, _times(with_size, terms))

    def _reasons(
        self, index: int, past_due: int | None, late: _Weighed, very_late: _Weighed
    ) -> Iterator[str]:
        """Why, in words: what is known of the invoice, then of its customer, then of invoices like it."""
        invoice = self._invoices[index]
        if past_due:
            yield f"it is {past_due} day{'s' if past_due > 1 else ''} past due and not paid"
            if past_due >= VERY_LATE:
                return
        habits = _habit(*self._own(self._late, index), LATE)
        if habits is not None:
            yield habits
        if self._own(self._late, index)[1] < _FEW:
            yield _of_everybody(*_without(self._late, index, self._late.late, self._late.known))
        if very_late.customer >= _TELLING_VERY_LATE:
            habits = _habit(*self._own(self._very_late, index), VERY_LATE)
            if habits is not None:
                yield habits
        if past_due is None or past_due < LATE:
            yield from _told(f"invoices of {_size_words(invoice)}", late.size_ratio)
            yield from _told(f"invoices with {_terms_words(invoice)} to pay", late.terms_ratio)


def _without(of: _Lateness, index: int, late: int, known: int) -> tuple[int, int]:
    """Late and known ones among which the invoice is counted where it is known, without it: what is settled on its
    own day of issue must say nothing of itself."""
    if index in of.outcomes:
        return late - of.outcomes[index], known - 1
    return late, known


def events_of(invoices: Sequence[PastInvoice]) -> list[tuple[int, What, int]]:
    """Everything that becomes known of each invoice, by its place, in the order of the days (ordinals).

    An invoice that is open so many days after its due date is late from then on, whether it will be paid the next
    day or never.
    """
    events: list[tuple[int, What, int]] = []
    for index, each in enumerate(invoices):
        issued = each.issued_on.toordinal()
        events.append((issued, What.IS_ISSUED, index))
        settled = None if each.settled_on is None else each.settled_on.toordinal()
        if settled is not None:
            events.append((max(issued, settled), What.IS_SETTLED, index))
        for what, days in ((What.IS_LATE_OR_NOT, LATE), (What.IS_VERY_LATE_OR_NOT, VERY_LATE)):
            certain = each.due_on.toordinal() + days
            if settled is not None:
                certain = min(certain, settled)
            events.append((max(issued, certain), what, index))
    events.sort()
    return events


def is_late(invoice: PastInvoice, days: int) -> bool:
    """Whether it was paid so many days after it was due or later, or not at all."""
    return invoice.settled_on is None or (invoice.settled_on - invoice.due_on).days >= days


def _times(probability: float, ratio: float) -> float:
    """The probability whose odds are so many times as high."""
    if probability >= 1:
        return 1.0
    odds = probability / (1 - probability) * ratio
    return odds / (1 + odds)


# Invoices like this one


def size_of(invoice: PastInvoice) -> tuple[str, int]:
    """The size of an invoice: its currency, and the step of 1, 2, 5, 10, 20 … minor units it lies on."""
    digits = str(abs(invoice.amount.minor))
    step = (digits[0] >= "2") + (digits[0] >= "5")
    return invoice.amount.currency, 3 * (len(digits) - 1) + step


def terms_of(invoice: PastInvoice) -> int:
    """The terms of an invoice: whole weeks from issue to due date, 13 for all that is longer."""
    return max(0, min((invoice.due_on - invoice.issued_on).days // 7, _LONGEST_TERMS))


def _size_words(invoice: PastInvoice) -> str:
    """`2,000 to 5,000 USD`."""
    currency, step = size_of(invoice)
    low, high = (
        Money((1, 2, 5)[each % 3] * 10 ** (each // 3), currency).decimal for each in (step, step + 1)
    )
    return f"{low:,.{_decimals(low, currency)}f} to {high:,.{_decimals(high, currency)}f} {currency}"


def _decimals(amount: Decimal, currency: str) -> int:
    return 0 if amount == amount.to_integral_value() else exponent(currency)


def _terms_words(invoice: PastInvoice) -> str:
    weeks = terms_of(invoice)
    if weeks == _LONGEST_TERMS:
        return f"{weeks * 7} or more days"
    return f"{weeks * 7} to {weeks * 7 + 6} days"


# Words


def _habit(late: int, known: int, days: int) -> str | None:
    if not known:
        return None
    if known == 1:
        return f"the only invoice before was {'' if late else 'not '}{days} or more days late"
    if not late:
        return f"none of the last {known} invoices was {days} or more days late"
    return f"{late} of the last {known} invoices {'was' if late == 1 else 'were'} {days} or more days late"


def _of_everybody(late: int, known: int) -> str:
    if not known:
        return "nothing is known yet of how invoices are paid"
    return (
        f"little is known of the customer; of all invoices {late / known:.1%} were {LATE} or more days late"
    )


def _told(which: str, ratio: float) -> Iterator[str]:
    if ratio >= _TELLING:
        yield f"{which} are late {ratio:.1f} times as often as their customers' other invoices suggest"
    elif ratio <= 1 / _TELLING:
        yield f"{which} are late {1 / ratio:.1f} times as seldom as their customers' other invoices suggest"
