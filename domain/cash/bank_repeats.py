"""Money that two forms of statement tell of: a line of a table and the payment in an ISO 20022 message.

What one form says of a payment the other leaves out, so that their ids differ. A reference of the bank, or the
payer's own end-to-end id, on the same account and about the same day is what they have in common.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TypeVar

from domain.cash.bank_lines import CSV_LINE_PREFIX, BankLine

#: Booking and value date lie so far apart at most; banks use references again after longer.
_SAME_DAYS = timedelta(days=10)


@dataclass(frozen=True, slots=True)
class ToldBefore:
    """A line that is kept already, as far as another form would tell the same of it."""

    line_id: str
    account: str
    sign: str
    currency: str
    amount: Decimal
    received_on: date | None
    bank_reference: str | None
    end_to_end_id: str | None


def is_of_table(line_id: str) -> bool:
    """Whether a line came in a CSV file."""
    return line_id.startswith(CSV_LINE_PREFIX)


def told_in_another_form(
    lines: Iterable[BankLine], before: Iterable[ToldBefore]
) -> dict[str, tuple[str, ...]]:
    """Those of these lines whose money another form told of before, each with the ids of what it stands for.

    Each line that was told stands for one, and of several the one of the nearest day; a bundle that one form
    has whole and the other split is the same where it comes to the same sum.
    """
    news, kept = list(lines), list(before)
    found: dict[str, tuple[str, ...]] = {}
    for key_of in (_by_bank_reference, _by_end_to_end_id):
        groups = list(_grouped(news, kept, key_of))
        if key_of is _by_bank_reference:
            for group, others in groups:
                _pair_bundles(group, others, found)
        for group, others in groups:
            _pair_lines(group, others, found)
        taken = {line_id for ids in found.values() for line_id in ids}
        news = [line for line in news if line.line_id not in found]
        kept = [each for each in kept if each.line_id not in taken]
    return found


_Line = BankLine | ToldBefore
_Found = dict[str, tuple[str, ...]]


def _by_bank_reference(line: _Line) -> Hashable:
    if line.bank_reference is None:
        return None
    return line.account, str(line.sign), line.currency, line.bank_reference


def _by_end_to_end_id(line: _Line) -> Hashable:
    if line.end_to_end_id is None:
        return None
    return line.account, str(line.sign), line.currency, line.end_to_end_id


def _grouped(
    news: Iterable[BankLine], kept: Iterable[ToldBefore], key_of: Callable[[_Line], Hashable]
) -> Iterator[tuple[list[BankLine], list[ToldBefore]]]:
    """The lines of each key and form, with those of the other form under that key."""
    told: defaultdict[Hashable, list[ToldBefore]] = defaultdict(list)
    for each in kept:
        told[key_of(each), is_of_table(each.line_id)].append(each)
    groups: defaultdict[tuple[Hashable, bool], list[BankLine]] = defaultdict(list)
    for line in news:
        groups[key_of(line), is_of_table(line.line_id)].append(line)
    for (key, of_table), group in groups.items():
        others = told.get((key, not of_table), [])
        if key is not None and others:
            yield group, others


def _pair_bundles(group: Iterable[BankLine], others: Iterable[ToldBefore], found: _Found) -> None:
    """Pair what one form has whole and the other split: the lines of a bundle are all of one day."""
    news, told = _by_day(group), _by_day(others)
    near = sorted(
        (apart, here, there)
        for here, mine in enumerate(news)
        for there, theirs in enumerate(told)
        if (apart := _apart(mine[0], theirs[0])) <= _SAME_DAYS
        and (len(mine) > 1 or len(theirs) > 1)
        and sum(line.amount for line in mine) == sum(each.amount for each in theirs)
    )
    for here, there in _nearest_first(near):
        ids = tuple(each.line_id for each in told[there])
        found.update({line.line_id: ids for line in news[here]})


def _pair_lines(group: Sequence[BankLine], others: Iterable[ToldBefore], found: _Found) -> None:
    """Pair lines of the same amount that are not paired yet."""
    taken = {line_id for line in group for line_id in found.get(line.line_id, ())}
    told: defaultdict[Decimal, list[ToldBefore]] = defaultdict(list)
    for each in others:
        if each.line_id not in taken:
            told[each.amount].append(each)
    news: defaultdict[Decimal, list[BankLine]] = defaultdict(list)
    for line in group:
        if line.line_id not in found:
            news[line.amount].append(line)
    for amount, mine in news.items():
        theirs = told.get(amount, [])
        near = sorted(
            (apart, here, there)
            for here, line in enumerate(mine)
            for there, each in enumerate(theirs)
            if (apart := _apart(line, each)) <= _SAME_DAYS
        )
        for here, there in _nearest_first(near):
            found[mine[here].line_id] = (theirs[there].line_id,)


def _nearest_first(near: Iterable[tuple[timedelta, int, int]]) -> Iterator[tuple[int, int]]:
    """Pairs in which each of either side stands at most once."""
    mine, theirs = set[int](), set[int]()
    for _, here, there in near:
        if here not in mine and there not in theirs:
            mine.add(here)
            theirs.add(there)
            yield here, there


_Some = TypeVar("_Some", BankLine, ToldBefore)


def _by_day(lines: Iterable[_Some]) -> list[list[_Some]]:
    days: defaultdict[date | None, list[_Some]] = defaultdict(list)
    for line in lines:
        days[line.received_on].append(line)
    return list(days.values())


def _apart(line: _Line, told: _Line) -> timedelta:
    """How far the days lie apart; a line without a day may be of any, after those whose day is known."""
    if line.received_on is None or told.received_on is None:
        return _SAME_DAYS
    return abs(line.received_on - told.received_on)
