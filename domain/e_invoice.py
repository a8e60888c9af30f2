"""An electronic invoice or credit note as EN 16931 describes it, whichever syntax it came in.

Field comments name the business terms (BT) and groups (BG) of EN 16931-1:2017.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from domain.money import Money


class Syntax(StrEnum):
    UBL = "UBL"
    CII = "CII"


class DocumentKind(StrEnum):
    INVOICE = "Invoice"
    CREDIT_NOTE = "CreditNote"


#: UNTDID 1001 codes of documents that give money back: credit notes for goods, financial adjustments, factored
#: and self-billed ones.
CREDIT_NOTE_CODES = frozenset({"81", "83", "261", "296", "308", "381", "396", "420", "458", "532"})


@dataclass(frozen=True, slots=True)
class Party:
    """The seller (BG-4) or the buyer (BG-7)."""

    name: str | None = None
    trading_name: str | None = None
    identifiers: tuple[str, ...] = ()
    """What the other side or a register calls it (BT-29, BT-46)."""
    legal_identifier: str | None = None
    """Its number in the register of companies (BT-30, BT-47)."""
    vat_identifier: str | None = None
    address_lines: tuple[str, ...] = ()
    city: str | None = None
    region: str | None = None
    postal_code: str | None = None
    country: str | None = None
    contact_name: str | None = None
    contact_email: str | None = None
    contact_phone: str | None = None


@dataclass(frozen=True, slots=True)
class DocumentLine:
    """One line (BG-25), or an allowance or charge on the whole document (BG-20, BG-21), without VAT."""

    description: str
    quantity: Decimal | None
    unit_price: Decimal | None
    amount: Decimal | None


@dataclass(frozen=True, slots=True)
class EInvoice:
    """One document. Amounts are decimals as they were written, in `currency`."""

    syntax: Syntax
    kind: DocumentKind
    number: str
    issued_on: date
    type_code: str
    currency: str
    due_on: date | None
    """BT-9; None where only the terms say when it is due."""
    seller: Party
    buyer: Party
    total_with_vat: Decimal
    """BT-112."""
    prepaid: Decimal | None
    """BT-113: what was paid before the document was issued."""
    payable: Decimal
    """BT-115: what is left to pay; negative where the document gives money back."""
    vat: Decimal | None = None
    """BT-110."""
    remittance: str | None = None
    """BT-83: what the payer is asked to write on the payment."""
    terms: str | None = None
    """BT-20."""
    preceding: tuple[str, ...] = ()
    """BG-3: the invoices that this document corrects or continues."""
    payee: str | None = None
    """BT-59, where somebody other than the seller is paid."""
    purchase_order: str | None = None
    contract: str | None = None
    lines: tuple[DocumentLine, ...] = ()

    @property
    def gives_money_back(self) -> bool:
        """It is a credit note, or an invoice over less than nothing: it is applied, never chased."""
        return (self.kind is DocumentKind.CREDIT_NOTE) == (self.payable >= 0) and self.payable != 0

    @property
    def credit(self) -> Money:
        """What it gives back. Raises ValueError where the currency has not so many decimals."""
        return Money.of(abs(self.payable), self.currency)


#: What an id may not hold (`contract.md`), and how long it may be.
_NOT_OF_AN_ID = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)
_LONGEST_ID = 64
#: The payment that a document says it received before it was issued.
PREPAID = "prepaid"


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
