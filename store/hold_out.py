"""The arms of the hold-out: into which a customer was drawn, and what became of the invoices of each."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import Integer, cast, func, select
from sqlalchemy.orm import Session

from domain.figures.day_figures import COLLECTED_WITHIN
from domain.hold_out import Arm, Tally
from domain.vocabulary import Outcome
from store.receivables import issued_on
from store.schema import CaseRow


def arm_of(session: Session, customer_id: str) -> Arm | None:
    """The arm pinned to the customer's first case that has one; None where none has."""
    pinned = select(CaseRow.arm).where(CaseRow.customer_id == customer_id, CaseRow.arm.is_not(None))
    arm = session.scalars(pinned.order_by(CaseRow.opened_at, CaseRow.invoice_id).limit(1)).one_or_none()
    return None if arm is None else Arm(arm)


def tallies(session: Session, as_of: date) -> list[Tally]:
    """By customer and arm: the invoices that fell due so long before a day that all had the same time to be paid,
    but for those that were cancelled."""
    last = CaseRow.due_on + COLLECTED_WITHIN
    in_time = (CaseRow.settled_on <= as_of) & (CaseRow.settled_on <= last)
    ended = func.least(func.coalesce(CaseRow.settled_on, last), last)
    rows = session.execute(
        select(
            CaseRow.arm,
            CaseRow.customer_id,
            func.count(),
            func.count().filter(in_time),
            func.sum(cast(ended - issued_on(), Integer)),
        )
        .where(
            CaseRow.arm.is_not(None),
            CaseRow.due_on <= as_of - timedelta(days=COLLECTED_WITHIN),
            CaseRow.outcome.is_distinct_from(Outcome.CANCELLED),
        )
        .group_by(CaseRow.arm, CaseRow.customer_id)
        .order_by(CaseRow.customer_id)
    )
    return [
        Tally(Arm(arm), customer_id, invoices, collected, int(days))
        for arm, customer_id, invoices, collected, days in rows
        if arm is not None
    ]
