"""Payment plans as rows: the terms in the words that were shown, and where each plan stands.

What was agreed is a fact on every invoice of the plan; the row is written in the transaction of the fact.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.schema import PlanRow


def get(session: Session, plan_id: str) -> PlanRow | None:
    """A plan as it is committed now."""
    return session.get(PlanRow, plan_id, populate_existing=True)


def open_plans(session: Session, customer_ids: Collection[str] | None = None) -> list[PlanRow]:
    """Plans that have not ended (of these customers), the oldest first."""
    plans = select(PlanRow).where(PlanRow.ended_at.is_(None)).order_by(PlanRow.tabled_at, PlanRow.plan_id)
    if customer_ids is not None:
        plans = plans.where(PlanRow.customer_id.in_(set(customer_ids)))
    return list(session.scalars(plans))


def of_invoice(session: Session, customer_id: str, invoice_id: str) -> list[PlanRow]:
    """Every plan of a customer over an invoice, whatever became of it, the oldest first."""
    plans = select(PlanRow).where(PlanRow.customer_id == customer_id, PlanRow.invoices.contains([invoice_id]))
    return list(session.scalars(plans.order_by(PlanRow.tabled_at, PlanRow.plan_id)))


def untold_limits(session: Session, most: int) -> list[PlanRow]:
    """Plans whose change of the customer's credit limit the ERP has not confirmed, the oldest first."""
    untold = select(PlanRow).where(
        PlanRow.credit_limit_after.is_not(None), PlanRow.credit_limit_told_at.is_(None)
    )
    return list(session.scalars(untold.order_by(PlanRow.accepted_at, PlanRow.plan_id).limit(most)))
