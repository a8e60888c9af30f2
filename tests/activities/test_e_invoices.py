"""E-invoices are read with who owes what until when, or refused with the term that is missing."""

from __future__ import annotations

import json
import os
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from activities.adapters import e_invoices
from activities.adapters.xml_file import NotReadable
from domain.contract import Start
from domain.files.e_invoice import DocumentKind, Syntax
from domain.files.intake import id_of, invoice_of, take_in
from settings import ROOT
from tests.e_invoices import CASES, cii, ubl

DATA = Path(os.environ.get("DUECOURSE_DATA", ROOT.parent / "shared" / "data")) / "einvoices"


def test_an_invoice_becomes_a_start() -> None:
    document = e_invoices.read(ubl(payable="69.00", total="119.00", prepaid="50.00"))
    assert (document.syntax, document.kind) == (Syntax.UBL, DocumentKind.INVOICE)
    start = take_in(document, seller="default", due_days=30).start
    assert start is not None
    invoice, customer = start.invoice, start.customer
    assert (invoice.invoice_id, invoice.number, invoice.amount) == ("2027-0017", "2027/0017", "119.00")
    assert (invoice.issued_on, invoice.due_on) == (date(2027, 1, 4), date(2027, 2, 3))
    assert invoice.lines[0].description == "Support, January"
    assert invoice.lines_total is not None
    assert invoice.lines_total + invoice.tax == invoice.money
    assert (customer.customer_id, customer.name, customer.country) == (
        "DE136695976",
        "Acme & Söhne GmbH",
        "DE",
    )
    assert [contact.email for contact in customer.contacts] == ["ap@acme.example"]
    assert [(payment.amount, payment.received_on) for payment in start.payments] == [
        ("50.00", date(2027, 1, 4))
    ]


@pytest.mark.parametrize(
    ("document", "started", "credited"),
    [
        pytest.param(ubl(), True, None, id="an invoice"),
        pytest.param(ubl(kind="CreditNote"), False, "119.00", id="a credit note"),
        pytest.param(ubl(payable="-119.00"), False, "119.00", id="an invoice over less than nothing"),
        pytest.param(ubl(payable="0.00", total="119.00", prepaid="119.00"), False, None, id="nothing to pay"),
        pytest.param(ubl(type_code="381"), False, "119.00", id="an invoice with the code of a credit note"),
    ],
)
def test_what_gives_money_back_is_credited_and_never_chased(
    document: bytes, started: bool, credited: str | None
) -> None:
    taken = take_in(e_invoices.read(document), seller="default", due_days=30)
    assert (taken.start is not None) is started
    assert (None if taken.credit is None else str(taken.credit.money)) == credited


def test_a_credit_note_that_asks_for_money_is_refused() -> None:
    document = e_invoices.read(ubl(kind="CreditNote", payable="-119.00"))
    with pytest.raises(ValueError, match=r"a credit note over -119.00 asks for money"):
        take_in(document, seller="default", due_days=30)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"<a/>", "is <a> of 'no namespace', neither a UBL nor a CII document", id="another root"),
        pytest.param(b"<Invoice", "is no well-formed XML", id="cut off"),
        pytest.param(ubl().replace(b"2027/0017", b""), "has no number (BT-1)", id="no number"),
        pytest.param(ubl(issued=""), "has no issue date (BT-2)", id="no issue date"),
        pytest.param(ubl(currency=""), "lacks BT-5", id="no currency"),
        pytest.param(ubl(payable="119,00"), "'119,00', not a number", id="a comma"),
        pytest.param(ubl(payable="NaN", total="1"), "'NaN', not a number", id="not a number"),
        pytest.param(ubl(payable="1e9", total="1"), "'1e9', not a number", id="an exponent"),
        pytest.param(
            b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + ubl(line="x").split(b"?>", 1)[1],
            "document type declaration", id="an external entity",
        ),
        pytest.param(
            ubl().replace(b"schema:xsd:Invoice-2", b"schema:xsd:Invoice-3"), "neither a UBL nor a CII", id="a namespace"
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_the_term(data: bytes, reason: str) -> None:
    with pytest.raises(NotReadable) as refused:
        e_invoices.read(data)
    assert reason in str(refused.value)


@pytest.mark.parametrize("number", ["", "///", "x" * 65])
def test_a_number_that_can_be_no_id_is_refused(number: str) -> None:
    with pytest.raises(ValueError, match="cannot be made an id"):
        id_of(number)


def test_an_amount_with_more_decimals_than_its_currency_is_refused() -> None:
    document = e_invoices.read(ubl(payable="119.001"))
    assert document.payable == Decimal("119.001")
    with pytest.raises(ValueError, match="more than the 2 decimals of EUR"):
        invoice_of(document, seller="default", due_on=date(2027, 2, 3))


@pytest.mark.skipif(
    not DATA.is_dir(), reason=f"{DATA} is absent: set DUECOURSE_DATA to the folder of the shared data"
)
def test_the_examples_of_the_standard_are_read_as_expected() -> None:
    expected = json.loads((DATA / "expected.json").read_text(encoding="utf-8"))
    assert len(expected) == 33
    for name, told in expected.items():
        document = e_invoices.read((DATA / name).read_bytes())
        read = {
            "syntax": document.syntax,
            "kind": document.kind,
            "number": document.number,
            "issue_date": document.issued_on.isoformat(),
            "type_code": document.type_code,
            "currency": document.currency,
            "due_date": None if document.due_on is None else document.due_on.isoformat(),
            "buyer": document.buyer.name,
            "seller": document.seller.name,
            "total_with_vat": str(document.total_with_vat),
            "prepaid": None if document.prepaid is None else str(document.prepaid),
            "payable": str(document.payable),
            "remittance": document.remittance,
            "terms": document.terms,
            "preceding": list(document.preceding),
            "payee": document.payee,
        }
        assert read == told, name


# What is valid is not refused for what nobody needs


def start_of(document: bytes) -> Start:
    start = take_in(e_invoices.read(document), seller="default", due_days=30).start
    assert start is not None
    return start


def terms(*told: str) -> str:
    return "".join(f"<cac:PaymentTerms>{each}</cac:PaymentTerms>" for each in told)


def test_terms_of_any_length_are_kept_as_far_as_a_line_goes() -> None:
    start = start_of((CASES / "n_terms_271_chars.xml").read_bytes())
    assert start.invoice.terms is not None
    assert len(start.invoice.terms) <= 200
    assert start.invoice.terms.startswith("Zahlbar innerhalb 30 Tagen ohne Abzug")
    start = start_of(ubl(more=terms(f"<cbc:Note>{'a b ' * 3_000}</cbc:Note>")))
    assert len(start.invoice.terms or "") == 200


def test_the_net_date_is_the_last_and_the_earlier_ones_with_a_discount_are_offers() -> None:
    invoice = start_of((CASES / "e_terms_skonto_first.xml").read_bytes()).invoice
    assert (invoice.due_on, invoice.amount) == (date(2026, 12, 2), "119.00")
    assert [(each.percent, each.until) for each in invoice.early_payment] == [("3", date(2026, 11, 12))]
    assert invoice.terms == "3% Skonto bis 12.11.; netto 02.12."


@pytest.mark.parametrize(
    ("more", "offers"),
    [
        pytest.param(
            terms(
                "<cbc:SettlementDiscountPercent>2.5</cbc:SettlementDiscountPercent><cac:SettlementPeriod>"
                "<cbc:EndDate>2027-01-14</cbc:EndDate></cac:SettlementPeriod>"
            ),
            [("2.5", date(2027, 1, 14))],
            id="a period of UBL",
        ),
        pytest.param(
            terms(
                "<cbc:SettlementDiscountPercent>2</cbc:SettlementDiscountPercent>"
                "<cbc:PaymentDueDate>2027-01-18</cbc:PaymentDueDate>"
            ),
            [("2", date(2027, 1, 18))],
            id="a due date of its own",
        ),
        pytest.param(
            terms(
                "<cbc:Note>#SKONTO#TAGE=14#PROZENT=2.25#\n#SKONTO#TAGE=7#PROZENT=3.00#BASISBETRAG=119.00#\n</cbc:Note>"
            ),
            [("3.00", date(2027, 1, 11)), ("2.25", date(2027, 1, 18))],
            id="XRechnung",
        ),
        pytest.param(
            terms("<cbc:Note>#SKONTO#TAGE=14#PROZENT=2.25#BASISBETRAG=50.00#</cbc:Note>"),
            [],
            id="on a part",
        ),
        pytest.param(
            terms("<cbc:Note>10 Tage 2 % Skonto, 30 Tage netto</cbc:Note>"),
            [("2", date(2027, 1, 14))],
            id="in words",
        ),
        pytest.param(
            terms("<cbc:Note>2 % Skonto innerhalb 90 Tagen</cbc:Note>"), [], id="after the due date"
        ),
        pytest.param(
            terms("<cbc:SettlementDiscountPercent>0</cbc:SettlementDiscountPercent>"), [], id="no discount"
        ),
    ],
)
def test_discounts_for_paying_early_are_read(more: str, offers: list[tuple[str, date]]) -> None:
    invoice = start_of(ubl(more=more)).invoice
    assert invoice.due_on == date(2027, 2, 3)
    assert [(each.percent, each.until) for each in invoice.early_payment] == offers


@pytest.mark.parametrize(
    ("document", "said"),
    [
        pytest.param(
            (CASES / "e_terms_instalments.xml").read_bytes(),
            r"has 2 due dates without a discount, 2 December 2026 and 2 January 2027: write its instalments",
            id="CII",
        ),
        pytest.param(
            ubl(more=terms("<cbc:InstallmentDueDate>2027-03-03</cbc:InstallmentDueDate>")),
            r"has 2 due dates without a discount, 3 February 2027 and 3 March 2027",
            id="UBL",
        ),
        pytest.param(
            ubl(more=terms("<cbc:PaymentDueDate>2027-02-03</cbc:PaymentDueDate><cbc:Amount>50.00</cbc:Amount>")),
            r"asks for 50.00 of 119.00 by 2027-02-03 and does not say when the rest is due",
            id="a part",
        ),
    ],
)  # fmt: skip
def test_instalments_are_asked_about_in_words(document: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        take_in(e_invoices.read(document), seller="default", due_days=30)


@pytest.mark.parametrize(
    ("document", "emails"),
    [
        ((CASES / "h_j3_umlaut_domain.xml").read_bytes(), ["buchhaltung@xn--mller-kva.example"]),
        ((CASES / "h_j4_two_mails.xml").read_bytes(), ["a@two.example", "b@two.example"]),
        ((CASES / "bb_buyer_electronic_address.xml").read_bytes(), ["rechnung@elektro.example"]),
    ],
)
def test_addresses_as_people_write_them_are_contacts(document: bytes, emails: list[str]) -> None:
    contacts = start_of(document).customer.contacts
    assert [contact.email for contact in contacts] == emails
    assert [contact.name for contact in contacts[1:]] == [None] * (len(contacts) - 1)


def test_the_contact_and_the_electronic_address_are_each_told_once() -> None:
    endpoint = '<cbc:EndpointID schemeID="em">{}</cbc:EndpointID>'

    def emails(address: str) -> list[str | None]:
        at = b"<cac:AccountingCustomerParty><cac:Party>"
        document = ubl().replace(at, at + endpoint.format(address).encode())
        return [contact.email for contact in start_of(document).customer.contacts]

    assert emails("AP@acme.example") == ["ap@acme.example"]
    assert emails("bills@acme.example") == ["ap@acme.example", "bills@acme.example"]


def test_an_address_that_is_none_is_said_and_the_invoice_is_taken() -> None:
    taken = take_in(e_invoices.read(ubl(email="not an address")), seller="default", due_days=30)
    assert taken.start is not None
    assert taken.start.customer.contacts == ()
    assert "imported without it" in " ".join(taken.warnings)


def test_what_a_start_cannot_hold_is_left_out_and_said() -> None:
    document = ubl(postal_code="9" * 80, line="x").replace(
        b">DE</cbc:IdentificationCode>", b">Germany</cbc:IdentificationCode>"
    )
    document = document.replace(b">10.00</cbc:PriceAmount>", b">10.000000000001</cbc:PriceAmount>").replace(
        b">19.00</cbc:TaxAmount>", b">19.0001</cbc:TaxAmount>"
    )
    taken = take_in(e_invoices.read(document), seller="default", due_days=30)
    assert taken.start is not None
    invoice, customer = taken.start.invoice, taken.start.customer
    assert (invoice.amount, invoice.lines[0].unit_price, invoice.tax_amount) == ("119.00", None, None)
    assert customer.country is None
    assert customer.address is not None
    assert (customer.address.city, customer.address.country, customer.address.postal_code) == (
        "Berlin",
        None,
        None,
    )
    said = " ".join(taken.warnings)
    for field in (
        "customer.country",
        "customer.address.country",
        "invoice.tax_amount",
    ):
        assert field in said
    assert "left out" in said


ATTACHMENT = (
    "<cac:AdditionalDocumentReference><cbc:ID>a</cbc:ID><cac:Attachment><cbc:EmbeddedDocumentBinaryObject>!"
    "</cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:AdditionalDocumentReference>"
)
PERIOD = (
    "<cac:InvoicePeriod><cbc:StartDate>soon</cbc:StartDate><cbc:DescriptionCode>3</cbc:DescriptionCode>"
    "<cbc:DescriptionCode>35</cbc:DescriptionCode></cac:InvoicePeriod>"
)


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        pytest.param("<cbc:IssueDate>", "<cbc:Note/><cbc:Note>x</cbc:Note><cbc:IssueDate>", id="notes"),
        pytest.param(
            "</cbc:IssueDate>", "</cbc:IssueDate><cbc:TaxPointDate>?</cbc:TaxPointDate>", id="a tax point"
        ),
        pytest.param("2027-01-04<", "2027-01-04+01:00<", id="a date with its zone"),
        pytest.param("2027-01-04<", "\n  2027-01-04\n<", id="a date on a line of its own"),
        pytest.param(
            "</cbc:TaxInclusiveAmount>", "</cbc:TaxInclusiveAmount><cbc:PrepaidAmount/>", id="an empty amount"
        ),
        pytest.param(
            "</cbc:TaxInclusiveAmount>",
            "</cbc:TaxInclusiveAmount><cbc:PrepaidAmount> </cbc:PrepaidAmount>",
            id="a blank amount",
        ),
        pytest.param(">10.00</cbc:PriceAmount>", ">n/a</cbc:PriceAmount>", id="a price in words"),
        pytest.param(">19.00</cbc:TaxAmount>", "></cbc:TaxAmount>", id="no VAT"),
        pytest.param(
            "<cac:AccountingSupplierParty>", f"{PERIOD}<cac:AccountingSupplierParty>", id="a period"
        ),
        pytest.param(
            "<cac:AccountingSupplierParty>",
            f"{ATTACHMENT}<cac:AccountingSupplierParty>",
            id="a broken attachment",
        ),
    ],
)
def test_what_is_odd_in_terms_nobody_needs_is_no_reason_to_refuse(said: str, instead: str) -> None:
    document = ubl().decode()
    assert said in document
    invoice = start_of(document.replace(said, instead).encode()).invoice
    assert (invoice.amount, invoice.issued_on, invoice.due_on) == (
        "119.00",
        date(2027, 1, 4),
        date(2027, 2, 3),
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ((b"2027-02-03<", b"2027-02-30<"), r"has the due date \(BT-9\) '2027-02-30', not a date such as '2027-01-31'"),
        ((b"2027-01-04<", b"4.1.2027<"), r"has the issue date \(BT-2\) '4.1.2027', not a date"),
    ],
)  # fmt: skip
def test_a_date_that_is_needed_and_is_none_is_named(change: tuple[bytes, bytes], said: str) -> None:
    with pytest.raises(NotReadable, match=said):
        e_invoices.read(ubl().replace(*change))


def test_dates_of_cii_are_named_by_where_they_stand() -> None:
    with pytest.raises(
        NotReadable, match=r"has the due date \(BT-9\) '20270230', not a date such as '20270131'"
    ):
        e_invoices.read(cii().replace(b"20270203", b"20270230"))
    with pytest.raises(NotReadable, match=r"has the issue date \(BT-2\) '2027-01-04', not a date"):
        e_invoices.read(cii().replace(b"20270104", b"2027-01-04"))


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(ubl(payment_reference="RF18539007547034"), id="UBL"),
        pytest.param((CASES / "y_payment_reference_invoice.xml").read_bytes(), id="CII"),
    ],
)
def test_what_the_payer_is_asked_to_write_is_told(document: bytes) -> None:
    assert start_of(document).invoice.payment_reference == "RF18539007547034"
