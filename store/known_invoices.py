"""What the ids of invoices stand for here: cases, open and closed, and the history of settled ones."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from domain.files.ids import Meant
from domain.money import Money
from store.schema import CaseRow, CustomerRow, SettledInvoiceRow


@dataclass(frozen=True)
class Known:
    """An invoice that is recorded; `owed` is what its case still asks for, None where it has none that is open."""

    meant: Meant
    owed: Money | None = None


def known_invoices(session: Session, ids: Collection[str]) -> dict[str, Known]:
    """Those of the ids that are recorded."""
    settled = select(
        SettledInvoiceRow.invoice_id, SettledInvoiceRow.customer_id, SettledInvoiceRow.currency
    ).where(SettledInvoiceRow.invoice_id.in_(ids))
    found = {
        row.invoice_id: Known(Meant(None, row.customer_id, row.currency)) for row in session.execute(settled)
    }
    cases = select(
        CaseRow.invoice_id,
        CaseRow.number,
        CaseRow.invoice["number"].astext.is_not(None).label("number_is_told"),
        CaseRow.owner_id,
        CaseRow.currency,
        CaseRow.seller,
        CaseRow.balance_minor,
        CaseRow.closed_at,
    ).where(CaseRow.invoice_id.in_(ids))
    for row in session.execute(cases):
        meant = Meant(row.number, row.owner_id, row.currency, row.seller, row.number_is_told)
        owed = Money(row.balance_minor, row.currency) if row.closed_at is None else None
        found[row.invoice_id] = Known(meant, owed)
    return found


def same_but_for_case(session: Session, customer_ids: Collection[str]) -> list[str]:
    """The customers that are recorded under one of these ids, whatever the case of its letters."""
    lower = {id_.lower() for id_ in customer_ids}
    return list(
        session.scalars(select(CustomerRow.customer_id).where(func.lower(CustomerRow.customer_id).in_(lower)))
    )
