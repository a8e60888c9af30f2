"""What an offer to settle for less comes to in money: what is left to pay for it, and what it then credits.

Everything follows from the case's facts and nothing is booked by hand, so that late evidence takes an offer by
its value date, and a reversal takes the credit back, whatever order they come in.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from domain.facts import OfferMade
from domain.vocabulary import OfferKind

if TYPE_CHECKING:
    from domain.case import Case

_DAY = timedelta(days=1)


def offered_credit(case: Case) -> int:
    """Minor units that the offers of a case credit: those of the best one that was taken, never more than is
    open without them. Two that were both paid in time count once."""
    return max(
        (_credit(case, offer) for offer in _standing_or_over(case) if is_taken(case, offer)), default=0
    )


def taken_offer(case: Case) -> OfferMade | None:
    """The offer whose credit counts, None where none was taken."""
    taken = [offer for offer in _standing_or_over(case) if is_taken(case, offer)]
    return max(taken, key=lambda offer: (_credit(case, offer), offer.until, offer.offer_id), default=None)


def is_taken(case: Case, offer: OfferMade) -> bool:
    """Whether the money came in time."""
    return left_to_pay(case, offer) <= offer.tolerance


def left_to_pay(case: Case, offer: OfferMade) -> int:
    """Minor units that still have to come, with a value date in time, for the offer to be taken; not above zero
    where they came. Credit notes and write-offs while it stands count as paid on it; what is charged does not
    make it dearer."""
    charged = min(offer.charged, _charged_by(case, offer.ends_at))
    owed = case.invoiced + charged - case.discounted
    owed -= sum(credit.fact for credit in case.all_credits.values() if credit.at < offer.ends_at)
    owed -= sum(write_off.fact for write_off in case.write_offs.values() if write_off.at < offer.ends_at)
    given_up = offer.credit
    if offer.offer is OfferKind.FEE_WAIVER:  # what was waived meanwhile is not given up twice
        given_up = min(given_up, charged)
    return owed - case.received_between(date.min, _last_day(case, offer)) - given_up


def is_overtaken(case: Case, offer: OfferMade) -> bool:
    """Whether another agreement took the offer's place: another amount of the invoice, or a payment plan."""
    made_at = case.offers[offer.offer_id].at
    agreed = (accepted.at for accepted in case.plans_accepted.values())
    return case.invoiced != offer.invoiced or any(at >= made_at for at in agreed)


def _standing_or_over(case: Case) -> list[OfferMade]:
    return [made.fact for made in case.offers.values() if not is_overtaken(case, made.fact)]


def _last_day(case: Case, offer: OfferMade) -> date:
    """The last value date that takes the offer: of one that was taken back, the day before."""
    ended = case.offers_ended.get(offer.offer_id)
    return offer.until if ended is None else min(offer.until, ended.fact.on - _DAY)


def _credit(case: Case, offer: OfferMade) -> int:
    """What a taken offer credits: its own credit and what was charged while it stood, as far as that is open.
    Money with a later value date does not lessen it: what was settled is settled."""
    charged = _charged_by(case, offer.ends_at)
    owed = case.invoiced + charged - case.credited - case.discounted - case.given_up
    owed -= case.received_between(date.min, _last_day(case, offer))
    return min(offer.credit + max(0, charged - offer.charged), max(0, owed))


def _charged_by(case: Case, end: datetime) -> int:
    """Charges less waivers that were told before an instant."""
    charges = sum(case.minor(charge.fact.amount) for charge in case.charges.values() if charge.at < end)
    waived = sum(case.minor(waiver.fact.amount) for waiver in case.waivers.values() if waiver.at < end)
    return max(0, charges - waived)
