"""What a customer answers on the portal beside promises and disputes, and the rules it follows."""

from __future__ import annotations

from datetime import date

from domain.case import Case, hold_ends
from domain.pauses import calendar_of, is_settled
from domain.policy import Policy
from domain.requests import Refused

#: The holds that stand because the customer said that the money is on its way.
SAID_PAID = "paid-"


def said_paid_until(case: Case, today: date) -> date | None:
    """The last day of the hold that stands because the customer said it is paid, or None."""
    ends = [
        hold_ends(stamped.fact)
        for hold_id, stamped in case.holds.items()
        if hold_id.startswith(SAID_PAID) and hold_id not in case.released
    ]
    return max((end for end in ends if end is not None and today <= end), default=None)


def hold_for_payment(case: Case, policy: Policy, today: date) -> date | Refused:
    """Until when nothing is sent because the customer says it is paid: the policy's business days.

    Once between two steps: who says so again without any money having come talks to a person.
    """
    if case.cancelled_at is not None or is_settled(case, policy):
        return Refused("NothingOwed", f"nothing is owed on {case.invoice_id}")
    if any(
        hold_id.startswith(SAID_PAID) and stamped.epoch == case.epoch
        for hold_id, stamped in case.holds.items()
    ):
        return Refused("PaidSaidBefore", "the customer said before that it is paid")
    return calendar_of(case.account, policy).add_business_days(today, policy.said_paid_days)
