"""What a customer answers on the portal beside promises and disputes, and the rules it follows."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from domain.asking import Refused
from domain.case import Case, hold_ends
from domain.channels import window_of
from domain.pauses import SAID_PAID, calendar_of, is_settled, lapsed_offers, offer_on_table
from domain.policy import Policy
from domain.vocabulary import Note

#: A payment that was made longer ago than this is looked for by a person.
OLDEST_PAYMENT = timedelta(days=60)
#: What the customer asked for by answering this is a fresh link, and the message that brings it is the answer.
FRESH_LINK = "fresh"


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


def owed_notes(case: Case, policy: Policy) -> list[tuple[Note, str, datetime, str]]:
    """The messages that a customer's answers call for, sent or not: note, ref, from when, and about what.

    Answers that come together are noted in one message, so it waits as long as a case waits for others to open.
    A dispute that began on the portal is also answered when it is resolved.
    """
    notes: list[tuple[Note, str, datetime, str]] = []
    patience = timedelta(seconds=policy.opening_wait_seconds)
    for answer_id, stamped in sorted(case.answers.items()):
        fresh = stamped.fact.action == FRESH_LINK
        note = Note.PORTAL_LINK if fresh else Note.ANSWER_NOTED
        what = "fresh link" if fresh else f"answer ({stamped.fact.action})"
        notes.append((note, answer_id, stamped.at if fresh else stamped.at + patience, what))
        resolved = case.resolutions.get(answer_id)
        if resolved is not None:
            notes.append((Note.DISPUTE_RESOLVED, answer_id, resolved.at, "resolution of the dispute"))
    return notes


def _offer_notes(case: Case, policy: Policy, today: date) -> list[tuple[Note, str, datetime, str]]:
    """The messages that offers call for while something is owed: one that staff made, one that was agreed, one
    that was agreed and not paid, and terms of the customer that were declined."""
    notes: list[tuple[Note, str, datetime, str]] = []
    if case.cancelled_at is not None or is_settled(case, policy):
        return notes
    for offer_id, ended in sorted(case.offers_ended.items()):
        if offer_id in case.counters and ended.fact.how == "declined":
            notes.append((Note.OFFER_DECLINED, offer_id, ended.at, "proposal"))
    calendar = calendar_of(case.account, policy)
    for lapsed, deadline in lapsed_offers(case, policy, today):
        at = calendar.midnight_after(deadline)
        notes.append((Note.OFFER_LAPSED, lapsed.offer_id, at, "agreement that was not kept"))
    offer = offer_on_table(case, today)
    if offer is not None and offer.offer_id in case.offers_accepted:
        accepted = case.offers_accepted[offer.offer_id]
        notes.append((Note.OFFER_AGREED, offer.offer_id, accepted.at, "agreement"))
    elif offer is not None and offer.origin == "staff":
        notes.append((Note.OFFER_MADE, offer.offer_id, case.offers[offer.offer_id].at, "offer"))
    return notes


def next_note(case: Case, policy: Policy, now: datetime) -> tuple[Note, str, datetime, str] | None:
    """The first message that a customer's answers and offers still call for, with the minute of it; None where there is
    none, nobody can be written to, or a person keeps the case back."""
    if not (case.answers or case.offers or case.counters) or case.claimed:
        return None
    calendar = calendar_of(case.account, policy)
    window = window_of(policy.send_window, case.account.ways)
    today = calendar.local_date(now)
    if any(not hold.hold_id.startswith(SAID_PAID) for hold in case.open_holds(today)):
        return None
    for note, ref, since, what in [*owed_notes(case, policy), *_offer_notes(case, policy, today)]:
        if (note, ref, 0) not in case.confirmed and case.account.route(note) is not None:
            return note, ref, calendar.next_open(max(now, since), window), what
    return None
