"""What a customer was told: the messages that went out to them, with their words and papers, for their own eyes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select, tuple_
from sqlalchemy.orm import Session, load_only

from domain.letters.letter import FOR_STAFF
from store import outbox
from store.schema import DocumentRow, MessageItemRow, MessageRow, MessageState

#: Channels in which nothing in writing reaches the customer: a colleague calls.
_UNWRITTEN = ("call",)


@dataclass(frozen=True, kw_only=True)
class SentPaper:
    """A paper of a message, without its body: `paper` reads that."""

    document_id: str
    name: str
    media_type: str
    size: int
    sha256: bytes


@dataclass(frozen=True, kw_only=True)
class SentMessage:
    """One message as it went out. `subject` and `text` are people's words: escape them where they are shown."""

    message_id: str
    step: str
    channel: str
    subject: str
    text: str
    sent_at: datetime
    invoices: tuple[str, ...]
    papers: tuple[SentPaper, ...]


def correspondence(
    session: Session,
    *,
    customer_id: str,
    seller: str,
    limit: int = 50,
    before: str | None = None,
    only: str | None = None,
    about: str | None = None,
) -> list[SentMessage]:
    """The messages that a customer got from a seller, newest first; for the next page, `before` is the
    `message_id` of the last one. `only` names the one that is wanted, `about` the invoice they speak of.

    What colleagues got, and what nobody knows to have gone out, is left out.
    """
    sent = select(MessageRow).where(*_theirs(customer_id, seller))
    if only is not None:
        sent = sent.where(MessageRow.message_id == only)
    if about is not None:
        speaking = select(MessageItemRow.message_id).where(MessageItemRow.invoice_id == about)
        sent = sent.where(MessageRow.message_id.in_(speaking))
    if before is not None:
        last = select(MessageRow.sent_at, MessageRow.message_id).where(
            MessageRow.message_id == before, *_theirs(customer_id, seller)
        )
        sent = sent.where(tuple_(MessageRow.sent_at, MessageRow.message_id) < last.scalar_subquery())
    few = load_only(MessageRow.step, MessageRow.channel, MessageRow.subject, MessageRow.sent_at)
    newest = (MessageRow.sent_at.desc(), MessageRow.message_id.desc())
    messages = session.scalars(sent.order_by(*newest).limit(limit).options(few)).all()
    ids = [message.message_id for message in messages]
    if not ids:
        return []
    words = _words(session, ids)
    papers, invoices = _papers(session, ids), _invoices(session, ids)
    return [
        SentMessage(
            message_id=message.message_id,
            step=message.step,
            channel=message.channel,
            subject=message.subject or "",
            text=words.get(message.message_id, ""),
            sent_at=message.sent_at,
            invoices=tuple(invoices[message.message_id]),
            papers=tuple(papers[message.message_id]),
        )
        for message in messages
        if message.sent_at is not None
    ]


def paper(session: Session, *, customer_id: str, seller: str, document_id: str) -> DocumentRow | None:
    """One paper of a message that went out; None where it is somebody else's, for colleagues, or unknown."""
    asked = (
        select(DocumentRow)
        .join(MessageRow, MessageRow.message_id == DocumentRow.message_id)
        .where(
            DocumentRow.document_id == document_id, DocumentRow.for_customer, *_theirs(customer_id, seller)
        )
    )
    return session.scalars(asked).one_or_none()


def _theirs(customer_id: str, seller: str) -> tuple[ColumnElement[bool], ...]:
    return (
        MessageRow.customer_id == customer_id,
        MessageRow.seller == seller,
        MessageRow.state == MessageState.SENT,
        MessageRow.step.not_in(FOR_STAFF),
        MessageRow.channel.not_in(_UNWRITTEN),
    )


def _words(session: Session, ids: list[str]) -> dict[str, str]:
    kept = select(DocumentRow.message_id, DocumentRow.body).where(
        DocumentRow.message_id.in_(ids), DocumentRow.name == outbox.WORDS
    )
    return {row.message_id: str(json.loads(row.body)["text"]) for row in session.execute(kept)}


def _papers(session: Session, ids: list[str]) -> dict[str, list[SentPaper]]:
    papers: dict[str, list[SentPaper]] = {message_id: [] for message_id in ids}
    kept = select(
        DocumentRow.message_id,
        DocumentRow.document_id,
        DocumentRow.name,
        DocumentRow.media_type,
        DocumentRow.sha256,
        func.length(DocumentRow.body).label("size"),
    ).where(DocumentRow.message_id.in_(ids), DocumentRow.for_customer)
    for row in session.execute(kept.order_by(DocumentRow.name)):
        papers[row.message_id].append(
            SentPaper(
                document_id=row.document_id,
                name=row.name,
                media_type=row.media_type,
                size=row.size,
                sha256=row.sha256,
            )
        )
    return papers


def _invoices(session: Session, ids: list[str]) -> dict[str, list[str]]:
    invoices: dict[str, list[str]] = {message_id: [] for message_id in ids}
    items = (
        select(MessageItemRow.message_id, MessageItemRow.invoice_id)
        .where(MessageItemRow.message_id.in_(ids))
        .distinct()
        .order_by(MessageItemRow.invoice_id)
    )
    for row in session.execute(items):
        invoices[row.message_id].append(row.invoice_id)
    return invoices
