"""What a payer structured of a payment: how much of it is for which document, and what they kept back of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from domain.cash.bank import PaidDocument
from domain.money import Money


@dataclass(frozen=True, slots=True)
class KeptBack:
    """Minor units that a payer says to have kept back of an invoice, and why."""

    minor: int
    reason: str
    discount: bool = False


@dataclass(slots=True)
class Remittance:
    """A payment by document."""

    shares: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Minor units by invoice, of what the payer sent."""
    kept_back: defaultdict[str, list[KeptBack]] = field(default_factory=lambda: defaultdict(list))
    together: list[tuple[tuple[str, ...], int]] = field(default_factory=list)
    """Invoices that one block names, with what is paid of them all."""
    unknown: list[str] = field(default_factory=list)
    """Numbers that are no invoice's."""
    credit_notes: int = 0
    """Minor units that are taken off the rest."""
    kept_by_banks: int = 0
    problem: str | None = None
    """Why the amounts are not followed."""

    @property
    def invoices(self) -> list[str]:
        return list(dict.fromkeys([*self.shares, *(each for some, _ in self.together for each in some)]))


def read(
    documents: Sequence[PaidDocument],
    money: Money,
    kept_by_banks: int,
    known: Callable[[str], Sequence[str]],
) -> Remittance | None:
    """What each document's amounts say; None where the payer gives none, or names no invoice that is known.

    `known` finds the invoices of a number. Amounts that come to less than the payment leave a rest; ones that come
    to more are followed only where that is what banks kept, or what one invoice lacks.
    """
    if not any(each.remitted is not None or each.due is not None or each.problem for each in documents):
        return None
    told = Remittance()
    amounts: list[tuple[PaidDocument, list[str], int | None]] = []
    for document in documents:
        invoices = list(dict.fromkeys(id_ for number in document.numbers for id_ in known(number)))
        amount, problem = _amount(document, money.currency)
        told.problem = told.problem or problem
        amounts.append((document, invoices, amount))
    if not any(invoices for document, invoices, _ in amounts if not document.is_credit_note):
        return None
    _give_the_rest(amounts, money)
    for document, invoices, amount in amounts:
        if amount is None:
            told.problem = told.problem or "one of its documents has no amount"
        elif document.is_credit_note:
            told.credit_notes += amount
            continue
        if not invoices:
            told.unknown += document.numbers or ("a document without a number",)
        elif len(invoices) > 1:
            told.together.append((tuple(invoices), amount or 0))
        else:
            told.shares[invoices[0]] += amount or 0
            told.kept_back[invoices[0]] += _kept_back(document, money.currency)
    total = sum(amount or 0 for document, _, amount in amounts if not document.is_credit_note)
    over = total - told.credit_notes - money.minor
    if over > 0 and over == kept_by_banks:
        told.kept_by_banks = over
    elif over > 0 and (len(told.invoices) != 1 or told.unknown or told.credit_notes):
        said = f"{Money(total - told.credit_notes, money.currency)} {money.currency}"
        told.problem = told.problem or f"its documents come to {said}"
    return told


def _amount(document: PaidDocument, currency: str) -> tuple[int | None, str | None]:
    """Minor units paid of a document, None where they are not told; and why they cannot be followed."""
    if document.problem is not None:
        return None, document.problem
    paid = document.remitted
    if paid is None and document.due is not None:
        paid = document.due - sum((each.amount for each in document.withheld), Decimal(0))
    if paid is None:
        return None, None
    if document.currency != currency:
        return None, f"its documents are in {document.currency}"
    try:
        return Money.of(paid, currency).minor, None
    except ValueError as problem:
        return None, str(problem)


def _give_the_rest(amounts: list[tuple[PaidDocument, list[str], int | None]], money: Money) -> None:
    """The only document without an amount is paid what the others leave."""
    without = [at for at, (_, _, amount) in enumerate(amounts) if amount is None]
    told = sum((-amount if document.is_credit_note else amount) for document, _, amount in amounts if amount)
    if len(without) == 1 and 0 < told < money.minor:
        document, invoices, _ = amounts[without[0]]
        if document.problem is None and not document.is_credit_note:
            amounts[without[0]] = document, invoices, money.minor - told


def _kept_back(document: PaidDocument, currency: str) -> list[KeptBack]:
    """What was kept back, without a tax that is only told, not taken off."""
    taken_off = sum((each.amount for each in document.withheld), Decimal(0))
    adds_up = (
        None in (document.due, document.remitted) or document.due == (document.remitted or 0) + taken_off
    )
    found = []
    for each in document.withheld:
        if each.reason == "tax" and (document.due is None or not adds_up):
            continue
        try:
            found.append(KeptBack(Money.of(each.amount, currency).minor, each.reason, each.discount))
        except ValueError:
            continue
    return found
