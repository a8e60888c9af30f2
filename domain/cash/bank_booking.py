"""What becomes of each line of a bank statement: applied, taken back, left to a person, or ignored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

from domain.cash.bank import Sign
from domain.cash.bank_lines import BankLine
from domain.cash.cash_application import Applied, Deducted, OpenItems, ToldFirst, Unmatched

#: A person is told of so many invoices.
_MOST_SAID = 5


class LineOutcome(StrEnum):
    APPLIED = "applied"
    RETURNED = "returned"
    """The payment that it sends back is taken back."""
    UNMATCHED = "unmatched"
    IGNORED = "ignored"
    REPEATED = "repeated"
    """Another form of statement told of its money, under another id."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """A payment that came in before, as it was booked."""

    line_id: str
    outcome: LineOutcome
    customer_id: str | None
    allocations: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Booking:
    """What is made of a line, and why."""

    line: BankLine
    outcome: LineOutcome
    why: str
    customer_id: str | None = None
    allocations: Mapping[str, int] = field(default_factory=dict)
    """Minor units by invoice; of a return what is taken back."""
    returns: str | None = None
    """Of a return: the line whose money went back."""
    told_first: bool = False
    """The ERP told of the same money, and has booked it."""
    deductions: tuple[Deducted, ...] = ()
    """What was kept back of the allocations."""
    stands_for: tuple[str, ...] = ()
    """The lines that told of its money before."""
    may_be: str | None = None
    """Of a doubtful line: the one that may have told of its money before."""
    pauses: tuple[str, ...] = ()
    """Invoices that nobody is asked to pay until a person has said what the line is."""


def repeated(line: BankLine, told_as: Sequence[str]) -> Booking:
    """A line of whose money other lines told before."""
    more = f" and {len(told_as) - 1} more" if len(told_as) > 1 else ""
    why = f"told before as {told_as[0]}{more}"
    return Booking(line, LineOutcome.REPEATED, why, stands_for=tuple(told_as))


def doubtful(line: BankLine, told_as: str, items: OpenItems) -> Booking:
    """A line of which a person says whether its money is that of another line, before it is booked. Until then
    nobody is asked to pay the invoices that it would be applied to."""
    if line.sign is Sign.DEBIT and not line.comes_back:
        return Booking(line, LineOutcome.IGNORED, "a payment of our own")
    why = f"it may be the same money as {told_as}, told before in another form: book it only if it is another"
    found = None
    if line.sign is Sign.CREDIT:
        with suppress(ValueError):
            found = items.find(line.incoming)
    if not isinstance(found, Applied):
        meant = () if found is None else found.meant
        return Booking(line, LineOutcome.UNMATCHED, why, may_be=told_as, pauses=meant)
    invoices = tuple(invoice_id for invoice_id, _ in found.allocations)
    why = f"{why}, on {', '.join(invoices[:_MOST_SAID])} ({found.why})"
    return Booking(line, LineOutcome.UNMATCHED, why, found.customer_id, may_be=told_as, pauses=invoices)


def book(
    line: BankLine,
    items: OpenItems,
    earlier: Callable[[BankLine], Sequence[Earlier]],
    told_first: Callable[[BankLine, Sequence[str]], Sequence[ToldFirst]] = lambda *_: (),
) -> Booking:
    """What is made of a line. What is applied is taken off the open items; `earlier` finds the payments that came
    in under the ids of a return, with its amount, `told_first` those on some invoices that the ERP told of."""
    if line.sign is Sign.DEBIT:
        if not line.comes_back:
            return Booking(line, LineOutcome.IGNORED, "a payment of our own")
        return _returned(line, earlier(line))
    if line.problem is not None:
        return Booking(line, LineOutcome.UNMATCHED, line.problem, pauses=_may_pay(line, items))
    if line.received_on is None:
        why = "the bank does not say when it came in"
        return Booking(line, LineOutcome.UNMATCHED, why, pauses=_may_pay(line, items))
    try:
        incoming = line.incoming
    except ValueError as problem:
        return Booking(line, LineOutcome.UNMATCHED, str(problem))
    found = items.apply(incoming, lambda invoice_ids: told_first(line, invoice_ids))
    if isinstance(found, Applied):
        allocations = {invoice_id: money.minor for invoice_id, money in found.allocations}
        return Booking(
            line,
            LineOutcome.APPLIED,
            found.why,
            found.customer_id,
            allocations,
            deductions=found.deductions,
            told_first=found.told_first,
        )
    why = "; ".join([found.why, *_suggestions(found)])
    return Booking(line, LineOutcome.UNMATCHED, why, pauses=found.meant)


def _may_pay(line: BankLine, items: OpenItems) -> tuple[str, ...]:
    """The invoices that a line would pay, or may, if it could be booked as it stands."""
    try:
        found = items.find(line.incoming)
    except ValueError:
        return ()
    return tuple(id_ for id_, _ in found.allocations) if isinstance(found, Applied) else found.meant


def _suggestions(found: Unmatched) -> Iterator[str]:
    for each in found.suggestions:
        what = f"{', '.join(each.invoices)} of {each.customer_id}" if each.invoices else each.customer_id
        yield f"{what}: {each.why}"


def _returned(line: BankLine, found: Sequence[Earlier]) -> Booking:
    """A return takes back all of the one payment it can be; where that is in doubt a person does."""
    reason = f" ({line.return_reason})" if line.return_reason else ""
    if len(found) != 1:
        why = f"money went back{reason}, and which payment it was cannot be told"
        return Booking(line, LineOutcome.UNMATCHED, why)
    [payment] = found
    why = f"payment {payment.line_id} went back{reason}"
    if payment.outcome is not LineOutcome.APPLIED:
        return Booking(line, LineOutcome.UNMATCHED, f"{why} before it was applied: do not apply it")
    if sum(payment.allocations.values()) != line.money.minor:
        why += ", and not all of it was applied to invoices"
        return Booking(line, LineOutcome.UNMATCHED, why, payment.customer_id)
    return Booking(line, LineOutcome.RETURNED, why, payment.customer_id, payment.allocations, payment.line_id)
