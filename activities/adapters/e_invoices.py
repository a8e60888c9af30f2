"""Electronic invoices and credit notes of EN 16931, in UBL or CII, in the words of `domain.files.e_invoice`.

`factur-x` reads the business terms; what they may be and mean is decided here. Whether a document follows the
schema in every point is only a warning: what is owed, by whom and until when can be read of many that do not.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, NoReturn

import facturx
from facturx.facturx import get_level
from lxml import etree

from activities.adapters.xml_file import NotReadable, parse
from domain.files.e_invoice import (
    CREDIT_NOTE_CODES,
    DocumentKind,
    DocumentLine,
    EInvoice,
    Party,
    Syntax,
    VatShare,
)

#: The roots of the documents that are read, and what `factur-x` calls them.
_ROOTS = {
    "{urn:oasis:names:specification:ubl:schema:xsd:Invoice-2}Invoice": (Syntax.UBL, "ubl-2.1-invoice"),
    "{urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2}CreditNote": (
        Syntax.UBL,
        "ubl-2.1-creditnote",
    ),
    "{urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100}CrossIndustryInvoice": (
        Syntax.CII,
        "factur-x",
    ),
}
#: The profile whose terms are read: the others name the same ones.
_PROFILE = "en16931"
_LEVELS = frozenset({"minimum", "basicwl", "basic", _PROFILE, "extended"})
_AMOUNT = re.compile(r"-?\d{1,18}(\.\d{0,10})?", re.ASCII)

logging.getLogger("factur-x").setLevel(logging.CRITICAL)  # it warns of every optional term that is absent


def read(data: bytes) -> EInvoice:
    """Read one document. Raises NotReadable naming the business term, what it says and the fix."""
    root = parse(data)
    syntax, flavor = _syntax(root)
    try:
        terms = facturx.parse_ubl_cii_xml(root, flavor, _PROFILE, check_xsd=False)
    except KeyError as problem:
        raise NotReadable(
            f"lacks {problem.args[0]}: ask whoever made it for one that follows EN 16931"
        ) from None
    except Exception as problem:  # what a foreign document makes of a parser is the document's fault
        raise NotReadable(f"cannot be read as an EN 16931 document: {problem}") from None
    type_code = _needed(terms, "BT-3", "type code")
    return EInvoice(
        syntax=syntax,
        kind=_kind(root, type_code),
        number=_needed(terms, "BT-1", "number"),
        issued_on=_date(terms, "BT-2", "issue date") or _missing("BT-2", "issue date"),
        type_code=type_code,
        currency=_needed(terms, "BT-5", "currency"),
        due_on=_date(terms, "BT-9", "due date"),
        seller=_party(terms.get("BG-4")),
        buyer=_party(terms.get("BG-7")),
        total_with_vat=_stated(terms, "BT-112", "total with VAT"),
        prepaid=_amount(terms, "BT-113", "paid amount"),
        payable=_stated(terms, "BT-115", "amount due"),
        vat=_amount(terms, "BT-110", "VAT"),
        remittance=_text(terms, "BT-83"),
        terms=_text(terms, "BT-20"),
        preceding=tuple(filter(None, (_text(each, "BT-25") for each in terms.get("BG-3", ())))),
        payee=_party(terms.get("BG-10")).name,
        purchase_order=_text(terms, "BT-13"),
        contract=_text(terms, "BT-12"),
        lines=(
            *(_line(line) for line in terms.get("BG-25", ())),
            *(_on_the_whole(each, Decimal(-1)) for each in terms.get("BG-20", ())),
            *(_on_the_whole(each, Decimal(1)) for each in terms.get("BG-21", ())),
        ),
        total_without_vat=_amount(terms, "BT-109", "total without VAT"),
        vat_shares=tuple(_vat_share(each) for each in terms.get("BG-23", ())),
    )


def warnings(data: bytes) -> list[str]:
    """Where a document does not follow the schema of its syntax. Raises NotReadable as `read` does."""
    root = parse(data)
    _, flavor = _syntax(root)
    try:
        # What a document says of its own profile may be the name of a former version of it.
        level = get_level(root, flavor)
        facturx.xml_check_xsd(root, flavor, level if level in _LEVELS else _PROFILE)
    except Exception as problem:  # the library raises the base class for whatever is not as it should be
        first = (str(problem).strip().splitlines() or ["it does not say why"])[-1]
        return [f"does not follow the schema: {first[:300]}"]
    return []


def _syntax(root: etree._Element) -> tuple[Syntax, str]:
    known = _ROOTS.get(root.tag)
    if known is None:
        name = etree.QName(root)
        raise NotReadable(
            f"is <{name.localname}> of {name.namespace or 'no namespace'!r}, neither a UBL nor a CII document:"
            " ask for an EN 16931 invoice"
        )
    return known


def _kind(root: etree._Element, type_code: str) -> DocumentKind:
    if etree.QName(root).localname == "CreditNote" or type_code in CREDIT_NOTE_CODES:
        return DocumentKind.CREDIT_NOTE
    return DocumentKind.INVOICE


def _missing(term: str, name: str) -> NoReturn:
    raise NotReadable(f"has no {name} ({term}): ask whoever made it for one that follows EN 16931")


def _text(terms: Mapping[str, Any], term: str) -> str | None:
    """What a term says; of one that is repeated the first."""
    value = terms.get(term)
    if isinstance(value, list):
        value = value[0] if value else None
    return None if value is None else str(value)


def _needed(terms: Mapping[str, Any], term: str, name: str) -> str:
    return _text(terms, term) or str(_missing(term, name))


def _date(terms: Mapping[str, Any], term: str, name: str) -> date | None:
    value = terms.get(term)
    if value is None:
        return None
    if not isinstance(value, date):
        raise NotReadable(f"has the {name} ({term}) {str(value)[:40]!r}, not a date such as '2027-01-31'")
    return value


def _amount(terms: Mapping[str, Any], term: str, name: str) -> Decimal | None:
    text = _text(terms, term)
    return None if text is None else _decimal(text, f"the {name} ({term})")


def _stated(terms: Mapping[str, Any], term: str, name: str) -> Decimal:
    amount = _amount(terms, term, name)
    return _missing(term, name) if amount is None else amount


def _decimal(text: str, what: str) -> Decimal:
    value = Decimal(text) if _AMOUNT.fullmatch(text) else None
    if value is None:
        raise NotReadable(f"has {what} {text[:40]!r}, not a number such as '1250.00'")
    return value


def _party(told: Any) -> Party:
    """A party; of what is told several times, as an address may be, the first."""
    party = _group(told)
    contact = _group(party.get("contacts"))
    name, trading_name = _text(party, "name"), _text(party, "biz_name")
    identifiers = _group(party.get("identifiers"))
    return Party(
        name=name or trading_name,
        trading_name=trading_name if name else None,
        identifiers=tuple(filter(None, (_text(identifiers, scheme) for scheme in identifiers))),
        legal_identifier=_text(party, "legal_identifier"),
        vat_identifier=_text(party, "vat_identifier"),
        address_lines=tuple(filter(None, (_text(party, f"addr_l{line}") for line in (1, 2, 3)))),
        city=_text(party, "city"),
        region=_text(party, "country_subdivision"),
        postal_code=_text(party, "postcode"),
        country=_text(party, "country_code"),
        contact_name=_text(contact, "name"),
        contact_email=_text(contact, "email"),
        contact_phone=_text(contact, "phone"),
    )


def _group(told: Any) -> Mapping[str, Any]:
    """A group of terms; of one that is repeated the first."""
    if isinstance(told, list):
        told = told[0] if told else None
    return told if isinstance(told, Mapping) else {}


def _line(told: Mapping[str, Any]) -> DocumentLine:
    def number(term: str) -> Decimal | None:
        text = _text(told, term)
        return None if text is None else _decimal(text, f"a line's {term}")

    return DocumentLine(
        description=_text(told, "BT-153") or _text(told, "BT-154") or "",
        quantity=number("BT-129"),
        unit_price=number("BT-146"),
        amount=number("BT-131"),
    )


def _vat_share(told: Mapping[str, Any]) -> VatShare:
    """The VAT of one category, which is shown and not reckoned with: a figure that cannot be read is left out."""

    def number(term: str) -> Decimal | None:
        text = _text(told, term)
        return Decimal(text) if text is not None and _AMOUNT.fullmatch(text) else None

    return VatShare(
        taxable=number("BT-116"), vat=number("BT-117"), rate=number("BT-119"), category=_text(told, "BT-118")
    )


def _on_the_whole(told: Mapping[str, Any], sign: Decimal) -> DocumentLine:
    """An allowance (-1) or charge (1) on the whole document."""
    amount = _text(told, "amount")
    value = None if amount is None else sign * _decimal(amount, "an allowance or charge")
    return DocumentLine(_text(told, "reason") or "", None, None, value)
