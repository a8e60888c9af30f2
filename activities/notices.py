"""One contact: decide again and reserve under the lock, write without it, claim under it, send once.

The send protocol of the outbox: what is RESERVED or PENDING may be finished by anybody, what is
SENDING is never sent again by anybody.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import or_, select
from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities import plan_book
from activities.adapters.port import Accepted, Carrier, MailTransport, Refused, Unknown
from activities.carriers import IN_PLACE, Carriers
from activities.casework import MOST_CANCELS, CaseWork
from activities.contacts import Recipients, refuse_contact, refuse_copies
from activities.documents import (
    UNWRITABLE,
    attach_words,
    freeze_message,
    note_missing_paper,
    write_words,
)
from activities.interface import Decided, Drafted, OnCase, OnMessage, OnPlan
from activities.messages import (
    cannot_be_written,
    decide_approval,
    give_up,
    is_for_staff,
    mark_unknown,
    note_sent,
    reasons,
    record_offers,
    step_of,
    take_steps,
    take_without_mail,
)
from activities.notice_facts import freeze
from activities.overtaken import addressees, overtaken, people
from activities.portal_links import PortalLinks
from activities.rulebook import Rulebook
from activities.writing.drafting import Drafter
from domain import facts as internal
from domain.channels import window_of
from domain.contact import Contact, compose, ready
from domain.decision import CarryOut
from domain.pauses import calendar_of
from domain.vocabulary import PLAN_NOTES, Channel, Note, Step
from store import outbox, plans
from store.schema import Approval, CreditHoldRow, MessageRow, MessageState

#: A claim older than this, by the monotonic clock, is handed back unsent: somebody else may look at it by then.
CLAIM_HOLDS_S = 5.0
#: How long one try with a provider may take; below every activity's time-out.
PROVIDER_TIMEOUT_S = 30.0
#: So often a provider may be busy before a person hears of it.
QUIET_TRIES = 5
#: What goes with its papers or not at all: it is written anew, however often facts overtake it.
_NEVER_AT_ONCE = frozenset({Step.DEMAND, *PLAN_NOTES})

#: What a task asks for.
_TO_DO: dict[Step | Note, str] = {
    Step.CALL: "call the customer about what is overdue and take down what they commit to",
    Step.AM_ALERT: "the account manager is asked to step in with the customer",
}


class Notices:
    """Drafts and sends messages, and carries out the steps that are tasks."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        rulebook: Rulebook,
        transport: MailTransport,
        *,
        carriers: Mapping[Channel, Carrier] | None = None,
        drafter: Drafter | None = None,
        portal: PortalLinks | None = None,
        after_claim: Callable[[], None] = lambda: None,
        after_acceptance: Callable[[], None] = lambda: None,
        before_claim: Callable[[], None] = lambda: None,
    ) -> None:
        self._sessions = sessions
        self._rulebook = rulebook
        self._carriers = Carriers(transport, carriers)
        self._drafter = drafter
        self._portal = portal
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
        if drafted.message_id is None:
            return drafted
        return self._write(drafted, on.invoice_id, on.at)

    def _write(self, drafted: Drafted, invoice_id: str, at: datetime) -> Drafted:
        """Write the words of what was reserved, without any lock; one that cannot be written is given up."""
        assert drafted.message_id is not None, "something was reserved"
        try:
            write_words(self._sessions, drafted.message_id, self._drafter)
        except UNWRITABLE as problem:
            with self._sessions.begin() as session:
                work = CaseWork.on_invoice(session, invoice_id, self._rulebook, at)
                message = outbox.get(session, drafted.message_id)
                if message is not None and message.state is MessageState.RESERVED:
                    give_up(work, message, reasons(problem))
                return Drafted(decided=work.settle(invoice_id))
        return drafted

    @activity.defn
    def draft_plan_notice(self, on: OnPlan) -> Drafted:
        """Decide again about a plan; reserve the message the decision leads to, then write it."""
        with self._sessions.begin() as session:
            row = plans.get(session, on.plan_id)
            assert row is not None, "a plan is tabled before anybody follows it"
            work = CaseWork.on_customer(session, row.customer_id, self._rulebook, on.at)
            contact = plan_book.contact(work, on.plan_id)
            if contact is None:
                return Drafted()
            lead = contact.items[0].invoice_id
            under_way = _adoptable(work, lead)
            addressed = addressees(work, contact)
            if under_way is not None:
                drafted = under_way
            elif addressed is None:
                return Drafted()
            else:
                drafted = self._reserve_contact(work, lead, contact, addressed, row.why)
        if drafted.message_id is None:
            return Drafted()
        return self._write(drafted, lead, on.at)

    def _reserve(self, work: CaseWork, invoice_id: str) -> Drafted:
        decision = work.decide(invoice_id)
        if not isinstance(decision, CarryOut):
            return Drafted(decided=work.settle(invoice_id))
        if decision.effect == "block_orders":
            _block_orders(work, invoice_id, decision)
            return Drafted(decided=work.settle(invoice_id))
        under_way = _adoptable(work, invoice_id)
        if under_way is not None:
            return under_way
        contact = compose(work.case(invoice_id), decision, work.siblings(invoice_id), work.now)
        if contact.approval == "ask":
            _expire(work, contact)
        addressed = addressees(work, contact)
        if contact.rung is not None and contact.rung.is_task:
            _open_tasks(work, contact)
            if addressed is None:
                work.take(contact, None, "none")
                if contact.step is Step.AM_ALERT:
                    plan_book.open_alert_offer(work, [item.invoice_id for item in contact.items])
        if addressed is None:
            return Drafted(decided=work.settle(invoice_id))
        return self._reserve_contact(work, invoice_id, contact, addressed, decision.why)

    def _reserve_contact(
        self, work: CaseWork, invoice_id: str, contact: Contact, addressed: Recipients, why: str
    ) -> Drafted:
        message_id = f"M-{secrets.token_hex(8)}"
        try:
            facts = freeze(work, contact, addressed, message_id)
        except ValidationError as problem:
            invoices = [item.invoice_id for item in contact.items]
            cannot_be_written(work, invoices, contact.step, message_id, reasons(problem))
            return Drafted(decided=work.settle(invoice_id))
        link_id = None
        if self._portal is not None and facts.channel is Channel.EMAIL and not facts.for_staff:
            link_id = self._portal.new_id()
            facts = facts.model_copy(update={"portal_link": self._portal.url(link_id)})
        to, cc = people(addressed)
        reserved = outbox.reserve(
            work.session,
            outbox.NewMessage(
                message_id=message_id,
                customer_id=work.customer.customer_id,
                seller=work.row(invoice_id).seller,
                step=contact.name,
                ref=contact.ref,
                channel=facts.channel,
                to=to,
                cc=cc,
                unsolicited=contact.unsolicited,
                facts=facts.model_dump(mode="json"),
                at=work.now,
                why="; ".join(filter(None, (why, addressed.route.why))),
            ),
            [
                outbox.Item(
                    invoice_id=item.invoice_id,
                    cycle=item.cycle,
                    step=contact.kind or item.step,
                    recipient=addressed.key,
                    channel=facts.channel,
                    asked_minor=item.asked,
                    ref=item.ref,
                )
                for item in contact.items
            ],
        )
        if isinstance(reserved, outbox.Held):
            return self._adopt(work, invoice_id, reserved)
        if link_id is not None and self._portal is not None:
            seller = work.row(invoice_id).seller
            self._portal.keep(work.session, link_id, work.customer.customer_id, seller, message_id=message_id)
        reserved_by: dict[str, Any] = {
            "step": contact.step,
            "items": len(contact.items),
            "invoices": sorted({item.invoice_id for item in contact.items}),
        }
        if facts.channel is not Channel.EMAIL or addressed.route.why:
            reserved_by |= {"channel": facts.channel, "channel_why": addressed.route.why}
        work.note("message_reserved", message_id, reserved_by)
        return Drafted(message_id=message_id, send=contact.approval != "ask")

    def _adopt(self, work: CaseWork, invoice_id: str, held: outbox.Held) -> Drafted:
        """Finish a message that holds the items; what one that was sent says is covered."""
        for holder in held.holders:
            if holder.state in (MessageState.RESERVED, MessageState.PENDING):
                return Drafted(message_id=holder.message_id, send=True)
        for message_id in sorted({h.message_id for h in held.holders if h.state is MessageState.SENT}):
            message = outbox.get(work.session, message_id)
            assert message is not None, "messages are never deleted"
            take_steps(work, message, self._carriers.proof(message.channel))
        return Drafted(decided=work.settle(invoice_id))

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
            message_id, attempt, at = message.message_id, message.attempts, work.now
            if message.channel in IN_PLACE:
                self._note_result(work, message_id, attempt, Accepted())
                return work.settle(on.invoice_id)
            sender = self._rulebook.seller(message.seller).sender.email
        claimed = time.monotonic()
        self._after_claim()
        if time.monotonic() - claimed > CLAIM_HOLDS_S:
            result: Accepted | Refused | Unknown = Refused(
                "the claim was too old to be used", permanent=False
            )
        else:
            result = self._carriers.send(message, sender=sender, at=at, timeout=PROVIDER_TIMEOUT_S)
        self._after_acceptance()
        with self._sessions.begin() as session:
            work = CaseWork.on_invoice(session, on.invoice_id, self._rulebook, on.at)
            self._note_result(work, message_id, attempt, result)
            decided = work.settle(on.invoice_id)
        if isinstance(result, Refused) and not result.permanent:
            raise ApplicationError(
                f"message {message_id} was not accepted; it is tried again", type="NotAccepted"
            )
        return decided

    def _claim(self, work: CaseWork, on: OnMessage) -> MessageRow | None:
        """The message, claimed for sending; None where it is sent, unknown, changed or not approved.

        What facts have overtaken too often is replaced by one that is written here and now.
        """
        message = outbox.get(work.session, on.message_id)
        assert message is not None, "messages are never deleted"
        if message.state is MessageState.SENDING and _claimed_by(work, message) == _this_activity():
            mark_unknown(
                work,
                on.message_id,
                "the sender was lost after the claim",
                looked_for=self._carriers.looks_up(message.channel) is not None,
            )
            return None
        if message.state is not MessageState.PENDING or message.approval not in (None, Approval.APPROVED):
            return None
        if not _is_open(work, message):
            return None
        changed = overtaken(work, message)
        if changed is not None:
            work.withdraw(message.message_id, changed)
            # A letter is papers as well: it is written anew, however often facts overtake it.
            at_once = message.cancels >= MOST_CANCELS and not _needs_papers(message)
            fresh = self._write_at_once(work, on.invoice_id) if at_once else None
            if fresh is None:
                return None
            message = fresh
        record_offers(work, message)
        claimed = outbox.claim(work.session, message.message_id, at=work.now)
        for item in work.items(message.message_id):
            carried = ready(work.case(item.invoice_id), work.now)
            fact = internal.StepClaimed(
                message_id=message.message_id,
                step=step_of(item.step),
                cycle=item.cycle,
                ref=item.ref,
                catch_up=carried is not None and carried.catch_up,
                by=_this_activity(),
            )
            work.file(item.invoice_id, fact, f"{message.message_id}-{claimed.attempts}")
        work.note("message_claimed", message.message_id, {"attempt": claimed.attempts})
        return claimed

    def _write_at_once(self, work: CaseWork, invoice_id: str) -> MessageRow | None:
        """Decide, reserve, write and freeze in one go, without papers; None where nothing is to be sent."""
        drafted = self._reserve(work, invoice_id)
        message = outbox.get(work.session, drafted.message_id) if drafted.message_id else None
        if message is None or message.state is not MessageState.RESERVED or not drafted.send:
            return None
        if _needs_papers(message):
            return None
        try:
            attach_words(work.session, message)
            note_missing_paper(work, message, invoice_id, "facts kept changing while it was written")
            return freeze_message(work, message, [])
        except UNWRITABLE as problem:
            give_up(work, message, reasons(problem))
            return None

    def _note_result(self, work: CaseWork, message_id: str, attempt: int, result: object) -> None:
        found = outbox.get(work.session, message_id)
        if found is not None and found.state is MessageState.SENT:
            return  # the provider's delivery event was faster than its answer
        if isinstance(result, Refused):  # who was thought lost has come back with a certain answer
            work.close_items("unknown_delivery", message_id, by="duecourse", outcome="it was not sent")
        match result:
            case Accepted():
                message = outbox.mark_sent(
                    work.session, message_id, attempt=attempt, at=work.now, provider_ref=result.provider_ref
                )
                note_sent(work, message, self._carriers.proof(message.channel))
                refuse_copies(work, message, result.refused)
            case Refused(permanent=False):
                outbox.back_to_pending(work.session, message_id, attempt=attempt, why=result.reason)
                work.note("message_returned", message_id, {"attempt": attempt})
                _free(work, message_id, attempt)
                if attempt >= QUIET_TRIES:
                    _list_refused(work, message_id, result.reason)
            case Refused():
                message = outbox.mark_failed(work.session, message_id, attempt=attempt, why=result.reason)
                work.note("message_failed", message_id, {"attempt": attempt})
                work.close_items(
                    "not_accepted", message_id, by="duecourse", outcome="it was refused for good"
                )
                _free(work, message_id, attempt)
                work.withdraw_approval(message_id)
                if is_for_staff(message):
                    take_without_mail(work, message)
                else:
                    refuse_contact(work, message, result.reason)
            case _:
                looked_for = found is not None and self._carriers.looks_up(found.channel) is not None
                mark_unknown(work, message_id, "the provider gave no clear answer", looked_for=looked_for)


def _list_refused(work: CaseWork, message_id: str, reason: str) -> None:
    """A provider that turns a message away again and again may be ours to put right: a key, a sender."""
    invoices = [item.invoice_id for item in work.items(message_id)]
    why = f"message {message_id} is not accepted: {reason}; it is tried again"
    work.open_item("not_accepted", why, ref=message_id, invoices=invoices)


def _this_activity() -> str:
    """What all tries of one activity have in common."""
    info = activity.info()
    return f"{info.workflow_run_id}/{info.activity_id}"


def _claimed_by(work: CaseWork, message: MessageRow) -> str | None:
    """The activity that has claimed a message, as far as a case still waits for it."""
    for item in work.items(message.message_id):
        claim = work.case(item.invoice_id).case.claimed.get(message.message_id)
        if claim is not None:
            return claim.fact.by
    return None


def _is_open(work: CaseWork, message: MessageRow) -> bool:
    """Whether the customer's day allows a message now; a provider may have kept us until the evening."""
    first = work.items(message.message_id)[0]
    pursued = work.case(first.invoice_id)
    calendar = calendar_of(pursued.case.account, pursued.policy)
    window = window_of(pursued.policy.send_window, pursued.case.account.ways)
    return calendar.next_open(work.now, window) <= work.now


def _needs_papers(message: MessageRow) -> bool:
    """Whether a message cannot be written in one go under the lock."""
    return step_of(message.step) in _NEVER_AT_ONCE or message.channel == Channel.LETTER


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


def _adoptable(work: CaseWork, invoice_id: str) -> Drafted | None:
    """What is under way to the customer and may be finished by us; what facts have overtaken meanwhile, or
    another version wrote, is withdrawn."""
    while (under_way := _under_way(work, invoice_id)) is not None:
        why = overtaken(work, under_way)
        if why is None:
            return Drafted(message_id=under_way.message_id, send=True)
        work.withdraw(under_way.message_id, why)
    return None


def _expire(work: CaseWork, contact: Contact) -> None:
    """Nobody decided in time: the drafts of these invoices give way to a fresh one of a higher rank."""
    for item in contact.items:
        approval = work.case(item.invoice_id).case.approval
        message = outbox.get(work.session, approval.fact.message_id) if approval is not None else None
        if message is None or message.state is not MessageState.PENDING:
            continue
        if message.approval is Approval.REQUESTED:
            decide_approval(work, message.message_id, Approval.EXPIRED, "duecourse")
        else:
            work.withdraw(message.message_id, "the step it was approved for is not due any more")


def _open_tasks(work: CaseWork, contact: Contact) -> None:
    """Put a call or an alert on the worklist, one for all the customer's invoices at that step."""
    assert contact.rung is not None
    kind = Step.CALL if contact.rung.assignee == "staff" else Step.AM_ALERT
    invoices = [item.invoice_id for item in contact.items]
    why = _TO_DO[contact.step]
    offer = plan_book.alert_offer(work, invoices) if contact.step is Step.AM_ALERT else None
    if offer is not None:
        why = f"{why}; offer a plan of {plan_book.offer_in_words(offer)}, open until {offer.open_until}"
    # Nothing else about the invoices: more of them may join the task while it is open.
    work.open_item(
        kind,
        why,
        ref=f"{contact.step}-{contact.cycle}",
        invoices=invoices,
        due_on=contact.on,
    )


def _block_orders(work: CaseWork, invoice_id: str, decision: CarryOut) -> None:
    """Place the credit hold that the final notice announced."""
    if not work.file(invoice_id, internal.CreditHoldPlaced(cycle=decision.cycle), str(decision.cycle)):
        return
    work.session.add(
        CreditHoldRow(
            invoice_id=invoice_id,
            cycle=decision.cycle,
            customer_id=work.customer.customer_id,
            placed_at=work.now,
            reason=decision.why,
        )
    )
    work.forget()


def _free(work: CaseWork, message_id: str, attempt: int) -> None:
    for item in work.items(message_id):
        work.file(item.invoice_id, internal.ClaimFreed(message_id=message_id), f"{message_id}-{attempt}")
