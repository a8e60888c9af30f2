"""Rows to test with: each has what the table asks for, and what a test cares about is given."""

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy.orm import Session

from store import customers
from store.outbox import Item, NewMessage
from store.schema import CaseRow

NOON = datetime(2026, 12, 7, 12, tzinfo=UTC)


def add_case(session: Session, invoice_id: str = "INV-1", customer_id: str = "C-1", **given: Any) -> CaseRow:
    customers.lock(session, customer_id)
    values: dict[str, Any] = {
        "owner_id": customer_id,
        "seller": "default",
        "number": invoice_id,
        "currency": "USD",
        "invoice": {"invoice_id": invoice_id},
        "start_sha256": bytes(32),
        "policy_name": "standard",
        "policy_version": "1",
        "policy": {},
        "opened_at": NOON,
        "due_on": date(2026, 12, 1),
        "amount_minor": 125_000,
        "balance_minor": 125_000,
    }
    case = CaseRow(invoice_id=invoice_id, customer_id=customer_id, **{**values, **given})
    session.add(case)
    session.flush()
    return case


def item(invoice_id: str = "INV-1", **given: Any) -> Item:
    values: dict[str, Any] = {
        "cycle": 0,
        "step": "overdue",
        "recipient": "C-1",
        "channel": "email",
        "asked_minor": 125_000,
    }
    return Item(invoice_id=invoice_id, **{**values, **given})


def message(message_id: str = "M-1", customer_id: str = "C-1", **given: Any) -> NewMessage:
    values: dict[str, Any] = {
        "seller": "default",
        "step": "overdue",
        "channel": "email",
        "to": [{"contact_id": "ann", "email": "ap@acme.example"}],
        "unsolicited": True,
        "facts": {"balance": "1250.00"},
        "at": NOON,
        "why": "7 days past due",
    }
    return NewMessage(message_id=message_id, customer_id=customer_id, **{**values, **given})
