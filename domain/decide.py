"""`decide(case, policy, now)`: the one place that says what happens next to an invoice, and why.

The questions are asked in a fixed order: is it over, is anything unclear, must something be confirmed,
is it paused, did a person ask for a step, does a block date fall due, is it at risk, and only then:
which rung of the ladder comes next, and when.

Each harder question has a room of its own: `ending` (is it over), `pauses` (may we write), `proof` (has the
notice before arrived), `cycles` (settled and owed again), `ladder` (which rung, on which day), `slots` (at
which minute).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Literal

from domain.answers import next_note
from domain.case import Case, Taken
from domain.channels import window_of
from domain.cycles import moved_since_closing, reopened_on
from domain.decision import LOOK_AGAIN, AskApproval, CarryOut, Decision, NextStep, TaskRequest, Wait
from domain.ending import ended
from domain.facts import ApprovalAsked
from domain.ladder import Due, choose
from domain.pauses import ALLOCATED_WITHIN, ALLOCATING, SAID_PAID, PromiseState, calendar_of, pause, promises
from domain.policy import Policy
from domain.proof import await_proof
from domain.risk import assess, flagged_from
from domain.slots import slot
from domain.unconfirmed import confirmations_end, unconfirmed
from domain.vocabulary import CallOutcome, CustomerKind, Note, Step, WaitingOn, step_name

#: How long a claim may be under way before its outcome counts as unknown.
_CLAIM_TIME = timedelta(minutes=15)


def decide(case: Case, policy: Policy, now: datetime) -> Decision:
    """What happens next to `case` under `policy` at `now`. Pure and total: always some decision."""
    today = calendar_of(case.account, policy).local_date(now)
    return (
        _answered(case, policy, now)
        or ended(case, policy, now, today)
        or unclear(case, policy, now)
        or _confirmation(case, policy, now, today)
        or _paused(case, policy, now, today)
        or _awake(
            case, policy, now, today, _block(case, policy, now, today) or _next(case, policy, now, today)
        )
    )


def due_step(case: Case, policy: Policy, now: datetime) -> Due | None:
    """The contact this case is due for on the customer's present day, whatever the minute; for grouping."""
    today = calendar_of(case.account, policy).local_date(now)
    if ended(case, policy, now, today) or unclear(case, policy, now) or _paused(case, policy, now, today):
        return None
    if isinstance(_block(case, policy, now, today), Wait):
        return None
    due = choose(case, policy, now, today)
    return due if isinstance(due, Due) and due.on <= today and _is_possible(case, due) else None


# -- is anything unclear? --------------------------------------------------------------------------


def unclear(case: Case, policy: Policy, now: datetime) -> Wait | None:
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


# -- does the customer wait for a word on what they said? -------------------------------------------


def _answered(case: Case, policy: Policy, now: datetime) -> Decision | None:
    """What customers answered is noted in writing, and what came of it is told: also where nothing is owed any
    more, as long as the case has not been closed."""
    if case.closed is not None and not moved_since_closing(case):
        return None
    owed = next_note(case, policy, now)
    if owed is None:
        return None
    note, ref, at, what = owed
    why = f"the customer is told about their {what}"
    if at <= now:
        return CarryOut(step=note, cycle=case.cycle, ref=ref, why=why, rule="answer")
    stop = pause(case, policy, calendar_of(case.account, policy).local_date(now))
    waiting = stop.waiting_on if stop is not None else WaitingOn.TIME
    next_step = NextStep(step=note, at=at)
    return Wait(until=at, waiting_on=waiting, why=why, rule="answer", next_step=next_step)


# -- must something be confirmed? ------------------------------------------------------------------


def _confirmation(case: Case, policy: Policy, now: datetime, today: date) -> Decision | None:
    """Promises and calls are confirmed in writing inside the window, free of gap and pace."""
    if not (case.promises or case.calls) or case.account.route(Note.PROMISE_CONFIRMED) is None:
        return None
    if any(not hold.hold_id.startswith(SAID_PAID) for hold in case.open_holds(today)):
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
        if (note, ref, 0) not in case.confirmed:
            at = calendar.next_open(now, window_of(policy.send_window, case.account.ways))
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
    if stop.rule == ALLOCATING:
        return Wait(until=now + ALLOCATED_WITHIN, waiting_on=stop.waiting_on, why=stop.why, rule=stop.rule)
    until = stop.until if stop.until is not None else now + LOOK_AGAIN
    tasks: list[TaskRequest] = []
    if assess(case, policy, today).flagged:
        why = f"at risk while paused: {stop.why}; look after it"
        tasks.append(TaskRequest(kind="at_risk", ref=str(case.cycle), why=why))
    if stop.rule == "unapplied_cash":
        tasks.append(TaskRequest(kind="apply_cash", ref=str(case.epoch), why=f"{stop.why}: apply it"))
    tasks.extend(_beyond_limit(case, policy, today))
    tasks.extend(unconfirmed(case, today))
    wait = Wait(until=until, waiting_on=stop.waiting_on, why=stop.why, rule=stop.rule, tasks=tuple(tasks))
    ends = [*_promises_end(case, policy, today), *confirmations_end(case, policy)]
    return _no_later(wait, now, [_flag_at(case, policy, today), *ends])


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
    unproven = await_proof(case, policy, now, taken)
    if unproven is not None:
        return unproven
    at = slot(case, policy, max(today, taken.fact.block_on), now)
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
        and reopened_on(case, policy, today) is None
    )


def _block_at(case: Case, policy: Policy, now: datetime, today: date) -> datetime | None:
    """When orders are to be blocked, None where no block is announced."""
    taken = case.taken(Step.CREDIT_HOLD)
    if taken is None or taken.fact.block_on is None or not _is_block_open(case, policy, taken, today):
        return None
    calendar = calendar_of(case.account, policy)
    return slot(case, policy, calendar.roll(max(taken.fact.block_on, today)), now)


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
    instants = [
        _block_at(case, policy, now, today),
        *_promises_end(case, policy, today),
        *confirmations_end(case, policy),
    ]
    if case.taken(Step.AT_RISK) is None:
        instants.append(_flag_at(case, policy, today))
    return _no_later(decision, now, instants)


# -- which step comes next? ------------------------------------------------------------------------


def _next(case: Case, policy: Policy, now: datetime, today: date) -> Decision:
    due = choose(case, policy, now, today)
    tasks = (*_beyond_limit(case, policy, today), *unconfirmed(case, today))
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
    if not _is_possible(case, due):
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


def _is_possible(case: Case, due: Due) -> bool:
    """Whether the customer can be reached for a step; tasks need nobody."""
    return due.rung.is_task or case.account.route(due.rung.step) is not None


def open_approval(case: Case, due: Due) -> ApprovalAsked | None:
    """What a person was asked about this very step, whether or not it was decided."""
    asked = case.approval.fact if case.approval is not None else None
    return asked if asked is not None and (asked.step, asked.cycle) == (due.rung.step, due.cycle) else None


def with_approval(case: Case, due: Due, tasks: tuple[TaskRequest, ...]) -> CarryOut:
    """Harsh steps against natural persons, and whatever the policy says, wait for a person."""
    approval: Literal["none", "ask", "given"] = "none"
    rank = 0
    by_hand = due.rung.harsh and case.account.kind is not CustomerKind.BUSINESS
    if (due.rung.needs_approval or by_hand) and due.rule != "requested":
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
