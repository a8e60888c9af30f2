"""`decide(case, policy, now)`: the one place that says what happens next to an invoice, and why.

The questions are asked in a fixed order: is it over, is anything unclear, must something be confirmed,
is it paused, did a person ask for a step, does a block date fall due, is it at risk, and only then:
which rung of the ladder comes next, and when.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Literal, NamedTuple

from domain.case import Case, Taken
from domain.decision import AskApproval, CarryOut, Close, Decision, NextStep, TaskRequest, Wait
from domain.facts import ApprovalAsked
from domain.pauses import (
    PromiseState,
    broke_promise,
    calendar_of,
    collectable,
    is_settled,
    pause,
    promises,
    resumed_on,
)
from domain.policy import BEFORE_OVERDUE, Policy, PolicyStep
from domain.risk import assess, flagged_from
from domain.vocabulary import CallOutcome, CustomerKind, Note, Outcome, Step, WaitingOn, step_name

_ORDER = {step: place for place, step in enumerate(Step)}
_PRE_DUE = frozenset({Step.PRE_DUE, Step.PRE_DUE_2})
#: Steps that wait until the cash of the previous bank day is posted, where a seller tells.
_AFTER_CALL = frozenset(step for step in Step if _ORDER[step] >= _ORDER[Step.CALL])
#: How long a claim may be under way before its outcome counts as unknown.
_CLAIM_TIME = timedelta(minutes=15)
#: Indefinite waits are looked at again after this time; a fact wakes them earlier.
_LOOK_AGAIN = timedelta(days=30)


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


def decide(case: Case, policy: Policy, now: datetime) -> Decision:
    """What happens next to `case` under `policy` at `now`. Pure and total: always some decision."""
    today = calendar_of(case.account, policy).local_date(now)
    return (
        _ended(case, policy, now, today)
        or _unclear(case, policy, now)
        or _confirmation(case, policy, now, today)
        or _paused(case, policy, now, today)
        or _awake(
            case, policy, now, today, _block(case, policy, now, today) or _next(case, policy, now, today)
        )
    )


def due_step(case: Case, policy: Policy, now: datetime) -> Due | None:
    """The contact this case is due for on the customer's present day, whatever the minute; for grouping."""
    today = calendar_of(case.account, policy).local_date(now)
    if _ended(case, policy, now, today) or _unclear(case, policy, now) or _paused(case, policy, now, today):
        return None
    if isinstance(_block(case, policy, now, today), Wait):
        return None
    due = _choose(case, policy, now, today)
    return due if isinstance(due, Due) and due.on <= today else None


# -- is it over? -----------------------------------------------------------------------------------


def _ended(case: Case, policy: Policy, now: datetime, today: date) -> Decision | None:
    calendar = calendar_of(case.account, policy)
    if case.cancelled_at is not None:
        return Close(
            outcome=Outcome.CANCELLED,
            why="the invoice was cancelled",
            rule="cancelled",
            tasks=_overpaid(case),
        )
    closed = case.closed.fact.outcome if case.closed is not None else None
    if is_settled(case, policy):
        tasks = _overpaid(case)
        if closed is not None and not _moved_since_closing(case):
            return Close(
                outcome=closed, why="nothing is owed, as when it was closed", rule="closed", tasks=tasks
            )
        outcome = _outcome(case)
        settled_at = _moved_at(case)
        if outcome is Outcome.PAID and settled_at is not None:
            until = calendar.at(
                calendar.add_business_days(calendar.local_date(settled_at), policy.settlement_days), time.min
            )
            if policy.settlement_days and now < until:
                why = f"paid; open until {calendar.local_date(until)} in case the payment is reversed"
                return Wait(
                    until=until, waiting_on=WaitingOn.SETTLEMENT, why=why, rule="settlement", tasks=tasks
                )
        return Close(
            outcome=outcome, why=f"nothing is owed: {outcome.replace('_', ' ')}", rule="settled", tasks=tasks
        )
    referral = case.taken(Step.REFERRAL)
    if referral is None or case.last != referral or _reopened_on(case, policy, today) is not None:
        return None
    if case.recalled is not None and case.recalled.epoch == case.epoch:
        return _recalled(case, now) if case.requested is None else None
    until = referral.at + timedelta(days=policy.referral_watch_days)
    if now < until and closed is not Outcome.REFERRED:
        why = f"referred; payments and recall are watched for until {calendar.local_date(until)}"
        return Wait(until=until, waiting_on=WaitingOn.SETTLEMENT, why=why, rule="referred")
    return Close(outcome=Outcome.REFERRED, why="referred; the watch time has passed", rule="referred")


def _recalled(case: Case, now: datetime) -> Wait:
    why = "recalled from the partner; a person decides how to go on"
    task = TaskRequest(kind="recalled", ref=str(case.cycle), why=why)
    return Wait(until=now + _LOOK_AGAIN, waiting_on=WaitingOn.PERSON, why=why, rule="recall", tasks=(task,))


def _outcome(case: Case) -> Outcome:
    if case.given_up > 0:
        return Outcome.WRITTEN_OFF
    return Outcome.CREDITED if case.paid <= 0 and case.credited > 0 else Outcome.PAID


def _moved_at(case: Case) -> datetime | None:
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


def _moved_since_closing(case: Case) -> bool:
    """Whether something was owed again after the case was closed."""
    if case.closed is None:
        return False
    raising = (case.reversals, case.charges, case.amendments)
    return any(stamped.at > case.closed.at for kind in raising for stamped in kind.values())


def _overpaid(case: Case) -> tuple[TaskRequest, ...]:
    if case.overpaid == 0:
        return ()
    return (
        TaskRequest(
            kind="overpaid", ref=str(case.overpaid), why="more was paid than is owed: refund or apply it"
        ),
    )


# -- is anything unclear? --------------------------------------------------------------------------


def _unclear(case: Case, policy: Policy, now: datetime) -> Decision | None:
    """A claimed message whose outcome is not known blocks every other contact of the case."""
    if not case.claimed:
        return None
    message_id, claim = min(case.claimed.items(), key=lambda item: (item[1].at, item[0]))
    settles = claim.at + _CLAIM_TIME
    if now < settles:
        why = f"message {message_id} ({claim.fact.step}) is being sent"
        return Wait(until=settles, waiting_on=WaitingOn.DELIVERY, why=why, rule="claim")
    task = TaskRequest(
        kind="unknown_delivery",
        ref=message_id,
        why=f"it is not known whether message {message_id} ({claim.fact.step}) went out; it is not resent",
    )
    return Wait(
        until=now + timedelta(days=1),
        waiting_on=WaitingOn.DELIVERY,
        why=task.why,
        rule="unknown_delivery",
        tasks=(task,),
    )


# -- must something be confirmed? ------------------------------------------------------------------


def _confirmation(case: Case, policy: Policy, now: datetime, today: date) -> Decision | None:
    """Promises and calls are confirmed in writing inside the window, free of gap and pace."""
    if not (case.promises or case.calls) or case.open_holds(today) or not case.account.reachable:
        return None
    pending: list[tuple[Note, str, str]] = []
    for promise in promises(case, policy, today):
        if promise.state is PromiseState.OPEN and promise.source in policy.promise.confirm:
            pending.append(
                (Note.PROMISE_CONFIRMED, promise.promise_id, f"promise to pay by {promise.pay_by}")
            )
    if policy.confirm_calls:
        for call_id, call in sorted(case.calls.items()):
            if call.fact.outcome is CallOutcome.REACHED and call.fact.promise_id is None:
                pending.append((Note.CALL_CONFIRMED, call_id, "call"))
    calendar = calendar_of(case.account, policy)
    for note, ref, what in pending:
        if (note, ref) not in case.confirmed:
            at = calendar.next_open(now, policy.send_window)
            why = f"the {what} is confirmed in writing"
            if at <= now:
                return CarryOut(step=note, cycle=case.cycle, ref=ref, why=why, rule="confirmation")
            return Wait(
                until=at,
                waiting_on=WaitingOn.TIME,
                why=why,
                rule="confirmation",
                next_step=NextStep(step=note, at=at),
            )
    return None


# -- is it paused? ---------------------------------------------------------------------------------


def _paused(case: Case, policy: Policy, now: datetime, today: date) -> Decision | None:
    stop = pause(case, policy, today)
    if stop is None:
        return None
    until = stop.until if stop.until is not None else now + _LOOK_AGAIN
    tasks: list[TaskRequest] = []
    if assess(case, policy, today).flagged:
        why = f"at risk while paused: {stop.why}; look after it"
        tasks.append(TaskRequest(kind="at_risk", ref=str(case.cycle), why=why))
    if stop.waiting_on is WaitingOn.PERSON:
        tasks.append(TaskRequest(kind="apply_cash", ref=str(case.epoch), why=f"{stop.why}: apply it"))
    tasks.extend(_beyond_limit(case, policy, today))
    wait = Wait(until=until, waiting_on=stop.waiting_on, why=stop.why, rule=stop.rule, tasks=tuple(tasks))
    return _no_later(wait, now, [_flag_at(case, policy, today), *_promises_end(case, policy, today)])


def _beyond_limit(case: Case, policy: Policy, today: date) -> list[TaskRequest]:
    """Promises that the policy does not let through as they are go to a person."""
    return [
        TaskRequest(
            kind="promise_limit",
            ref=p.promise_id,
            why=f"promised by {p.asked_for}: beyond the policy's limit",
        )
        for p in promises(case, policy, today)
        if p.state is PromiseState.BEYOND_LIMIT or (p.state is PromiseState.OPEN and p.asked_for > p.pay_by)
    ]


# -- does a block date fall due? -------------------------------------------------------------------


def _block(case: Case, policy: Policy, now: datetime, today: date) -> Decision | None:
    """Orders are blocked on the date the final notice named, once that notice is proven."""
    taken = case.taken(Step.CREDIT_HOLD)
    if taken is None or taken.fact.block_on is None or today < taken.fact.block_on:
        return None
    if not _is_block_open(case, policy, taken, today):
        return None
    unproven = _await_proof(case, policy, now, taken)
    if unproven is not None:
        return unproven
    at = _slot(case, policy, max(today, taken.fact.block_on), now)
    if at > now:
        return None
    why = f"the final notice named {taken.fact.block_on}: new orders are blocked"
    return CarryOut(
        step=Step.CREDIT_HOLD, cycle=taken.fact.cycle, effect="block_orders", why=why, rule="block_date"
    )


def _is_block_open(case: Case, policy: Policy, taken: Taken, today: date) -> bool:
    """Whether an announced block is still to come: not placed or released before, and no money came between."""
    return (
        taken.fact.block_on is not None
        and case.credit_hold_cycle is None
        and taken.fact.cycle == case.cycle
        and taken.fact.cycle not in case.blocked
        and _reopened_on(case, policy, today) is None
    )


def _block_at(case: Case, policy: Policy, now: datetime, today: date) -> datetime | None:
    """When orders are to be blocked, None where no block is announced."""
    taken = case.taken(Step.CREDIT_HOLD)
    if taken is None or taken.fact.block_on is None or not _is_block_open(case, policy, taken, today):
        return None
    calendar = calendar_of(case.account, policy)
    return _slot(case, policy, calendar.roll(max(taken.fact.block_on, today)), now)


def _flag_at(case: Case, policy: Policy, today: date) -> datetime | None:
    """When the case becomes at risk by the mere passing of time."""
    flagged = flagged_from(case, policy, today)
    return None if flagged is None else calendar_of(case.account, policy).at(flagged, time.min)


def _promises_end(case: Case, policy: Policy, today: date) -> list[datetime]:
    """When each open promise is broken by the mere passing of time."""
    if not case.promises:
        return []
    calendar = calendar_of(case.account, policy)
    standing = [p for p in promises(case, policy, today) if p.state is PromiseState.OPEN]
    return [calendar.midnight_after(promise.deadline) for promise in standing]


def _no_later(decision: Decision, now: datetime, instants: Sequence[datetime | None]) -> Decision:
    """The same decision, looked at again at the first of the instants that lie ahead."""
    if not isinstance(decision, Wait | AskApproval):
        return decision
    until = min((at for at in instants if at is not None and at > now), default=decision.until)
    return decision.model_copy(update={"until": until}) if until < decision.until else decision


def _awake(case: Case, policy: Policy, now: datetime, today: date, decision: Decision) -> Decision:
    """A wait never sleeps through the day of a block, of the risk warning or of a broken promise."""
    if not isinstance(decision, Wait | AskApproval):
        return decision
    instants = [_block_at(case, policy, now, today), *_promises_end(case, policy, today)]
    if case.taken(Step.AT_RISK) is None:
        instants.append(_flag_at(case, policy, today))
    return _no_later(decision, now, instants)


# -- which step comes next? ------------------------------------------------------------------------


def _next(case: Case, policy: Policy, now: datetime, today: date) -> Decision:
    due = _choose(case, policy, now, today)
    tasks = tuple(_beyond_limit(case, policy, today))
    if not isinstance(due, Due):
        return due.model_copy(update={"tasks": (*due.tasks, *tasks)}) if tasks else due
    step = NextStep(step=due.rung.step, at=due.at)
    asked = open_approval(case, due)
    if asked is not None and asked.message_id not in case.approved and now < asked.expires_at:
        return AskApproval(
            message_id=asked.message_id,
            step=asked.step,
            until=asked.expires_at,
            why=f"a person approves the {step_name(due.rung.step)} message first",
            tasks=tasks,
        )
    if due.at > now:
        return Wait(
            until=due.at, waiting_on=WaitingOn.TIME, why=due.why, rule=due.rule, next_step=step, tasks=tasks
        )
    if due.rung.is_notice and not case.account.reachable:
        task = TaskRequest(
            kind="contact_missing",
            ref=case.account.customer_id,
            why="no contact of the customer has an address",
        )
        return Wait(
            until=now + timedelta(days=policy.recheck_days),
            waiting_on=WaitingOn.PERSON,
            why=task.why,
            rule="contact_missing",
            tasks=(task, *tasks),
        )
    return with_approval(case, due, tasks)


def open_approval(case: Case, due: Due) -> ApprovalAsked | None:
    asked = case.approval.fact if case.approval is not None else None
    return asked if asked is not None and (asked.step, asked.cycle) == (due.rung.step, due.cycle) else None


def with_approval(case: Case, due: Due, tasks: tuple[TaskRequest, ...]) -> CarryOut:
    """Harsh steps against natural persons, and whatever the policy says, wait for a person."""
    approval: Literal["none", "ask", "given"] = "none"
    rank = 0
    by_hand = due.rung.harsh and case.account.kind is not CustomerKind.BUSINESS
    if (due.rung.approval or by_hand) and due.rule != "requested":
        asked = open_approval(case, due)
        if asked is not None and asked.message_id in case.approved:
            approval = "given"
        else:
            approval, rank = "ask", 0 if asked is None else asked.rank + 1
    return CarryOut(
        step=due.rung.step,
        cycle=due.cycle,
        why=due.why,
        rule=due.rule,
        approval=approval,
        rank=rank,
        catch_up=due.catch_up,
        tasks=tasks,
    )


def _choose(case: Case, policy: Policy, now: datetime, today: date) -> Due | Wait:
    """The step to take next with its time, or the wait that keeps it back."""
    cycle = _next_cycle(case, policy, today)
    if case.requested is not None:
        rung = policy.by_step.get(case.requested.fact.step)
        if rung is not None:
            unproven = _notice_before(case, policy, now, rung) if rung.harsh else None
            if unproven is not None:
                return unproven
            why = f"{step_name(rung.step)} was asked for by {case.requested.fact.by}"
            due = _due(case, policy, now, rung, Target(today, today), case.cycle + 1, "requested", why)
            return due._replace(catch_up=False)
    at_risk = _at_risk(case, policy, now, today, cycle)
    if at_risk is not None and _reopened_on(case, policy, today) is None:
        return at_risk
    rungs = _candidates(case, policy, today, cycle)
    chosen = next(rungs, None)
    if chosen is None:
        why = "the policy has no further step: decide how to go on"
        task = TaskRequest(kind="ladder_ended", ref=str(case.cycle), why=why)
        return Wait(
            until=now + _LOOK_AGAIN,
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
        kept_back = _notice_before(case, policy, now, chosen) if chosen.harsh else None
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
        if target.on > today or (rung.harsh and _notice_before(case, policy, now, rung) is not None):
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
    if _reopened_on(case, policy, today) is not None:
        after = _ORDER[Step.DUE] if today > case.due else -1
    elif last is not None:
        after = _ORDER[last.fact.step]
    if entered_late or (last is None and case.taken(Step.AT_RISK) is not None):
        after = max(after, _ORDER[Step.DUE])
    if entered_late and last is None and case.taken(Step.AT_RISK) is not None:
        after = max(after, _ORDER[Step.OVERDUE])
    owed = collectable(case, policy, today)
    # On the due date itself the due notice speaks, also where a pause or a denial brings us here.
    last_pre_due = case.due - timedelta(days=Step.DUE in policy.by_step)
    left_out = {step for skipped, step in case.skipped if skipped in (cycle, case.cycle)}
    for rung in policy.ladder:
        if _ORDER[rung.step] <= after or rung.step in left_out or _left_out(case, policy, rung):
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
    on = case.due + timedelta(days=rung.day)
    if case.collection == "transfer":
        return on
    collect_on = case.collect_on or case.due
    if rung.step in BEFORE_OVERDUE:
        return max(on, collect_on + timedelta(days=1))
    return max(case.due, collect_on) + timedelta(days=rung.day)


def _baseline(case: Case, policy: Policy, today: date) -> date | None:
    """The day a late entry, a reopening or a pause ended on: rungs dated before it are climbed one at a time."""
    days = [resumed_on(case, policy, today), _reopened_on(case, policy, today), _attempted_on(case, policy)]
    if case.opened_on > case.due:
        days.append(case.opened_on)
    if case.cycle > 0:
        days.append(next(_day_of(case, policy, t) for t in case.steps if t.fact.cycle == case.cycle))
    return max((day for day in days if day is not None), default=None)


def _left_out(case: Case, policy: Policy, rung: PolicyStep) -> bool:
    """Whether the policy's own late-entry schedule passes over this rung."""
    days = policy.late_entry.days
    if not days or case.opened_on <= case.due or case.cycle > 0:
        return False
    return rung.step not in days and _ORDER[rung.step] <= max(_ORDER[step] for step in days)


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
            own = calendar.local_date(calendar.next_open(case.opened_at, policy.send_window))
    if behind and baseline is not None:
        fresh = last is None or _day_of(case, policy, last) < baseline
        entered = late_entry and baseline == case.opened_on
        if first and fresh and (entered or _reopened_on(case, policy, baseline) == baseline):
            on = max(on, calendar.roll(baseline + timedelta(days=1)))
        else:
            on = max(on, calendar.roll(baseline))
    # A rung of a late entry whose day went by while a gentler one was still to be climbed waits as well.
    overtaken = late_entry and last is not None and on < _day_of(case, policy, last)
    if last is not None and (last.fact.catch_up or behind or overtaken):
        paced = _day_of(case, policy, last) + timedelta(days=policy.catch_up_days)
        on = max(on, calendar.roll(paced))
    if rung.step is Step.REFERRAL:
        demand = case.taken(Step.DEMAND)
        if demand is not None and demand.fact.answer_by is not None:
            on = max(on, calendar.roll(demand.fact.answer_by + timedelta(days=1)))
    return Target(on, own)


def _day_of(case: Case, policy: Policy, taken: Taken) -> date:
    return taken.on if taken.on is not None else calendar_of(case.account, policy).local_date(taken.at)


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
    at = _slot(case, policy, max(on, calendar.roll(today)), now)
    if target.on <= case.opened_on and case.account.newest_opening_at is not None:
        opened = case.account.newest_opening_at + timedelta(seconds=policy.opening_wait_seconds)
        if opened > at:
            at = calendar.next_open(opened, policy.send_window)
    sent_on = calendar.local_date(at)
    return Due(rung, sent_on, at, cycle, sent_on > own, rule, why)


def _slot(case: Case, policy: Policy, on: date, now: datetime) -> datetime:
    """The customer's minute inside the window of a business day `on`, spread by invoice; never before `now`'s
    own window: what can no longer go out on its day rolls forward."""
    calendar = calendar_of(case.account, policy)
    at = calendar.window_opens(on, policy.send_window) + _spread(case, policy)
    if at <= now:
        at = calendar.next_open(now, policy.send_window)
        if at > now:
            at += _spread(case, policy)
    return at


def _spread(case: Case, policy: Policy) -> timedelta:
    room = max(0, int(policy.window_length.total_seconds() // 60) - policy.jitter_minutes - 1)
    slots = min(policy.spread_minutes, room)
    minutes = zlib.crc32(case.account.customer_id.encode()) % (slots + 1) if slots else 0
    jitter = (
        zlib.crc32(case.invoice_id.encode()) % (policy.jitter_minutes * 60 + 1)
        if policy.jitter_minutes
        else 0
    )
    return timedelta(minutes=minutes, seconds=jitter)


def _reason(case: Case, rung: PolicyStep) -> str:
    name = step_name(rung.step)
    when = (
        f"{abs(rung.day)} days {'before' if rung.day < 0 else 'after'} the due date"
        if rung.day
        else "the due date"
    )
    return f"{name}: {when} {case.due}"


# -- risk, notices, cycles -------------------------------------------------------------------------


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
        paced = _day_of(case, policy, case.last) + timedelta(days=policy.catch_up_days)
        on = max(on, calendar.roll(paced))
    why = "at risk: " + "; ".join(assess(case, policy, today).reasons)
    due = _due(case, policy, now, rung, Target(on, own), cycle, "at_risk", why)
    return due._replace(catch_up=late_entry or due.catch_up)


def _attempts_missing(case: Case, policy: Policy, chosen: PolicyStep, now: datetime) -> Wait | None:
    """Where the policy asks for call attempts, what follows the call waits for them."""
    call = policy.by_step.get(Step.CALL)
    taken = case.taken(Step.CALL)
    if call is None or taken is None or call.attempts == 0 or _ORDER[chosen.step] <= _ORDER[Step.CALL]:
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


def _notice_before(case: Case, policy: Policy, now: datetime, rung: PolicyStep) -> Wait | None:
    """Rule 4: the notice before a harsh rung must be proven or waived; the wait for it, or None."""
    owed = case.balance
    before: PolicyStep | None = None
    for candidate in policy.ladder:
        if _ORDER[candidate.step] >= _ORDER[rung.step]:
            break
        skipped = (case.cycle, candidate.step) in case.skipped or _left_out(case, policy, candidate)
        if candidate.is_notice and not skipped and owed >= policy.minimum_in(candidate.step, case.currency):
            before = candidate
    if before is None:
        return None
    calendar = calendar_of(case.account, policy)
    reopened = _reopened_on(case, policy, calendar.local_date(now))
    taken = None if reopened is not None else case.taken(before.step) or _instead_of(case, before.step)
    if taken is not None:
        return _await_proof(case, policy, now, taken)
    waived_at = case.waived.get(before.step)
    if waived_at is not None and (reopened is None or calendar.local_date(waived_at) >= reopened):
        return None
    why = f"no {step_name(before.step)} notice was sent before the {step_name(rung.step)}"
    task = TaskRequest(kind="notice_missing", ref=f"{case.cycle}-{rung.step}", why=why)
    return Wait(
        until=now + timedelta(days=policy.recheck_days),
        waiting_on=WaitingOn.DELIVERY,
        why=why,
        rule="notice",
        tasks=(task,),
    )


def _instead_of(case: Case, step: Step) -> Taken | None:
    """The outreach with which a case that entered at risk began instead of its first overdue notice."""
    first = case.steps[0] if case.steps and case.opened_on > case.due else None
    return first if first is not None and step is Step.OVERDUE and first.fact.step is Step.AT_RISK else None


def _await_proof(case: Case, policy: Policy, now: datetime, taken: Taken) -> Wait | None:
    """The wait until a notice counts as delivered; None once it does, or a person waived it."""
    step = taken.fact.step
    message_id = taken.fact.message_id
    if step in case.waived and case.waived[step] >= taken.at:
        return None
    calendar = calendar_of(case.account, policy)
    bounced = message_id is not None and message_id in case.bounced
    if not bounced and (taken.fact.proof == "delivered" or message_id in case.delivered):
        return None
    sent_on = _day_of(case, policy, taken)
    if not bounced and (taken.fact.proof == "accepted" or taken.on is not None):
        proven_at = calendar.at(calendar.add_business_days(sent_on, policy.proof.accepted_days), time.min)
        if now >= proven_at:
            return None
        why = f"the {step} notice was accepted on {sent_on}; it counts as delivered if nothing comes back"
        return Wait(until=proven_at, waiting_on=WaitingOn.DELIVERY, why=why, rule="notice")
    missing_at = calendar.at(calendar.add_business_days(sent_on, policy.proof.missing_after_days), time.min)
    if not bounced and now < missing_at:
        why = f"the {step} notice of {sent_on} has no proof of delivery yet"
        return Wait(until=missing_at, waiting_on=WaitingOn.DELIVERY, why=why, rule="notice")
    what = "came back" if bounced else "has no proof of delivery"
    task = TaskRequest(
        kind="contact",
        ref=message_id or f"{step}-{taken.fact.cycle}",
        why=f"the {step} notice of {sent_on} {what}",
    )
    return Wait(
        until=now + timedelta(days=policy.recheck_days),
        waiting_on=WaitingOn.DELIVERY,
        why=f"{task.why}; a person finds another way or waives it",
        rule="notice",
        tasks=(task,),
    )


def _reopened_on(case: Case, policy: Policy, today: date) -> date | None:
    """The day a settled case was owed again after its due date, if no step was taken since."""
    if not case.reversals and case.closed is None:
        return None
    calendar = calendar_of(case.account, policy)
    days = [
        calendar.local_date(reversal.at)
        for reversal in case.reversals.values()
        if reversal.epoch == case.epoch and reversal.fact.payment_id in case.payments
    ]
    if days and case.net - case.reversed_since_last_step <= policy.tolerance_in(case.currency):
        return max(days) if max(days) > case.due else None
    closed = case.closed
    if closed is None or closed.epoch != case.epoch or today <= case.due:
        return None
    if closed.fact.outcome in (Outcome.REFERRED, Outcome.CANCELLED):
        return None
    moved_at = _moved_at(case)
    return calendar.local_date(closed.at if moved_at is None else max(closed.at, moved_at))


def _next_cycle(case: Case, policy: Policy, today: date) -> int:
    """Cycles count up on reopening and when the step after a broken promise is taken."""
    if _reopened_on(case, policy, today) is not None or broke_promise(case, policy, today):
        return case.cycle + 1
    return case.cycle
