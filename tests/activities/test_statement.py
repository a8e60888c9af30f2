"""The statement holds every line, every movement and every balance, and adds up."""

import re
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO

import pytest
from pypdf import PdfReader

from activities.paper.rendering import PdfRenderer
from activities.paper.statement import statement_filename, statement_html
from domain.letters.letter import AgeBucket, EntryKind, LineFacts, StatementEntry, ageing, running_balances
from domain.vocabulary import Step
from tests.letters import AS_OF, customer, invoice, money, notice


@pytest.fixture(scope="module")
def renderer() -> Iterator[PdfRenderer]:
    with PdfRenderer() as renderer:
        yield renderer


def printed(pdf: bytes) -> str:
    pages = [page.extract_text(extraction_mode="layout") for page in PdfReader(BytesIO(pdf)).pages]
    return re.sub(r"\s+", " ", " ".join(pages))


def line(description: str, amount: str, currency: str = "USD") -> LineFacts:
    unit = money(amount, currency)
    return LineFacts(description=description, quantity="1", unit_price=unit, amount=unit)


def test_every_line_payment_and_balance_is_printed(renderer: PdfRenderer) -> None:
    issued_on = AS_OF - timedelta(days=60)
    moves = [
        (EntryKind.INVOICE, "1250.00", None),
        (EntryKind.PAYMENT, "-500.00", "wire 77-A"),
        (EntryKind.REVERSAL, "500.00", "wire 77-A"),
        (EntryKind.CREDIT, "-100.00", "CN-4"),
        (EntryKind.INTEREST, "7.50", None),
        (EntryKind.PAYMENT, "-250.00", "wire 81-C"),
    ]
    entries = tuple(
        StatementEntry(
            on=issued_on + timedelta(days=day), kind=kind, amount=money(amount), reference=reference
        )
        for day, (kind, amount, reference) in enumerate(moves)
    )
    item = invoice(
        days=30,
        entries=entries,
        balance=money("907.50"),
        asked=None,
        purchase_order="4711",
        description="October support",
        lines=(line("Support", "1000.00"), line("Travel", "250.00")),
        disputed=money("50.00"),
    )
    facts = notice(Step.PRE_DUE, items=[item, invoice("E-2", -3, "80.00", currency="EUR", asked=None)])
    text = printed(renderer.render(statement_html(facts), timeout=30))
    for part in (
        "Account statement", "As of December 8, 2026", "Lindenmoor Studio LLC", "48 Alder Wharf", "Acme Limited",
        "1 Main St", "Customer no. C-17", "Invoice INV-1001", "October support, Order 4711",
        "Due Nov 8, 2026, 30 days past due", "Support (1 × 1,000.00) 1,000.00", "Travel (1 × 250.00) 250.00",
        "Oct 9, 2026 Invoice 1,250.00 1,250.00", "Payment received: wire 77-A −500.00 750.00",
        "Payment reversed: wire 77-A 500.00 1,250.00", "Credit: CN-4 −100.00 1,150.00", "Interest 7.50 1,157.50",
        "Payment received: wire 81-C −250.00 907.50", "Balance INV-1001 (disputed: $50.00) 907.50",
        "Balance due USD 907.50", "Balance due EUR 80.00", "Page 1 of", "DE89 3704 0044 0532 0130 00",
        "000123456789", "Registration no. NY 7301946",
    ):  # fmt: skip
        assert part in text, part


def test_a_long_statement_breaks_well(renderer: PdfRenderer) -> None:
    items = [
        invoice(
            f"INV-{number}",
            number * 9 - 20,
            "300",
            currency=currency,
            lines=tuple(line(f"Line {number}-{part}", "100", currency) for part in range(3)),
        )
        for number, currency in enumerate(["USD", "EUR", "JPY"] * 5)
    ]
    pdf = renderer.render(statement_html(notice(Step.OVERDUE, items=items)), timeout=30)
    text = printed(pdf)
    pages = len(PdfReader(BytesIO(pdf)).pages)
    assert 2 <= pages <= 6
    assert f"Page {pages} of {pages}" in text
    for number in range(15):
        assert f"Balance INV-{number} " in text
        assert text.count(f"Line {number}-") == 3
    for currency, total in (("EUR", "1,500.00"), ("JPY", "1,500"), ("USD", "1,500.00")):
        assert f"Balance due {currency} {total} " in text


def test_paper_and_names(renderer: PdfRenderer) -> None:
    letter = PdfReader(BytesIO(renderer.render(statement_html(notice(Step.OVERDUE)), timeout=30)))
    assert letter.pages[0].mediabox.width == 612
    german = notice(
        Step.OVERDUE, customer=customer(country="DE", name="Käthe Müller & Söhne", legal_name=None)
    )
    pdf = PdfReader(BytesIO(renderer.render(statement_html(german), timeout=30)))
    assert round(float(pdf.pages[0].mediabox.width)) == 595
    assert pdf.metadata is not None
    assert pdf.metadata.title == "Account statement, Käthe Müller & Söhne, December 8, 2026"
    assert "Käthe Müller & Söhne" in pdf.pages[0].extract_text()
    assert statement_filename(german) == "statement-2026-12-08.pdf"


def test_stored_fields_stay_text() -> None:
    hostile = "<img src=x onerror=1> {{7*7}} </style><script>"
    html = statement_html(
        notice(
            Step.OVERDUE,
            items=[invoice(description=hostile, part=hostile, lines=(line(hostile, "1.00"),))],
            customer=customer(name=hostile, legal_name=hostile, address=(hostile,)),
        )
    )
    assert "<script" not in html
    assert html.count("<img") == 1
    assert "{{7*7}}" in html


def test_an_empty_account_says_so() -> None:
    html = statement_html(notice(Step.CALL, items=[], unapplied=(money("120.00"),)))
    assert "No open invoices." in html
    assert "Received, not yet assigned to an invoice: <strong>$120.00</strong>" in html


def test_ageing_and_running_balances() -> None:
    items = [invoice(str(days), days, "10.00") for days in (-5, 0, 1, 30, 31, 60, 61, 90, 91, 400)]
    assert {bucket: amount.minor for bucket, amount in ageing(items, "USD").items()} == {
        AgeBucket.CURRENT: 2000,
        AgeBucket.DAYS_1_30: 2000,
        AgeBucket.DAYS_31_60: 2000,
        AgeBucket.DAYS_61_90: 2000,
        AgeBucket.OVER_90: 2000,
    }
    assert [str(balance) for balance in running_balances(invoice(paid="250.00").entries)] == [
        "1250.00",
        "1000.00",
    ]
    assert running_balances(()) == []
