"""A customer's row is the lock: whatever concerns them is decided and written while holding it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.files.buyers import Buyer
from store.schema import CaseRow, CustomerRow

# Every activity begins with one of these. `key_share`: other lockers wait, foreign key checks of rows that point
# at the customer do not.
_LOCK = (
    select(CustomerRow)
    .where(CustomerRow.customer_id == bindparam("customer_id"))
    .with_for_update(key_share=True)
    .execution_options(populate_existing=True)
)
_LOCK_OF_INVOICE = (
    select(CustomerRow)
    .join(CaseRow, CaseRow.customer_id == CustomerRow.customer_id)
    .where(CaseRow.invoice_id == bindparam("invoice_id"))
    .with_for_update(key_share=True, of=CustomerRow)
    .execution_options(populate_existing=True)
)


class UnknownInvoice(LookupError):
    """No case has this invoice id."""


def lock(session: Session, customer_id: str) -> CustomerRow:
    """Lock a customer until the transaction ends; one that is not known yet is created with its id alone.

    The row is read afresh, so what it says is what the last holder of the lock committed.
    """
    customer = session.scalars(_LOCK, {"customer_id": customer_id}).one_or_none()
    if customer is None:
        unknown = insert(CustomerRow).values(customer_id=customer_id, profile={"customer_id": customer_id})
        session.execute(unknown.on_conflict_do_nothing())
        customer = session.scalars(_LOCK, {"customer_id": customer_id}).one()
    return customer


def lock_of_invoice(session: Session, invoice_id: str) -> tuple[CustomerRow, CaseRow]:
    """Lock the customer who is written to about an invoice. Both rows are read afresh.

    Raises UnknownInvoice.
    """
    while customer := session.scalars(_LOCK_OF_INVOICE, {"invoice_id": invoice_id}).one_or_none():
        case = session.get_one(CaseRow, invoice_id, populate_existing=True)
        if case.customer_id == customer.customer_id:
            return customer, case
        # The invoice moved to another customer while we waited for the lock: lock that one too.
    raise UnknownInvoice(invoice_id)


def advance(customer: CustomerRow, at: datetime) -> datetime:
    """Note a business time; returns the newest one noted for this customer, which is a decision's *now*."""
    customer.latest_at = at if customer.latest_at is None else max(at, customer.latest_at)
    return customer.latest_at


def buyers(session: Session) -> Iterator[Buyer]:
    """Who every customer is, as far as documents tell."""
    told = CustomerRow.profile
    address = told["address"]
    rows = select(
        CustomerRow.customer_id,
        told["name"].astext,
        told["legal_name"].astext,
        told["vat_id"].astext,
        told["registration_no"].astext,
        address["postal_code"].astext,
        address["city"].astext,
        func.coalesce(told["country"].astext, address["country"].astext),
    ).order_by(CustomerRow.customer_id)
    for customer_id, name, legal_name, *more in session.execute(rows):
        yield Buyer(customer_id, tuple(filter(None, (name, legal_name))), *more)
