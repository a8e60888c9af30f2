"""Money that two forms of statement tell of: a line of a table and the payment in an ISO 20022 message.

What one form says of a payment the other leaves out, so that their ids differ. A reference of the bank, or the
payer's own end-to-end id, on the same account and about the same day is what they have in common.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from domain.bank_lines import CSV_LINE_PREFIX, BankLine

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


def told_in_another_form(lines: Iterable[BankLine], before: Iterable[ToldBefore]) -> set[str]:
    """The ids of those lines whose money another form told of before.

    Each line that was told stands for one; a bundle that one form has whole and the other split is the same
    where it comes to the same sum.
    """
    news = list(lines)
    kept = list(before)
    found: set[str] = set()
    _pair(news, kept, found, _by_bank_reference, in_sums=True)
    left = [line for line in news if line.line_id not in found]
    _pair(left, kept, found, _by_end_to_end_id, in_sums=False)
    return found


_Line = BankLine | ToldBefore


def _by_bank_reference(line: _Line) -> Hashable:
    if line.bank_reference is None:
        return None
    return line.account, str(line.sign), line.currency, line.bank_reference


def _by_end_to_end_id(line: _Line) -> Hashable:
    if line.end_to_end_id is None:
        return None
    return line.account, str(line.sign), line.currency, line.end_to_end_id


def _pair(
    news: Sequence[BankLine],
    kept: list[ToldBefore],
    found: set[str],
    key_of: Callable[[_Line], Hashable],
    *,
    in_sums: bool,
) -> None:
    """Add to `found` what is the same under a key; whatever stands for it is taken out of `kept`."""
    told: defaultdict[Hashable, list[ToldBefore]] = defaultdict(list)
    for each in kept:
        told[key_of(each)].append(each)
    groups: defaultdict[Hashable, list[BankLine]] = defaultdict(list)
    for line in news:
        groups[key_of(line)].append(line)
    for key, group in groups.items():
        if key is None:
            continue
        others = [
            each
            for each in told.get(key, ())
            if is_of_table(each.line_id) != is_of_table(group[0].line_id) and _about(group[0], each)
        ]
        if in_sums and others and sum(x.amount for x in group) == sum(x.amount for x in others):
            found.update(line.line_id for line in group)
            for each in others:
                kept.remove(each)
            continue
        for line in group:
            same = next((each for each in others if each.amount == line.amount), None)
            if same is not None:
                others.remove(same)
                kept.remove(same)
                found.add(line.line_id)


def _about(line: BankLine, told: ToldBefore) -> bool:
    if line.received_on is None or told.received_on is None:
        return True
    return abs(line.received_on - told.received_on) <= _SAME_DAYS
