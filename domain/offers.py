"""Offers to settle an invoice for less: where each one stands on a day."""

from __future__ import annotations

from datetime import date

from domain.case import Case, Stamped
from domain.facts import OfferCountered, OfferMade
from domain.offer_credit import is_overtaken, is_taken
from domain.vocabulary import OfferState

#: In these an offer may still be paid.
STANDING = frozenset({OfferState.OPEN, OfferState.ACCEPTED})


def offer_state(case: Case, offer_id: str, today: date) -> OfferState:
    """Where an offer stands on the customer's day `today`."""
    offer = case.offers[offer_id].fact
    if is_overtaken(case, offer):
        return OfferState.WITHDRAWN
    if is_taken(case, offer):
        return OfferState.TAKEN
    ended = case.offers_ended.get(offer_id)
    if ended is not None:
        return OfferState(ended.fact.how)
    if today > offer.until:
        return OfferState.EXPIRED
    return OfferState.ACCEPTED if offer_id in case.offers_accepted else OfferState.OPEN


def standing_offer(case: Case, today: date) -> OfferMade | None:
    """The offer that may be paid on `today`; a newer one has taken the place of any older."""
    standing = [
        made for offer_id, made in case.offers.items() if offer_state(case, offer_id, today) in STANDING
    ]
    return max(standing, key=lambda made: (made.at, made.fact.offer_id)).fact if standing else None


def unpaid_agreements(case: Case, today: date) -> list[Stamped[OfferMade]]:
    """The offers that the customer accepted and has not paid (yet), also those whose day has passed."""
    unpaid = (OfferState.ACCEPTED, OfferState.EXPIRED)
    return [
        case.offers[offer_id]
        for offer_id in case.offers_accepted
        if offer_id in case.offers and offer_state(case, offer_id, today) in unpaid
    ]


def open_counter(case: Case) -> Stamped[OfferCountered] | None:
    """The counter-offer that nobody has decided about."""
    waiting = [
        made
        for offer_id, made in case.counters.items()
        if offer_id not in case.offers and offer_id not in case.offers_ended
    ]
    return max(waiting, key=lambda made: made.at, default=None)


def offered_until(case: Case) -> date | None:
    """The last day of the offers that nobody ended and nobody paid, None where there was none."""
    days = ((offer_id, made.fact.until) for offer_id, made in case.offers.items())
    return max(
        (until for offer_id, until in days if offer_state(case, offer_id, until) in STANDING), default=None
    )
