"""The portfolio as the figures see it: invoices that were paid before Duecourse came, and its own cases."""

from __future__ import annotations

from collections import defaultdict
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from domain.receivables import Receivable
from store.schema import CaseRow, LedgerEntryRow, SettledInvoiceRow

#: The entry by which an invoice comes into the ledger.
_INVOICED = "invoice"


def currencies(session: Session) -> list[str]:
    """The currencies in which there are invoices, in the order of their codes."""
    known = select(SettledInvoiceRow.currency).union(select(CaseRow.currency))
    return sorted(session.scalars(known))


def receivables(session: Session, currency: str) -> list[Receivable]:
    """Every invoice of a currency. One without a date of issue counts from the day its case was opened."""
    known = [
        Receivable(*row)
        for row in session.execute(
            select(
                SettledInvoiceRow.invoice_id,
                SettledInvoiceRow.customer_id,
                SettledInvoiceRow.issued_on,
                SettledInvoiceRow.due_on,
                SettledInvoiceRow.amount_minor,
                SettledInvoiceRow.settled_on,
            ).where(SettledInvoiceRow.currency == currency)
        )
    ]
    changes: defaultdict[str, list[tuple[date, int]]] = defaultdict(list)
    entries = (
        select(LedgerEntryRow.invoice_id, LedgerEntryRow.entry_on, func.sum(LedgerEntryRow.amount_minor))
        .where(LedgerEntryRow.currency == currency, LedgerEntryRow.kind != _INVOICED)
        .group_by(LedgerEntryRow.invoice_id, LedgerEntryRow.entry_on)
    )
    for invoice_id, on, minor in session.execute(entries):
        changes[invoice_id].append((on, int(minor)))
    cases = select(CaseRow).where(CaseRow.currency == currency)
    known += [
        Receivable(
            case.invoice_id,
            case.customer_id,
            case.issued_on or min(case.opened_at.date(), case.due_on),
            case.due_on,
            case.amount_minor,
            case.settled_on,
            tuple(changes[case.invoice_id]),
        )
        for case in session.scalars(cases)
    ]
    return known
