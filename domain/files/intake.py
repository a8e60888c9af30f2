"""What becomes of an e-invoice: a case that is started, a credit that is applied, or nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from domain.contract import Start
from domain.files.e_invoice import DocumentKind, EInvoice, Party
from domain.money import Money

#: What an id may not hold (`contract.md`), and how long it may be.
_NOT_OF_AN_ID = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)
_LONGEST_ID = 64
#: The payment that a document says it received before it was issued.
PREPAID = "prepaid"


#: UNTDID 1001: an invoice that corrects another.
_CORRECTION = "384"


@dataclass(frozen=True)
class Credit:
    """What a credit note, or an invoice over less than nothing, gives back."""

    credit_id: str
    customer_id: str
    money: Money
    reason: str
    invoice_id: str | None = None
    """The invoice it is applied to; None: the customer's account."""


@dataclass(frozen=True)
class Intake:
    """What becomes of a document, and what a person should know of it."""

    start: Start | None = None
    credit: Credit | None = None
    warnings: tuple[str, ...] = ()


def take_in(document: EInvoice, *, seller: str, due_days: int) -> Intake:
    """What becomes of a document. Without a due date it is due so many days after its issue, and never before it.

    Raises ValueError (a ValidationError of the contract's start is one) where it cannot be taken in.
    """
    customer_id = party_id(document.buyer)
    if document.payable == 0:
        return Intake(warnings=("nothing is to be paid: no case is started",))
    if (document.kind is DocumentKind.CREDIT_NOTE) != (document.payable < 0):
        return _credited(document, customer_id)
    if document.kind is DocumentKind.CREDIT_NOTE:
        raise ValueError(
            f"a credit note over {document.payable} asks for money: have it made anew as an invoice"
        )
    due_on, warnings = _due(document, due_days)
    if document.type_code == _CORRECTION and document.preceding:
        warnings.append(f"corrects {', '.join(document.preceding)}: cancel or credit what it replaces")
    if document.payee:
        warnings.append(f"is to be paid to {document.payee}: messages name the seller's own account")
    prepaid = prepayment_of(document)
    start = Start.model_validate(
        {
            "invoice": invoice_of(document, seller=seller, due_on=due_on),
            "customer": customer_of(document.buyer, customer_id),
            "payments": [] if prepaid is None else [prepaid],
        }
    )
    return Intake(start, warnings=tuple(warnings))


def _credited(document: EInvoice, customer_id: str) -> Intake:
    """What gives money back is applied, never chased."""
    preceding = id_of(document.preceding[0]) if len(document.preceding) == 1 else None
    kind = document.kind.value if document.payable > 0 else "Invoice over less than nothing"
    money = Money.of(abs(document.payable), document.currency)
    credit = Credit(id_of(document.number), customer_id, money, f"{kind} {document.number}", preceding)
    warning = "names no invoice it belongs to: credited to the customer's account"
    return Intake(credit=credit, warnings=() if preceding else (warning,))


def _due(document: EInvoice, due_days: int) -> tuple[date, list[str]]:
    if document.due_on is None:
        due_on = document.issued_on + timedelta(days=due_days)
        said = f" (its terms: {_line(document.terms)!r})" if document.terms else ""
        return due_on, [f"states no due date{said}: {due_on} is taken, {due_days} days after it was issued"]
    if document.due_on < document.issued_on:
        why = f"is due on {document.due_on}, before it was issued: {document.issued_on} is taken"
        return document.issued_on, [why]
    return document.due_on, []


def id_of(text: str) -> str:
    """A number, or whatever sets a party apart, as an id of ours: `2027/0017` becomes `2027-0017`.

    Raises ValueError where nothing is left of it, or it is too long to be told from others.
    """
    id_ = _NOT_OF_AN_ID.sub("-", text).strip("-")
    if not id_ or len(id_) > _LONGEST_ID:
        raise ValueError(f"{text[:80]!r} cannot be made an id of 1 to {_LONGEST_ID} letters and digits")
    return id_


def party_id(party: Party) -> str:
    """The id of a customer who is known by nothing else: VAT number, number in a register, identifier, name.

    Raises ValueError where the document says none of them.
    """
    told = (party.vat_identifier, party.legal_identifier, *party.identifiers, party.name)
    first = next((text for text in told if text), None)
    if first is None:
        raise ValueError("the buyer (BG-7) has neither name nor number")
    return id_of(first)


def customer_of(party: Party, customer_id: str) -> dict[str, Any]:
    """The buyer as a start tells of a customer."""
    address = {
        "lines": [_line(text) for text in party.address_lines],
        "city": _line(party.city),
        "region": _line(party.region),
        "postal_code": _line(party.postal_code),
        "country": party.country,
    }
    contact = {
        "role": "ap",
        "name": _line(party.contact_name),
        "email": party.contact_email,
        "phone": _line(party.contact_phone),
    }
    told = {
        "customer_id": customer_id,
        "name": _line(party.trading_name or party.name),
        "legal_name": _line(party.name) if party.trading_name else None,
        "country": party.country,
        "registration_no": _line(party.legal_identifier),
        "vat_id": _line(party.vat_identifier),
        "address": _told(address) if any(address.values()) else None,
        "contacts": [_told(contact)] if party.contact_email else None,
    }
    return _told(told)


def _line(text: str | None) -> str | None:
    """Text on one line: documents are often indented inside their elements."""
    return " ".join(text.split()) or None if text else None


def _told(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def invoice_of(document: EInvoice, *, seller: str, due_on: date) -> dict[str, Any]:
    """The document as a start tells of an invoice, with what was paid before it was issued still in its amount.

    Raises ValueError where an amount has more decimals than its currency.
    """
    prepaid = document.prepaid or Decimal(0)
    amount = Money.of(document.payable + prepaid, document.currency)
    lines = []
    for line in document.lines:
        told: dict[str, Any] = {"description": line.description}
        if line.quantity is not None:
            told["quantity"] = f"{line.quantity:f}"
        if line.unit_price is not None:
            told["unit_price"] = f"{line.unit_price:f}"
        if line.amount is not None:
            told["amount"] = str(Money.of(line.amount, document.currency))
        lines.append(told)
    fields = {
        "invoice_id": id_of(document.number),
        "number": _line(document.number),
        "seller": seller,
        "currency": document.currency,
        "amount": str(amount),
        "issued_on": document.issued_on.isoformat(),
        "due_on": due_on.isoformat(),
        "purchase_order": _line(document.purchase_order),
        "agreement_ref": _line(document.contract),
        "terms": _line(document.terms),
        "tax_amount": None
        if not document.vat or document.vat < 0
        else str(Money.of(document.vat, document.currency)),
        "lines": lines,
    }
    return _told(fields)


def prepayment_of(document: EInvoice) -> dict[str, Any] | None:
    """What was paid before the document was issued, as a payment on the day of issue; None where nothing was."""
    if not document.prepaid or document.prepaid < 0:
        return None
    return {
        "payment_id": PREPAID,
        "amount": str(Money.of(document.prepaid, document.currency)),
        "currency": document.currency,
        "received_on": document.issued_on.isoformat(),
        "reference": document.number,
    }
