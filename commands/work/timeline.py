"""A case's story in sentences: facts, messages and decisions in the order in which they came about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import singledispatchmethod
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from commands.terminal import amount, day, moment
from domain import contract as wire
from domain import facts as internal
from domain.money import Money
from domain.policy import TASKS
from domain.postings import OFFER_ENTRY
from domain.vocabulary import Channel, Note, PlanState, Step, step_name
from store import facts, portfolio, queries, replies
from store.schema import (
    Approval,
    AuditRow,
    AuditTextRow,
    CaseRow,
    EventRow,
    MessageRow,
    MessageState,
    ReplyRow,
)

DECISION = "decision"
_LETTERS = {
    Step.CALL: "call sheet",
    Step.AM_ALERT: "account manager alert",
    Step.AT_RISK: "at-risk outreach",
    Step.DEMAND: "demand letter",
}
_WAYS = {
    Channel.LETTER: " by letter",
    Channel.PORTAL: " in the portal",
    Channel.CALL: " by a colleague's call",
    Channel.VOICE: " as a voice message",
}
_PROOF = {"delivered": "delivered", "accepted": "accepted", "none": "sent"}


#: What customers say on the portal, by its kind.
_PORTAL = {
    "paid": "it is paid",
    "dispute": "something is wrong",
    "received": "received, and in order",
    "not_received": "not received",
    "question": "a question",
    "copy": "a copy is asked for",
    "preferences": "language and channel are chosen",
    "contact": "another contact is proposed",
    "counter_offer": "an amount is proposed to settle it",
    "fresh": "a fresh link is asked for",
}


@dataclass(frozen=True)
class Entry:
    """One line of the story. `balance_minor` is what is owed after it, where it moved that."""

    at: datetime
    kind: str
    text: str
    balance_minor: int | None = None
    ref: str | None = None
    """The fact's own id, or the message's."""


def timeline(session: Session, row: CaseRow, zone: str) -> list[Entry]:
    """Everything that happened to a case, oldest first."""
    messages = {
        message.message_id: message
        for message in queries.messages_of(session, [row.invoice_id])[row.invoice_id]
    }
    story = _Story(row, zone, messages)
    placed: list[tuple[datetime, datetime, Entry]] = []
    opened = f"Case opened, {amount(row.amount_minor, row.currency)} due {day(_first_due(row))}"
    placed.append(
        (row.opened_at, row.recorded_at, Entry(row.opened_at, "case_opened", opened, row.amount_minor))
    )
    balances = _balances(session, row)
    events = facts.events_of(session, [row.invoice_id])[row.invoice_id]
    account = [e for e in portfolio.account_events(session, row.customer_id) if e.at >= row.opened_at]
    for event in [*events, *account]:
        text = story.of_event(event.kind, event.payload, portfolio.fact_of(event))
        if text is not None:
            about = text if event.invoice_id is not None else f"{text} (all invoices of the customer)"
            balance = balances.get((event.kind, event.event_id)) if event.invoice_id is not None else None
            entry = Entry(event.at, event.kind, about, balance, event.event_id)
            placed.append((event.at, event.recorded_at, entry))
    for message in messages.values():
        state = story.of_unsent(message)
        if state is not None:
            at = message.claimed_at or message.reserved_at
            placed.append((at, message.recorded_at, Entry(at, "message", state, None, message.message_id)))
    for mail in replies.of_invoice(session, row.invoice_id):
        entry = Entry(mail.received_at, f"mail_{mail.kind}", _mail(mail), None, mail.reply_id)
        placed.append((mail.received_at, mail.recorded_at, entry))
    placed.extend(_offers_taken(session, row, events, balances))
    for decided in _decisions(session, row):
        placed.append(decided)
    return [entry for _, _, entry in sorted(placed, key=lambda place: place[:2])]


def _mail(mail: ReplyRow) -> str:
    """A customer's mail in a sentence."""
    who = mail.sender or "somebody"
    if mail.kind == "report":
        return f"A mail server reported: \u201c{mail.subject}\u201d"
    if mail.kind == "automatic":
        return f"Automatic answer of {who}: \u201c{mail.subject}\u201d"
    meant = (mail.answered_as or "").replace("_", " ")
    read = f"; read by {mail.answered_by} as {meant}" if meant else ""
    return f"Mail of {who}: \u201c{mail.subject}\u201d{read}"


def _offers_taken(
    session: Session, row: CaseRow, events: Iterable[EventRow], balances: Mapping[tuple[str, str], int]
) -> Iterator[tuple[datetime, datetime, Entry]]:
    """The credits that offers left in the ledger, each told with the fact that it follows from."""
    caused_by = {(event.kind, event.event_id): event for event in events}
    for entry in facts.entries_of(session, [row.invoice_id])[row.invoice_id]:
        if not entry.kind.startswith(OFFER_ENTRY):
            continue
        offer_id, kind, event_id = entry.event_id.split(":", 2)
        offer, credit = entry.kind.removeprefix(OFFER_ENTRY), amount(abs(entry.amount_minor), row.currency)
        what = f"{_plain(offer).capitalize()} {offer_id}"
        text = f"{what} was paid in time: {credit} credited"
        if entry.amount_minor > 0:
            text = f"{what} is not paid any more: the credit of {credit} is taken back"
        event = caused_by[kind, event_id]
        balance = balances[entry.kind, entry.event_id]
        yield (
            event.at,
            entry.recorded_at,
            Entry(event.at, entry.kind, text, balance, entry.event_id),
        )


def _first_due(row: CaseRow) -> Any:
    return wire.Invoice.model_validate(row.invoice).due_on


def _balances(session: Session, row: CaseRow) -> dict[tuple[str, str], int]:
    """What was owed after each entry of the ledger, by kind and id of the fact that made it."""
    balance = 0
    after: dict[tuple[str, str], int] = {}
    for entry in facts.entries_of(session, [row.invoice_id])[row.invoice_id]:
        balance += entry.amount_minor
        after[entry.kind, entry.event_id] = max(0, balance)
    return after


def _decisions(session: Session, row: CaseRow) -> Iterator[tuple[datetime, datetime, Entry]]:
    """What was decided and why, from the audit log; the same reason twice in a row is told once."""
    decided = (
        select(AuditRow, AuditTextRow.body)
        .outerjoin(
            AuditTextRow,
            (AuditTextRow.customer_id == AuditRow.customer_id) & (AuditTextRow.seq == AuditRow.seq),
        )
        .where(AuditRow.customer_id == row.customer_id, AuditRow.kind == DECISION)
        .where(AuditRow.ref == row.invoice_id)
        .order_by(AuditRow.seq)
    )
    before = None
    for audited, why in session.execute(decided):
        # A step that is carried out tells of itself.
        if why and why != before and audited.body.get("kind") != "carry_out":
            yield audited.at, audited.recorded_at, Entry(audited.at, DECISION, _decided(audited.body, why))
            before = why


def _decided(body: Mapping[str, Any], why: str) -> str:
    verb = {"wait": "Next", "ask_approval": "Now", "close": "At last"}
    return f"{verb.get(str(body.get('kind')), 'Decided')} — {why}"


class _Story:
    """Turns the facts of one case into sentences."""

    def __init__(self, row: CaseRow, zone: str, messages: Mapping[str, MessageRow]) -> None:
        self._currency = row.currency
        self._zone = zone
        self._messages = messages
        self._holds: dict[str, str] = {}

    def of_event(
        self, kind: str, payload: Mapping[str, Any], fact: wire.Fact | internal.InternalFact | None
    ) -> str | None:
        """The sentence of a recorded fact; None for one that another line tells."""
        return None if fact is None else self._tell(fact)

    def of_unsent(self, message: MessageRow) -> str | None:
        """What became of a message that no step tells of; None for one that was sent."""
        what = self._letter(message)
        match message.state:
            case MessageState.RESERVED:
                return f"{what} is being written"
            case MessageState.PENDING if message.approval is Approval.REQUESTED:
                return f"{what} is written and waits for approval"
            case MessageState.PENDING:
                again = f"; it is tried again: {message.why}" if message.attempts else ""
                return f"{what} is written and about to be sent{again}"
            case MessageState.SENDING:
                return f"{what}: nobody knows whether it went out; it is not sent again"
            case MessageState.FAILED:
                return f"{what} could not be sent: {message.why}"
            case MessageState.CANCELLED:
                return f"{what}: written, then withdrawn: {message.why}"
            case MessageState.SENT:
                return None

    # -- facts of the contract --------------------------------------------------------------------

    @singledispatchmethod
    def _tell(self, fact: object) -> str | None:
        return type(fact).__name__

    @_tell.register
    def _(self, fact: wire.PaymentReceived) -> str:
        said = _more(fact.method, fact.reference and f"reference {fact.reference}", fact.source)
        withheld = "".join(
            f"; withheld {self._money(deduction.amount)}: {deduction.reason}" for deduction in fact.deductions
        )
        return f"Payment of {self._money(fact.amount)} received on {day(fact.received_on)}{said}{withheld}"

    @_tell.register
    def _(self, fact: wire.PaymentReversed) -> str:
        return f"Payment taken back: {self._money(fact.amount)} ({fact.reason}, of payment {fact.payment_id})"

    @_tell.register
    def _(self, fact: wire.CreditIssued) -> str:
        return f"Credit note {fact.credit_id} of {self._money(fact.amount)}{_because(fact.reason)}"

    @_tell.register
    def _(self, fact: wire.ChargeAdded) -> str:
        return f"{fact.kind.capitalize()} of {self._money(fact.amount)} added{_because(fact.reason)}"

    @_tell.register
    def _(self, fact: wire.ChargeWaived) -> str:
        return f"{fact.kind.capitalize()} of {self._money(fact.amount)} waived{_because(fact.reason)}"

    @_tell.register
    def _(self, fact: wire.InvoiceAmended) -> str:
        changes = [
            *([f"due {day(fact.due_on)}"] if fact.due_on else []),
            *([f"amount {self._money(fact.amount)}"] if fact.amount else []),
        ]
        return f"Invoice amended: {', '.join(changes) or 'nothing'}{_because(fact.reason)}"

    @_tell.register
    def _(self, fact: wire.InvoiceCancelled) -> str:
        return f"Invoice cancelled{_because(fact.reason)}"

    @_tell.register
    def _(self, fact: wire.InvoiceStatus) -> str:
        pay_on = f", payment on {day(fact.pay_on)}" if fact.pay_on else ""
        return f"The customer's system says: {fact.status}{pay_on}{_because(fact.note)}"

    @_tell.register
    def _(self, fact: wire.PromiseMade) -> str:
        what = self._money(fact.amount) if fact.amount else "everything"
        by = f", {fact.made_by}" if fact.made_by else ""
        return f"Promised {what} by {day(fact.pay_by)} ({fact.source}{by})"

    @_tell.register
    def _(self, fact: wire.DisputeRaised) -> str:
        what = self._money(fact.amount) if fact.amount else "everything"
        by = f" by {fact.raised_by}" if fact.raised_by else ""
        return f"Disputed{by}: {what}, {_plain(fact.reason)}{_because(fact.note)}"

    @_tell.register
    def _(self, fact: wire.DisputeResolved) -> str:
        credited = f", {self._money(fact.credit.amount)} credited" if fact.credit else ""
        return f"Dispute decided: {_plain(fact.outcome)}{credited}"

    @_tell.register
    def _(self, fact: wire.HoldPlaced) -> str:
        self._holds[fact.hold_id] = _plain(fact.reason)
        until = f" until {day(fact.until)}" if fact.until else ""
        return f"On hold{until}: {_plain(fact.reason)}{_because(fact.note)}"

    @_tell.register
    def _(self, fact: wire.HoldReleased) -> str:
        return f"Hold released ({self._holds.get(fact.hold_id, fact.hold_id)})"

    @_tell.register
    def _(self, fact: wire.RiskNoted) -> str:
        return f"Risk noted: {fact.text}{_more(fact.source)}"

    # -- facts of our own -------------------------------------------------------------------------

    @_tell.register
    def _(self, fact: internal.StepTaken) -> str:
        message = self._messages.get(fact.message_id or "")
        if message is not None:
            late = ", late" if fact.catch_up else ""
            return f"{self._letter(message)} ({_PROOF[fact.proof]}{late})"
        name = step_name(fact.step)
        if fact.on is not None:
            return f"{name.capitalize()}: carried out before Duecourse, on {day(fact.on)}"
        if fact.step in TASKS:
            return f"{name.capitalize()} put on the worklist"
        return f"{name.capitalize()}: nobody could be written to"

    @_tell.register
    def _(self, fact: internal.ConfirmationSent) -> str:
        message = self._messages.get(fact.message_id)
        return self._letter(message) if message is not None else f"{step_name(fact.note)} sent"

    @_tell.register
    def _(self, fact: internal.NoticeDelivered) -> str:
        return f"{self._short(fact.message_id)}: accepted by the recipient's server"

    @_tell.register
    def _(self, fact: internal.NoticeBounced) -> str:
        return f"{self._short(fact.message_id)}: came back"

    @_tell.register
    def _(self, fact: internal.DeliveryWaived) -> str:
        return (
            f"{fact.by} vouches that the customer knows of the {step_name(fact.step)}{_because(fact.reason)}"
        )

    @_tell.register
    def _(self, fact: internal.StepSkipped) -> str:
        return f"{step_name(fact.step).capitalize()} skipped by {fact.by}{_because(fact.reason)}"

    @_tell.register
    def _(self, fact: internal.StepRequested) -> str:
        return f"{fact.by} asked for the {step_name(fact.step)} out of turn"

    @_tell.register
    def _(self, fact: internal.ApprovalAsked) -> str:
        again = f", for the {_nth(fact.rank + 1)} time" if fact.rank else ""
        return f"Approval asked for the {step_name(fact.step)} until {moment(fact.expires_at, self._zone)}{again}"

    @_tell.register
    def _(self, fact: internal.ApprovalGiven) -> str:
        return f"{self._short(fact.message_id)}: approved by {fact.by}"

    @_tell.register
    def _(self, fact: internal.ApprovalWithdrawn) -> str:
        return f"{self._short(fact.message_id)}: the facts changed, a fresh draft is needed"

    @_tell.register
    def _(self, fact: internal.Snoozed) -> str:
        return f"Left alone until {day(fact.until)} by {fact.by}{_because(fact.reason)}"

    @_tell.register
    def _(self, fact: internal.CallLogged) -> str:
        return f"Call by {fact.by}: {_plain(fact.outcome)}{_because(fact.note)}"

    @_tell.register
    def _(self, fact: internal.PortalAnswered) -> str:
        said = _PORTAL.get(fact.action, fact.action)
        until = f"; no reminders until {day(fact.until)}" if fact.until is not None else ""
        return f"The customer, on the portal: {said}{until} ({fact.answer_id})"

    @_tell.register
    def _(self, fact: internal.PlanTabled) -> str:
        verb = "proposed by the customer" if fact.state is PlanState.PROPOSED else "offered"
        parts = ", ".join(
            f"{Money(each.amount, fact.currency)} on {day(each.due_on)}" for each in fact.instalments
        )
        return f"Plan {fact.plan_id} {verb} ({fact.by}), open until {day(fact.open_until)}: {parts} {fact.currency}"

    @_tell.register
    def _(self, fact: internal.PlanAccepted) -> str:
        return f"Plan {fact.plan_id} agreed ({fact.by})"

    @_tell.register
    def _(self, fact: internal.PlanEnded) -> str:
        return f"Plan {fact.plan_id} {fact.state}{_because(fact.why)}"

    @_tell.register
    def _(self, fact: internal.PlanRestored) -> str:
        return f"Plan {fact.plan_id} stands again{_because(fact.why)}"

    @_tell.register
    def _(self, fact: internal.OfferMade) -> str:
        kind, pay, credit = _plain(fact.offer), self._minor(fact.pay), self._minor(fact.credit)
        verb = "agreed" if fact.origin == "customer" else "offered"
        return (
            f"{kind.capitalize()} {fact.offer_id} {verb} ({fact.by}): {pay} by {day(fact.until)}, "
            f"then {credit} is credited"
        )

    @_tell.register
    def _(self, fact: internal.OfferAccepted) -> str:
        return f"Offer {fact.offer_id} accepted ({fact.by})"

    @_tell.register
    def _(self, fact: internal.OfferEnded) -> str:
        return f"Offer {fact.offer_id} {fact.how} by {fact.by}{_because(fact.why)}"

    @_tell.register
    def _(self, fact: internal.OfferCountered) -> str:
        pay = self._minor(fact.pay)
        return (
            f"Counter-offer {fact.offer_id} of the customer: {pay} by {day(fact.pay_by)}; "
            f"decide by {day(fact.decide_by)}"
        )

    @_tell.register
    def _(self, fact: internal.PaymentAnnounced) -> str:
        payment, teller = fact.payment, "bank" if fact.told_by == "bank" else "ERP"
        return (
            f"The {teller} tells of a payment of {self._money(payment.amount)} of {day(payment.received_on)} "
            f"({payment.payment_id}); the seller's own source is waited for until {day(fact.confirm_by)}"
        )

    @_tell.register
    def _(self, fact: internal.PaymentRecognised) -> str:
        payment = fact.payment
        return f"Payment {payment.payment_id} of {self._money(payment.amount)} is that of {fact.of}, booked already"

    @_tell.register
    def _(self, fact: internal.CreditHoldPlaced) -> str:
        return "New orders are blocked"

    @_tell.register
    def _(self, fact: internal.CreditHoldReleased) -> str:
        return "New orders flow again"

    @_tell.register
    def _(self, fact: internal.WrittenOff) -> str:
        return f"{self._money(fact.amount)} written off by {fact.by}{_because(fact.reason)}"

    @_tell.register
    def _(self, fact: internal.Recalled) -> str:
        return f"Taken back from the partner by {fact.by}{_because(fact.reason)}"

    @_tell.register
    def _(self, fact: internal.UnreadableFact) -> str:
        self._holds[f"item-{fact.item_id}"] = "something unreadable"
        return f"Something arrived that could not be read: worklist item {fact.item_id}; paused for a person"

    @_tell.register
    def _(self, fact: internal.PolicyChanged) -> str:
        return f"Moved to the policy {fact.policy} by {fact.by}"

    @_tell.register
    def _(self, fact: internal.CaseClosed) -> str:
        return f"Case closed: {_plain(fact.outcome)}"

    @_tell.register(internal.StepClaimed)
    @_tell.register(internal.ClaimFreed)
    def _(self, fact: internal.StepClaimed | internal.ClaimFreed) -> None:
        """The message itself says what became of it."""

    # -- words ------------------------------------------------------------------------------------

    def _money(self, text: str) -> str:
        return amount(Money.parse(text, self._currency).minor, self._currency)

    def _minor(self, minor: int) -> str:
        return amount(minor, self._currency)

    def _letter(self, message: MessageRow) -> str:
        """`Overdue notice to Ann Payne <ap@acme.example>: “Subject”`."""
        also = "also for" if message.channel == Channel.LETTER else "copy to"
        copies = f", {also} {_people(message.cc)}" if message.cc else ""
        subject = f": “{message.subject}”" if message.subject else ""
        written = _written(message.drafting)
        way = _WAYS.get(Channel(message.channel), "")
        return (
            f"{_message_name(message).capitalize()}{way} to {_people(message.to)}{copies}{subject}{written}"
        )

    def _short(self, message_id: str) -> str:
        message = self._messages.get(message_id)
        return "Message" if message is None else _message_name(message).capitalize()


def _message_name(message: MessageRow) -> str:
    """`second overdue notice`, `demand letter`."""
    if message.step in list(Step):
        step = Step(message.step)
        return _LETTERS.get(step, f"{step_name(step)} notice")
    return step_name(Note(message.step)) if message.step in list(Note) else _plain(message.step)


def _written(drafting: Mapping[str, Any] | None) -> str:
    """Who found the words, where a model was asked."""
    match drafting:
        case {"words": "model", "model": model}:
            return f", in the words of {model}"
        case {"words": "person", "why": why}:
            return f", {why}"
        case {"words": "template", "why": why}:
            return f", in the template's words: {why}"
    return ""


def _people(contacts: Iterable[Mapping[str, Any]]) -> str:
    """`Ann Payne <ap@acme.example>, cfo@acme.example`."""
    return ", ".join(
        f"{person['name']} <{person.get('email') or 'no address'}>"
        if person.get("name")
        else str(person.get("email") or person.get("role") or "somebody")
        for person in contacts
    )


def _plain(word: str) -> str:
    return word.replace("_", " ")


def _because(reason: str | None) -> str:
    return f": {reason}" if reason else ""


def _more(*said: str | None) -> str:
    told = ", ".join(each for each in said if each)
    return f" ({told})" if told else ""


def _nth(number: int) -> str:
    return {2: "second", 3: "third"}.get(number, f"{number}th")
