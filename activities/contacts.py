"""To whom a message goes: the policy names roles, the customer's profile the people."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from activities.casework import CaseWork
from domain.channels import BY_MAIL, Route, may_be_spoken_to
from domain.contract import Contact, Customer
from domain.policy import PolicyStep
from domain.vocabulary import Channel, Note
from store.portfolio import CONTACT_REFUSED
from store.schema import MessageRow

ACCOUNT_MANAGER = "account_manager"


@dataclass(frozen=True)
class Recipients:
    """One person written to, and the copies. `staff` marks a mail that no customer gets."""

    to: Contact
    cc: tuple[Contact, ...] = ()
    staff: bool = False
    route: Route = BY_MAIL

    @property
    def key(self) -> str:
        """What tells recipients apart in the key of rule 2."""
        return contact_key(self.to)


def contact_key(contact: Contact) -> str:
    """By which a person is known: the id, else the mail address, else the number."""
    return contact.contact_id or contact.email or contact.phone or ""


def account_manager(customer: Customer) -> Contact | None:
    """The account manager as a contact, where there is one with an address."""
    manager = customer.account_manager
    if manager is None or manager.email is None:
        return None
    return Contact(role=ACCOUNT_MANAGER, name=manager.name, email=manager.email)


def recipients(
    customer: Customer,
    rung: PolicyStep | None,
    refused: Collection[str] = (),
    route: Route | None = BY_MAIL,
    *,
    note: Note | None = None,
) -> Recipients | None:
    """Whom a step or note writes to by its channel: the first of its roles that can be reached, else whoever
    can; None for nobody. Copies go by mail only, and a letter names who else at the customer's is to read it; that
    orders flow again is told to sales as well. A letter needs no person: it goes to the customer's address.
    """
    if rung is not None and rung.is_task:
        manager = account_manager(customer)
        return (
            None if manager is None or rung.assignee != ACCOUNT_MANAGER else Recipients(manager, staff=True)
        )
    if route is None:
        return None
    reachable = [c for c in customer.contacts if _takes(c, route.channel, refused)]
    if not reachable:
        return Recipients(Contact(role="ap"), route=route) if route.channel is Channel.LETTER else None
    roles: Sequence[str] = rung.to if rung is not None else ("ap", "finance")
    to = next((c for role in roles for c in reachable if c.role == role), reachable[0])
    if route.channel is Channel.LETTER:
        named = [c for c in reachable if rung is not None and c.role in rung.cc and c.name and c != to]
        return Recipients(to, tuple(named), route=route)
    if route.channel is not Channel.EMAIL:
        return Recipients(to, route=route)
    copies: list[Contact] = []
    sales = (ACCOUNT_MANAGER,) if note is Note.CREDIT_HOLD_RELEASED else ()
    for role in rung.cc if rung is not None else sales:
        found = (
            [account_manager(customer)]
            if role == ACCOUNT_MANAGER
            else [c for c in reachable if c.role == role]
        )
        copies += [
            c for c in found if c is not None and c.email not in {to.email, *(each.email for each in copies)}
        ]
    return Recipients(to, tuple(copies), route=route)


def _takes(contact: Contact, channel: Channel, refused: Collection[str]) -> bool:
    """Whether a message of this channel can reach this person."""
    match channel:
        case Channel.EMAIL | Channel.PORTAL:
            return contact.email is not None and contact.email not in refused
        case Channel.CALL:
            return contact.phone is not None
        case Channel.VOICE:
            return may_be_spoken_to(contact, refused)
        case Channel.LETTER:
            return True


class ContactRefused(BaseModel):
    """A mail address or number that takes nothing, as it stands in the account's events."""

    email: str


def refuse_contact(work: CaseWork, message: MessageRow, reason: str) -> None:
    """Write no more to the address of a message until the customer's particulars change; a person looks."""
    to = message.to[0]
    email = str(to.get("phone" if message.channel == Channel.VOICE else "email", ""))
    if email:
        work.file_on_account(CONTACT_REFUSED, message.message_id, ContactRefused(email=email))
    why = f"{email or 'the address'} could not be sent the {message.step} message: {reason}"
    for item in work.items(message.message_id):
        work.open_item("contact", why, invoice_id=item.invoice_id, ref=message.message_id)


def refuse_copies(work: CaseWork, message: MessageRow, emails: Collection[str]) -> None:
    """Copy no more to addresses that take no mail; the message itself went out."""
    for email in emails:
        refused = f"{message.message_id}-copy-{hashlib.sha256(email.encode()).hexdigest()[:8]}"
        work.file_on_account(CONTACT_REFUSED, refused, ContactRefused(email=email))
        why = f"{email} could not be sent a copy of the {message.step} message"
        work.open_item("contact", why, ref=refused)
