"""The referral pack: the whole file of a claim as one PDF, for the partner who takes it over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from activities.account_facts import read_account
from activities.call_sheet import CallSheet, read_call_sheet
from activities.paper.bound_statement import BIND_TIMEOUT_S, STATEMENT_TIMEOUT_S, bound_statement
from activities.paper.exhibits import gather
from activities.paper.rendering import PdfRenderer
from activities.rulebook import Rulebook
from activities.writing.phrasing import paper_for, template
from domain.letters.letter import AccountFacts
from store import outbox, queries
from store.schema import CaseRow, MessageState


@dataclass(frozen=True, slots=True)
class ReferralPack:
    """What the pack says, and the account behind its statement."""

    facts: AccountFacts
    sheet: CallSheet
    messages: tuple[dict[str, Any], ...]


def read_referral_pack(
    session: Session, rows: Sequence[CaseRow], rulebook: Rulebook, now: datetime
) -> ReferralPack:
    """The pack of these cases of one customer, as of `now`."""
    account = read_account(session, rows, rulebook, now)
    by_id = {
        message.message_id: message
        for messages in queries.messages_of(session, [row.invoice_id for row in rows]).values()
        for message in messages
        if message.state in (MessageState.SENT, MessageState.SENDING)
    }
    deliveries = outbox.deliveries_of(session, list(by_id))
    listed = sorted(by_id.values(), key=lambda each: (each.sent_at or each.reserved_at, each.message_id))
    messages = tuple(
        {
            "at": message.sent_at or message.reserved_at,
            "step": message.step.replace("_", " "),
            "subject": message.subject or "",
            "to": ", ".join(str(person.get("email") or "") for person in message.to),
            "sha256": message.payload_sha256.hex() if message.payload_sha256 else "",
            "message_id": message.message_id,
            "delivery": [(event.kind, event.at.date()) for event in deliveries.get(message.message_id, ())],
        }
        for message in listed
    )
    return ReferralPack(account.facts, read_call_sheet(session, rows, rulebook, now), messages)


def referral_pack_pdf(pack: ReferralPack, exhibits: Path | None, renderer: PdfRenderer) -> bytes:
    """Summary and messages, then the statement with its exhibits. Raises RenderingFailed and PdfUnavailable."""
    facts = pack.facts
    html = template("referral_pack.html.jinja").render(
        pack=pack,
        sheet=pack.sheet,
        facts=facts,
        profile=pack.sheet.account.profile,
        day=pack.sheet.habits.day,
        territory=pack.sheet.habits.territory,
        paper=paper_for(facts.seller.address.country, facts.seller.paper),
    )
    summary = renderer.render(html, timeout=STATEMENT_TIMEOUT_S)
    statement = bound_statement(facts, gather(facts, exhibits, renderer), renderer)
    return renderer.bind(summary, {"statement": statement}, timeout=BIND_TIMEOUT_S)


def referral_pack_filename(on: date) -> str:
    return f"referral-pack-{on.isoformat()}.pdf"
