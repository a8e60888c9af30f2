"""An invoice's own terms for early payment: what they come to in money, and which of them was taken.

Everything follows from the case's facts, as with offers: late evidence takes a discount by its value date, a reversal
takes it back, and nothing is booked by hand.
"""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from domain.case import Case


class Term(NamedTuple):
    """One term: `share` is its discount in minor units, in percent of the invoice as last amended."""

    percent: str
    until: date
    share: int


class OpenTerm(NamedTuple):
    """What a term that may still be taken asks for: `pay` settles all that is open, `credit` is then taken off."""

    percent: str
    until: date
    pay: int
    credit: int


def terms_of(case: Case) -> list[Term]:
    """The terms of an invoice with what each is worth on it."""
    invoiced = case.invoiced
    return [Term(percent, until, share_of(invoiced, percent)) for percent, until in case.early_payment]


def share_of(invoiced: int, percent: str) -> int:
    """The discount of a term on an amount, both in minor units."""
    return int((Decimal(percent) * invoiced / 100).quantize(Decimal(1), ROUND_HALF_UP))


def taken_term(case: Case) -> Term | None:
    """The best term that was taken: all of the invoice but its discount had come in by its date, short of that by
    the tolerance at most. None where none was, or nothing was left to take off."""
    if not case.early_payment or not case.payments or case.cancelled_at is not None or _open(case) <= 0:
        return None
    taken = [term for term in terms_of(case) if _left_to_pay(case, term) <= _may_be_missing(case, term)]
    return max(taken, key=lambda term: (term.share, term.until), default=None)


def discount_taken(case: Case) -> int:
    """Minor units that the terms took off. They never make an invoice overpaid."""
    term = taken_term(case)
    return 0 if term is None else min(term.share, _open(case))


def taken_on(case: Case) -> date | None:
    """The value date of the money with which the discount was taken."""
    term = taken_term(case)
    days = [made.fact.received_on for made in case.payments.values()] if term is not None else []
    return max((day for day in days if term is not None and day <= term.until), default=None)


def open_terms(case: Case, today: date) -> list[OpenTerm]:
    """The terms by which less than the balance settles the invoice if it comes by their date, the soonest first.
    One that asks for no less by an earlier date than another is left out."""
    found: list[OpenTerm] = []
    if (
        not case.early_payment
        or taken_term(case) is not None
        or (case.charged and not _is_of_this_rule(case))
    ):
        return found
    balance = case.balance
    for term in sorted(terms_of(case), key=lambda term: (term.until, term.share), reverse=True):
        pay = max(balance - term.share, _left_to_pay(case, term))
        if today <= term.until and 0 < pay < min([balance, *(other.pay for other in found)]):
            found.append(OpenTerm(term.percent, term.until, pay, balance - pay))
    return found[::-1]


def _may_be_missing(case: Case, term: Term) -> int:
    """The tolerance is for what came in part: nothing at all takes no discount."""
    return case.early_payment_tolerance or 0 if case.received_between(date.min, term.until) > 0 else 0


def _open(case: Case) -> int:
    """What a discount may take off. Charges are open as well: who paid more than the term asked of the invoice paid
    for them."""
    charged = case.charged if _is_of_this_rule(case) else 0
    return case.invoiced + charged - case.credited - case.paid


def _is_of_this_rule(case: Case) -> bool:
    """Whether the case was opened when tolerance and charges counted; the balance of an older one stays as booked."""
    return case.early_payment_tolerance is not None


def _left_to_pay(case: Case, term: Term) -> int:
    """Minor units that still have to come, with a value date in time, for a term to be taken; charges aside."""
    return case.invoiced - case.credited - term.share - case.received_between(date.min, term.until)
