"""One contact: decide again and reserve under the lock, write without it, claim under it, send once.

The send protocol of the outbox: what is RESERVED or PENDING may be finished by anybody, what is
SENDING is never sent again by anybody.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.adapters.port import Accepted, MailTransport, Refused, Unknown
from activities.casework import CaseWork
from activities.contacts import Recipients, recipients, refuse_contact
from activities.documents import write_words
from activities.interface import Decided, Drafted, OnCase, OnMessage
from activities.notice_facts import freeze, material
from activities.rulebook import Rulebook
from domain import facts as internal
from domain.contact import Contact, compose, ready
from domain.decision import CarryOut
from domain.letter import FOR_STAFF, NoticeFacts
from domain.vocabulary import Note, Step, step_name
from store import facts as ledger
from store import outbox, portfolio, worklist
from store.schema import Approval, CreditHoldRow, MessageRow, MessageState

#: A claim older than this, by the monotonic clock, is handed back unsent: somebody else may look at it by then.
CLAIM_HOLDS_S = 5.0
#: How long one try with a provider may take; below every activity's time-out.
PROVIDER_TIMEOUT_S = 30.0
#: After so many cancelled drafts the words are written and claimed under one lock.
MOST_CANCELS = 3
_NOTES = frozenset(note.value for note in Note)


class Notices:
    """Drafts and sends messages, and carries out the steps that are tasks."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        rulebook: Rulebook,
        transport: MailTransport,
        *,
        after_claim: Callable[[], None] = lambda: None,
        after_acceptance: Callable[[], None] = lambda: None,
        before_claim: Callable[[], None] = lambda: None,
    ) -> None:
        self._sessions = sessions
        self._rulebook = rulebook
        self._transport = transport
        # Where the fault tests stop a process; nothing else happens there.
        self._before_claim = before_claim
        self._after_claim = after_claim
        self._after_acceptance = after_acceptance

    @activity.defn
    def draft_notice(self, on: OnCase) -> Drafted:
        """Decide again on committed facts; reserve the message the decision leads to, then write it."""
        with self._sessions.begin() as session:
            drafted = self._reserve(
                CaseWork.on_invoice(session, on.invoice_id, self._rulebook, on.at), on.invoice_id
            )
        if drafted.message_id is not None:
            write_words(self._sessions, drafted.message_id)
        return drafted

    def _reserve(self, work: CaseWork, invoice_id: str) -> Drafted:
        decision = work.decide(invoice_id)
        if not isinstance(decision, CarryOut):
            return Drafted(decided=work.settle(invoice_id))
        if decision.effect == "block_orders":
            _block_orders(work, invoice_id, decision)
            return Drafted(decided=work.settle(invoice_id))
        under_way = _under_way(work, invoice_id)
        if under_way is not None:
            return Drafted(message_id=under_way.message_id, send=True)
        pursued = work.case(invoice_id)
        if decision.approval == "ask" and pursued.case.approval is not None:
            _expire(work, pursued.case.approval.fact.message_id)
        contact = compose(pursued, decision, work.siblings(invoice_id), work.now)
        addressed = _recipients(work, contact)
        if contact.rung is not None and contact.rung.is_task:
            _open_tasks(work, contact)
        if addressed is None:
            work.take(contact, None, "none")
            return Drafted(decided=work.settle(invoice_id))
        message_id = f"M-{secrets.token_hex(8)}"
        reserved = outbox.reserve(
            work.session,
            outbox.NewMessage(
                message_id=message_id,
                customer_id=work.customer.customer_id,
                seller=pursued.case.seller,
                step=contact.step,
                ref=contact.ref,
                channel="email",
                to=[addressed.to.model_dump(mode="json", exclude_none=True)],
                cc=[copy.model_dump(mode="json", exclude_none=True) for copy in addressed.cc],
                unsolicited=contact.unsolicited,
                facts=freeze(work, contact, addressed, message_id).model_dump(mode="json"),
                at=work.now,
                why=decision.why,
            ),
            [
                outbox.Item(
                    invoice_id=item.invoice_id,
                    cycle=item.cycle,
                    step=item.step,
                    recipient=addressed.key,
                    channel="email",
                    asked_minor=item.asked,
                    ref=contact.ref,
                )
                for item in contact.items
            ],
        )
        if isinstance(reserved, outbox.Held):
            adopted = next(
                (h for h in reserved.holders if h.state in (MessageState.RESERVED, MessageState.PENDING)),
                None,
            )
            if adopted is None:
                return Drafted(decided=work.settle(invoice_id))
            return Drafted(message_id=adopted.message_id, send=True)
        work.note("message_reserved", message_id, {"step": contact.step, "items": len(contact.items)})
        return Drafted(message_id=message_id, send=decision.approval != "ask")

    # -- sending ----------------------------------------------------------------------------------

    @activity.defn(no_thread_cancel_exception=True)
    def send_notice(self, on: OnMessage) -> Decided:
        """Claim the message under the lock, send it once, and note what became of it.

        Nothing is thrown into the thread when the time-out has passed: what the provider answers late is
        the truth all the same, and is written down.
        """
        self._before_claim()
        with self._sessions.begin() as session:
            work = CaseWork.on_invoice(session, on.invoice_id, self._rulebook, on.at)
            message = self._claim(work, on)
            if message is None:
                return work.settle(on.invoice_id)
            mail, attempt = message.payload, message.attempts
            to = [str(contact["email"]) for contact in (*message.to, *message.cc)]
            sender = self._rulebook.sellers[message.seller].sender.email
        claimed = time.monotonic()
        self._after_claim()
        assert mail is not None, "a claimed message is frozen"
        if time.monotonic() - claimed > CLAIM_HOLDS_S:
            result: Accepted | Refused | Unknown = Refused(
                "the claim was too old to be used", permanent=False
            )
        else:
            result = self._transport.send(
                on.message_id, mail, sender=sender, recipients=to, timeout=PROVIDER_TIMEOUT_S
            )
        self._after_acceptance()
        with self._sessions.begin() as session:
            work = CaseWork.on_invoice(session, on.invoice_id, self._rulebook, on.at)
            self._note_result(work, on.message_id, attempt, result)
            decided = work.settle(on.invoice_id)
        if isinstance(result, Refused) and not result.permanent:
            raise ApplicationError(
                f"message {on.message_id} was not accepted; it is tried again", type="NotAccepted"
            )
        return decided

    def _claim(self, work: CaseWork, on: OnMessage) -> MessageRow | None:
        """The message, claimed for sending; None where it is sent, unknown, changed or not approved."""
        message = outbox.get(work.session, on.message_id)
        assert message is not None, "messages are never deleted"
        if message.state is MessageState.SENDING and activity.info().attempt > 1:
            self._mark_unknown(work, on.message_id, "the sender was lost after the claim")
            return None
        if message.state is not MessageState.PENDING or message.approval not in (None, Approval.APPROVED):
            return None
        changed = _changed(work, message)
        if changed is not None:
            _cancel(work, message, changed)
            return None
        claimed = outbox.claim(work.session, on.message_id, at=work.now)
        for item in outbox.items_of(work.session, on.message_id):
            carried = ready(work.case(item.invoice_id), work.now)
            fact = internal.StepClaimed(
                message_id=on.message_id,
                step=_step(item.step),
                cycle=item.cycle,
                ref=item.ref,
                catch_up=carried is not None and carried.catch_up,
            )
            work.file(item.invoice_id, fact, f"{on.message_id}-{claimed.attempts}")
        work.note("message_claimed", on.message_id, {"attempt": claimed.attempts})
        return claimed

    def _note_result(self, work: CaseWork, message_id: str, attempt: int, result: object) -> None:
        if isinstance(result, Accepted | Refused):
            _answered(work, message_id, result)
        match result:
            case Accepted():
                self._sent(work, message_id, attempt, result)
            case Refused(permanent=False):
                outbox.back_to_pending(work.session, message_id, attempt=attempt, why=result.reason)
                _free(work, message_id, attempt)
            case Refused():
                message = outbox.mark_failed(work.session, message_id, attempt=attempt, why=result.reason)
                _free(work, message_id, attempt)
                if not _is_for_staff(message):
                    refuse_contact(work, message, result.reason)
                else:
                    _take_without_mail(work, message)
            case _:
                self._mark_unknown(work, message_id, "the provider gave no clear answer")

    def _sent(self, work: CaseWork, message_id: str, attempt: int, result: Accepted) -> None:
        message = outbox.mark_sent(
            work.session, message_id, attempt=attempt, at=work.now, provider_ref=result.provider_ref
        )
        facts = NoticeFacts.model_validate(message.facts)
        for item in outbox.items_of(work.session, message_id):
            if item.step in _NOTES:
                sent = internal.ConfirmationSent(note=Note(item.step), ref=item.ref, message_id=message_id)
                work.file(item.invoice_id, sent, message_id)
                continue
            claim = work.case(item.invoice_id).case.claimed.get(message_id)
            taken = internal.StepTaken(
                step=Step(item.step),
                cycle=item.cycle,
                message_id=message_id,
                proof=self._transport.proof,
                catch_up=claim is not None and claim.fact.catch_up,
                block_on=facts.block_on if item.step == Step.CREDIT_HOLD else None,
                answer_by=facts.answer_by if item.step == Step.DEMAND else None,
            )
            work.file(item.invoice_id, taken, message_id)
        outbox.record_delivery(work.session, message_id, kind=self._transport.proof, at=work.now)
        if message.unsolicited:
            known = work.customer.last_unsolicited_on
            work.customer.last_unsolicited_on = max(known, facts.as_of) if known is not None else facts.as_of
            work.forget()
        work.note(
            "message_sent",
            message_id,
            {"provider_ref": result.provider_ref or "", "proof": self._transport.proof},
        )
        _after_sending(work, message, facts)

    def _mark_unknown(self, work: CaseWork, message_id: str, why: str) -> None:
        outbox.mark_unknown(work.session, message_id, at=work.now)
        for item in outbox.items_of(work.session, message_id):
            reason = f"it is not known whether message {message_id} ({item.step}) went out: {why}; it is not resent"
            work.open_item("unknown_delivery", reason, invoice_id=item.invoice_id, ref=message_id)
        work.note("message_unknown", message_id, {"why": why})


def _answered(work: CaseWork, message_id: str, result: Accepted | Refused) -> None:
    """Who was thought lost has come back with a certain answer: nobody has to find it out any more."""
    outcome = "it was sent" if isinstance(result, Accepted) else "it was not sent"
    for task in worklist.list_open(
        work.session, kind="unknown_delivery", customer_id=work.customer.customer_id
    ):
        if task.ref == message_id:
            worklist.close_task(work.session, task.item_id, at=work.now, by="duecourse", outcome=outcome)


def _step(name: str) -> Step | Note:
    return Note(name) if name in _NOTES else Step(name)


def _is_for_staff(message: MessageRow) -> bool:
    return message.step in FOR_STAFF


def _recipients(work: CaseWork, contact: Contact) -> Recipients | None:
    refused = portfolio.refused_addresses(ledger.account_events_of(work.session, work.customer.customer_id))
    return recipients(portfolio.profile_of(work.customer), contact.rung, refused)


def _under_way(work: CaseWork, invoice_id: str) -> MessageRow | None:
    """A message to the customer that is reserved or written and may be finished by whoever comes."""
    rows = (
        select(MessageRow)
        .where(
            MessageRow.customer_id == work.customer.customer_id,
            MessageRow.seller == work.row(invoice_id).seller,
            MessageRow.state.in_((MessageState.RESERVED, MessageState.PENDING)),
            or_(MessageRow.approval.is_(None), MessageRow.approval == Approval.APPROVED),
        )
        .order_by(MessageRow.reserved_at, MessageRow.message_id)
        .limit(1)
    )
    return work.session.scalars(rows).one_or_none()


def _expire(work: CaseWork, message_id: str) -> None:
    """Nobody decided in time: the draft is withdrawn, a fresh one is asked for with a higher rank."""
    message = outbox.get(work.session, message_id)
    if message is None or message.state is not MessageState.PENDING:
        return
    if message.approval is Approval.REQUESTED:
        outbox.decide_approval(work.session, message_id, Approval.EXPIRED)
    outbox.cancel(work.session, message_id, why="the approval expired")
    for task in worklist.list_open(work.session, kind="approval", customer_id=work.customer.customer_id):
        if task.ref == message_id:
            worklist.close_task(work.session, task.item_id, at=work.now, by="duecourse", outcome="expired")


def _open_tasks(work: CaseWork, contact: Contact) -> None:
    """Put a call or an alert on the worklist, one for all the customer's invoices at that step."""
    assert contact.rung is not None
    kind = Step.CALL if contact.rung.assignee == "staff" else Step.AM_ALERT
    count = len(contact.items)
    invoices = [item.invoice_id for item in contact.items]
    name = portfolio.profile_of(work.customer).shown_name
    work.open_item(
        kind,
        f"{step_name(contact.step)}: {name}, {count} invoice{'s' if count > 1 else ''} ({', '.join(invoices[:5])})",
        ref=f"{contact.step}-{contact.cycle}",
        invoices=invoices,
        due_on=contact.on,
    )


def _block_orders(work: CaseWork, invoice_id: str, decision: CarryOut) -> None:
    """Place the credit hold that the final notice announced."""
    work.file(invoice_id, internal.CreditHoldPlaced(cycle=decision.cycle), str(decision.cycle))
    work.session.add(
        CreditHoldRow(
            invoice_id=invoice_id,
            cycle=decision.cycle,
            customer_id=work.customer.customer_id,
            placed_at=work.now,
            reason=decision.why,
        )
    )


def _changed(work: CaseWork, message: MessageRow) -> str | None:
    """Why a written message no longer says what is true; None where it may go."""
    written = NoticeFacts.model_validate(message.facts)
    items = outbox.items_of(work.session, message.message_id)
    trigger = work.case(items[0].invoice_id)
    step = _step(items[0].step)
    decision = work.decide(items[0].invoice_id) if isinstance(step, Note) else ready(trigger, work.now)
    if not isinstance(decision, CarryOut):
        return "the step is not due any more"
    contact = compose(trigger, decision, work.siblings(items[0].invoice_id), work.now)
    if contact.on != written.as_of and message.approval is None:
        return f"it is dated {written.as_of}"
    addressed = _recipients(work, contact)
    if addressed is None:
        return "nobody can be reached any more"
    true = freeze(work, contact, addressed, message.message_id)
    to = [addressed.to.model_dump(mode="json", exclude_none=True)]
    return (
        None
        if material(true, to) == material(written, message.to)
        else "the facts changed after it was written"
    )


def _cancel(work: CaseWork, message: MessageRow, why: str) -> None:
    """Withdraw a message that was not sent; its items are free for a fresh draft."""
    outbox.cancel(work.session, message.message_id, why=why)
    for item in outbox.items_of(work.session, message.message_id):
        approval = work.case(item.invoice_id).case.approval
        if approval is not None and approval.fact.message_id == message.message_id:
            withdrawn = internal.ApprovalWithdrawn(message_id=message.message_id)
            work.file(item.invoice_id, withdrawn, message.message_id)
    work.note("message_cancelled", message.message_id, {"why": why})


def _free(work: CaseWork, message_id: str, attempt: int) -> None:
    for item in outbox.items_of(work.session, message_id):
        work.file(item.invoice_id, internal.ClaimFreed(message_id=message_id), f"{message_id}-{attempt}")


def _take_without_mail(work: CaseWork, message: MessageRow) -> None:
    """The task stands on the worklist; only the mail about it did not go out."""
    for item in outbox.items_of(work.session, message.message_id):
        taken = internal.StepTaken(step=Step(item.step), cycle=item.cycle)
        work.file(item.invoice_id, taken, message.message_id)


def _after_sending(work: CaseWork, message: MessageRow, facts: NoticeFacts) -> None:
    """What staff do beside a message: call a customer at risk, hand over a referred file."""
    invoices = [item.invoice_id for item in outbox.items_of(work.session, message.message_id)]
    if facts.step is Step.AT_RISK:
        why = f"call {facts.customer.name}: at risk, offer instalments"
        work.open_item(
            Step.CALL, why, ref=f"at_risk-{message.message_id}", invoices=invoices, due_on=facts.as_of
        )
    elif facts.step is Step.REFERRAL:
        why = f"hand the file of {facts.customer.name} to the partner"
        work.open_item("referral", why, ref=message.message_id, invoices=invoices, due_on=facts.as_of)
