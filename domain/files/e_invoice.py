"""An electronic invoice or credit note as EN 16931 describes it, whichever syntax it came in.

Field comments name the business terms (BT) and groups (BG) of EN 16931-1:2017.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum


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
    electronic_address: str | None = None
    """Where documents are sent (BT-34, BT-49), of those addresses only one of electronic mail (scheme `EM`)."""


@dataclass(frozen=True, slots=True)
class Discount:
    """A discount for paying early: on a share of what is due, by a date or within days of the issue."""

    percent: Decimal
    until: date | None = None
    days: int | None = None
    base: Decimal | None = None
    """The amount it is granted on, where it is stated."""


@dataclass(frozen=True, slots=True)
class PaymentTerm:
    """One of the terms of payment (BT-20, and as the syntaxes go beyond the standard)."""

    due_on: date | None = None
    amount: Decimal | None = None
    """What is due then; None: all."""
    discounts: tuple[Discount, ...] = ()


@dataclass(frozen=True, slots=True)
class DocumentLine:
    """One line (BG-25), or an allowance or charge on the whole document (BG-20, BG-21), without VAT."""

    description: str
    quantity: Decimal | None
    unit_price: Decimal | None
    amount: Decimal | None


@dataclass(frozen=True, slots=True)
class VatShare:
    """What is taxed alike (BG-23): the amount, the VAT on it, and by which rate in percent."""

    taxable: Decimal | None
    vat: Decimal | None
    rate: Decimal | None
    category: str | None
    """A code of UNTDID 5305, such as `S` or `E`."""


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
    """BT-9, the last where there are several; None where only the terms say when it is due."""
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
    total_without_vat: Decimal | None = None
    """BT-109."""
    vat_shares: tuple[VatShare, ...] = ()
    payment_terms: tuple[PaymentTerm, ...] = ()
