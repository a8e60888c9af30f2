"""What stops the ladder: promises, disputes, holds and snoozes, and how much they leave collectable."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from domain.calendar import Calendar
from domain.case import Account, Case
from domain.policy import Policy
from domain.vocabulary import WaitingOn


class PromiseState(StrEnum):
    OPEN = "open"
    KEPT = "kept"
    BROKEN = "broken"
    BEYOND_LIMIT = "beyond_limit"
    """One promise more than the policy allows: recorded, but it pauses nothing."""


class Promise(NamedTuple):
    """A promise as the policy sees it; `pay_by` is already cut to the policy's limit."""

    promise_id: str
    amount: int | None
    pay_by: date
    deadline: date
    """Last day of grace: `pay_by` plus the policy's business days."""
    state: PromiseState
    made_on: date
    epoch: int
    source: str
    asked_for: date
    """The date as promised."""


class Pause(NamedTuple):
    """Why nothing is sent on this day, and when that may change without a new fact."""

    waiting_on: WaitingOn
    until: datetime | None
    why: str
    rule: str


@lru_cache(maxsize=512)
def _calendar(zone: str, mode: str, holidays: frozenset[date]) -> Calendar:
    return Calendar(zone, mode, holidays)  # type: ignore[arg-type]


def calendar_of(account: Account, policy: Policy) -> Calendar:
    """The customer's clock: own zone, else the policy's."""
    return _calendar(account.zone or policy.timezone, policy.calendar, account.holidays)


def is_settled(case: Case, policy: Policy) -> bool:
    """Whether nothing is left to collect; a rest within tolerance counts only when something came."""
    net = case.net
    if net <= 0:
        return True
    return net <= policy.tolerance_in(case.currency) and case.paid + case.credited > 0


def promises(case: Case, policy: Policy, today: date) -> list[Promise]:
    """All promises with their state on the customer's date `today`, oldest first.

    Kept: at least the promised amount, within tolerance, received (by `received_on`) by the end of grace;
    late evidence therefore heals a broken promise. Only the first one and the allowed extensions between
    two steps pause the case.
    """
    if not case.promises:
        return []
    calendar = calendar_of(case.account, policy)
    limits = policy.promise
    result: list[Promise] = []
    counted: dict[int, int] = {}
    by_order = sorted(
        case.promises.values(), key=lambda made: (made.epoch, made.fact.pay_by, made.fact.promise_id)
    )
    for stamped in by_order:
        made_on = calendar.local_date(stamped.at)
        pay_by = min(stamped.fact.pay_by, made_on + timedelta(days=limits.max_days))
        deadline = calendar.add_business_days(pay_by, limits.grace_days)
        amount = None if stamped.fact.amount is None else case.minor(stamped.fact.amount)
        counted[stamped.epoch] = counted.get(stamped.epoch, 0) + 1
        if _is_kept(case, policy, amount, made_on, deadline):
            state = PromiseState.KEPT
        elif counted[stamped.epoch] > 1 + limits.extensions:
            state = PromiseState.BEYOND_LIMIT
        else:
            state = PromiseState.OPEN if today <= deadline else PromiseState.BROKEN
        result.append(
            Promise(
                stamped.fact.promise_id,
                amount,
                pay_by,
                deadline,
                state,
                made_on,
                stamped.epoch,
                stamped.fact.source,
                stamped.fact.pay_by,
            )
        )
    return result


def _is_kept(case: Case, policy: Policy, amount: int | None, made_on: date, deadline: date) -> bool:
    tolerance = policy.tolerance_in(case.currency)
    late = case.received_between(deadline + timedelta(days=1), date.max)
    frozen = frozen_amount(case)
    if case.net - frozen + late <= tolerance:
        return case.paid + case.credited > 0 or case.net <= 0
    if amount is None:
        return False
    return case.received_between(made_on, deadline) >= amount - tolerance > 0


def frozen_amount(case: Case) -> int:
    """Minor units under dispute: nothing may be asked for them."""
    frozen = 0
    for dispute_id in case.disputes:
        amount = case.frozen_by(dispute_id)
        if amount is None:
            return case.balance
        frozen += amount
    return min(frozen, case.balance)


def promised_amount(case: Case, policy: Policy, today: date) -> int:
    """Minor units under open promises."""
    promised = 0
    for promise in promises(case, policy, today):
        if promise.state is PromiseState.OPEN:
            if promise.amount is None:
                return case.balance
            promised = max(
                promised, promise.amount - case.received_between(promise.made_on, promise.deadline)
            )
    return min(max(0, promised), case.balance)


def collectable(case: Case, policy: Policy, today: date) -> int:
    """What may be asked for: balance less what is disputed or promised."""
    if not case.disputes and not case.promises:
        return case.balance
    return max(0, case.balance - frozen_amount(case) - promised_amount(case, policy, today))


def pause(case: Case, policy: Policy, today: date) -> Pause | None:
    """What keeps this case from being chased on `today`, if anything does."""
    calendar = calendar_of(case.account, policy)
    holds = case.open_holds(today)
    if holds:
        ends = [hold.until for hold in holds]
        until = None if None in ends else calendar.midnight_after(max(end for end in ends if end is not None))
        reasons = " and ".join(sorted({hold.reason for hold in holds}))
        return Pause(WaitingOn.HOLD, until, f"on hold ({reasons})", "hold")
    if case.snoozed is not None and today <= case.snoozed.fact.until:
        until = calendar.midnight_after(case.snoozed.fact.until)
        return Pause(WaitingOn.HOLD, until, f"snoozed until {case.snoozed.fact.until}", "snooze")
    if collectable(case, policy, today) <= (
        policy.tolerance_in(case.currency) if case.paid or case.credited else 0
    ):
        open_promises = [p for p in promises(case, policy, today) if p.state is PromiseState.OPEN]
        if open_promises:
            latest = max(promise.deadline for promise in open_promises)
            until = calendar.midnight_after(latest)
            pay_by = max(promise.pay_by for promise in open_promises)
            return Pause(WaitingOn.PROMISE, until, f"promised by {pay_by}, grace until {latest}", "promise")
        return Pause(WaitingOn.DISPUTE, None, "everything owed is disputed", "dispute")
    covering = case.account.unapplied.get(case.currency, 0)
    if covering >= collectable(case, policy, today):
        return Pause(WaitingOn.PERSON, None, "unapplied cash of the customer covers it", "unapplied_cash")
    return None


def resumed_on(case: Case, policy: Policy, today: date) -> date | None:
    """The newest day on which a full pause ended. Rungs dated before it are climbed one at a time."""
    calendar = calendar_of(case.account, policy)
    ends: list[date] = []
    if case.snoozed is not None:
        ends.append(case.snoozed.fact.until + timedelta(days=1))
    for holds, released in ((case.holds, case.released), (case.account.holds, case.account.released)):
        for hold_id, stamped in holds.items():
            if hold_id in released:
                ends.append(calendar.local_date(released[hold_id]))
            elif stamped.fact.until is not None:
                ends.append(stamped.fact.until + timedelta(days=1))
    for promise in promises(case, policy, today):
        if promise.state is PromiseState.BROKEN and (
            promise.amount is None or promise.amount >= case.balance
        ):
            ends.append(promise.deadline + timedelta(days=1))
    for dispute_id, resolution in case.resolutions.items():
        if dispute_id in case.disputes:
            amount = case.disputes[dispute_id].fact.amount
            if amount is None or case.minor(amount) >= case.balance:
                ends.append(calendar.local_date(resolution.at))
    return max((end for end in ends if end <= today), default=None)


def broke_promise(case: Case, policy: Policy, today: date) -> bool:
    """Whether a promise was broken since the last step: the next step begins a new cycle."""
    return any(
        promise.state is PromiseState.BROKEN and promise.epoch == case.epoch
        for promise in promises(case, policy, today)
    )
