"""To whom a message goes: the policy names roles, the customer's profile the people."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from activities.casework import CaseWork
from domain.contract import Contact, Customer
from domain.policy import PolicyStep
from domain.vocabulary import Note
from store.portfolio import CONTACT_REFUSED
from store.schema import MessageRow

ACCOUNT_MANAGER = "account_manager"


@dataclass(frozen=True)
class Recipients:
    """One person written to, and the copies. `staff` marks a mail that no customer gets."""

    to: Contact
    cc: tuple[Contact, ...] = ()
    staff: bool = False

    @property
    def key(self) -> str:
        """What tells recipients apart in the key of rule 2."""
        return self.to.contact_id or self.to.email or ""


def account_manager(customer: Customer) -> Contact | None:
    """The account manager as a contact, where there is one with an address."""
    manager = customer.account_manager
    if manager is None or manager.email is None:
        return None
    return Contact(role=ACCOUNT_MANAGER, name=manager.name, email=manager.email)


def recipients(
    customer: Customer, rung: PolicyStep | None, refused: Collection[str] = (), *, note: Note | None = None
) -> Recipients | None:
    """Whom a step or note writes to: the first of its roles that can be reached, else whoever can; None for
    nobody. That orders flow again is told to sales as well."""
    if rung is not None and rung.is_task:
        manager = account_manager(customer)
        return (
            None if manager is None or rung.assignee != ACCOUNT_MANAGER else Recipients(manager, staff=True)
        )
    reachable = [c for c in customer.contacts if c.email is not None and c.email not in refused]
    if not reachable:
        return None
    roles: Sequence[str] = rung.to if rung is not None else ("ap", "finance")
    to = next((c for role in roles for c in reachable if c.role == role), reachable[0])
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
    return Recipients(to, tuple(copies))


class ContactRefused(BaseModel):
    """An address that cannot be written to, as it stands in the account's events."""

    email: str


def refuse_contact(work: CaseWork, message: MessageRow, reason: str) -> None:
    """Write no more to the address of a message until the customer's particulars change; a person looks."""
    email = str(message.to[0]["email"])
    work.file_on_account(CONTACT_REFUSED, message.message_id, ContactRefused(email=email))
    why = f"{email} could not be sent the {message.step} message: {reason}"
    for item in work.items(message.message_id):
        work.open_item("contact", why, invoice_id=item.invoice_id, ref=message.message_id)


def refuse_copies(work: CaseWork, message: MessageRow, emails: Collection[str]) -> None:
    """Copy no more to addresses that take no mail; the message itself went out."""
    for email in emails:
        refused = f"{message.message_id}-copy-{hashlib.sha256(email.encode()).hexdigest()[:8]}"
        work.file_on_account(CONTACT_REFUSED, refused, ContactRefused(email=email))
        why = f"{email} could not be sent a copy of the {message.step} message"
        work.open_item("contact", why, ref=refused)
