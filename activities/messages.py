"""What becomes of a message and of the invoices in it, whoever finds out. Under the customer's lock."""

from __future__ import annotations

import re

from pydantic import ValidationError

from activities import plan_book
from activities.adapters.port import Proof
from activities.casework import CaseWork
from domain import facts as internal
from domain.letters.letter import FOR_STAFF, NoticeFacts
from domain.vocabulary import Channel, Note, Step, step_name
from store import outbox, portfolio
from store.schema import Approval, MessageRow

#: Why a message is withdrawn whose facts cannot be read any more.
ANOTHER_VERSION = "it was written by another version of Duecourse"
_NOTES = frozenset(note.value for note in Note)


#: The kind of a plan's message: `plan_proposed`, `plan_reminder_1`, of a second plan `plan2_reminder_1`.
_OF_PLAN = re.compile(r"plan\d*_([a-z]+)(?:_(\d+))?", re.ASCII)


def step_of(name: str) -> Step | Note:
    """What an item of a message is: a rung of the ladder, or the answer to something."""
    plan = _OF_PLAN.fullmatch(name)
    if plan is not None:
        return Note(f"plan_{plan[1]}")
    return Note(name) if name in _NOTES else Step(name)


def number_of(name: str) -> int:
    """The instalment that a plan's message is about; 0 where it is about the whole plan."""
    plan = _OF_PLAN.fullmatch(name)
    return int(plan[2]) if plan is not None and plan[2] else 0


def frozen_facts(message: MessageRow) -> NoticeFacts | None:
    """What a message says; None where another version of Duecourse wrote it down in another form."""
    try:
        return NoticeFacts.model_validate(message.facts)
    except ValidationError:
        return None


def is_for_staff(message: MessageRow) -> bool:
    """Whether a colleague reads it, not the customer."""
    return message.step in FOR_STAFF


def take_steps(work: CaseWork, message: MessageRow, proof: str) -> None:
    """Note on every invoice of an accepted message that its step was taken; one that was is left alone."""
    message_id = message.message_id
    for item in work.items(message_id):
        case = work.case(item.invoice_id).case
        step = step_of(item.step)
        if isinstance(step, Note):
            sent = internal.ConfirmationSent(
                note=step, ref=item.ref, message_id=message_id, number=number_of(item.step)
            )
            work.file(item.invoice_id, sent, message_id)
        elif any(taken.fact.message_id == message_id for taken in case.steps):
            if proof == "delivered":  # a person had taken it upon themselves before the answer came
                delivered = internal.NoticeDelivered(message_id=message_id)
                work.file(item.invoice_id, delivered, message_id)
        else:
            claim = case.claimed.get(message_id)
            taken = internal.StepTaken.model_validate(
                {
                    "step": item.step,
                    "cycle": item.cycle,
                    "message_id": message_id,
                    "proof": proof,
                    "channel": message.channel,
                    "catch_up": claim is not None and claim.fact.catch_up,
                    "block_on": message.facts.get("block_on") if item.step == Step.CREDIT_HOLD else None,
                    "answer_by": message.facts.get("answer_by") if item.step == Step.DEMAND else None,
                }
            )
            work.file(item.invoice_id, taken, message_id)
    if message.step == Step.AM_ALERT:
        plan_book.open_alert_offer(work, [item.invoice_id for item in work.items(message_id)])


def record_offers(work: CaseWork, message: MessageRow) -> None:
    """Record what a message offers by itself, before it may be on its way: once it was read it binds us."""
    facts = frozen_facts(message)
    for item in facts.items if facts is not None else ():
        made = item.offer.made if item.offer is not None else None
        if made is not None and made.offer_id not in work.case(item.invoice_id).case.offers:
            work.file(item.invoice_id, made, made.offer_id)


def note_sent(work: CaseWork, message: MessageRow, proof: Proof) -> None:
    """What follows once a provider has a message, whether it said so at once or it was found out later."""
    message_id = message.message_id
    for kind in ("unknown_delivery", "not_accepted"):
        work.close_items(kind, message_id, by="duecourse", outcome="it was sent")
    take_steps(work, message, proof)
    if proof != "none":
        outbox.record_delivery(work.session, message_id, kind=proof, at=work.now)
    if message.unsolicited:
        first = work.items(message_id)[0]
        work.wrote_on(work.today(work.case(first.invoice_id)))
    provider_ref = message.provider_ref or ""
    work.note("message_sent", message_id, {"provider_ref": provider_ref, "proof": proof})
    _hand_to_staff(work, message)


def _hand_to_staff(work: CaseWork, message: MessageRow) -> None:
    """What staff do beside a message: call a customer at risk, hand over a referred file."""
    items = work.items(message.message_id)
    invoices, today = [item.invoice_id for item in items], work.today(work.case(items[0].invoice_id))
    name = portfolio.profile_of(work.customer).shown_name
    if message.channel == Channel.CALL:
        why = f"call {name} instead of writing: {message.subject}"
        ref = f"{message.step}-{items[0].cycle}"
        work.open_item(Step.CALL, why, ref=ref, invoices=invoices, due_on=today)
    if message.step == Step.AT_RISK:
        why = f"call {name}: at risk, offer instalments"
        work.open_item(Step.CALL, why, ref=f"at_risk-{message.message_id}", invoices=invoices, due_on=today)
    elif message.step == Step.REFERRAL:
        why = f"hand the file of {name} to the partner"
        work.open_item("referral", why, ref=message.message_id, invoices=invoices, due_on=today)
    elif message.step == Note.CREDIT_HOLD_RELEASED and not message.cc:
        why = f"tell sales that {name} can order again"
        ref = f"{message.step}-{message.message_id}"
        work.open_item(message.step, why, ref=ref, invoices=invoices, due_on=today)


_LOOKED_FOR = (
    "It is looked for during five days; if you find out sooner that it arrived, or it does not matter: "
    "waive {item.invoice_id} --step {item.step}"
)
_NOBODY_LOOKS = (
    "Nobody can be asked about it but a person: look for the message id in the log of the mail server (or of the "
    "telephony), or ask the customer. If it arrived, or does not matter: waive {item.invoice_id} --step {item.step}. "
    "If it did not: tell the customer another way, then the same"
)


def mark_unknown(work: CaseWork, message_id: str, why: str, *, looked_for: bool) -> None:
    """Note that nobody knows whether a message went out, and list it for a person with what to do.

    `looked_for` says whether whoever carries it can be asked later.
    """
    outbox.mark_unknown(work.session, message_id, at=work.now)
    for item in work.items(message_id):
        reason = (
            f"it is not known whether the {step_name(item.step)} went out (message {message_id}): {why}; it is not "
            "resent. " + (_LOOKED_FOR if looked_for else _NOBODY_LOOKS).format(item=item)
        )
        work.open_item("unknown_delivery", reason, invoice_id=item.invoice_id, ref=message_id)
    work.note("message_unknown", message_id, {"why": why})


def take_without_mail(work: CaseWork, message: MessageRow) -> None:
    """The task stands on the worklist; only the mail about it did not go out."""
    for item in work.items(message.message_id):
        taken = internal.StepTaken(step=Step(item.step), cycle=item.cycle)
        work.file(item.invoice_id, taken, message.message_id)
    if message.step == Step.AM_ALERT:
        plan_book.open_alert_offer(work, [item.invoice_id for item in work.items(message.message_id)])


def give_up(work: CaseWork, message: MessageRow, why: str) -> None:
    """Withdraw a message that can never be written as it is.

    A colleague's task stands without its mail; a customer's case waits until a person has looked.
    """
    work.withdraw(message.message_id, why)
    if is_for_staff(message):
        why = f"the {message.step} mail to a colleague cannot be written: {why}; its task stands"
        work.open_item("unwritable", why, ref=message.message_id)
        take_without_mail(work, message)
        return
    items = work.items(message.message_id)
    cannot_be_written(work, [item.invoice_id for item in items], message.step, message.message_id, why)


def cannot_be_written(work: CaseWork, invoice_ids: list[str], step: str, message_id: str, why: str) -> None:
    """Park the cases of a message that nobody can write."""
    work.park(invoice_ids, "unwritable", f"the {step} message cannot be written: {why}", message_id)


def reasons(problem: Exception) -> str:
    """What is wrong, without the values that are: those are people's."""
    if isinstance(problem, ValidationError):
        return "; ".join(str(error["msg"]) for error in problem.errors(include_input=False))
    return f"{type(problem).__name__}: {problem}"


def decide_approval(work: CaseWork, message_id: str, approval: Approval, by: str) -> None:
    """Note what a person said of a message, or that nobody said anything; one not approved is withdrawn.

    The cases keep their approvals where it expired: the next one is asked with a higher rank.
    """
    outbox.decide_approval(work.session, message_id, approval)
    work.close_items("approval", message_id, by=by, outcome=approval)
    work.note(f"approval_{approval}", message_id, {})
    if approval is not Approval.APPROVED:
        outbox.cancel(work.session, message_id, why=f"approval {approval}")
        work.note("message_cancelled", message_id, {"why": f"approval {approval}"})
