"""What a customer is told when a debt has ended: thanks for paying, and that orders flow again. Once, soon or
not at all."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import NamedTuple

from domain.case import Case, hold_ends
from domain.cycles import moved_at
from domain.pauses import ALLOCATED_WITHIN, calendar_of, is_settled, thanked_by_plan
from domain.policy import Policy
from domain.slots import slot
from domain.vocabulary import Note, Step

#: Thanks that come more business days after the money than this are stranger than none.
_LATEST = 2


def thanks_at(case: Case, policy: Policy, now: datetime) -> datetime | None:
    """When the customer is thanked for having paid this invoice, never before `now`; None for never (again).

    The day the money came where its window allows, else the next business day; as long after the money as a
    case waits for others to open, so that invoices paid together are thanked for in one message. Nobody is
    thanked for money that had come before the case was opened, for what was written off, cancelled, only
    credited or handed to a partner, nor for a debit that we collected without a word; the instalments of a plan
    have thanks of their own.
    """
    if not policy.thanks or not is_settled(case, policy) or case.cancelled_at is not None:
        return None
    ref = str(case.cycle)
    said = any((note, ref, 0) in case.confirmed for note in (Note.THANKS, Note.CREDIT_HOLD_RELEASED))
    if said or case.given_up > 0 or case.paid <= 0 or thanked_by_plan(case):
        return None
    settled_at = moved_at(case)
    if settled_at is None or not any(paid.at > case.opened_at for paid in case.payments.values()):
        return None
    last = case.last
    if last is None and case.collection != "transfer":
        return None
    if last is not None and last.fact.step is Step.REFERRAL and case.recalled is None:
        return None
    return _soon(case, policy, settled_at, now)


def released_at(case: Case, policy: Policy, now: datetime) -> datetime | None:
    """When customer and sales are told that new orders are possible again, never before `now`; None for never
    (again), and as long as another invoice of the customer blocks them."""
    unblocked = case.unblocked
    if unblocked is None or case.account.credit_holds:
        return None
    if (Note.CREDIT_HOLD_RELEASED, str(unblocked.fact), 0) in case.confirmed:
        return None
    return _soon(case, policy, unblocked.at, now)


class Told(NamedTuple):
    """What is told after the end of a debt, when, and by which ref it is told once."""

    note: Note
    at: datetime
    ref: str


def told_after(case: Case, policy: Policy, now: datetime) -> Told | None:
    """The message that the end of a debt still owes the customer: orders flow again, which thanks as well where
    something was paid, else the thanks alone."""
    unblocked = case.unblocked
    at = released_at(case, policy, now)
    if at is not None and unblocked is not None:
        return Told(Note.CREDIT_HOLD_RELEASED, at, str(unblocked.fact))
    at = thanks_at(case, policy, now)
    return None if at is None else Told(Note.THANKS, at, str(case.cycle))


def _soon(case: Case, policy: Policy, since: datetime, now: datetime) -> datetime | None:
    """The first minute for a message that nobody has asked for but everybody likes: soon after `since`, when
    nothing holds it back; None where that is too late."""
    if (
        case.claimed or case.account.route(Note.THANKS) is None
    ):  # while a message is under way nobody knows what was said
        return None
    calendar = calendar_of(case.account, policy)
    earliest = max(since + timedelta(seconds=policy.opening_wait_seconds), now)
    if case.account.allocating:  # its other invoices are thanked for with this one
        earliest = max(earliest, now + ALLOCATED_WITHIN)
    for hold in case.open_holds(calendar.local_date(now)):
        ends = hold_ends(hold)
        if ends is None:
            return None
        earliest = max(earliest, calendar.at(ends + timedelta(days=1), time.min))
    at = slot(case, policy, calendar.roll(calendar.local_date(earliest)), earliest)
    latest = calendar.add_business_days(calendar.local_date(since), _LATEST)
    return at if calendar.local_date(at) <= latest else None
