"""What becomes of an e-invoice: a case that is started, a credit that is applied, or nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from domain.contract import Start, field_errors
from domain.files.addresses import addresses
from domain.files.buyers import Buyer, key_of
from domain.files.discount_terms import discounts_of
from domain.files.e_invoice import DocumentKind, EInvoice, Party
from domain.files.ids import customer_id_of
from domain.money import Money

#: What an id may not hold (`contract.md`), and how long it may be.
_NOT_OF_AN_ID = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)
_LONGEST_ID = 64
#: What a line and a text of the contract hold.
_LONGEST_LINE, _LONGEST_TEXT = 200, 4_000
#: What a start cannot do without; all else that does not fit is left out of it.
_NEEDED = frozenset(
    {
        *(
            ("invoice", field)
            for field in ("invoice_id", "number", "seller", "currency", "amount", "issued_on", "due_on")
        ),
        ("customer", "customer_id"),
        *(("payments", 0, field) for field in ("payment_id", "amount", "currency", "received_on")),
    }
)
#: The payment that a document says it received before it was issued.
PREPAID = "prepaid"


M = TypeVar("M", bound=BaseModel)

#: UNTDID 1001: an invoice that corrects another.
_CORRECTION = "384"


@dataclass(frozen=True)
class Credit:
    """What a credit note, or an invoice over less than nothing, gives back."""

    credit_id: str
    buyer: Buyer
    money: Money
    reason: str
    seller: str
    preceding: tuple[str, ...] = ()
    """The numbers of the invoices it belongs to."""
    customer_id: str | None = None
    """The customer we know; None for one whom nobody knows."""


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
    buyer = buyer_of(document.buyer)
    if document.payable == 0:
        return Intake(warnings=("nothing is to be paid: no case is started",))
    if (document.kind is DocumentKind.CREDIT_NOTE) != (document.payable < 0):
        return _credited(document, buyer, seller)
    if document.kind is DocumentKind.CREDIT_NOTE:
        raise ValueError(
            f"a credit note over {document.payable} asks for money: have it made anew as an invoice"
        )
    due_on, warnings = _due(document, due_days)
    early_payment, unread = _early_payment(document, due_on)
    contacts, unreachable = contacts_of(document.buyer)
    warnings += [*unread, *unreachable]
    if document.type_code == _CORRECTION and document.preceding:
        warnings.append(f"corrects {', '.join(document.preceding)}: cancel or credit what it replaces")
    if document.payee:
        warnings.append(f"is to be paid to {document.payee}: messages name the seller's own account")
    prepaid = prepayment_of(document)
    start, left_out = fitted(
        Start,
        {
            "invoice": {
                **invoice_of(document, seller=seller, due_on=due_on),
                **({"early_payment": early_payment} if early_payment else {}),
            },
            "customer": {
                **customer_of(document.buyer, buyer.customer_id),
                **({"contacts": contacts} if contacts else {}),
            },
            "payments": [] if prepaid is None else [prepaid],
        },
    )
    return Intake(start, warnings=(*warnings, *left_out))


def _credited(document: EInvoice, buyer: Buyer, seller: str) -> Intake:
    """What gives money back is applied, never chased."""
    kind = document.kind.value if document.payable > 0 else "Invoice over less than nothing"
    money = Money.of(abs(document.payable), document.currency)
    preceding = tuple(dict.fromkeys(filter(None, map(_line, document.preceding))))
    credit = Credit(id_of(document.number), buyer, money, f"{kind} {document.number}", seller, preceding)
    warning = "names no invoice it belongs to: credited to the customer's account"
    return Intake(credit=credit, warnings=() if preceding else (warning,))


def _due(document: EInvoice, due_days: int) -> tuple[date, list[str]]:
    """When all of it is due. Earlier dates with a discount are offers; without one they would be instalments.

    Raises ValueError for instalments: an invoice is followed to one due date.
    """
    if document.due_on is None:
        due_on = document.issued_on + timedelta(days=due_days)
        said = f" (its terms: {_line(document.terms)!r})" if document.terms else ""
        return due_on, [f"states no due date{said}: {due_on} is taken, {due_days} days after it was issued"]
    net = {term.due_on for term in document.payment_terms if term.due_on and not term.discounts}
    if len(net) > 1:
        dates = _listed([f"{day.day} {day:%B %Y}" for day in sorted(net)])
        raise ValueError(
            f"has {len(net)} due dates without a discount, {dates}: write its instalments as rows of a CSV, each with"
            " an invoice_id of its own, or ask for an invoice with one due date"
        )
    part = next(
        (term.amount for term in document.payment_terms if term.due_on and term.amount is not None), None
    )
    if part is not None and part != document.payable:
        raise ValueError(
            f"asks for {part} of {document.payable} by {document.due_on} and does not say when the rest is due: write"
            " both parts as rows of a CSV, each with an invoice_id of its own"
        )
    if document.due_on < document.issued_on:
        why = f"is due on {document.due_on}, before it was issued: {document.issued_on} is taken"
        return document.issued_on, [why]
    return document.due_on, []


def _early_payment(document: EInvoice, due_on: date) -> tuple[list[dict[str, str]], list[str]]:
    """The discounts of its terms as a start tells of them, the earliest first, and what cannot be told so. Where
    nothing is told for machines, what the words say."""
    offers: dict[tuple[date, Decimal], dict[str, str]] = {}
    warnings = []
    for term in document.payment_terms:
        for discount in term.discounts:
            until = discount.until or term.due_on
            if discount.until is None and discount.days is not None:
                until = document.issued_on + timedelta(days=discount.days)
            if discount.base not in (None, document.payable, document.total_with_vat):
                warnings.append(
                    f"offers {discount.percent:f} % on a part of it: this discount is not followed"
                )
            elif until is None or not document.issued_on <= until <= due_on:
                warnings.append(
                    f"offers {discount.percent:f} %, and not until when: this discount is not followed"
                )
            else:
                offers[until, discount.percent] = {
                    "percent": f"{discount.percent:f}",
                    "until": until.isoformat(),
                }
    if not offers and not warnings:
        told = discounts_of(document.terms or "", document.issued_on)
        return [each for each in told if each["until"] <= due_on.isoformat()], []
    return [offers[key] for key in sorted(offers)], warnings


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def fitted(model: type[M], told: dict[str, Any]) -> tuple[M, list[str]]:
    """What was told as the model, without the particulars that it cannot hold and a case can do without, and
    what was left out.

    Raises ValidationError where what is needed does not fit.
    """
    try:
        return model.model_validate(told), []
    except ValidationError as problem:
        errors, said = problem.errors(include_url=False), field_errors(problem)
        places = [error["loc"] for error in errors]
        if any(
            place in _NEEDED or not _remove(told, place) for place in sorted(places, reverse=True, key=_order)
        ):
            raise
        return model.model_validate(told), [f"{each}: left out" for each in said]


def _order(place: tuple[int | str, ...]) -> tuple[str, ...]:
    """Of a list the last entry comes last."""
    return tuple(f"{step:09}" if isinstance(step, int) else step for step in place)


def _remove(told: Any, place: tuple[int | str, ...]) -> bool:
    """Take what stands at a place out of nested mappings and lists; False where there is no such place."""
    *outer, last = place
    try:
        for step in outer:
            told = told[step]
        del told[last]
    except (LookupError, TypeError):
        return False
    return True


def id_of(text: str) -> str:
    """A number, or whatever sets a party apart, as an id of ours: `2027/0017` becomes `2027-0017`.

    Raises ValueError where nothing is left of it, or it is too long to be told from others.
    """
    id_ = _NOT_OF_AN_ID.sub("-", text).strip("-")
    if not id_ or len(id_) > _LONGEST_ID:
        raise ValueError(f"{text[:80]!r} cannot be made an id of 1 to {_LONGEST_ID} letters and digits")
    return id_


def party_id(party: Party) -> str:
    """The id of a customer who is known by nothing else: the VAT id, else a beginning that people can read and a
    hash of all that tells the party from others.

    Raises ValueError where the document says neither name nor number.
    """
    told = (party.vat_identifier, party.legal_identifier, *party.identifiers, party.name)
    first = next((text for text in told if key_of(text)), None)
    if first is None:
        raise ValueError("the buyer (BG-7) has neither name nor number")
    number = Buyer("", vat_id=party.vat_identifier, country=party.country).vat_key
    if number.isascii() and 0 < len(number) <= _LONGEST_ID:
        return number
    whole = (*told, party.trading_name, party.postal_code, party.city, party.country)
    return customer_id_of(party.name or first, "\x1f".join(map(key_of, whole)))


def buyer_of(party: Party) -> Buyer:
    """Who the buyer is, under the id of one whom nobody knows. Raises ValueError as `party_id` does."""
    return Buyer(
        customer_id=party_id(party),
        names=tuple(filter(None, (_line(party.trading_name), _line(party.name)))),
        vat_id=_line(party.vat_identifier),
        registration_no=_line(party.legal_identifier),
        postal_code=_line(party.postal_code),
        city=_line(party.city),
        country=party.country,
    )


def former_party_id(party: Party) -> str:
    """The id that was made of a party before ids carried a hash: cases that are recorded under it stay there."""
    told = (party.vat_identifier, party.legal_identifier, *party.identifiers, party.name)
    return _NOT_OF_AN_ID.sub("-", next((text for text in told if text), "")).strip("-")


def customer_of(party: Party, customer_id: str) -> dict[str, Any]:
    """The buyer as a start tells of a customer."""
    address = {
        "lines": [_line(text) for text in party.address_lines],
        "city": _line(party.city),
        "region": _line(party.region),
        "postal_code": _line(party.postal_code),
        "country": party.country,
    }
    told = {
        "customer_id": customer_id,
        "name": _line(party.trading_name or party.name),
        "legal_name": _line(party.name) if party.trading_name else None,
        "country": party.country,
        "registration_no": _line(party.legal_identifier),
        "vat_id": _line(party.vat_identifier),
        "address": _told(address) if any(address.values()) else None,
    }
    return _told(told)


def contacts_of(party: Party) -> tuple[list[dict[str, Any]], list[str]]:
    """The buyer's contacts as a start tells of them, and what is no mail address. Of several addresses in one
    field the first is that of the person who is named."""
    contacts: dict[str, dict[str, Any]] = {}
    unreachable = []
    for field, named in ((party.contact_email, True), (party.electronic_address, False)):
        try:
            found = addresses(field) if field else ()
        except ValueError as problem:
            unreachable.append(f"names an address of the buyer that {problem}: imported without it")
            continue
        for place, email in enumerate(found):
            person = (
                (_line(party.contact_name), _line(party.contact_phone))
                if named and not place
                else (None, None)
            )
            contact = {"role": "ap", "name": person[0], "email": email, "phone": person[1]}
            contacts.setdefault(email.casefold(), _told(contact))
    return list(contacts.values()), unreachable


def _line(text: str | None, longest: int = _LONGEST_LINE) -> str | None:
    """Text on one line: documents are often indented inside their elements, and say as much as they like."""
    line = " ".join(text.split()) if text else ""
    return (line if len(line) <= longest else line[: longest - 1].rstrip() + "…") or None


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
        told: dict[str, Any] = {"description": line.description[:_LONGEST_TEXT]}
        if line.quantity is not None:
            told["quantity"] = f"{line.quantity:f}"
        if line.unit_price is not None:
            told["unit_price"] = f"{line.unit_price:f}"
        if line.amount is not None:
            told["amount"] = _stated(line.amount, document.currency)
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
        "payment_reference": _line(document.remittance),
        "tax_amount": _stated(document.vat, document.currency) if document.vat and document.vat > 0 else None,
        "lines": lines,
    }
    return _told(fields)


def _stated(amount: Decimal, currency: str) -> str:
    """An amount as a start states it; one with more decimals than its currency as it came, to be left out."""
    try:
        return str(Money.of(amount, currency))
    except ValueError:
        return f"{amount:f}"


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
