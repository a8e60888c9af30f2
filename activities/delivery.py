"""What providers say about mails after they took them, recorded as facts of every invoice in the message.

202 is not delivery: only these reports tell. They come late, twice and in any order, so each is kept once
and what follows from it follows once.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from activities.adapters.port import Fate, Report
from activities.casework import CaseWork
from activities.contacts import refuse_contact, refuse_copies
from activities.messages import note_sent
from activities.rulebook import Rulebook
from domain import facts as internal
from domain.vocabulary import Channel
from store import outbox, worklist
from store.database import can_never_succeed
from store.schema import MessageRow, MessageState

#: The notice did not reach the customer: what needs it delivered waits for a person.
_FAILED = frozenset({Fate.BLOCKED, Fate.BOUNCED, Fate.DROPPED, Fate.SPAM_REPORT, Fate.UNSUBSCRIBED})
#: And nothing more is to be written to this address until the customer's particulars change.
_FOR_GOOD = _FAILED - {Fate.BLOCKED}
_SAID = {
    Fate.BLOCKED: "its server turned the mail away",
    Fate.BOUNCED: "it takes no mail",
    Fate.DROPPED: "it bounced or complained before",
    Fate.SPAM_REPORT: "it was reported as spam",
    Fate.UNSUBSCRIBED: "its owner wants no more mail",
}
#: How much of a provider's text is kept.
_LONGEST_REASON = 500


class Told(NamedTuple):
    """What became of some reports."""

    nudge: tuple[str, ...] = ()
    """Invoices whose next step may have changed."""
    unrecorded: int = 0
    """Reports that could not be recorded just now: to be told again."""


class Deliveries:
    """Records reports, each message in a transaction of its own, so that one cannot hold up the others."""

    def __init__(self, sessions: sessionmaker[Session], rulebook: Rulebook) -> None:
        self._sessions = sessions
        self._rulebook = rulebook

    def record(self, reports: Iterable[Report], at: datetime) -> Told:
        """Record what is about our messages; `at` is the business time. The rest is somebody else's."""
        by_message: dict[str, list[Report]] = {}
        for report in reports:
            by_message.setdefault(report.message_id, []).append(report)
        nudge: set[str] = set()
        unrecorded = 0
        for message_id, about in by_message.items():
            try:
                nudge.update(self._record(message_id, about, at))
            except Exception as problem:
                if can_never_succeed(problem):
                    self._list(message_id, type(problem).__name__, at)
                else:
                    unrecorded += len(about)
        return Told(tuple(sorted(nudge)), unrecorded)

    def _record(self, message_id: str, reports: list[Report], at: datetime) -> set[str]:
        with self._sessions.begin() as session:
            owner = session.scalar(select(MessageRow.customer_id).where(MessageRow.message_id == message_id))
            if owner is None:
                return set()
            if outbox.are_known(session, {report.key for report in reports}):
                # Told again by a provider whom our answer did not reach: nor may the cases have been told.
                return {item.invoice_id for item in outbox.items_of(session, message_id)}
            work = CaseWork.on_customer(session, owner, self._rulebook, at)
            for report in reports:
                note_report(work, message_id, report)
            invoices = {item.invoice_id for item in work.items(message_id)}
            for invoice_id in sorted(invoices):
                work.settle(invoice_id)
            return invoices | work.nudge

    def _list(self, message_id: str, problem: str, at: datetime) -> None:
        why = f"what the provider said about message {message_id} cannot be recorded ({problem})"
        with self._sessions.begin() as session:
            worklist.open_task(session, kind="delivery_report", why=why, at=at, ref=message_id)


def note_report(work: CaseWork, message_id: str, report: Report) -> None:
    """File one report under the customer's lock. One that is known already changes nothing."""
    detail = {
        "recipient": report.recipient[:320],
        "reason": _storable(report.reason),
        "said_at": report.at.isoformat(),
    }
    known = not outbox.record_delivery(
        work.session, message_id, kind=report.fate, at=work.now, provider_event_id=report.key, detail=detail
    )
    if known:
        return
    message = confirm(work, message_id)
    if message is None:
        return
    if message.channel != Channel.EMAIL:
        return  # nobody reports about letters and calls here
    to = str(message.to[0]["email"]).casefold()
    copies = {str(contact["email"]).casefold(): str(contact["email"]) for contact in message.cc}
    recipient = report.recipient.casefold()
    if recipient == to:
        _about_the_notice(work, message, report)
    elif recipient in copies and report.fate in _FOR_GOOD:
        refuse_copies(work, message, [copies[recipient]])
    work.note("delivery_event", message_id, {"kind": report.fate, "copy": recipient != to})


def confirm(work: CaseWork, message_id: str, provider_ref: str | None = None) -> MessageRow | None:
    """The message, SENT: whatever is said about it, the provider has it. None where it was given up."""
    message = outbox.get(work.session, message_id)
    assert message is not None, "messages are never deleted"
    if message.state in (MessageState.PENDING, MessageState.SENDING) and message.attempts > 0:
        message = outbox.confirm_sent(work.session, message_id, at=work.now, provider_ref=provider_ref)
        note_sent(work, message, "accepted")
    return message if message.state is MessageState.SENT else None


def _about_the_notice(work: CaseWork, message: MessageRow, report: Report) -> None:
    message_id = message.message_id
    if report.fate not in (Fate.PROCESSED, Fate.DEFERRED):
        work.close_items("deferred", message_id, by="duecourse", outcome=report.fate)
    if report.fate is Fate.DELIVERED:
        for item in work.items(message_id):
            work.file(item.invoice_id, internal.NoticeDelivered(message_id=message_id), message_id)
    if report.fate not in _FAILED:
        return
    for item in work.items(message_id):
        work.file(item.invoice_id, internal.NoticeBounced(message_id=message_id), message_id)
    if report.fate in _FOR_GOOD:
        refuse_contact(work, message, _SAID[report.fate])
        return
    for item in work.items(message_id):
        why = f"the {message.step} message did not reach {message.to[0]['email']}: {_SAID[report.fate]}"
        work.open_item("contact", why, invoice_id=item.invoice_id, ref=message_id)


def _storable(text: str) -> str:
    """What a stranger's server said, as PostgreSQL can hold it."""
    return text[:_LONGEST_REASON].replace("\0", "\ufffd").encode("utf-8", "replace").decode()
