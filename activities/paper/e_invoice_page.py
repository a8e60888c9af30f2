"""An electronic invoice as a page that people can read: what it says, in the customer's language and habits.

The document is a stranger's: every text in it is printed on one line, without anything that steers the eye or the
page, and its amounts as they were written, with the decimals they have.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from babel.numbers import format_decimal

from activities.writing.phrasing import Habits, Labels, habits_of, paper_labels, paper_of, template
from domain.files.e_invoice import DocumentKind, DocumentLine, EInvoice, Party
from domain.letters.letter import AccountFacts
from domain.money import exponent
from domain.seller import one_line

#: The longest text of one field: descriptions may hold whole specifications.
_LONGEST = 1_000
#: More lines than people read; the file has them all.
_MOST_LINES = 500


@dataclass(frozen=True, slots=True)
class _Line:
    what: str
    quantity: str
    unit_price: str
    amount: str


def e_invoice_html(document: EInvoice, facts: AccountFacts) -> str:
    """The document as an HTML page on the customer's paper."""
    habits = habits_of(facts)
    say = paper_labels(facts)
    credit = document.kind is DocumentKind.CREDIT_NOTE
    return template("e_invoice.html.jinja").render(
        lang=facts.language,
        paper=paper_of(facts),
        say=say,
        small=Labels(facts.language, {**habits.functions(), "total": ""}),
        title=f"{say.credit_note if credit else say.exhibit_kind('invoice')} {_said(document.number)}",
        syntax=document.syntax,
        fields=_fields(document, habits, say),
        parties=[
            (label, _party(party, habits, say))
            for label, party in ((say.from_seller, document.seller), (say.to_buyer, document.buyer))
        ],
        currency=_said(document.currency),
        lines=[_line(line, document.currency, habits) for line in document.lines[:_MOST_LINES]],
        more_lines=max(0, len(document.lines) - _MOST_LINES),
        totals=_totals(document, habits, say),
        payable_label=say.to_be_credited if credit else say.payable,
        payable=_amount(document.payable, document.currency, habits),
    )


def _said(text: str | None) -> str:
    line = one_line(text or "")
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} \N{HORIZONTAL ELLIPSIS}"


def _filled(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(label, value) for label, value in pairs if value]


def _fields(document: EInvoice, habits: Habits, say: Labels) -> list[tuple[str, str]]:
    """What identifies the document, and how it is to be paid."""
    return _filled(
        (
            (say.issued_on, habits.day(document.issued_on)),
            (say.due_on, "" if document.due_on is None else habits.day(document.due_on)),
            (say.payment_reference, _said(document.remittance)),
            (say.payment_terms, _said(document.terms)),
            (say.order_number, _said(document.purchase_order)),
            (say.contract_number, _said(document.contract)),
            (say.preceding_invoice, ", ".join(_said(number) for number in document.preceding[:20])),
            (say.paid_to, _said(document.payee)),
        )
    )


def _party(party: Party, habits: Habits, say: Labels) -> list[str]:
    """Name, address and numbers, a line each."""
    place = " ".join(filter(None, (_said(party.postal_code), _said(party.city))))
    country = _said(party.country)
    numbers = _filled(
        (
            (say.party_vat_id, _said(party.vat_identifier)),
            (say.party_registration, _said(party.legal_identifier)),
        )
    )
    return [
        line
        for line in (
            _said(party.name),
            _said(party.trading_name),
            *(_said(line) for line in party.address_lines),
            place,
            _said(party.region),
            habits.territory(country) if country else "",
            *(f"{label} {value}" for label, value in numbers),
            _said(party.contact_name),
            _said(party.contact_email),
            _said(party.contact_phone),
        )
        if line
    ]


def _line(line: DocumentLine, currency: str, habits: Habits) -> _Line:
    return _Line(
        what=_said(line.description),
        quantity="" if line.quantity is None else _number(line.quantity, 0, habits),
        unit_price="" if line.unit_price is None else _amount(line.unit_price, currency, habits),
        amount="" if line.amount is None else _amount(line.amount, currency, habits),
    )


def _totals(document: EInvoice, habits: Habits, say: Labels) -> list[tuple[str, str]]:
    """The sums above what is left to pay."""

    def amount(value: Decimal | None) -> str:
        return "" if value is None else _amount(value, document.currency, habits)

    shares = []
    for share in document.vat_shares[:20]:
        rate = "" if share.rate is None else f"{_number(share.rate, 0, habits)}\N{NO-BREAK SPACE}%"
        if share.vat is not None and share.taxable is not None:
            label = say.vat_on(rate or _said(share.category), amount(share.taxable))
            shares.append((label, amount(share.vat)))
    vat = shares or [(say.vat, amount(document.vat))]
    return _filled(
        (
            (say.without_vat, amount(document.total_without_vat)),
            *vat,
            (say.with_vat, amount(document.total_with_vat)),
            (say.prepaid, amount(-document.prepaid if document.prepaid else None)),
        )
    )


def _amount(value: Decimal, currency: str, habits: Habits) -> str:
    """With at least the decimals of its currency."""
    return _number(value, exponent(currency), habits)


def _number(value: Decimal, places: int, habits: Habits) -> str:
    least = "0" * places
    pattern = f"#,##0.{least}{'#' * (10 - places)}"
    text: str = format_decimal(abs(value), format=pattern, locale=habits.locale, decimal_quantization=False)
    return f"\N{MINUS SIGN}{text}" if value < 0 else text
