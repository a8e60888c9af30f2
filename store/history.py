"""Invoices that were paid before Duecourse came: stored once, for what they say of a customer's habits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.contract import Customer
from domain.files.portfolio_csv import HistoryRow
from store import canonical

T = TypeVar("T")

#: Rows of one statement. Each column goes as one array, so that a statement is the same whatever their number:
#: with a value for each row and column, writing the statement took longer than carrying it out.
_BATCH = 10_000
_OWN = text("SELECT invoice_id FROM cases WHERE invoice_id = ANY(CAST(:ids AS text[]))")
_STORE = text(
    """
    INSERT INTO settled_invoices
        (invoice_id, customer_id, issued_on, due_on, amount_minor, currency, settled_on)
    SELECT * FROM unnest(
        CAST(:invoices AS text[]), CAST(:customers AS text[]), CAST(:issued AS date[]), CAST(:due AS date[]),
        CAST(:minor AS bigint[]), CAST(:currencies AS char(3)[]), CAST(:settled AS date[])
    )
    ON CONFLICT DO NOTHING
    RETURNING 1
    """
)
_LEARN = text(
    """
    INSERT INTO customers (customer_id, profile, tier, country, timezone, audit_seq)
    SELECT customer_id, CAST(profile AS jsonb), tier, country, timezone, 0 FROM unnest(
        CAST(:ids AS text[]), CAST(:profiles AS text[]), CAST(:tiers AS text[]), CAST(:countries AS text[]),
        CAST(:timezones AS text[])
    ) AS told (customer_id, profile, tier, country, timezone)
    ON CONFLICT DO NOTHING
    """
)


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
    learned: set[str] = set()
    for batch in _batches(rows, _BATCH):
        own = set(session.scalars(_OWN, {"ids": [row.invoice_id for row in batch]}))
        fresh = [row for row in batch if row.invoice_id not in own]
        unknown = {row.customer_id for row in fresh} - learned
        _learn(session, unknown, customers)
        learned |= unknown
        columns = {
            "invoices": [row.invoice_id for row in fresh],
            "customers": [row.customer_id for row in fresh],
            "issued": [row.issued_on for row in fresh],
            "due": [row.due_on for row in fresh],
            "minor": [row.amount.minor for row in fresh],
            "currencies": [row.amount.currency for row in fresh],
            "settled": [row.settled_on for row in fresh],
        }
        added += len(session.execute(_STORE, columns).all())
        done += len(batch)
        tell(done)
    return added


def _learn(session: Session, ids: set[str], customers: Mapping[str, Customer]) -> None:
    """Customers that are not known are; the others keep their particulars."""
    told = [customers.get(customer_id) or Customer(customer_id=customer_id) for customer_id in sorted(ids)]
    columns = {
        "ids": [each.customer_id for each in told],
        "profiles": [canonical.dumps(each.model_dump(mode="json", exclude_unset=True)) for each in told],
        "tiers": [each.tier for each in told],
        "countries": [each.country or (each.address.country if each.address else None) for each in told],
        "timezones": [each.timezone for each in told],
    }
    session.execute(_LEARN, columns)


def _batches(rows: Iterable[T], size: int) -> Iterator[Sequence[T]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, size)):
        yield batch
