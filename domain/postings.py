"""What a fact posts to the subledger: entries by kind whose sum is what the fact does to the balance."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from domain import contract as wire
from domain import facts as internal
from domain.case import Case
from domain.early_payment import taken_on
from domain.offer_credit import taken_offer

#: The kind of the entry that takes off, or puts back, the discount of an invoice's own terms.
EARLY_PAYMENT_ENTRY = "early_payment"
#: The kind of the entry for what banks kept of a payment at the seller's cost, or that puts it back.
BANK_CHARGES_ENTRY = "bank_charges"
#: How the kinds of those entries begin that an offer leaves behind.
OFFER_ENTRY = "offer_"


class Posting(NamedTuple):
    """One entry of an invoice; minor units, below zero where less is owed by it."""

    kind: str
    event_id: str
    minor: int
    on: date


def postings(
    before: Case, after: Case, fact: wire.Fact | internal.InternalFact, kind: str, event_id: str, on: date
) -> list[Posting]:
    """The entries of a fact that led from one case to the other, none of them of nothing.

    Beside its own: a reversal that waited for its payment, a discount for early payment, charges of banks that the
    seller bears or the credit of an offer that it earns or loses, and what it does to write-offs. `kind` and
    `event_id` are the fact's; `on` is the customer's day; a payment's own entry, and a discount for early payment
    taken with it, has the value date.
    """
    derived_id = f"{kind}:{event_id}"  # no id of the contract holds a colon
    written_off = _written_off(before) - _written_off(after)
    discount = before.discounted - after.discounted
    bank_charges = before.bank_charges - after.bank_charges
    offers = list(_of_offers(before, after, derived_id, on))
    own = _gross(after) - _gross(before) - discount - bank_charges - sum(entry.minor for entry in offers)
    made: list[Posting] = []
    if isinstance(fact, wire.PaymentReceived):
        paid = after.minor(fact.amount)
        made.append(Posting(kind, event_id, -paid, fact.received_on))
        made.append(Posting("payment_reversed", derived_id, own + paid, on))
    elif isinstance(fact, internal.PaymentRecognised):
        # A reversal of it that came first finds the money under the id by which it is booked.
        made.append(Posting("payment_reversed", derived_id, own, on))
    else:
        made.append(Posting(kind, event_id, own, on))
    is_write_off = isinstance(fact, internal.WrittenOff)
    made.append(Posting("written_off", event_id if is_write_off else derived_id, written_off, on))
    is_payment = isinstance(fact, wire.PaymentReceived)
    made.append(
        Posting(EARLY_PAYMENT_ENTRY, derived_id, discount, (taken_on(after) if is_payment else None) or on)
    )
    made.append(Posting(BANK_CHARGES_ENTRY, derived_id, bank_charges, on))
    return [entry for entry in (*made, *offers) if entry.minor]


def _gross(case: Case) -> int:
    """The net balance before write-offs."""
    return case.net + _written_off(case)


def _written_off(case: Case) -> int:
    return case.written_off if case.cancelled_at is None else 0


def _of_offers(before: Case, after: Case, derived_id: str, on: date) -> Iterator[Posting]:
    """What the taking of an offer, or its loss with the money that took it, does: entries whose kind says what was
    agreed, and whose id begins with the offer's."""
    had, has = taken_offer(before), taken_offer(after)
    for offer in {each.offer_id: each for each in (had, has) if each is not None}.values():
        credited_before = before.settled_by_offer if had is not None and had.offer_id == offer.offer_id else 0
        credited_after = after.settled_by_offer if has is not None and has.offer_id == offer.offer_id else 0
        minor = credited_before - credited_after
        yield Posting(f"{OFFER_ENTRY}{offer.offer}", f"{offer.offer_id}:{derived_id}", minor, on)
