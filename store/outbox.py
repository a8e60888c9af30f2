"""The send protocol's rows: reserve, freeze, claim, send once, and never a second time.

    RESERVED -> PENDING -> SENDING -> SENT
       |          |  ^       |  |
       v          v  +-------+  +-> FAILED
      CANCELLED  <+   (provably not sent)

While a message is RESERVED, PENDING, SENDING or SENT no other may hold its items. SENDING with
`unknown_since` may or may not have gone out: it is never sent again, only found out about.
Reserve and claim with the customer's lock held.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, load_only

from domain.letters.letter import FOR_STAFF
from store import canonical
from store.schema import Approval, DeliveryEventRow, DocumentRow, MessageItemRow, MessageRow, MessageState

RESERVED, PENDING, SENDING, SENT, FAILED, CANCELLED = MessageState

#: The paper that holds a message's subject, text and HTML as they go out.
WORDS = "words.json"
#: The paper that holds a model's draft with its slots, for the person who approves it to edit.
DRAFT = "draft.json"
#: The states in which a message holds its items.
LIVE = (RESERVED, PENDING, SENDING, SENT)

# Built once: building a statement costs as much as carrying it out. Rows of these tables are written at once,
# so that reading them needs no flush.
_MESSAGE = (
    select(MessageRow)
    .where(MessageRow.message_id == bindparam("message_id"))
    .execution_options(populate_existing=True, autoflush=False)
)
_ITEMS = (
    select(MessageItemRow)
    .where(MessageItemRow.message_id == bindparam("message_id"))
    .order_by(MessageItemRow.invoice_id)
    .execution_options(populate_existing=True, autoflush=False)  # the database carries the state over
)
_DOCUMENT = (
    select(DocumentRow.body)
    .where(DocumentRow.message_id == bindparam("message_id"), DocumentRow.name == bindparam("name"))
    .execution_options(autoflush=False)
)
_ATTACH = (
    insert(DocumentRow)
    .on_conflict_do_nothing()
    .returning(DocumentRow.document_id)
    .execution_options(autoflush=False)
)
_SAID = (
    insert(DeliveryEventRow)
    .on_conflict_do_nothing()
    .returning(DeliveryEventRow.id)
    .execution_options(autoflush=False)
)

#: What each verb needs and what it makes of it.
MOVES: Mapping[str, tuple[tuple[MessageState, ...], MessageState]] = {
    "freeze": ((RESERVED,), PENDING),
    "rewrite": ((PENDING,), PENDING),
    "claim": ((PENDING,), SENDING),
    "mark_sent": ((SENDING,), SENT),
    "confirm_sent": ((PENDING, SENDING), SENT),
    "back_to_pending": ((SENDING,), PENDING),
    "mark_failed": ((SENDING,), FAILED),
    "mark_unknown": ((SENDING,), SENDING),
    "cancel": ((RESERVED, PENDING), CANCELLED),
}


class IllegalTransition(Exception):
    """The message is not in a state from which this may happen."""

    def __init__(self, message_id: str, verb: str, found: str) -> None:
        super().__init__(f"cannot {verb} message {message_id}: {found}")
        self.message_id = message_id


@dataclass(frozen=True, kw_only=True)
class Item:
    """What a message is to say about one invoice."""

    invoice_id: str
    cycle: int
    step: str
    recipient: str
    channel: str
    asked_minor: int
    ref: str = ""

    @property
    def key(self) -> tuple[str, int, str, str, str, str]:
        return (self.invoice_id, self.cycle, self.step, self.ref, self.recipient, self.channel)


@dataclass(frozen=True, kw_only=True)
class NewMessage:
    """A message as it is reserved: addressed and with its facts frozen, but not written yet."""

    message_id: str
    customer_id: str
    seller: str
    step: str
    channel: str
    to: Sequence[Mapping[str, Any]]
    cc: Sequence[Mapping[str, Any]] = ()
    unsolicited: bool
    facts: Mapping[str, Any]
    at: datetime
    why: str
    ref: str = ""


@dataclass(frozen=True)
class Reserved:
    message: MessageRow


@dataclass(frozen=True)
class Holder:
    """A live message that holds the item of an invoice."""

    message_id: str
    state: MessageState
    invoice_id: str


@dataclass(frozen=True)
class Held:
    """Nothing was reserved: these hold some or all of the items. RESERVED and PENDING can be adopted."""

    holders: tuple[Holder, ...]


def reserve(session: Session, message: NewMessage, items: Sequence[Item]) -> Reserved | Held:
    """Reserve all the items for a new message, or none of them."""
    if not items or len({item.key for item in items}) < len(items):
        raise ValueError(f"message {message.message_id} needs items, and each only once")
    row = MessageRow(
        message_id=message.message_id,
        customer_id=message.customer_id,
        seller=message.seller,
        step=message.step,
        ref=message.ref,
        channel=message.channel,
        to=[dict(contact) for contact in message.to],
        cc=[dict(contact) for contact in message.cc],
        unsolicited=message.unsolicited,
        facts=dict(message.facts),
        facts_sha256=canonical.digest(message.facts),
        cancels=_overtaken(session, items),
        reserved_at=message.at,
        why=message.why,
    )
    while not (holders := _holders(session, items)):
        with session.begin_nested() as savepoint:
            session.add(row)
            session.flush()
            if _insert_items(session, message.message_id, items) == len(items):
                return Reserved(row)
            savepoint.rollback()  # somebody without the lock was faster: see who holds them
    return Held(holders)


def _insert_items(session: Session, message_id: str, items: Sequence[Item]) -> int:
    rows = [
        {
            "message_id": message_id,
            "invoice_id": item.invoice_id,
            "cycle": item.cycle,
            "step": item.step,
            "ref": item.ref,
            "recipient": item.recipient,
            "channel": item.channel,
            "asked_minor": item.asked_minor,
            "state": RESERVED,
        }
        for item in sorted(items, key=lambda item: item.key)  # one order for all: no deadlocks
    ]
    added = insert(MessageItemRow).values(rows).on_conflict_do_nothing().returning(MessageItemRow.id)
    return len(session.scalars(added).all())


def _among(items: Sequence[Item]) -> ColumnElement[bool]:
    row = MessageItemRow
    key = tuple_(row.invoice_id, row.cycle, row.step, row.ref, row.recipient, row.channel)
    return key.in_([item.key for item in items])


def _holders(session: Session, items: Sequence[Item]) -> tuple[Holder, ...]:
    held = (
        select(MessageItemRow.message_id, MessageItemRow.state, MessageItemRow.invoice_id)
        .where(_among(items), MessageItemRow.state.in_(LIVE))
        .order_by(MessageItemRow.id)
    )
    return tuple(Holder(*row) for row in session.execute(held))


def _overtaken(session: Session, items: Sequence[Item]) -> int:
    """How many messages for these items were cancelled because the facts changed."""
    cancelled = (
        select(func.count(MessageRow.message_id.distinct()))
        .join(MessageItemRow, MessageItemRow.message_id == MessageRow.message_id)
        .where(_among(items), MessageItemRow.state == CANCELLED)
        .where(or_(MessageRow.approval.is_(None), MessageRow.approval == Approval.APPROVED))
    )
    return session.scalars(cancelled).one()


def get(session: Session, message_id: str) -> MessageRow | None:
    """The message as it is committed now."""
    return session.scalars(_MESSAGE, {"message_id": message_id}).one_or_none()


def items_of(session: Session, message_id: str) -> list[MessageItemRow]:
    """The items of a message, in the order of their invoices."""
    return list(session.scalars(_ITEMS, {"message_id": message_id}))


def freeze(session: Session, message_id: str, *, payload: bytes, subject: str) -> MessageRow:
    """RESERVED -> PENDING: from here on the words do not change."""
    frozen = {"payload": payload, "payload_sha256": hashlib.sha256(payload).digest(), "subject": subject}
    return _move(session, "freeze", message_id, **frozen)


def rewrite(session: Session, message_id: str, *, payload: bytes, subject: str, words: bytes) -> MessageRow:
    """PENDING, still waiting for a person: the words become that person's."""
    written = {"payload": payload, "payload_sha256": hashlib.sha256(payload).digest(), "subject": subject}
    moved = _move(session, "rewrite", message_id, MessageRow.approval == Approval.REQUESTED, **written)
    session.execute(
        update(DocumentRow)
        .where(DocumentRow.message_id == message_id, DocumentRow.name == WORDS)
        .values(body=words, sha256=hashlib.sha256(words).digest())
    )
    return moved


def claim(session: Session, message_id: str, *, at: datetime) -> MessageRow:
    """PENDING -> SENDING: the right to send once, after the commit. Refused without a needed approval.

    `attempts` of the row is the token of this claim; whoever reports back has to name it.
    """
    return _move(
        session,
        "claim",
        message_id,
        or_(MessageRow.approval.is_(None), MessageRow.approval == Approval.APPROVED),
        attempts=MessageRow.attempts + 1,
        claimed_at=at,
        claimed_real=func.clock_timestamp(),
    )


def mark_sent(
    session: Session, message_id: str, *, attempt: int, at: datetime, provider_ref: str | None
) -> MessageRow:
    """SENDING -> SENT: the provider accepted it."""
    accepted = {"sent_at": at, "provider_ref": provider_ref, "unknown_since": None}
    return _move(session, "mark_sent", message_id, MessageRow.attempts == attempt, **accepted)


def confirm_sent(
    session: Session, message_id: str, *, at: datetime, provider_ref: str | None = None
) -> MessageRow:
    """-> SENT on evidence from outside (a delivery event, a look-up), whoever claimed it."""
    accepted = {
        "sent_at": at,
        "provider_ref": func.coalesce(provider_ref, MessageRow.provider_ref),
        "unknown_since": None,
    }
    return _move(session, "confirm_sent", message_id, MessageRow.attempts > 0, **accepted)


def back_to_pending(session: Session, message_id: str, *, attempt: int, why: str) -> MessageRow:
    """SENDING -> PENDING: this attempt provably sent nothing; another one may claim it."""
    return _move(
        session,
        "back_to_pending",
        message_id,
        MessageRow.attempts == attempt,
        why=why,
        unknown_since=None,
    )


def mark_failed(session: Session, message_id: str, *, attempt: int, why: str) -> MessageRow:
    """SENDING -> FAILED: provably not sent and not worth trying again, or given up by a person.

    The items are free.
    """
    return _move(
        session, "mark_failed", message_id, MessageRow.attempts == attempt, why=why, unknown_since=None
    )


def mark_unknown(session: Session, message_id: str, *, at: datetime) -> MessageRow:
    """SENDING stays SENDING, and it is known since when nobody knows. The first mark stands."""
    return _move(
        session, "mark_unknown", message_id, unknown_since=func.coalesce(MessageRow.unknown_since, at)
    )


def cancel(session: Session, message_id: str, *, why: str) -> MessageRow:
    """RESERVED or PENDING -> CANCELLED: the facts changed, or it was not approved. The items are free."""
    return _move(session, "cancel", message_id, why=why)


def _move(
    session: Session, verb: str, message_id: str, *conditions: ColumnElement[bool], **values: Any
) -> MessageRow:
    """Compare and set: of two who try at once, one finds the message moved."""
    before, after = MOVES[verb]
    moved = session.scalars(
        update(MessageRow)
        .where(MessageRow.message_id == message_id, MessageRow.state.in_(before), *conditions)
        .values(state=after, **values)
        .returning(MessageRow),
        execution_options={"populate_existing": True, "autoflush": False},
    ).one_or_none()
    if moved is None:
        raise _refused(session, message_id, verb)
    return moved


def _refused(session: Session, message_id: str, verb: str) -> IllegalTransition:
    row = get(session, message_id)
    if row is None:
        return IllegalTransition(message_id, verb, "there is none")
    approval = f", approval {row.approval}" if row.approval else ""
    return IllegalTransition(message_id, verb, f"it is {row.state}, attempt {row.attempts}{approval}")


def request_approval(session: Session, message_id: str, *, until: datetime, rank: int) -> MessageRow:
    """Ask a person about a written message; it cannot be claimed before they approve."""
    values = {"approval": Approval.REQUESTED, "approval_expires_at": until, "approval_rank": rank}
    return _set_approval(session, message_id, "request approval of", MessageRow.approval.is_(None), values)


def decide_approval(session: Session, message_id: str, approval: Approval) -> MessageRow:
    """Note what the person said, or that they said nothing in time. One that is not approved: cancel it."""
    if approval is Approval.REQUESTED:
        raise ValueError("a decision is approved, denied or expired")
    asked = MessageRow.approval == Approval.REQUESTED
    return _set_approval(session, message_id, "decide approval of", asked, {"approval": approval})


def _set_approval(
    session: Session, message_id: str, verb: str, condition: ColumnElement[bool], values: Mapping[str, Any]
) -> MessageRow:
    row = session.scalars(
        update(MessageRow)
        .where(MessageRow.message_id == message_id, MessageRow.state == PENDING, condition)
        .values(**values)
        .returning(MessageRow),
        execution_options={"populate_existing": True},
    ).one_or_none()
    if row is None:
        raise _refused(session, message_id, verb)
    return row


def find_unknown(session: Session, *, claimed_before: datetime) -> list[MessageRow]:
    """Messages of which nobody knows whether they went out, oldest first.

    Those marked unknown, and those whose sender has not reported back since `claimed_before` (real time).
    The mails themselves are not loaded.
    """
    overdue = or_(MessageRow.unknown_since.is_not(None), MessageRow.claimed_real < claimed_before)
    rows = select(MessageRow).where(MessageRow.state == SENDING, overdue)
    few = load_only(
        MessageRow.customer_id,
        MessageRow.step,
        MessageRow.channel,
        MessageRow.unknown_since,
        MessageRow.claimed_real,
    )
    return list(session.scalars(rows.order_by(MessageRow.claimed_real).options(few)))


def thread_of(session: Session, message: MessageRow) -> list[str]:
    """The ids of messages that the customer got before about an invoice of this one, oldest first."""
    about = select(MessageItemRow.invoice_id).where(MessageItemRow.message_id == message.message_id)
    before = (
        select(MessageRow.message_id)
        .join(MessageItemRow, MessageItemRow.message_id == MessageRow.message_id)
        .where(MessageItemRow.invoice_id.in_(about), MessageRow.state == SENT)
        .where(MessageRow.customer_id == message.customer_id, MessageRow.step.not_in(FOR_STAFF))
        .group_by(MessageRow.message_id)
        .order_by(func.min(MessageRow.sent_at), MessageRow.message_id)
    )
    return list(session.scalars(before))


def attach(
    session: Session,
    message_id: str,
    *,
    name: str,
    media_type: str,
    body: bytes,
    for_customer: bool = False,
) -> bool:
    """Keep a paper with its message. The first one of a name stands: papers are made again after a crash.

    `for_customer` marks what the customer may see. Returns whether this was the first.
    """
    row = {
        "document_id": f"D-{secrets.token_hex(8)}",
        "message_id": message_id,
        "name": name,
        "media_type": media_type,
        "body": body,
        "sha256": hashlib.sha256(body).digest(),
        "for_customer": for_customer,
    }
    return session.scalar(_ATTACH, row) is not None


def note_drafting(session: Session, message_id: str, drafting: Mapping[str, Any]) -> None:
    """Keep where the words of a message come from: model, hashes and verdicts."""
    session.execute(
        update(MessageRow).where(MessageRow.message_id == message_id).values(drafting=dict(drafting))
    )


def document(session: Session, message_id: str, name: str) -> bytes | None:
    """One paper of a message; None while it is not made."""
    return session.scalars(_DOCUMENT, {"message_id": message_id, "name": name}).one_or_none()


def documents_of(session: Session, message_id: str) -> list[DocumentRow]:
    """The papers of a message, in the order of their names."""
    papers = select(DocumentRow).where(DocumentRow.message_id == message_id).order_by(DocumentRow.name)
    return list(session.scalars(papers))


def record_delivery(
    session: Session,
    message_id: str,
    *,
    kind: str,
    at: datetime,
    provider_event_id: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> bool:
    """Keep what was said about a message. False when this event of the provider is known already."""
    event = {
        "message_id": message_id,
        "kind": kind,
        "at": at,
        "provider_event_id": provider_event_id,
        "detail": dict(detail or {}),
    }
    return session.scalar(_SAID, event) is not None


def are_known(session: Session, provider_event_ids: Collection[str]) -> bool:
    """Whether all of these events of a provider were kept before."""
    kept = select(func.count()).where(DeliveryEventRow.provider_event_id.in_(provider_event_ids))
    return session.scalars(kept).one() == len(set(provider_event_ids))


def deliveries_of(session: Session, message_ids: Collection[str]) -> dict[str, list[DeliveryEventRow]]:
    """What was said about each message, in the order of its business time."""
    said: dict[str, list[DeliveryEventRow]] = {message_id: [] for message_id in message_ids}
    rows = select(DeliveryEventRow).where(DeliveryEventRow.message_id.in_(said))
    for event in session.scalars(rows.order_by(DeliveryEventRow.at, DeliveryEventRow.id)):
        said[event.message_id].append(event)
    return said
