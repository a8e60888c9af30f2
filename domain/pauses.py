"""What stops the ladder: promises, plans, disputes, holds and snoozes, and how much they leave collectable."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from domain.calendar import Calendar
from domain.case import Account, Case, hold_ends
from domain.cash_source import Awaited, announced_amount, announced_between, awaited, hold_id, said
from domain.early_payment import OpenTerm, open_terms
from domain.facts import OfferMade, PlanTabled
from domain.money import Money
from domain.offers import open_counter, standing_offer, unpaid_agreements
from domain.policy import Policy
from domain.vocabulary import PlanState, WaitingOn

#: How the ids of those holds begin that stand because the customer says that the money is on its way. They stop
#: reminders, not the answers to what the customer says.
SAID_PAID = "paid-"
#: The rule of the pause in which a remittance's money is moved to its invoices, which takes minutes.
ALLOCATING = "allocating"
#: A case looks again by itself whether that is done: nobody wakes those the remittance is not for.
ALLOCATED_WITHIN = timedelta(minutes=10)


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
    counts: bool
    """Whether it uses up one of the promises that the policy allows between two steps."""


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


def approval_ends(account: Account, policy: Policy, asked_on: date) -> tuple[date, datetime]:
    """The last day on which a person may decide about a message, and the instant at which that day has ended."""
    calendar = calendar_of(account, policy)
    last_day = calendar.add_business_days(asked_on, policy.approval.expires_days)
    return last_day, calendar.midnight_after(last_day)


def is_settled(case: Case, policy: Policy) -> bool:
    """Whether nothing is left to collect; a rest within tolerance counts only when something came."""
    net = case.net
    if net <= 0:
        return True
    return net <= policy.tolerance_in(case.currency) and case.paid + case.credited > 0


def promises(case: Case, policy: Policy, today: date) -> list[Promise]:
    """All promises with their state on the customer's date `today`, oldest first.

    Kept: at least the promised amount, within tolerance, received (by `received_on`) by the end of grace;
    late evidence therefore heals a broken promise. One more promise given before the grace of the last
    has ended extends it. Between two steps only the first and the allowed extensions pause the case.
    """
    if not case.promises:
        return []
    calendar = calendar_of(case.account, policy)
    by_order = sorted(
        case.promises.values(), key=lambda made: (made.epoch, made.fact.pay_by, made.fact.promise_id)
    )
    result: list[Promise] = []
    used: dict[int, int] = {}
    for stamped in by_order:
        made_on = calendar.local_date(stamped.at)
        pay_by = min(stamped.fact.pay_by, made_on + timedelta(days=policy.promise.max_days))
        amount = None if stamped.fact.amount is None else case.minor(stamped.fact.amount)
        deadline = calendar.add_business_days(pay_by, policy.promise.grace_days)
        counts = not _is_kept(case, policy, amount, made_on, deadline)
        used[stamped.epoch] = used.get(stamped.epoch, 0) + counts
        result.append(
            Promise(
                promise_id=stamped.fact.promise_id,
                amount=amount,
                pay_by=pay_by,
                deadline=deadline,
                state=(
                    PromiseState.BEYOND_LIMIT
                    if counts and used[stamped.epoch] > 1 + policy.promise.extensions
                    else PromiseState.OPEN
                ),
                made_on=made_on,
                epoch=stamped.epoch,
                source=stamped.fact.source,
                asked_for=stamped.fact.pay_by,
                counts=counts,
            )
        )
    _extend(result)
    for place, promise in enumerate(result):
        if promise.state is PromiseState.OPEN:
            result[place] = promise._replace(state=_state(case, policy, promise, result[:place], today))
    return result


def _extend(made: list[Promise]) -> None:
    """Move the deadline of each promise to that of the next one, where that was given before it passed."""
    later: Promise | None = None
    for place in range(len(made) - 1, -1, -1):
        promise = made[place]
        if promise.state is PromiseState.BEYOND_LIMIT:
            continue
        if later is not None and later.epoch == promise.epoch and later.made_on <= promise.deadline:
            made[place] = promise = promise._replace(deadline=max(promise.deadline, later.deadline))
        later = promise


def _state(case: Case, policy: Policy, promise: Promise, before: list[Promise], today: date) -> PromiseState:
    """Until its deadline a promise is kept only by money that no earlier promise between the same two
    steps needs; afterwards by any money that came in its time."""
    if today > promise.deadline:
        kept = _is_kept(case, policy, promise.amount, promise.made_on, promise.deadline)
        return PromiseState.KEPT if kept else PromiseState.BROKEN
    amount, since = promise.amount, promise.made_on
    for earlier in before:
        if earlier.epoch == promise.epoch and earlier.state in (PromiseState.OPEN, PromiseState.KEPT):
            since = min(since, earlier.made_on)
            if amount is not None:
                amount += earlier.amount or 0
    kept = _is_kept(case, policy, amount, since, promise.deadline)
    return PromiseState.KEPT if kept else PromiseState.OPEN


def _is_kept(case: Case, policy: Policy, amount: int | None, made_on: date, deadline: date) -> bool:
    tolerance = policy.tolerance_in(case.currency)
    late = case.received_between(deadline + timedelta(days=1), date.max)
    coming = announced_between(case, date.min, deadline)
    if case.net - frozen_amount(case) + late - coming <= tolerance:
        return case.paid + case.credited + coming > 0 or case.net <= 0
    if amount is None:
        return False
    came = case.received_between(made_on, deadline) + announced_between(case, made_on, deadline)
    return came >= amount - tolerance > 0


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
    """Minor units under open promises: their sum, less what has come in, or is announced, for them."""
    by_epoch: dict[int, list[Promise]] = {}
    for promise in promises(case, policy, today):
        if promise.state is PromiseState.OPEN and promise.amount is None:
            return case.balance
        if promise.state in (PromiseState.OPEN, PromiseState.KEPT):
            by_epoch.setdefault(promise.epoch, []).append(promise)
    promised = 0
    for made in by_epoch.values():
        if any(promise.state is PromiseState.OPEN for promise in made):
            since = min(promise.made_on for promise in made)
            until = max(promise.deadline for promise in made)
            named = sum(promise.amount or 0 for promise in made)
            came = case.received_between(since, until) + announced_between(case, since, until)
            promised += max(0, named - came)
    return min(promised, case.balance)


def standing_plan(case: Case, today: date) -> PlanTabled | None:
    """The plan that money of this case waits for on `today`: agreed, proposed, or offered and still open."""
    for plan_id, stamped in case.plans.items():
        if plan_id in case.plans_ended:
            continue
        lapsed = stamped.fact.state is PlanState.OFFERED and today > stamped.fact.open_until
        if plan_id in case.plans_accepted or not lapsed:
            return stamped.fact
    return None


def received_for(case: Case, plan: PlanTabled) -> int:
    """Payments less reversals since the plan was tabled, as far as the invoice owed them, and what is announced."""
    return case.paid - plan.part(case.invoice_id).paid - case.overpaid + announced_amount(case)


def planned_amount(case: Case, today: date) -> int:
    """Minor units that wait for a plan: what it covers and has not been paid, and what was charged since."""
    plan = standing_plan(case, today)
    if plan is None:
        return 0
    tabled_at = case.plans[plan.plan_id].at
    charged = sum(case.minor(charge.fact.amount) for charge in case.charges.values() if charge.at > tabled_at)
    waiting = plan.part(case.invoice_id).planned - max(0, received_for(case, plan)) + charged
    return max(0, min(waiting, case.balance - frozen_amount(case)))


def thanked_by_plan(case: Case) -> bool:
    """Whether the case ended by the instalments of a plan, whose thanks have been said with the last one."""
    return any(
        plan_id not in case.plans_ended or case.plans_ended[plan_id].fact.state is PlanState.KEPT
        for plan_id in case.plans_accepted
    )


def offer_on_table(case: Case, today: date) -> OfferMade | None:
    """The offer that the customer is told of on `today`: none while something of the invoice is disputed or a
    plan stands over it."""
    if not case.offers or case.cancelled_at is not None or case.open_disputes:
        return None
    return None if standing_plan(case, today) is not None else standing_offer(case, today)


def terms_on_table(case: Case, today: date) -> list[OpenTerm]:
    """The invoice's own terms for early payment that the customer is told of on `today`: none where the seller
    collects the money, some of it is on its way, something is disputed or a plan stands over it."""
    if not case.early_payment or case.collection != "transfer" or case.open_disputes:
        return []
    if announced_amount(case) > 0:
        return []
    return [] if standing_plan(case, today) is not None else open_terms(case, today)


def _agreed_offer(case: Case, policy: Policy, today: date) -> tuple[OfferMade, date] | None:
    """The accepted offer whose money is waited for on `today`, and the last day of grace."""
    waited_for = [
        each for each in _unpaid_offers(case, policy, today) if today <= each[1] or _comes(case, each)
    ]
    return max(waited_for, key=lambda each: each[0].until, default=None)


def lapsed_offers(case: Case, policy: Policy, today: date) -> list[tuple[OfferMade, date]]:
    """The accepted offers that were not paid, each with the last day of its grace, which is over on `today`."""
    unpaid = _unpaid_offers(case, policy, today)
    return [each for each in unpaid if today > each[1] and not _comes(case, each)]


def _comes(case: Case, offer: tuple[OfferMade, date]) -> bool:
    """Whether money of its time is announced that may take an offer."""
    return announced_between(case, date.min, offer[0].until) > 0


def _unpaid_offers(case: Case, policy: Policy, today: date) -> list[tuple[OfferMade, date]]:
    """The accepted offers that are not paid, each with the last day of its grace."""
    if not case.offers_accepted:
        return []
    calendar = calendar_of(case.account, policy)
    return [
        (made.fact, calendar.add_business_days(made.fact.until, policy.promise.grace_days))
        for made in unpaid_agreements(case, today)
    ]


def _offer_pause(case: Case, policy: Policy, today: date) -> Pause | None:
    """An accepted offer is waited for like a promise; a counter-offer until the day staff decide by."""
    if not case.offers_accepted and not case.counters:
        return None
    calendar = calendar_of(case.account, policy)
    agreed = _agreed_offer(case, policy, today)
    if agreed is not None:
        offer, deadline = agreed
        if today > deadline:
            return _announced_pause(awaited(case), calendar, today)
        pay = Money(offer.pay, case.currency)
        why = f"offer {offer.offer_id} accepted: {pay} by {offer.until}, grace until {deadline}"
        return Pause(WaitingOn.PROMISE, calendar.midnight_after(deadline), why, "offer")
    counter = open_counter(case)
    if counter is not None and today <= counter.fact.decide_by:
        asked = counter.fact
        pay = Money(asked.pay, case.currency)
        why = f"the customer offers {pay} by {asked.pay_by}: decide by {asked.decide_by}"
        return Pause(WaitingOn.PERSON, calendar.midnight_after(asked.decide_by), why, "counter_offer")
    return None


def collectable(case: Case, policy: Policy, today: date) -> int:
    """What may be asked for: balance less what is disputed, planned, promised or announced."""
    if not case.disputes and not case.promises and not case.plans and not case.announced:
        return case.balance
    waiting = frozen_amount(case) + planned_amount(case, today) + promised_amount(case, policy, today)
    return max(0, case.balance - waiting - announced_amount(case))


def pause(case: Case, policy: Policy, today: date) -> Pause | None:
    """What keeps this case from being chased on `today`, if anything does."""
    calendar = calendar_of(case.account, policy)
    holds = case.open_holds(today)
    if holds:
        ends = [hold_ends(hold) for hold in holds]
        until = None if None in ends else calendar.midnight_after(max(end for end in ends if end is not None))
        reasons = " and ".join(sorted({hold.reason for hold in holds}))
        return Pause(WaitingOn.HOLD, until, f"on hold ({reasons})", "hold")
    if case.snoozed is not None and today <= case.snoozed.fact.until:
        until = calendar.midnight_after(case.snoozed.fact.until)
        return Pause(WaitingOn.HOLD, until, f"snoozed until {case.snoozed.fact.until}", "snooze")
    agreed = _offer_pause(case, policy, today)
    if agreed is not None:
        return agreed
    announced = awaited(case)
    came = case.paid or case.credited or announced
    if collectable(case, policy, today) <= (policy.tolerance_in(case.currency) if came else 0):
        if announced:
            return _announced_pause(announced, calendar, today)
        if planned_amount(case, today) > 0:
            return _plan_pause(case, policy, today)
        open_promises = [p for p in promises(case, policy, today) if p.state is PromiseState.OPEN]
        if open_promises:
            latest = max(promise.deadline for promise in open_promises)
            until = calendar.midnight_after(latest)
            pay_by = max(promise.pay_by for promise in open_promises)
            return Pause(WaitingOn.PROMISE, until, f"promised by {pay_by}, grace until {latest}", "promise")
        return Pause(WaitingOn.DISPUTE, None, "everything owed is disputed", "dispute")
    if case.account.allocating:
        told = ", ".join(sorted(case.account.allocating))
        return Pause(WaitingOn.HOLD, None, f"remittance {told} is being moved to its invoices", ALLOCATING)
    covering = case.account.unapplied.get(case.currency, 0)
    if covering >= collectable(case, policy, today):
        return Pause(WaitingOn.PERSON, None, "unapplied cash of the customer covers it", "unapplied_cash")
    return None


def _announced_pause(announced: Sequence[Awaited], calendar: Calendar, today: date) -> Pause:
    """The named source is waited for; after its days a person is."""
    latest = max(each.announced.confirm_by for each in announced)
    if today <= latest:
        why = f"{said(announced[0])}; waited for until {latest}"
        return Pause(WaitingOn.HOLD, calendar.midnight_after(latest), why, "announced_cash")
    return Pause(WaitingOn.PERSON, None, said(announced[0]), "announced_cash")


def _plan_pause(case: Case, policy: Policy, today: date) -> Pause:
    plan = standing_plan(case, today)
    assert plan is not None, "something is planned"
    calendar = calendar_of(case.account, policy)
    if plan.plan_id not in case.plans_accepted:
        what = "is offered" if plan.state is PlanState.OFFERED else "waits for a decision"
        until = calendar.midnight_after(plan.open_until) if today <= plan.open_until else None
        return Pause(WaitingOn.PLAN, until, f"plan {plan.plan_id} {what} until {plan.open_until}", "plan")
    ends = [
        calendar.add_business_days(instalment.due_on, policy.plan.grace_days)
        for instalment in plan.instalments
    ]
    ahead = min((end for end in ends if end >= today), default=None)
    following = next((i.due_on for i in plan.instalments if i.due_on >= today), plan.instalments[-1].due_on)
    why = f"plan {plan.plan_id}: an instalment is due on {following}"
    return Pause(WaitingOn.PLAN, None if ahead is None else calendar.midnight_after(ahead), why, "plan")


def resumed_on(case: Case, policy: Policy, today: date) -> date | None:
    """The newest day on which a pause ended. Rungs dated before it are climbed one at a time."""
    calendar = calendar_of(case.account, policy)
    ends: list[date] = []
    if case.snoozed is not None:
        ends.append(case.snoozed.fact.until + timedelta(days=1))
    for holds, released in ((case.holds, case.released), (case.account_holds, case.account.released)):
        for name, stamped in holds.items():
            last_day = hold_ends(stamped.fact)
            over = [] if last_day is None else [last_day + timedelta(days=1)]
            if name in released:
                over.append(calendar.local_date(max(released[name], stamped.at)))
            if over:
                ends.append(min(over))
    for promise in promises(case, policy, today):
        if promise.state is PromiseState.BROKEN:
            ends.append(promise.deadline + timedelta(days=1))
    for plan_id, tabled in case.plans.items():
        if plan_id in case.plans_ended:
            ends.append(calendar.local_date(case.plans_ended[plan_id].at))
        elif tabled.fact.state is PlanState.OFFERED and plan_id not in case.plans_accepted:
            ends.append(tabled.fact.open_until + timedelta(days=1))
    ends.extend(deadline + timedelta(days=1) for _, deadline in lapsed_offers(case, policy, today))
    for offer_id, counter in case.counters.items():
        answered = case.offers.get(offer_id) or case.offers_ended.get(offer_id)
        undecided = counter.fact.decide_by + timedelta(days=1)
        ends.append(undecided if answered is None else min(undecided, calendar.local_date(answered.at)))
    for told in case.announced.values():
        ended = [
            back.at
            for back in case.reversals.values()
            if back.fact.payment_id == told.fact.payment.payment_id
        ]
        if hold_id(told.fact) in case.released:
            ended.append(case.released[hold_id(told.fact)])
        ends.extend(calendar.local_date(max(each, told.at)) for each in ended)
    for dispute_id in case.disputes:
        thawed_at = case.thawed_at(dispute_id)
        if thawed_at is not None:
            ends.append(calendar.local_date(max(thawed_at, case.disputes[dispute_id].at)))
    return max((end for end in ends if end <= today), default=None)


def broke_promise(case: Case, policy: Policy, today: date) -> bool:
    """Whether a promise, a plan or an accepted offer was broken since the last step: a new cycle begins with the
    next one."""
    broken = (end for end in case.plans_ended.values() if end.fact.state is PlanState.BROKEN)
    if any(end.epoch == case.epoch for end in broken):
        return True
    lapsed = (offer.offer_id for offer, _ in lapsed_offers(case, policy, today))
    if any(case.offers_accepted[offer_id].epoch == case.epoch for offer_id in lapsed):
        return True
    return any(
        promise.state is PromiseState.BROKEN and promise.epoch == case.epoch
        for promise in promises(case, policy, today)
    )
