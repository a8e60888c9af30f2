"""Mail from customers: kept as it came, put to its case, and a pause while a person reads it.

What a mail says never does anything by itself. It stands on the worklist with a suggestion; a person confirms,
and the ordinary signal follows. Machines' mail pauses nothing, and what mail servers report is a delivery event.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy.orm import Session, sessionmaker

from activities.adapters.port import Fate, Report
from activities.casework import CaseWork
from activities.delivery import Deliveries
from activities.inbound.inbound_mail import Bounce, InboundMail, read_mail
from activities.inbound.sender_proof import NOBODY, Vouched, is_vouched, of_headers
from activities.rulebook import Rulebook
from domain import contract as wire
from domain.letters.replies import Suggestion, checked, hint
from domain.pauses import calendar_of
from domain.vocabulary import AnswerKind, HoldReason
from store import replies, worklist
from store.replies import About
from store.schema import ReplyRow

#: The worklist item of a mail whose customer is known, of one that nobody can place, and of a server's own.
REPLY, STRAY, REPORT = "reply", "unmatched_reply", "unmatched_report"
#: Suggests what a mail means; its answer is checked against the mail whoever it is.
Reader = Callable[[str, str, date], Suggestion | None]

_NO_ADDRESS = "somebody without an address"
_TAG = re.compile(r"\+([0-9a-f]{16})@")
_OURS = re.compile(r"(M-[0-9a-f]{16})@([A-Za-z0-9.-]{1,255})")
_FATES = {
    "delivered": Fate.DELIVERED,
    "delayed": Fate.DEFERRED,
    "relayed": Fate.PROCESSED,
    "expanded": Fate.PROCESSED,
}
_WORDS = {
    AnswerKind.PROMISE: "promises to pay",
    AnswerKind.DISPUTE: "disputes it",
    AnswerKind.PAID: "says it is paid",
    AnswerKind.QUESTION: "asks something",
    AnswerKind.OUT_OF_OFFICE: "is out of office",
    AnswerKind.WRONG_PERSON: "is the wrong person",
    AnswerKind.UNCLEAR: "wrote",
}


class Taken(NamedTuple):
    """What became of a mail. `nudge` are invoices whose next step may have changed."""

    kind: str
    """`reply`, `automatic`, `report`, or `known` for one that came before."""
    reply_id: str | None = None
    nudge: tuple[str, ...] = ()


class UnknownReply(LookupError):
    """No mail has this id."""


def hold_of(reply_id: str) -> str:
    """The hold that stands while a person reads a mail."""
    return f"reply-{reply_id}"


class Replies:
    """Takes mails in, from wherever they come, and notes what a person made of each."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        rulebook: Rulebook,
        reader: Reader | None = None,
        *,
        authserv_id: str | None = None,
    ) -> None:
        """`authserv_id` is the name under which the mail server before us writes what it found out about senders."""
        self._sessions = sessions
        self._rulebook = rulebook
        self._reader = reader
        self._authserv_id = authserv_id
        self._deliveries = Deliveries(sessions, rulebook)

    def take(
        self, raw: bytes, at: datetime, envelope: Iterable[str] = (), vouched: Vouched = NOBODY
    ) -> Taken:
        """Keep a mail and do what follows from its arrival, once. Safe to repeat until it returns.

        `vouched` are domains of which who handed it to us says that it is theirs.
        """
        mail = read_mail(raw, envelope)
        verified = is_vouched(mail.sender, vouched | of_headers(mail.authentication, self._authserv_id))
        with self._sessions() as session:
            if replies.is_known(session, mail.fingerprint):
                return Taken("known")
            about = self._about(session, mail)
        if mail.is_report:
            return self._report(raw, mail, about, at)
        if mail.automatic or mail.of_a_server:
            with self._sessions.begin() as session:
                reply_id = self._keep_machines(session, _new(raw, mail, "automatic", about, None, at))
                if reply_id is not None and mail.of_a_server:
                    _list_report(session, mail, reply_id, about, at)
                return Taken("automatic" if reply_id is not None else "known", reply_id)
        suggestion = self._suggest(mail, at.date())
        with self._sessions.begin() as session:
            if about.customer_id is None:
                return self._stray(session, raw, mail, suggestion, at, verified)
            work = CaseWork.on_customer(session, about.customer_id, self._rulebook, at)
            new = _new(raw, mail, "reply", about, suggestion, work.now, verified)
            reply_id = replies.keep(session, new)
            if reply_id is None:
                return Taken("known")
            known = replies.is_contact(session, about.customer_id, mail.sender)
            who = _who(mail.sender, known=known, verified=verified, by=about.by)
            why = _why(who, suggestion, problem=mail.problem)
            _commit(work, reply_id, "reply", about, raw=new.raw, sha256=new.raw_sha256)
            self._arrived(work, reply_id, about, why, mail.text)
            return Taken("reply", reply_id, self._settle(work))

    # -- what a person says -----------------------------------------------------------------------

    def answered(self, reply_id: str, by: str, answered_as: str, at: datetime) -> tuple[str, ...]:
        """Note what a person made of a mail: its item is done and its pause ends. Returns invoices to wake.

        Facts that follow from it are told beforehand, by the ordinary signals. Raises UnknownReply.
        """
        with self._sessions.begin() as session:
            row = _found(session, reply_id)
            _close(session, reply_id, at=at, by=by, outcome=answered_as)
            row.answered_by, row.answered_as = by[:200], answered_as
            if row.customer_id is None:
                return ()
            work = CaseWork.on_customer(session, row.customer_id, self._rulebook, at)
            hold_id = hold_of(reply_id)
            if hold_id in work.account.holds and hold_id not in work.account.released:
                work.file_on_account("hold_released", hold_id, wire.HoldReleased(hold_id=hold_id))
            work.note("reply_answered", reply_id, {"as": answered_as}, f"by {by[:200]}")
            return self._settle(work)

    def assign(self, reply_id: str, invoice_id: str, by: str, at: datetime) -> tuple[str, ...]:
        """Put a mail that nobody could place to an invoice, as if it had been found there on arrival."""
        with self._sessions.begin() as session:
            row = _found(session, reply_id)
            work = CaseWork.on_invoice(session, invoice_id, self._rulebook, at)
            _close(session, reply_id, at=at, by=by, outcome=f"about {invoice_id}")
            about = About(work.customer.customer_id, (invoice_id,), "person")
            row.customer_id, row.invoices, row.matched_by = about.customer_id, [invoice_id], about.by
            suggestion = Suggestion.model_validate(row.suggestion or {})
            who = _who(row.sender, known=True, verified=row.sender_verified, by=about.by)
            why = _why(who, suggestion, problem=row.problem)
            _commit(work, reply_id, row.kind, about, raw=row.raw, sha256=row.raw_sha256)
            self._arrived(work, reply_id, about, why, row.text)
            return self._settle(work)

    # -- details ----------------------------------------------------------------------------------

    def _about(self, session: Session, mail: InboundMail) -> About:
        """By the address of the case, then by the message it answers, then by who wrote it."""
        tagged = About()
        for recipient in mail.recipients:
            found = _TAG.search(recipient)
            if found is not None and not tagged.customer_id and self._is_ours(recipient, found[1]):
                tagged = replies.about_message(session, f"M-{found[1]}", "tag")
        domains = {
            each.sender.email.rpartition("@")[2].casefold() for each in self._rulebook.sellers.values()
        }
        threaded = About()
        named = [*mail.references, *(bounce.original_id for bounce in mail.bounces)]
        for reference in named:
            found = _OURS.fullmatch(reference)
            if found is not None and found[2].casefold() in domains and not threaded.customer_id:
                threaded = replies.about_message(session, found[1], "thread")
        if tagged.customer_id is not None:
            same = threaded.customer_id == tagged.customer_id
            return About(tagged.customer_id, threaded.invoices if same else tagged.invoices, "tag")
        return threaded if threaded.customer_id is not None else replies.about_sender(session, mail.sender)

    def _is_ours(self, recipient: str, tag: str) -> bool:
        addresses = (seller.replies_about(tag) for seller in self._rulebook.sellers.values())
        return recipient in {address.casefold() for address in addresses if address is not None}

    def _suggest(self, mail: InboundMail, today: date) -> Suggestion:
        """The model's reading where there is a model and the mail bears it out, else what the words hint at."""
        said = mail.answer[:20_000]
        if self._reader is not None and said:
            read = self._reader(said, mail.subject, today)
            if read is not None:
                found = checked(read, said, today)
                if found.kind is not AnswerKind.UNCLEAR or read.kind is AnswerKind.UNCLEAR:
                    return found
        return hint(said, today)

    def _stray(
        self,
        session: Session,
        raw: bytes,
        mail: InboundMail,
        suggestion: Suggestion,
        at: datetime,
        verified: bool,
    ) -> Taken:
        new = _new(raw, mail, "reply", About(), suggestion, at, verified)
        reply_id = replies.keep(session, new)
        if reply_id is None:
            return Taken("known")
        said = _why(mail.sender or _NO_ADDRESS, suggestion, problem=mail.problem)
        why = f"nobody knows whose mail this is: {said}"
        worklist.open_task(session, kind=STRAY, why=why, at=at, ref=reply_id, raw=_shown(mail.text))
        return Taken("reply", reply_id)

    def _arrived(self, work: CaseWork, reply_id: str, about: About, why: str, text: str) -> None:
        """A person reads it; until then, for a limited time, nothing automatic is sent to the customer."""
        open_now = work.open_invoices()
        pursued = work.load(open_now)
        days = max((each.policy.reply_pause_days for each in pursued), default=0)
        until: date | None = None
        if days:
            lead = max(pursued, key=lambda each: each.policy.reply_pause_days)
            calendar = calendar_of(lead.case.account, lead.policy)
            until = calendar.add_business_days(calendar.local_date(work.now), days)
            hold = wire.HoldPlaced(
                hold_id=hold_of(reply_id), reason=HoldReason.OTHER, until=until, note="the customer wrote"
            )
            work.file_on_account("hold_placed", hold.hold_id, hold)
        worklist.open_task(
            work.session,
            kind=REPLY,
            why=why,
            at=work.now,
            customer_id=work.customer.customer_id,
            invoices=about.invoices,
            ref=reply_id,
            raw=_shown(text),
            due_on=until,
        )

    def _settle(self, work: CaseWork) -> tuple[str, ...]:
        invoices = work.open_invoices()
        for invoice_id in invoices:
            work.settle(invoice_id)
        return tuple(sorted({*invoices, *work.nudge}))

    def _keep_machines(self, session: Session, new: replies.NewReply) -> str | None:
        """Keep a mail that pauses nothing; where it is known whose it is, its hash stands in their chain."""
        if new.about.customer_id is None:
            return replies.keep(session, new)
        work = CaseWork.on_customer(session, new.about.customer_id, self._rulebook, new.at)
        reply_id = replies.keep(session, new)
        if reply_id is not None:
            _commit(work, reply_id, new.kind, new.about, raw=new.raw, sha256=new.raw_sha256)
        return reply_id

    def _report(self, raw: bytes, mail: InboundMail, about: About, at: datetime) -> Taken:
        """Delivery events first: they are known by their keys, so that a repeat finishes what was begun."""
        told = self._deliveries.record(list(_reports(mail, at)), at)
        if told.unrecorded:
            raise TimeoutError("a delivery report could not be recorded: it is taken again")
        with self._sessions.begin() as session:
            reply_id = self._keep_machines(session, _new(raw, mail, "report", about, None, at))
            if reply_id is not None and about.customer_id is None:
                _list_report(session, mail, reply_id, about, at)
        return Taken("report" if reply_id is not None else "known", reply_id, told.nudge)


def _commit(work: CaseWork, reply_id: str, kind: str, about: About, *, raw: bytes, sha256: bytes) -> None:
    """Put the hash of a mail into the customer's audit chain, and of what is kept of it where that is less."""
    body = {
        "kind": kind,
        "matched_by": about.by,
        "invoices": list(about.invoices),
        "raw_sha256": sha256.hex(),
        "kept_sha256": replies.kept_sha256(raw),
    }
    work.note("reply_received", reply_id, body)


def _list_report(session: Session, mail: InboundMail, reply_id: str, about: About, at: datetime) -> None:
    """What a mail server says and no program of ours can use is for a person."""
    worklist.open_task(
        session,
        kind=REPORT,
        why=f"a mail server reported, and nobody can tell on which message: {mail.subject}",
        at=at,
        customer_id=about.customer_id,
        invoices=about.invoices,
        ref=reply_id,
        raw=_shown(mail.text),
    )


def _close(session: Session, reply_id: str, *, at: datetime, by: str, outcome: str) -> None:
    """Take the items of a mail off the worklist, whatever they were."""
    for kind in (REPLY, STRAY, REPORT):
        for task in worklist.list_open(session, kind=kind, ref=reply_id):
            worklist.close_task(session, task.item_id, at=at, by=by, outcome=outcome)


def _found(session: Session, reply_id: str) -> ReplyRow:
    row = replies.get(session, reply_id)
    if row is None:
        raise UnknownReply(reply_id)
    return row


def _new(
    raw: bytes,
    mail: InboundMail,
    kind: str,
    about: About,
    suggestion: Suggestion | None,
    at: datetime,
    verified: bool = False,
) -> replies.NewReply:
    return replies.NewReply(
        fingerprint=mail.fingerprint,
        raw=raw,
        raw_sha256=mail.sha256,
        kind=kind,
        about=about,
        sender=mail.sender,
        sender_verified=verified,
        subject=mail.subject,
        text=mail.text,
        problem=mail.problem,
        suggestion=None if suggestion is None else suggestion.model_dump(mode="json"),
        at=at,
    )


def _shown(text: str) -> bytes:
    return text[:4_000].encode()


def _who(sender: str, *, known: bool, verified: bool, by: str) -> str:
    """Who wrote, as far as it is known: an address is only what the mail says, unless a server vouched for it.
    The address of a case is known to those alone who got our mails about it."""
    doubts = []
    if not known:
        doubts.append("not a known contact")
    elif not verified:
        doubts.append("unverified sender")
    if doubts and by == "tag":
        doubts.append("sent to the address of its case")
    return (sender or _NO_ADDRESS) + (f" ({'; '.join(doubts)})" if doubts else "")


def _why(who: str, suggestion: Suggestion, *, problem: str) -> str:
    """What the worklist says of a mail: who, what it may mean, and the sentence that says so."""
    words = _WORDS[suggestion.kind]
    if suggestion.pay_by is not None:
        words += f" by {suggestion.pay_by}"
    if suggestion.reason is not None:
        words += f" ({suggestion.reason.replace('_', ' ')})"
    if problem:
        return f"{who} wrote; {problem}: read the mail itself"
    quoted = " ".join(suggestion.sentence.split())
    return f"{who} {words}" + (f": \u201c{quoted[:300]}\u201d" if quoted else "")


def _reports(mail: InboundMail, at: datetime) -> Iterable[Report]:
    """What a delivery report says, in the words of the port. A failure that may pass (4.x.x, or a full
    mailbox) blocks no address for good."""
    for number, bounce in enumerate(mail.bounces):
        found = _OURS.fullmatch(bounce.original_id)
        if found is None:
            continue
        yield Report(
            message_id=found[1],
            fate=_fate(bounce),
            recipient=bounce.recipient,
            at=at,
            key=f"dsn-{mail.fingerprint.hex()[:40]}-{number}",
            reason=f"{bounce.status} {bounce.reason}".strip(),
        )


def _fate(bounce: Bounce) -> Fate:
    known = _FATES.get(bounce.action)
    if known is not None:
        return known
    return Fate.BLOCKED if bounce.status.startswith("4.") or bounce.status == "5.2.2" else Fate.BOUNCED
