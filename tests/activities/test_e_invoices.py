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
from domain.files.e_invoice import DocumentKind, Syntax
from domain.files.intake import id_of, invoice_of, take_in
from settings import ROOT
from tests.e_invoices import ubl

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
