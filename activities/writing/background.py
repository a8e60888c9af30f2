"""What a model is told about a customer beside the letter itself: behaviour, history and notes, in words.

No name, amount or date is in it, and nothing that a customer wrote unless the operator opted in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.contract import Customer
from domain.letters.letter import NoticeFacts
from domain.segments import Behaviour
from domain.vocabulary import step_name
from store import portfolio
from store.schema import CustomerRow, EventRow, MessageRow, MessageState

#: Of earlier messages and of what the customer wrote, the newest.
_MOST_EARLIER, _MOST_QUOTES = 6, 3
#: Characters of notes and of one quotation.
_LONGEST_NOTE, _LONGEST_QUOTE = 600, 500
_TOLD = {
    "promise_made": "a promise to pay was made on an invoice of this message",
    "dispute_raised": "an invoice of this message was disputed",
    "dispute_resolved": "a dispute about an invoice of this message was settled",
    "payment_received": "a part of an invoice of this message was paid",
    "call_logged": "we have spoken by phone",
}


@dataclass(frozen=True)
class Background:
    """All in words. `customer_text` is quoted, and only there where the operator opted in."""

    tier: str | None = None
    behaviour: str = "no invoices paid so far"
    earlier: tuple[str, ...] = ()
    happened: tuple[str, ...] = ()
    notes: str | None = None
    customer_text: tuple[str, ...] = ()


def background_of(
    session: Session, message: MessageRow, facts: NoticeFacts, *, notes: bool, customer_text: bool
) -> Background:
    """Read without a lock: nothing that is sent depends on it being the newest."""
    customer = session.get_one(CustomerRow, message.customer_id)
    profile = portfolio.profile_of(customer)
    events = session.scalars(
        select(EventRow)
        .where(EventRow.invoice_id.in_([item.invoice_id for item in facts.items]), EventRow.kind.in_(_TOLD))
        .order_by(EventRow.id)
    ).all()
    earlier = session.scalars(
        select(MessageRow.step)
        .where(
            MessageRow.customer_id == message.customer_id,
            MessageRow.seller == message.seller,
            MessageRow.state == MessageState.SENT,
        )
        .order_by(MessageRow.sent_at.desc())
        .limit(_MOST_EARLIER)
    ).all()
    return Background(
        tier=customer.tier,
        behaviour=_behaviour(Behaviour.of(portfolio.paid_history(session, message.customer_id))),
        earlier=tuple(step_name(step) for step in reversed(earlier)),
        happened=tuple(dict.fromkeys(_TOLD[event.kind] for event in events)),
        notes=_without_names(profile, facts) if notes and profile.relationship_notes else None,
        customer_text=_quotes(events) if customer_text else (),
    )


def _behaviour(known: Behaviour) -> str:
    if known.paid == 0:
        return "no invoices paid so far"
    if known.late_share < 0.2:
        return "pays on time as a rule"
    how = "a few days" if known.median_days_late <= 10 else "weeks"
    return f"pays {'nearly always' if known.late_share >= 0.8 else 'often'} late, by {how}"


def _quotes(events: Iterable[EventRow]) -> tuple[str, ...]:
    said = [str(event.payload["note"]) for event in events if event.payload.get("note")]
    return tuple(text[:_LONGEST_QUOTE] for text in said[-_MOST_QUOTES:])


def _without_names(profile: Customer, facts: NoticeFacts) -> str | None:
    """The relationship notes without what tells who: sentences with figures, links or addresses are left out,
    known names and capitals inside a sentence are blanked."""
    names = [profile.name, profile.legal_name, facts.seller.name, facts.seller.legal_name, facts.contact_name]
    names += [contact.name for contact in profile.contacts]
    names += [profile.account_manager.name if profile.account_manager is not None else None]
    parts = _name_parts(name for name in names if name)
    kept = []
    for sentence in re.split(r"(?<=[.!?;])\s+|\n+", profile.relationship_notes or ""):
        if re.search(r"[\d@/\\{}<>$€£¥]|\w\.\w", sentence):
            continue
        for part in parts:
            sentence = re.sub(rf"\b{re.escape(part)}\b", "…", sentence, flags=re.IGNORECASE)
        if facts.language != "de":
            sentence = re.sub(r"(?<=\w[\s,])[^\W\d_a-z]\w+", "…", sentence)
        kept.append(sentence.strip())
    return " ".join(filter(None, kept))[:_LONGEST_NOTE] or None


def _name_parts(names: Iterable[str]) -> Sequence[str]:
    """Names and the words they are made of, the longest first."""
    parts = {part for name in names for part in [name, *name.split()] if len(part) > 2}
    return sorted(parts, key=len, reverse=True)
