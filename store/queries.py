"""Lists and counts over the read model, for the command line and the pages."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, defer

from store.schema import CaseRow, CreditHoldRow, MessageItemRow, MessageRow, MessageState, TaskRow


def open_cases(
    session: Session, *, customer_id: str | None = None, seller: str | None = None
) -> list[CaseRow]:
    """Cases that are not closed, the earliest due first."""
    cases = select(CaseRow).where(CaseRow.closed_at.is_(None))
    if customer_id is not None:
        cases = cases.where(CaseRow.customer_id == customer_id)
    if seller is not None:
        cases = cases.where(CaseRow.seller == seller)
    return list(session.scalars(cases.order_by(CaseRow.due_on, CaseRow.invoice_id)))


def messages_of(session: Session, invoice_ids: Collection[str]) -> dict[str, list[MessageRow]]:
    """The messages about each invoice, whatever became of them, in the order they were reserved.

    Without their payload: that is read when it is asked for.
    """
    messages: dict[str, list[MessageRow]] = {invoice_id: [] for invoice_id in invoice_ids}
    about = (
        select(MessageItemRow.invoice_id, MessageItemRow.message_id)
        .where(MessageItemRow.invoice_id.in_(messages))
        .distinct()
        .subquery()
    )
    rows = (
        select(about.c.invoice_id, MessageRow)
        .join(about, about.c.message_id == MessageRow.message_id)
        .order_by(MessageRow.reserved_at, MessageRow.message_id)
        .options(defer(MessageRow.payload))
    )
    for invoice_id, message in session.execute(rows):
        messages[invoice_id].append(message)
    return messages


def credit_holds(session: Session, customer_id: str) -> list[CreditHoldRow]:
    """The credit holds of a customer that stand."""
    holds = select(CreditHoldRow).where(CreditHoldRow.customer_id == customer_id)
    return list(session.scalars(holds.where(CreditHoldRow.released_at.is_(None))))


@dataclass(frozen=True)
class Counts:
    """What an installation has come to. `messages` are those a provider accepted."""

    invoices: int
    customers: int
    open: int
    at_risk: int
    outcomes: dict[str, int]
    messages_by_step: dict[str, int]
    unknown: int
    credit_holds: int
    tasks_by_kind: dict[str, int]

    @property
    def messages(self) -> int:
        return sum(self.messages_by_step.values())


def counts(session: Session) -> Counts:
    """Count everything there is."""
    is_open = CaseRow.closed_at.is_(None)
    invoices, customers, still_open, at_risk = session.execute(
        select(
            func.count(),
            func.count(CaseRow.customer_id.distinct()),
            func.count().filter(is_open),
            func.count().filter(is_open, CaseRow.risk == "high"),
        )
    ).one()
    outcomes = select(func.coalesce(CaseRow.outcome, ""), func.count()).group_by(CaseRow.outcome)
    sent = select(MessageRow.step, func.count()).where(MessageRow.state == MessageState.SENT)
    return Counts(
        invoices=invoices,
        customers=customers,
        open=still_open,
        at_risk=at_risk,
        outcomes=_tally(session, outcomes.where(CaseRow.outcome.is_not(None))),
        messages_by_step=_tally(session, sent.group_by(MessageRow.step)),
        unknown=session.scalars(select(func.count(MessageRow.unknown_since))).one(),
        credit_holds=session.scalars(select(func.count()).select_from(CreditHoldRow)).one(),
        tasks_by_kind=_tally(session, select(TaskRow.kind, func.count()).group_by(TaskRow.kind)),
    )


def _tally(session: Session, rows: Select[str, int]) -> dict[str, int]:
    return {row[0]: row[1] for row in session.execute(rows)}
