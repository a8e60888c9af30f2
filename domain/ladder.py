"""Which rung of the ladder comes next, and on which day: late entries, pauses, outages, pace and the gap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple

from domain.case import Case, Taken
from domain.channels import window_of
from domain.cycles import day_of, next_cycle, passed_over, reopened_on
from domain.decision import LOOK_AGAIN, TaskRequest, Wait
from domain.offers import offered_until
from domain.pauses import calendar_of, collectable, resumed_on
from domain.policy import BEFORE_OVERDUE, Policy, PolicyStep
from domain.proof import notice_before
from domain.risk import assess, flagged_from
from domain.slots import slot
from domain.vocabulary import HARSHNESS, Step, WaitingOn, step_name

_PRE_DUE = frozenset({Step.PRE_DUE, Step.PRE_DUE_2})
#: Steps that wait until the cash of the previous bank day is posted, where a seller tells.
_AFTER_CALL = frozenset(step for step in Step if HARSHNESS[step] >= HARSHNESS[Step.CALL])


class Target(NamedTuple):
    """The business day `on` which a rung falls due, and the day from which on it counts as late."""

    on: date
    own: date


class Due(NamedTuple):
    """The step a case does next and when; nothing about it is sent before `at`."""

    rung: PolicyStep
    on: date
    at: datetime
    cycle: int
    catch_up: bool
    rule: str
    why: str


def choose(case: Case, policy: Policy, now: datetime, today: date) -> Due | Wait:
    """The step to take next with its time, or the wait that keeps it back."""
    cycle = next_cycle(case, policy, today)
    if case.requested is not None:
        rung = policy.by_step.get(case.requested.fact.step)
        if rung is not None:
            unproven = notice_before(case, policy, now, rung) if rung.harsh else None
            if unproven is not None:
                return unproven
            why = f"{step_name(rung.step)} was asked for by {case.requested.fact.by}"
            due = _due(case, policy, now, rung, Target(today, today), case.cycle + 1, "requested", why)
            return due._replace(catch_up=False)
    at_risk = _at_risk(case, policy, now, today, cycle)
    if at_risk is not None and reopened_on(case, policy, today) is None:
        return at_risk
    rungs = _candidates(case, policy, today, cycle)
    chosen = next(rungs, None)
    if chosen is None:
        why = "the policy has no further step: decide how to go on"
        task = TaskRequest(kind="ladder_ended", ref=str(case.cycle), why=why)
        return Wait(
            until=now + LOOK_AGAIN,
            waiting_on=WaitingOn.PERSON,
            why=why,
            rule="ladder_ended",
            tasks=(task,),
        )
    baseline = _baseline(case, policy, today)
    target = _target(case, policy, chosen, baseline, first=True)
    if target.on <= today:
        if baseline is None or _nominal(case, chosen) >= baseline:
            later = ((rung, _target(case, policy, rung, baseline, first=False)) for rung in rungs)
            chosen, target = _harshest(case, policy, now, (chosen, target), later, today)
        kept_back = notice_before(case, policy, now, chosen) if chosen.harsh else None
        kept_back = kept_back or _attempts_missing(case, policy, chosen, now)
        if kept_back is not None:
            return kept_back
    rule = "ladder"
    if baseline is not None and _nominal(case, chosen) < baseline:
        paced = case.last is not None and case.last.fact.catch_up
        rule = "pace" if paced else "late_entry_or_resumed"
    return _due(case, policy, now, chosen, target, cycle, rule, _reason(case, chosen))


def _harshest(
    case: Case,
    policy: Policy,
    now: datetime,
    first: tuple[PolicyStep, Target],
    later: Iterable[tuple[PolicyStep, Target]],
    today: date,
) -> tuple[PolicyStep, Target]:
    """Of several rungs due at once (an outage) the harshest, not passing a notice a later rung requires."""
    required = policy.required_notices
    chosen, chosen_for = first
    if chosen.step in required:
        return first
    for rung, target in later:
        if target.on > today or (rung.harsh and notice_before(case, policy, now, rung) is not None):
            break
        chosen, chosen_for = rung, target
        if chosen.step in required:
            break
    return chosen, chosen_for


def _candidates(case: Case, policy: Policy, today: date, cycle: int) -> Iterator[PolicyStep]:
    """The rungs still ahead, gentlest first."""
    after = -1
    last = next((taken for taken in reversed(case.steps) if taken.fact.step is not Step.AT_RISK), None)
    entered_late = case.opened_on > case.due
    if reopened_on(case, policy, today) is not None:
        after = HARSHNESS[Step.DUE] if today > case.due else -1
    elif last is not None:
        after = HARSHNESS[last.fact.step]
    called_in = case.whole_due_on is not None
    if entered_late or called_in or (last is None and case.taken(Step.AT_RISK) is not None):
        after = max(after, HARSHNESS[Step.DUE])
    if entered_late and last is None and case.taken(Step.AT_RISK) is not None:
        after = max(after, HARSHNESS[Step.OVERDUE])
    owed = collectable(case, policy, today)
    # On the due date itself the due notice speaks, also where a pause or a denial brings us here.
    last_pre_due = case.due - timedelta(days=Step.DUE in policy.by_step)
    left_out = {step for skipped, step in case.skipped if skipped in (cycle, case.cycle)}
    for rung in policy.ladder:
        if HARSHNESS[rung.step] <= after or rung.step in left_out or passed_over(case, policy, rung):
            continue
        if owed < policy.minimum_in(rung.step, case.currency):
            continue
        nominal = _nominal(case, rung)
        if rung.step in _PRE_DUE and (today > last_pre_due or nominal > case.due):
            continue
        if case.issued_on is not None and nominal < case.issued_on:
            continue
        yield rung


def _nominal(case: Case, rung: PolicyStep) -> date:
    """The day of a rung by the calendar. Where the seller collects by itself, nothing is asked for before
    that has failed, and what is overdue counts from then."""
    called_in = case.whole_due_on
    if called_in is not None:
        # The message that ended the plan asked for it as due: a week before need not pass.
        return called_in + timedelta(days=0 if HARSHNESS[rung.step] <= HARSHNESS[Step.OVERDUE] else rung.day)
    on = case.due + timedelta(days=rung.day)
    if case.collection == "transfer":
        return on
    collect_on = case.collect_on or case.due
    if rung.step in BEFORE_OVERDUE:
        return max(on, collect_on + timedelta(days=1))
    return max(case.due, collect_on) + timedelta(days=rung.day)


def _baseline(case: Case, policy: Policy, today: date) -> date | None:
    """The day a late entry, a reopening or a pause ended on: rungs dated before it are climbed one at a time."""
    days = [resumed_on(case, policy, today), reopened_on(case, policy, today), _attempted_on(case, policy)]
    if case.opened_on > case.due:
        days.append(case.opened_on)
    if case.cycle > 0:
        days.append(next(day_of(case, policy, t) for t in case.steps if t.fact.cycle == case.cycle))
    return max((day for day in days if day is not None), default=None)


def _target(case: Case, policy: Policy, rung: PolicyStep, baseline: date | None, *, first: bool) -> Target:
    """The day on which a rung falls due for this case, before the gap between messages."""
    calendar = calendar_of(case.account, policy)
    nominal = _nominal(case, rung)
    last = case.last
    late_entry = case.opened_on > case.due
    entry_day = policy.late_entry.days.get(rung.step) if late_entry and case.cycle == 0 else None
    behind = baseline is not None and nominal < baseline
    if entry_day is not None:
        on = own = calendar.roll(case.opened_on + timedelta(days=entry_day))
        behind = False
    elif late_entry and first and not case.steps and not behind:
        on = own = calendar.roll(case.opened_on + timedelta(days=1))
    else:
        on = own = calendar.roll(max(nominal, case.opened_on))
        if nominal <= case.opened_on:
            window = window_of(policy.send_window, case.account.ways)
            own = calendar.local_date(calendar.next_open(case.opened_at, window))
    if behind and baseline is not None:
        fresh = last is None or day_of(case, policy, last) < baseline
        entered = late_entry and baseline == case.opened_on
        if first and fresh and (entered or reopened_on(case, policy, baseline) == baseline):
            on = max(on, calendar.roll(baseline + timedelta(days=1)))
        else:
            on = max(on, calendar.roll(baseline))
    # A rung of a late entry whose day went by while a gentler one was still to be climbed waits as well.
    overtaken = late_entry and last is not None and on < day_of(case, policy, last)
    if last is not None and (last.fact.catch_up or behind or overtaken):
        paced = day_of(case, policy, last) + timedelta(days=policy.catch_up_days)
        on = max(on, calendar.roll(paced))
    if rung.step is Step.REFERRAL:
        demand = case.taken(Step.DEMAND)
        if demand is not None and demand.fact.answer_by is not None:
            on = max(on, calendar.roll(demand.fact.answer_by + timedelta(days=1)))
        offered = offered_until(case)
        if offered is not None:
            on = max(on, calendar.roll(offered + timedelta(days=1)))
    return Target(on, own)


def _due(
    case: Case,
    policy: Policy,
    now: datetime,
    rung: PolicyStep,
    target: Target,
    cycle: int,
    rule: str,
    why: str,
) -> Due:
    """Put a rung on its day and minute: after the gap between messages, inside the window, in its slot."""
    calendar = calendar_of(case.account, policy)
    today = calendar.local_date(now)
    on, own = target
    last_message = case.account.last_unsolicited_on
    if rung.is_notice and last_message is not None and policy.gap_days:
        spaced = calendar.roll(last_message + timedelta(days=policy.gap_days))
        if spaced > on:
            on, rule = spaced, "gap"
            why = f"{why}; the last message went out on {last_message}"
        if last_message <= own:
            own = max(own, spaced)
    posted = case.account.books_through
    waits_for_cash = posted is not None and posted < calendar.add_business_days(today, -1)
    if on <= today and waits_for_cash and rung.step in _AFTER_CALL:
        on, rule = calendar.roll(today + timedelta(days=1)), "books"
        why = f"{why}; cash is posted through {posted} only"
    at = slot(case, policy, max(on, calendar.roll(today)), now)
    if target.on <= case.opened_on and case.account.newest_opening_at is not None:
        opened = case.account.newest_opening_at + timedelta(seconds=policy.opening_wait_seconds)
        if opened > at:
            at = calendar.next_open(opened, window_of(policy.send_window, case.account.ways))
    sent_on = calendar.local_date(at)
    return Due(rung, sent_on, at, cycle, sent_on > own, rule, why)


def _reason(case: Case, rung: PolicyStep) -> str:
    name = step_name(rung.step)
    if case.whole_due_on is not None:
        return f"{name}: all of it fell due on {case.whole_due_on}, with the plan that was broken"
    when = (
        f"{abs(rung.day)} days {'before' if rung.day < 0 else 'after'} the due date"
        if rung.day
        else "the due date"
    )
    return f"{name}: {when} {case.due}"


def _at_risk(case: Case, policy: Policy, now: datetime, today: date, cycle: int) -> Due | None:
    """The outreach to a flagged case, once; a case that enters flagged starts with it."""
    rung = policy.by_step.get(Step.AT_RISK)
    if rung is None or case.taken(Step.AT_RISK) is not None or (case.cycle, Step.AT_RISK) in case.skipped:
        return None
    flagged = flagged_from(case, policy, today)
    if flagged is None or flagged > today:
        return None
    if collectable(case, policy, today) < policy.minimum_in(Step.AT_RISK, case.currency):
        return None
    calendar = calendar_of(case.account, policy)
    own = on = calendar.roll(max(flagged, case.opened_on))
    late_entry = case.opened_on > case.due
    if late_entry and case.last is None:
        on = max(on, calendar.roll(case.opened_on + timedelta(days=1)))
    elif case.last is not None and case.last.fact.catch_up:
        paced = day_of(case, policy, case.last) + timedelta(days=policy.catch_up_days)
        on = max(on, calendar.roll(paced))
    why = "at risk: " + "; ".join(assess(case, policy, today).reasons)
    due = _due(case, policy, now, rung, Target(on, own), cycle, "at_risk", why)
    return due._replace(catch_up=late_entry or due.catch_up)


def _attempts_missing(case: Case, policy: Policy, chosen: PolicyStep, now: datetime) -> Wait | None:
    """Where the policy asks for call attempts, what follows the call waits for them."""
    call = policy.by_step.get(Step.CALL)
    taken = case.taken(Step.CALL)
    if call is None or taken is None or call.attempts == 0 or HARSHNESS[chosen.step] <= HARSHNESS[Step.CALL]:
        return None
    made = len(_calls_since(case, taken))
    if made >= call.attempts:
        return None
    why = f"{made} of {call.attempts} call attempts were made"
    task = TaskRequest(kind="call_attempts", ref=f"{case.epoch}-{made}", why=why)
    return Wait(
        until=now + timedelta(days=policy.recheck_days),
        waiting_on=WaitingOn.PERSON,
        why=why,
        rule="attempts",
        tasks=(task,),
    )


def _calls_since(case: Case, taken: Taken) -> list[datetime]:
    return sorted(logged.at for logged in case.calls.values() if logged.at >= taken.at)


def _attempted_on(case: Case, policy: Policy) -> date | None:
    """The day on which the last of the call attempts was made that the policy asks for."""
    call, taken = policy.by_step.get(Step.CALL), case.taken(Step.CALL)
    if call is None or taken is None or call.attempts == 0:
        return None
    made = _calls_since(case, taken)
    if len(made) < call.attempts:
        return None
    return calendar_of(case.account, policy).local_date(made[call.attempts - 1])
