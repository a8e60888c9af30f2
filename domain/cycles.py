"""How a case came to where it is: when it was settled and owed again, on which climb, past which rungs."""

from __future__ import annotations

from datetime import date, datetime

from domain.case import Case, Taken
from domain.filing import changed
from domain.pauses import broke_promise, calendar_of
from domain.policy import Policy, PolicyStep
from domain.vocabulary import HARSHNESS, Outcome


def moved_at(case: Case) -> datetime | None:
    """When the newest entry of the ledger was recorded."""
    entries = (
        case.payments,
        case.reversals,
        case.all_credits,
        case.charges,
        case.waivers,
        case.write_offs,
        case.amendments,
    )
    return max((stamped.at for kind in entries for stamped in kind.values()), default=None)


def settled_as(case: Case) -> Outcome:
    """How a case ended of which nothing is left to collect: by credits or by money, whichever was more of it."""
    if case.given_up > 0:
        return Outcome.WRITTEN_OFF
    return Outcome.CREDITED if case.credited > case.paid else Outcome.PAID


def moved_since_closing(case: Case) -> bool:
    """Whether something was owed again after the case was closed."""
    if case.closed is None:
        return False
    raising = (case.reversals, case.charges, case.amendments)
    return any(stamped.at > case.closed.at for kind in raising for stamped in kind.values())


def reopened_on(case: Case, policy: Policy, today: date) -> date | None:
    """The day a settled case was owed again after its due date, if no step was taken since."""
    if not case.reversals and case.closed is None:
        return None
    calendar = calendar_of(case.account, policy)
    days = [
        calendar.local_date(reversal.at)
        for reversal in case.reversals.values()
        if reversal.epoch == case.epoch and case.booked_as(reversal.fact.payment_id) in case.payments
    ]
    if days and _net_without_newest_reversals(case) <= policy.tolerance_in(case.currency):
        return max(days) if max(days) > case.due else None
    closed = case.closed
    if closed is None or closed.epoch != case.epoch or today <= case.due:
        return None
    if closed.fact.outcome in (Outcome.REFERRED, Outcome.CANCELLED):
        return None
    newest = moved_at(case)
    return calendar.local_date(closed.at if newest is None else max(closed.at, newest))


def _net_without_newest_reversals(case: Case) -> int:
    """What would be owed had nothing been taken back since the last step: with the money goes the discount, or
    the credit of an offer, that it had earned."""
    if not case.offers and not case.early_payment:
        return case.net - case.reversed_since_last_step
    before = {key: each for key, each in case.reversals.items() if each.epoch < case.epoch}
    return changed(case, reversals=before).net


def next_cycle(case: Case, policy: Policy, today: date) -> int:
    """Cycles count up on reopening and when the step after a broken promise is taken."""
    if reopened_on(case, policy, today) is not None or broke_promise(case, policy, today):
        return case.cycle + 1
    return case.cycle


def day_of(case: Case, policy: Policy, taken: Taken) -> date:
    """The date of a step by the calendar of the customer."""
    return taken.on if taken.on is not None else calendar_of(case.account, policy).local_date(taken.at)


def passed_over(case: Case, policy: Policy, rung: PolicyStep) -> bool:
    """Whether the policy's own late-entry schedule passes over this rung."""
    days = policy.late_entry.days
    if not days or case.opened_on <= case.due or case.cycle > 0:
        return False
    return rung.step not in days and HARSHNESS[rung.step] <= max(HARSHNESS[step] for step in days)
