"""Is it over? Settled, cancelled, referred, or paid and watched for a while in case the money goes back."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from domain.case import Case
from domain.cycles import moved_at, moved_since_closing, reopened_on, settled_as
from domain.decision import LOOK_AGAIN, CarryOut, Close, Decision, NextStep, TaskRequest, Wait
from domain.pauses import calendar_of, is_settled
from domain.policy import Policy
from domain.thanks import told_after
from domain.unconfirmed import confirmations_end, unconfirmed
from domain.vocabulary import Note, Outcome, Step, WaitingOn


def ended(case: Case, policy: Policy, now: datetime, today: date) -> Decision | None:
    """The close of a case that is over, the wait while money may still go back, or None."""
    calendar = calendar_of(case.account, policy)
    if case.cancelled_at is not None:
        return _told_after(case, policy, now, _overpaid(case)) or Close(
            outcome=Outcome.CANCELLED,
            why="the invoice was cancelled",
            rule="cancelled",
            tasks=_overpaid(case),
        )
    closed = case.closed.fact.outcome if case.closed is not None else None
    if is_settled(case, policy):
        tasks = _overpaid(case)
        if closed is not None and not moved_since_closing(case):
            return Close(
                outcome=closed, why="nothing is owed, as when it was closed", rule="closed", tasks=tasks
            )
        outcome = settled_as(case)
        told = _told_after(case, policy, now, tasks)
        if told is not None:
            return told
        settled_at = moved_at(case)
        money_came = outcome is Outcome.PAID or (outcome is Outcome.CREDITED and case.paid > 0)
        if money_came and settled_at is not None:
            until = calendar.at(
                calendar.add_business_days(calendar.local_date(settled_at), policy.settlement_days), time.min
            )
            if policy.settlement_days and now < until:
                why = f"{outcome}; open until {calendar.local_date(until)} in case the payment is reversed"
                return Wait(
                    until=until, waiting_on=WaitingOn.SETTLEMENT, why=why, rule="settlement", tasks=tasks
                )
        return Close(
            outcome=outcome, why=f"nothing is owed: {outcome.replace('_', ' ')}", rule="settled", tasks=tasks
        )
    referral = case.taken(Step.REFERRAL)
    if referral is None or case.last != referral or reopened_on(case, policy, today) is not None:
        return None
    if case.recalled is not None and case.recalled.epoch == case.epoch:
        return _recalled(case, now, today) if case.requested is None else None
    until = referral.at + timedelta(days=policy.referral_watch_days)
    if now < until and closed is not Outcome.REFERRED:
        why = f"referred; payments and recall are watched for until {calendar.local_date(until)}"
        ends = (end for end in confirmations_end(case, policy) if end > now)
        return Wait(
            until=min([until, *ends]),
            waiting_on=WaitingOn.SETTLEMENT,
            why=why,
            rule="referred",
            tasks=unconfirmed(case, today),
        )
    # Nobody looks again: what is still announced is asked about, whatever time the named source has left.
    return Close(
        outcome=Outcome.REFERRED,
        why="referred; the watch time has passed",
        rule="referred",
        tasks=unconfirmed(case, date.max),
    )


def _told_after(
    case: Case, policy: Policy, now: datetime, tasks: tuple[TaskRequest, ...]
) -> CarryOut | Wait | None:
    """What the customer is told while the case is still open, free of gap and pace."""
    told = told_after(case, policy, now)
    if told is None:
        return None
    thanks = told.note is Note.THANKS
    why = "paid: the customer is thanked" if thanks else "orders flow again: customer and sales are told"
    rule = "thanks" if thanks else "credit_hold_released"
    if told.at <= now:
        return CarryOut(step=told.note, cycle=case.cycle, ref=told.ref, why=why, rule=rule, tasks=tasks)
    step = NextStep(step=told.note, at=told.at)
    return Wait(
        until=told.at, waiting_on=WaitingOn.SETTLEMENT, why=why, rule=rule, next_step=step, tasks=tasks
    )


def _recalled(case: Case, now: datetime, today: date) -> Wait:
    why = "recalled from the partner; a person decides how to go on"
    task = TaskRequest(kind="recalled", ref=str(case.cycle), why=why)
    tasks = (task, *unconfirmed(case, today))
    return Wait(until=now + LOOK_AGAIN, waiting_on=WaitingOn.PERSON, why=why, rule="recall", tasks=tasks)


def _overpaid(case: Case) -> tuple[TaskRequest, ...]:
    if case.overpaid == 0:
        return ()
    return (
        TaskRequest(
            kind="overpaid", ref=str(case.overpaid), why="more was paid than is owed: refund or apply it"
        ),
    )
