"""Electronic invoices and credit notes of EN 16931, in UBL or CII, in the words of `domain.files.e_invoice`.

`factur-x` reads the business terms; what they may be and mean is decided here. Whether a document follows the
schema in every point is only a warning: what is owed, by whom and until when can be read of many that do not.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NoReturn

import facturx
from facturx.facturx import get_level
from lxml import etree

from activities.adapters.xml_file import NotReadable, parse
from domain.files.e_invoice import (
    CREDIT_NOTE_CODES,
    Discount,
    DocumentKind,
    DocumentLine,
    EInvoice,
    Party,
    PaymentTerm,
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
_AMOUNT = re.compile(r"[-+]?(\d{1,18}(\.\d{0,10})?|\.\d{1,10})", re.ASCII)
#: Dates as the syntaxes write them: UBL with a zone at will, CII in the format 102 of UNTDID 2379.
_UBL_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)(Z|[+-]\d\d:\d\d)?", re.ASCII)
_CII_DAY = re.compile(r"(\d{4})(\d\d)(\d\d)", re.ASCII)
#: Elements that say nothing a case needs: what is odd in them is no reason to refuse a document.
_NOT_NEEDED = frozenset(
    {
        "AdditionalDocumentReference",
        "AdditionalReferencedDocument",
        "ApplicableHeaderTradeDelivery",
        "BillingSpecifiedPeriod",
        "Delivery",
        "DespatchDocumentReference",
        "IncludedNote",
        "InvoicePeriod",
        "Note",
        "ReceiptDocumentReference",
        "TaxPointDate",
    }
)
#: Periods of discounts, in days (UN/ECE Recommendation 20).
_DAYS_OF = {"DAY": 1, "WEE": 7}
#: How XRechnung states discounts in the words of the terms (BR-DE-18).
_SKONTO = re.compile(
    r"#SKONTO#TAGE=(\d{1,3})#PROZENT=(\d{1,2}(?:\.\d+)?)#(?:BASISBETRAG=(-?\d+(?:\.\d+)?)#)?", re.ASCII
)

logging.getLogger("factur-x").setLevel(logging.CRITICAL)  # it warns of every optional term that is absent


def read(data: bytes) -> EInvoice:
    """Read one document. Raises NotReadable naming the business term, what it says and the fix."""
    root = parse(data)
    syntax, flavor = _syntax(root)
    _tidy(root, syntax)
    payment_terms = tuple(_payment_terms(root, syntax))
    try:
        terms = facturx.parse_ubl_cii_xml(root, flavor, _PROFILE, check_xsd=False)
    except KeyError as problem:
        raise NotReadable(
            f"lacks {problem.args[0]}: ask whoever made it for one that follows EN 16931"
        ) from None
    except Exception as problem:  # what a foreign document makes of a parser is the document's fault
        raise NotReadable(
            f"cannot be read as an EN 16931 document ({type(problem).__name__}): ask whoever made it for one"
            " that follows the standard"
        ) from None
    type_code = _needed(terms, "BT-3", "type code")
    return EInvoice(
        syntax=syntax,
        kind=_kind(root, type_code),
        number=_needed(terms, "BT-1", "number"),
        issued_on=_date(terms, "BT-2") or _missing("BT-2", "issue date"),
        type_code=type_code,
        currency=_needed(terms, "BT-5", "currency"),
        due_on=max((term.due_on for term in payment_terms if term.due_on is not None), default=None),
        seller=_party(terms.get("BG-4")),
        buyer=_party(terms.get("BG-7")),
        total_with_vat=_stated(terms, "BT-112", "total with VAT"),
        prepaid=_amount(terms, "BT-113", "paid amount"),
        payable=_stated(terms, "BT-115", "amount due"),
        vat=_shown(terms, "BT-110"),
        remittance=_text(terms, "BT-83"),
        terms="; ".join(_texts(terms, "BT-20")) or None,
        preceding=tuple(filter(None, (_text(each, "BT-25") for each in terms.get("BG-3", ())))),
        payee=_party(terms.get("BG-10")).name,
        purchase_order=_text(terms, "BT-13"),
        contract=_text(terms, "BT-12"),
        lines=(
            *(_line(line) for line in terms.get("BG-25", ())),
            *(_on_the_whole(each, Decimal(-1)) for each in terms.get("BG-20", ())),
            *(_on_the_whole(each, Decimal(1)) for each in terms.get("BG-21", ())),
        ),
        total_without_vat=_shown(terms, "BT-109"),
        vat_shares=tuple(_vat_share(each) for each in terms.get("BG-23", ())),
        payment_terms=(*payment_terms, *_skonto(_texts(terms, "BT-20"))),
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


def _texts(terms: Mapping[str, Any], term: str) -> tuple[str, ...]:
    """What a term says, each time it is said."""
    value = terms.get(term)
    if value is None:
        return ()
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)


def _text(terms: Mapping[str, Any], term: str) -> str | None:
    """What a term says; of one that is repeated the first."""
    return next(iter(_texts(terms, term)), None)


def _needed(terms: Mapping[str, Any], term: str, name: str) -> str:
    return _text(terms, term) or str(_missing(term, name))


def _date(terms: Mapping[str, Any], term: str) -> date | None:
    value = terms.get(term)
    value = value[0] if isinstance(value, list) and value else value
    return value if isinstance(value, date) else None


def _amount(terms: Mapping[str, Any], term: str, name: str) -> Decimal | None:
    text = _text(terms, term)
    return None if text is None else _decimal(text, f"the {name} ({term})")


def _shown(told: Mapping[str, Any], term: str) -> Decimal | None:
    """An amount that is shown and not reckoned with: one that cannot be read is left out."""
    return _number(_text(told, term))


def _stated(terms: Mapping[str, Any], term: str, name: str) -> Decimal:
    amount = _amount(terms, term, name)
    return _missing(term, name) if amount is None else amount


def _decimal(text: str, what: str) -> Decimal:
    value = _number(text)
    if value is None:
        raise NotReadable(f"has {what} {text[:40]!r}, not a number such as '1250.00'")
    return value


def _party(told: Any) -> Party:
    """A party; of what is told several times, as an address may be, the first."""
    party = _group(told)
    contacts = [each for each in party.get("contacts", ()) if isinstance(each, Mapping)]
    contact = next((each for each in contacts if _text(each, "email")), _group(contacts))
    scheme = _text(party, "einvoicing_addr_schemeid")
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
        electronic_address=_text(party, "einvoicing_addr") if (scheme or "").upper() == "EM" else None,
    )


def _group(told: Any) -> Mapping[str, Any]:
    """A group of terms; of one that is repeated the first."""
    if isinstance(told, list):
        told = told[0] if told else None
    return told if isinstance(told, Mapping) else {}


def _line(told: Mapping[str, Any]) -> DocumentLine:
    return DocumentLine(
        description=_text(told, "BT-153") or _text(told, "BT-154") or "",
        quantity=_shown(told, "BT-129"),
        unit_price=_shown(told, "BT-146"),
        amount=_shown(told, "BT-131"),
    )


def _vat_share(told: Mapping[str, Any]) -> VatShare:
    return VatShare(
        taxable=_shown(told, "BT-116"),
        vat=_shown(told, "BT-117"),
        rate=_shown(told, "BT-119"),
        category=_text(told, "BT-118"),
    )


def _on_the_whole(told: Mapping[str, Any], sign: Decimal) -> DocumentLine:
    """An allowance (-1) or charge (1) on the whole document."""
    amount = _shown(told, "amount")
    return DocumentLine(_text(told, "reason") or "", None, None, None if amount is None else sign * amount)


# The tree


def _tidy(root: etree._Element, syntax: Syntax) -> None:
    """Take out what no case needs, and write every date the one way that is read; of the dates that cannot be
    read only those of issue and payment matter. Raises NotReadable for these."""
    for element in list(root.iter(etree.Element)):
        name, parent = _name(element), element.getparent()
        if parent is None:
            continue
        if name in _NOT_NEEDED and _name(parent) != "PaymentTerms":
            parent.remove(element)
        elif name == "DateTimeString" if syntax is Syntax.CII else name.endswith("Date"):
            day = _day(element.text, syntax)
            if day is None and (element.text or "").strip() and _is_needed(element, root, syntax):
                raise NotReadable(
                    f"has the {_spoken(element, syntax)} {(element.text or '').strip()[:40]!r}, not a date such as"
                    f" {'20270131' if syntax is Syntax.CII else '2027-01-31'!r}"
                )
            element.text = None if day is None else _written(day, syntax)


def _name(element: etree._Element) -> str:
    return str(etree.QName(element).localname)


def _is_needed(element: etree._Element, root: etree._Element, syntax: Syntax) -> bool:
    if syntax is Syntax.UBL:
        return element.getparent() is root or _name(element) in ("PaymentDueDate", "InstallmentDueDate")
    holder = element.getparent()
    whole = None if holder is None else holder.getparent()
    if holder is None or whole is None:
        return False
    names = (_name(whole), _name(holder))
    return names[1] == "DueDateDateTime" or names == ("ExchangedDocument", "IssueDateTime")


def _spoken(element: etree._Element, syntax: Syntax) -> str:
    holder = element.getparent()
    name = _name(element if syntax is Syntax.UBL or holder is None else holder)
    return "issue date (BT-2)" if name.startswith("Issue") else "due date (BT-9)"


def _day(text: str | None, syntax: Syntax) -> date | None:
    found = (_UBL_DAY if syntax is Syntax.UBL else _CII_DAY).fullmatch((text or "").strip())
    if found is not None:
        with suppress(ValueError):
            return date(int(found[1]), int(found[2]), int(found[3]))
    return None


def _written(day: date, syntax: Syntax) -> str:
    return day.isoformat() if syntax is Syntax.UBL else day.isoformat().replace("-", "")


def _payment_terms(root: etree._Element, syntax: Syntax) -> Iterator[PaymentTerm]:
    """The terms of payment, each due date once. Both syntaxes say more of them than BT-9 and BT-20."""
    if syntax is Syntax.CII:
        path = (
            "SupplyChainTradeTransaction",
            "ApplicableHeaderTradeSettlement",
            "SpecifiedTradePaymentTerms",
        )
        for term in _below(root, *path):
            due_on = _day(_text_below(term, "DueDateDateTime", "DateTimeString"), syntax)
            amount = _number(_text_below(term, "PartialPaymentAmount"))
            discounts = _below(term, "ApplicableTradePaymentDiscountTerms")
            yield PaymentTerm(due_on, amount, tuple(filter(None, map(_cii_discount, discounts))))
        return
    stated = (*_below(root, "DueDate"), *_below(root, "PaymentMeans", "PaymentDueDate"))
    for due_on in sorted({day for each in stated if (day := _day(each.text, syntax)) is not None}):
        yield PaymentTerm(due_on)
    for term in _below(root, "PaymentTerms"):
        days = (_text_below(term, name) for name in ("PaymentDueDate", "InstallmentDueDate"))
        due = next((day for text in days if (day := _day(text, syntax)) is not None), None)
        discount = _ubl_discount(term)
        yield PaymentTerm(due, _number(_text_below(term, "Amount")), () if discount is None else (discount,))


def _cii_discount(told: etree._Element) -> Discount | None:
    percent = _percent(_text_below(told, "CalculationPercent"))
    if percent is None:
        return None
    days = _days(_below(told, "BasisPeriodMeasure"))
    since = _day(_text_below(told, "BasisDateTime", "DateTimeString"), Syntax.CII)
    base = _number(_text_below(told, "BasisAmount"))
    if since is not None and days is not None:
        return Discount(percent, until=since + timedelta(days), base=base)
    return Discount(percent, days=days, base=base)


def _ubl_discount(term: etree._Element) -> Discount | None:
    percent = _percent(_text_below(term, "SettlementDiscountPercent"))
    if percent is None:
        return None
    until = _day(_text_below(term, "SettlementPeriod", "EndDate"), Syntax.UBL)
    days = _days(_below(term, "SettlementPeriod", "DurationMeasure"))
    return Discount(percent, until, None if until is not None else days)


def _skonto(terms: Iterable[str]) -> Iterator[PaymentTerm]:
    for text in terms:
        for days, percent, base in _SKONTO.findall(text):
            if (share := _percent(percent)) is not None:
                yield PaymentTerm(discounts=(Discount(share, days=int(days), base=_number(base)),))


def _below(element: etree._Element, *path: str) -> list[etree._Element]:
    """The elements at a path of names, in whatever namespace."""
    found = [element]
    for name in path:
        found = [
            child for each in found for child in each.iterchildren(etree.Element) if _name(child) == name
        ]
    return found


def _text_below(element: etree._Element, *path: str) -> str | None:
    found = _below(element, *path)
    return (found[0].text or "").strip() or None if found else None


def _number(text: str | None) -> Decimal | None:
    return Decimal(text) if text is not None and _AMOUNT.fullmatch(text) else None


def _percent(text: str | None) -> Decimal | None:
    percent = _number(text)
    return percent if percent is not None and 0 < percent < 100 else None


def _days(measures: Iterable[etree._Element]) -> int | None:
    for measure in measures:
        text, unit = (measure.text or "").strip(), _DAYS_OF.get(str(measure.get("unitCode")))
        if unit is not None and text.isascii() and text.isdigit() and len(text) <= 3:
            return int(text) * unit
    return None
