"""The portfolio as it went, for judging behaviour: what was paid before Duecourse came, and its own cases."""

from __future__ import annotations

from datetime import date

from sqlalchemy import CompoundSelect, Date, cast, func, select, union_all
from sqlalchemy.orm import Session

from domain.files.past_invoices import PastInvoice
from domain.money import Money
from domain.vocabulary import Outcome
from store.schema import CaseRow, SettledInvoiceRow

#: What ended so was not owed: it says nothing of how its customer pays.
_NOT_OWED = (Outcome.CANCELLED, Outcome.CREDITED)


def past_invoices(session: Session) -> list[PastInvoice]:
    """Every invoice that was owed. One without a date of issue counts from the day its case was opened."""
    settled = select(
        SettledInvoiceRow.invoice_id,
        SettledInvoiceRow.customer_id,
        SettledInvoiceRow.issued_on,
        SettledInvoiceRow.due_on,
        SettledInvoiceRow.amount_minor,
        SettledInvoiceRow.currency,
        SettledInvoiceRow.settled_on,
    ).where(~SettledInvoiceRow.has_case)
    opened_on = cast(func.timezone("UTC", CaseRow.opened_at), Date)
    own = select(
        CaseRow.invoice_id,
        CaseRow.customer_id,
        func.coalesce(CaseRow.issued_on, func.least(opened_on, CaseRow.due_on)),
        CaseRow.due_on,
        CaseRow.amount_minor,
        CaseRow.currency,
        CaseRow.settled_on,
    ).where(func.coalesce(CaseRow.outcome, "").not_in(_NOT_OWED))
    every: CompoundSelect[str, str, date, date, int, str, date | None] = union_all(settled, own)
    return [
        PastInvoice(invoice_id, customer_id, issued_on, due_on, Money(minor, currency), settled_on)
        for invoice_id, customer_id, issued_on, due_on, minor, currency, settled_on in session.execute(every)
    ]


def days_late(session: Session, until: date) -> list[tuple[str, int, int]]:
    """Customer, days between due date and payment, and how many invoices were paid so by the end of `until`."""
    paid = union_all(
        select(
            SettledInvoiceRow.customer_id.label("customer_id"),
            (SettledInvoiceRow.settled_on - SettledInvoiceRow.due_on).label("days"),
        ).where(SettledInvoiceRow.settled_on <= until, ~SettledInvoiceRow.has_case),
        select(CaseRow.customer_id, CaseRow.settled_on - CaseRow.due_on).where(CaseRow.settled_on <= until),
    ).subquery()
    counted = select(paid.c.customer_id, paid.c.days, func.count()).group_by(paid.c.customer_id, paid.c.days)
    return [(customer_id, int(days), int(number)) for customer_id, days, number in session.execute(counted)]
