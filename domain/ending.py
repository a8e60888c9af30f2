"""Is it over? Settled, cancelled, referred, or paid and watched for a while in case the money goes back."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from domain.case import Case
from domain.cycles import moved_at, moved_since_closing, reopened_on, settled_as
from domain.decision import LOOK_AGAIN, CarryOut, Close, Decision, NextStep, TaskRequest, Wait
from domain.pauses import calendar_of, is_settled
from domain.policy import Policy
from domain.thanks import thanks_at, thanks_ref
from domain.vocabulary import Note, Outcome, Step, WaitingOn


def ended(case: Case, policy: Policy, now: datetime, today: date) -> Decision | None:
    """The close of a case that is over, the wait while money may still go back, or None."""
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
        if closed is not None and not moved_since_closing(case):
            return Close(
                outcome=closed, why="nothing is owed, as when it was closed", rule="closed", tasks=tasks
            )
        outcome = settled_as(case)
        thanks = _thanks(case, policy, now, tasks)
        if thanks is not None:
            return thanks
        settled_at = moved_at(case)
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
    if referral is None or case.last != referral or reopened_on(case, policy, today) is not None:
        return None
    if case.recalled is not None and case.recalled.epoch == case.epoch:
        return _recalled(case, now) if case.requested is None else None
    until = referral.at + timedelta(days=policy.referral_watch_days)
    if now < until and closed is not Outcome.REFERRED:
        why = f"referred; payments and recall are watched for until {calendar.local_date(until)}"
        return Wait(until=until, waiting_on=WaitingOn.SETTLEMENT, why=why, rule="referred")
    return Close(outcome=Outcome.REFERRED, why="referred; the watch time has passed", rule="referred")


def _thanks(
    case: Case, policy: Policy, now: datetime, tasks: tuple[TaskRequest, ...]
) -> CarryOut | Wait | None:
    """Who has paid is thanked while the case is still open, free of gap and pace."""
    at = thanks_at(case, policy, now)
    if at is None:
        return None
    why = "paid: the customer is thanked"
    if at <= now:
        ref = thanks_ref(case)
        return CarryOut(step=Note.THANKS, cycle=case.cycle, ref=ref, why=why, rule="thanks", tasks=tasks)
    step = NextStep(step=Note.THANKS, at=at)
    return Wait(
        until=at, waiting_on=WaitingOn.SETTLEMENT, why=why, rule="thanks", next_step=step, tasks=tasks
    )


def _recalled(case: Case, now: datetime) -> Wait:
    why = "recalled from the partner; a person decides how to go on"
    task = TaskRequest(kind="recalled", ref=str(case.cycle), why=why)
    return Wait(until=now + LOOK_AGAIN, waiting_on=WaitingOn.PERSON, why=why, rule="recall", tasks=(task,))


def _overpaid(case: Case) -> tuple[TaskRequest, ...]:
    if case.overpaid == 0:
        return ()
    return (
        TaskRequest(
            kind="overpaid", ref=str(case.overpaid), why="more was paid than is owed: refund or apply it"
        ),
    )
