"""Invoices that were paid before Duecourse came: stored once, for what they say of a customer's habits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.contract import Customer
from domain.portfolio_csv import HistoryRow
from store.schema import CaseRow, CustomerRow, SettledInvoiceRow

T = TypeVar("T")

#: Rows of one statement; PostgreSQL takes 65,535 values in one.
_BATCH = 5_000


def store_settled(
    session: Session,
    rows: Iterable[HistoryRow],
    customers: Mapping[str, Customer],
    tell: Callable[[int], None] = lambda done: None,
) -> int:
    """Store settled invoices and the customers nobody knows yet; returns how many were added. `tell` is told
    how many are done, batch by batch.

    What is stored already stands, and an invoice that has a case of its own is left out: its case knows
    when it was paid.
    """
    added = done = 0
    for batch in _batches(rows, _BATCH):
        ids = [row.invoice_id for row in batch]
        own = set(session.scalars(select(CaseRow.invoice_id).where(CaseRow.invoice_id.in_(ids))))
        fresh = [row for row in batch if row.invoice_id not in own]
        _learn(session, {row.customer_id for row in fresh}, customers)
        values = [
            {
                "invoice_id": row.invoice_id,
                "customer_id": row.customer_id,
                "issued_on": row.issued_on,
                "due_on": row.due_on,
                "amount_minor": row.amount.minor,
                "currency": row.amount.currency,
                "settled_on": row.settled_on,
            }
            for row in fresh
        ]
        if values:
            stored = insert(SettledInvoiceRow).values(values).on_conflict_do_nothing()
            added += len(session.scalars(stored.returning(SettledInvoiceRow.invoice_id)).all())
        done += len(batch)
        tell(done)
    return added


def _learn(session: Session, ids: set[str], customers: Mapping[str, Customer]) -> None:
    """Customers that are not known are; the others keep their particulars."""
    values: list[dict[str, Any]] = []
    for customer_id in sorted(ids):
        customer = customers.get(customer_id) or Customer(customer_id=customer_id)
        country = customer.country or (customer.address.country if customer.address is not None else None)
        values.append(
            {
                "customer_id": customer_id,
                "profile": customer.model_dump(mode="json", exclude_unset=True),
                "tier": customer.tier,
                "country": country,
                "timezone": customer.timezone,
                "audit_seq": 0,
            }
        )
    if values:
        session.execute(insert(CustomerRow).values(values).on_conflict_do_nothing())


def _batches(rows: Iterable[T], size: int) -> Iterator[Sequence[T]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, size)):
        yield batch
