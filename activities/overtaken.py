"""Whether a message that was written still says what is true: the contact that would be made now, held against it."""

from __future__ import annotations

from datetime import date
from typing import Any

from pydantic import ValidationError

from activities import plan_book
from activities.casework import CaseWork
from activities.contacts import Recipients, recipients
from activities.messages import ANOTHER_VERSION, frozen_facts, step_of
from activities.notice_facts import freeze, material, names_terms_that_are_over, offers_come_too_near
from domain.contact import Contact, compose, ready
from domain.decision import CarryOut
from domain.vocabulary import PLAN_NOTES, Note
from store import portfolio
from store.schema import Approval, MessageRow


def overtaken(work: CaseWork, message: MessageRow) -> str | None:
    """Why a written message no longer says what is true; None where it may go."""
    written = frozen_facts(message)
    if written is None:
        return ANOTHER_VERSION
    contact = _due_contact(work, message)
    if contact is None:
        return "the step is not due any more"
    if contact.approval != "none" and message.approval is not Approval.APPROVED:
        return "a person has not approved it"
    if contact.on != written.as_of and message.approval is None:
        return f"it is dated {written.as_of}"
    addressed = addressees(work, contact)
    if addressed is None:
        return "nobody can be reached any more"
    try:
        true = freeze(work, contact, addressed, message.message_id)
    except ValidationError:
        return "the facts changed after it was written"
    too_near = _is_sooner(written.block_on, true.block_on) or _is_sooner(written.answer_by, true.answer_by)
    if too_near or offers_come_too_near(written, true):
        return "the dates it names have come too near"
    if names_terms_that_are_over(written, true):
        return "the terms for early payment that it names do not stand any more"
    same = (contact.ref, contact.name) == (message.ref, message.step) and material(
        true, people(addressed)
    ) == material(written, (message.to, message.cc))
    return None if same else "the facts changed after it was written"


def _due_contact(work: CaseWork, message: MessageRow) -> Contact | None:
    """The contact that a written message would be made for now; None where there is none any more."""
    items = work.items(message.message_id)
    step = step_of(items[0].step)
    if step in PLAN_NOTES:
        return plan_book.contact(work, message.ref)
    if isinstance(step, Note):
        # Each case has a minute of its own: the message is due as soon as it is for one of them.
        return next(filter(None, (_due_by(work, item.invoice_id, step) for item in items)), None)
    trigger = work.case(items[0].invoice_id)
    decision = ready(trigger, work.now)
    if decision is None:
        return None
    return compose(trigger, decision, work.siblings(items[0].invoice_id), work.now)


def _due_by(work: CaseWork, invoice_id: str, note: Note) -> Contact | None:
    """The contact that a case makes for a note that is due now."""
    decision = work.decide(invoice_id)
    if not isinstance(decision, CarryOut) or decision.step != note:
        return None
    return compose(work.case(invoice_id), decision, work.siblings(invoice_id), work.now)


def _is_sooner(named: date | None, earliest: date | None) -> bool:
    return named is not None and earliest is not None and named < earliest


def addressees(work: CaseWork, contact: Contact) -> Recipients | None:
    """Whom a contact goes to, without addresses that refused us; None where there is nobody."""
    refused = portfolio.refused_addresses(work.account_events)
    route = work.account.route(contact.step)
    note = contact.step if isinstance(contact.step, Note) else None
    return recipients(portfolio.profile_of(work.customer), contact.rung, refused, route, note=note)


def people(addressed: Recipients) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Whom a message goes to, and the copies, as its row keeps them."""
    to, *cc = (c.model_dump(mode="json", exclude_none=True) for c in (addressed.to, *addressed.cc))
    return [to], cc
