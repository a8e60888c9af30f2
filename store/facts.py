"""Facts and money: rows that are added once and never change. Call with the customer's lock held."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.money import Money
from store import canonical
from store.schema import AccountEntryRow, CaseRow, EventRow, LedgerEntryRow

#: Kinds of money on account that wait for their invoice, and of what became of them.
WAITING = ("cash_received", "credit_on_account", "cash_unread")
#: Kind of money whose remittance could not be taken.
CASH_UNREAD = "cash_unread"
APPLIED = "applied"

# What every decision reads and writes. The statements are built once, since building one costs as much as
# carrying it out; rows of these tables are written at once, so that reading them needs no flush.
_WRITTEN_AT_ONCE = {"autoflush": False}
_APPEND = insert(EventRow).on_conflict_do_nothing().returning(EventRow).execution_options(**_WRITTEN_AT_ONCE)
_POST = (
    insert(LedgerEntryRow)
    .on_conflict_do_nothing()
    .returning(LedgerEntryRow.id)
    .execution_options(**_WRITTEN_AT_ONCE)
)
_POST_TO_ACCOUNT = (
    insert(AccountEntryRow)
    .on_conflict_do_nothing()
    .returning(AccountEntryRow.id)
    .execution_options(**_WRITTEN_AT_ONCE)
)
_EVENTS = (
    select(EventRow)
    .where(EventRow.invoice_id.in_(bindparam("invoice_ids", expanding=True)))
    .order_by(EventRow.id)
    .execution_options(**_WRITTEN_AT_ONCE)
)
_ACCOUNT_EVENTS = (
    select(EventRow)
    .where(EventRow.customer_id.in_(bindparam("customer_ids", expanding=True)), EventRow.invoice_id.is_(None))
    .order_by(EventRow.id)
    .execution_options(**_WRITTEN_AT_ONCE)
)
_ACCOUNT_EVENTS_OF_KINDS = _ACCOUNT_EVENTS.where(EventRow.kind.in_(bindparam("kinds", expanding=True)))
_ENTRIES = (
    select(LedgerEntryRow)
    .where(LedgerEntryRow.invoice_id.in_(bindparam("invoice_ids", expanding=True)))
    .order_by(LedgerEntryRow.id)
    .execution_options(**_WRITTEN_AT_ONCE)
)
_UNAPPLIED = (
    select(AccountEntryRow.customer_id, AccountEntryRow.currency, func.sum(AccountEntryRow.amount_minor))
    .where(AccountEntryRow.customer_id.in_(bindparam("customer_ids", expanding=True)))
    .group_by(AccountEntryRow.customer_id, AccountEntryRow.currency)
    .execution_options(**_WRITTEN_AT_ONCE)
)


@dataclass(frozen=True)
class Appended:
    """The fact is recorded now."""

    event: EventRow


@dataclass(frozen=True)
class Repeated:
    """It was recorded before, word for word."""

    event: EventRow


@dataclass(frozen=True)
class Conflicting:
    """Its id was recorded before with another content, which stands."""

    event: EventRow


def append_event(
    session: Session,
    *,
    customer_id: str,
    invoice_id: str | None,
    kind: str,
    event_id: str,
    payload: Mapping[str, Any],
    at: datetime,
) -> Appended | Repeated | Conflicting:
    """Record a fact about an invoice, or about the account when `invoice_id` is None.

    The id counts once per invoice and kind; for account facts, once per customer and kind.
    Raises UnstorableText when the payload holds NUL or a lone surrogate.
    """
    sha256 = canonical.digest(payload)
    row = {
        "customer_id": customer_id,
        "invoice_id": invoice_id,
        "kind": kind,
        "event_id": event_id,
        "payload": dict(payload),
        "payload_sha256": sha256,
        "at": at,
    }
    event = session.scalars(_APPEND, row).one_or_none()
    if event is not None:
        return Appended(event)
    recorded = session.scalars(
        select(EventRow).where(
            EventRow.kind == kind, EventRow.event_id == event_id, _about(customer_id, invoice_id)
        )
    ).one()
    return Repeated(recorded) if recorded.payload_sha256 == sha256 else Conflicting(recorded)


def _about(customer_id: str, invoice_id: str | None) -> ColumnElement[bool]:
    if invoice_id is not None:
        return EventRow.invoice_id == invoice_id
    return and_(EventRow.customer_id == customer_id, EventRow.invoice_id.is_(None))


def events_of(session: Session, invoice_ids: Collection[str]) -> dict[str, list[EventRow]]:
    """The facts of each invoice in the order they were recorded; an empty list where there are none."""
    events: dict[str, list[EventRow]] = {invoice_id: [] for invoice_id in invoice_ids}
    if not events:
        return events  # asked for often, and the database need not be
    for event in session.scalars(_EVENTS, {"invoice_ids": list(events)}):
        if event.invoice_id is not None:
            events[event.invoice_id].append(event)
    return events


def account_events_of(
    session: Session, customer_ids: Collection[str], kinds: Collection[str] | None = None
) -> dict[str, list[EventRow]]:
    """The facts (of some kinds) that concern each customer rather than an invoice, in the order they were
    recorded."""
    events: dict[str, list[EventRow]] = {customer_id: [] for customer_id in customer_ids}
    wanted: dict[str, Any] = {"customer_ids": list(events)}
    if kinds is not None:
        wanted["kinds"] = list(kinds)
    for event in session.scalars(_ACCOUNT_EVENTS if kinds is None else _ACCOUNT_EVENTS_OF_KINDS, wanted):
        events[event.customer_id].append(event)
    return events


def account_fact(session: Session, customer_id: str, kind: str, event_id: str) -> EventRow | None:
    """One fact of a customer's account."""
    wanted = select(EventRow).where(
        EventRow.kind == kind, EventRow.event_id == event_id, _about(customer_id, None)
    )
    return session.scalars(wanted).one_or_none()


def post(
    session: Session,
    *,
    invoice_id: str,
    customer_id: str,
    kind: str,
    event_id: str,
    amount: Money,
    on: date,
) -> bool:
    """Enter money on an invoice: positive is owed, negative reduces it. False when it was entered before.

    An entry counts once per invoice, kind and event id. The database refuses another currency than
    the invoice's.
    """
    entry = {
        "invoice_id": invoice_id,
        "customer_id": customer_id,
        "kind": kind,
        "event_id": event_id,
        "amount_minor": amount.minor,
        "currency": amount.currency,
        "entry_on": on,
    }
    return session.scalar(_POST, entry) is not None


def post_to_account(
    session: Session,
    *,
    customer_id: str,
    kind: str,
    event_id: str,
    amount: Money,
    on: date,
    invoice_id: str | None = None,
) -> bool:
    """Enter unapplied cash or credit: positive is available, negative was used. False when entered before.

    `invoice_id` is where the money came from or went to; it is part of the entry's key.
    """
    entry = {
        "customer_id": customer_id,
        "invoice_id": invoice_id,
        "kind": kind,
        "event_id": event_id,
        "amount_minor": amount.minor,
        "currency": amount.currency,
        "entry_on": on,
    }
    return session.scalar(_POST_TO_ACCOUNT, entry) is not None


def entries_of(session: Session, invoice_ids: Collection[str]) -> dict[str, list[LedgerEntryRow]]:
    """The ledger of each invoice in the order it was entered; an empty list where there is none."""
    entries: dict[str, list[LedgerEntryRow]] = {invoice_id: [] for invoice_id in invoice_ids}
    for entry in session.scalars(_ENTRIES, {"invoice_ids": list(entries)}):
        entries[entry.invoice_id].append(entry)
    return entries


def balances(session: Session, invoice_ids: Collection[str]) -> dict[str, Money]:
    """The sum of the ledger of each invoice that has a case."""
    rows = session.execute(
        select(CaseRow.invoice_id, CaseRow.currency, func.coalesce(func.sum(LedgerEntryRow.amount_minor), 0))
        .outerjoin(LedgerEntryRow, LedgerEntryRow.invoice_id == CaseRow.invoice_id)
        .where(CaseRow.invoice_id.in_(invoice_ids))
        .group_by(CaseRow.invoice_id)
    )
    return {invoice_id: Money(int(minor), currency) for invoice_id, currency, minor in rows}


def posted_to_account(session: Session, customer_id: str, kind: str, event_id: str) -> Money | None:
    """What was entered with this kind and id, for no invoice."""
    entry = session.scalars(
        select(AccountEntryRow).where(
            AccountEntryRow.customer_id == customer_id,
            AccountEntryRow.kind == kind,
            AccountEntryRow.event_id == event_id,
            AccountEntryRow.invoice_id.is_(None),
        )
    ).one_or_none()
    return None if entry is None else Money(entry.amount_minor, entry.currency)


def left_on_account(session: Session, customer_id: str, event_id: str, currency: str) -> int:
    """What is not applied yet of the cash or credit with this id, minor units."""
    of_it = select(func.coalesce(func.sum(AccountEntryRow.amount_minor), 0)).where(
        AccountEntryRow.customer_id == customer_id,
        AccountEntryRow.event_id == event_id,
        AccountEntryRow.kind.in_((*WAITING, APPLIED)),
        AccountEntryRow.currency == currency,
    )
    return int(session.scalars(of_it).one())


def unapplied(session: Session, customer_ids: Collection[str]) -> dict[str, dict[str, Money]]:
    """What each customer has on account, by currency."""
    found: dict[str, dict[str, Money]] = {customer_id: {} for customer_id in customer_ids}
    for customer_id, currency, minor in session.execute(_UNAPPLIED, {"customer_ids": list(found)}):
        found[customer_id][currency] = Money(int(minor), currency)
    return found
