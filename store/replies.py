"""Mails that came in: kept once as they came, found by whom and what they are about."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.letters.letter import FOR_STAFF
from store.schema import CaseRow, CustomerRow, MessageItemRow, MessageRow, MessageState, ReplyRow

#: Of a mail above the first size only its beginning is kept, with the hash of all.
RAW_WHOLE, RAW_BEGINNING = 10_000_000, 64_000

_BY_ADDRESS = text(
    "SELECT customer_id FROM customers WHERE EXISTS (SELECT 1 FROM jsonb_array_elements("
    "CASE jsonb_typeof(profile->'contacts') WHEN 'array' THEN profile->'contacts' ELSE '[]' END) AS contact"
    " WHERE lower(contact->>'email') = :email) LIMIT 2"
)


@dataclass(frozen=True)
class About:
    """Whose mail it is and about which invoices; `by` says how that is known."""

    customer_id: str | None = None
    invoices: tuple[str, ...] = ()
    by: str = "nothing"


@dataclass(frozen=True, kw_only=True)
class NewReply:
    """A mail as it is kept."""

    fingerprint: bytes
    raw: bytes
    raw_sha256: bytes
    kind: str
    about: About
    sender: str
    sender_verified: bool
    subject: str
    text: str
    problem: str
    suggestion: Mapping[str, Any] | None
    at: datetime


def is_known(session: Session, fingerprint: bytes) -> bool:
    """Whether this mail came before."""
    known = select(ReplyRow.reply_id).where(ReplyRow.fingerprint == fingerprint)
    return session.scalar(known) is not None


def keep(session: Session, reply: NewReply) -> str | None:
    """Keep a mail and return its id; None where the same one came before."""
    row = {
        "reply_id": f"R-{secrets.token_hex(8)}",
        "fingerprint": reply.fingerprint,
        "raw": kept_of(reply.raw),
        "raw_sha256": reply.raw_sha256,
        "kind": reply.kind,
        "customer_id": reply.about.customer_id,
        "invoices": list(reply.about.invoices),
        "matched_by": reply.about.by,
        "sender": reply.sender,
        "sender_verified": reply.sender_verified,
        "subject": reply.subject,
        "text": reply.text,
        "problem": reply.problem,
        "suggestion": None if reply.suggestion is None else dict(reply.suggestion),
        "received_at": reply.at,
    }
    return session.scalar(insert(ReplyRow).values(row).on_conflict_do_nothing().returning(ReplyRow.reply_id))


def get(session: Session, reply_id: str) -> ReplyRow | None:
    return session.get(ReplyRow, reply_id, populate_existing=True)


def about_message(session: Session, message_id: str, by: str) -> About:
    """What an answer to one of our messages is about: its invoices, those still open where any is."""
    message = session.get(MessageRow, message_id)
    if message is None or message.step in FOR_STAFF:
        return About()
    if message.state not in (MessageState.SENDING, MessageState.SENT):
        return About()
    items = select(MessageItemRow.invoice_id).where(MessageItemRow.message_id == message_id).distinct()
    invoices = sorted(session.scalars(items))
    still = select(CaseRow.invoice_id).where(CaseRow.invoice_id.in_(invoices), CaseRow.closed_at.is_(None))
    return About(message.customer_id, tuple(sorted(session.scalars(still)) or invoices), by)


def about_sender(session: Session, address: str) -> About:
    """Whose contact an address is; nobody's where two customers have it."""
    if not address:
        return About()
    customers = session.scalars(_BY_ADDRESS, {"email": address.casefold()}).all()
    if len(customers) != 1:
        return About()
    owing = select(CaseRow.invoice_id).where(CaseRow.customer_id == customers[0], CaseRow.closed_at.is_(None))
    return About(customers[0], tuple(sorted(session.scalars(owing))), "sender")


def is_contact(session: Session, customer_id: str, address: str) -> bool:
    """Whether an address is that of a known contact of the customer."""
    profile = session.scalar(select(CustomerRow.profile).where(CustomerRow.customer_id == customer_id))
    contacts = profile.get("contacts", []) if profile is not None else []
    return any(str(contact.get("email", "")).casefold() == address.casefold() for contact in contacts)


def of_invoice(session: Session, invoice_id: str) -> Sequence[ReplyRow]:
    """The mails about an invoice, oldest first."""
    rows = select(ReplyRow).where(ReplyRow.invoices.contains([invoice_id]))
    return session.scalars(rows.order_by(ReplyRow.received_at, ReplyRow.reply_id)).all()


def evidence_of(session: Session, customer_id: str, invoice_id: str) -> Sequence[ReplyRow]:
    """The customer's mails about an invoice, and those about none in particular, oldest first."""
    rows = select(ReplyRow).where(
        or_(
            ReplyRow.invoices.contains([invoice_id]),
            and_(ReplyRow.customer_id == customer_id, func.cardinality(ReplyRow.invoices) == 0),
        )
    )
    return session.scalars(rows.order_by(ReplyRow.received_at, ReplyRow.recorded_at)).all()


def kept_of(raw: bytes) -> bytes:
    """What is kept of a mail: all of it, or its beginning."""
    return raw if len(raw) <= RAW_WHOLE else raw[:RAW_BEGINNING]


def kept_sha256(raw: bytes) -> str:
    """The SHA-256 of what is kept of a mail; of a mail that is kept already, of what lies there."""
    return hashlib.sha256(kept_of(raw)).hexdigest()


def count(session: Session) -> int:
    """How many mails came in."""
    return session.scalars(select(func.count()).select_from(ReplyRow)).one()
