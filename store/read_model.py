"""The case's row: the read model, written in the transaction of the fact that changed it."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy.orm import Session

from domain.calendar import Calendar
from domain.case import Case
from domain.contact import Pursued
from domain.decision import Close, Decision, NextStep, Wait
from domain.pauses import calendar_of, is_settled
from domain.risk import assess
from domain.view import stage, waiting_on
from domain.vocabulary import Outcome
from store import audit
from store.schema import CaseRow, CustomerRow


def write(
    session: Session,
    customer: CustomerRow,
    row: CaseRow,
    pursued: Pursued,
    decision: Decision,
    now: datetime,
) -> None:
    """Bring the row up to what is known and decided; a changed decision goes into the audit log.

    `customer` is who is written to, locked.
    """
    case, policy = pursued.case, pursued.policy
    calendar = calendar_of(case.account, policy)
    today = calendar.local_date(now)
    following: NextStep | None = decision.next_step if isinstance(decision, Wait) else None
    before = row.decision
    row.decision = decision.model_dump(mode="json")
    row.cycle = case.cycle
    row.due_on = case.due
    row.balance_minor = case.balance
    row.stage = stage(case)
    row.waiting_on = waiting_on(decision)
    row.waiting_until = getattr(decision, "until", None)
    row.next_step = following.step if following is not None else None
    row.next_at = following.at if following is not None else row.waiting_until
    row.why = decision.why
    row.risk = assess(case, policy, today).band
    settled = is_settled(case, policy) and case.cancelled_at is None
    paid = settled and case.paid > 0 and case.written_off == 0
    row.settled_on = (row.settled_on or _settled_on(case, calendar, today)) if paid else None
    if not isinstance(decision, Close):
        row.outcome = row.closed_at = None
    if before != row.decision:
        audit.append(
            session,
            customer,
            at=now,
            kind="decision",
            ref=row.invoice_id,
            body={
                "kind": decision.kind,
                "rule": decision.rule,
                "policy": policy.name,
                "policy_version": str(policy.version),
                "balance_minor": case.balance,
            },
            text=decision.why,
        )


def _settled_on(case: Case, calendar: Calendar, today: date) -> date:
    """The day of the last of what left nothing owed: of money the day it came in, which is not always the day it
    was told."""
    days = {made.fact.received_on for made in case.payments.values()}
    days |= {calendar.local_date(each.at) for each in case.all_credits.values()}
    days |= {calendar.local_date(each.at) for each in case.waivers.values()}
    days |= {
        calendar.local_date(each.at) for each in case.amendments.values() if each.fact.amount is not None
    }
    return min(max(days, default=today), today)


def close(row: CaseRow, outcome: Outcome, now: datetime) -> None:
    """Mark the case as ended."""
    row.outcome, row.closed_at = outcome, row.closed_at or now
