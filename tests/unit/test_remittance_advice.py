"""What the payer structured is followed, document by document; the money is booked whole, and doubt is a person's."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cash.bank import PaidDocument, Withheld
from domain.cash.cash_application import Applied, Incoming, OpenInvoice, OpenItems, Payer, Unmatched
from domain.money import Money

DAY = date(2026, 11, 20)
LATE = date(2026, 11, 23)
TERMS = ((date(2026, 11, 22), 2_000),)


def eur(amount: str) -> Money:
    return Money.parse(amount, "EUR")


def owed(number: str, amount: str, customer: str = "SPLIT", due: int = 5, **more: Any) -> OpenInvoice:
    return OpenInvoice(f"id-{number}", number, customer, date(2026, 11, due), eur(amount), **more)


INVOICES = (
    owed("VV-8001", "1500.00", "OVERSEAS", bank_charges=3_000),
    owed("VV-8003", "1000.00", "SKONTO", discounts=TERMS, tolerance=100),
    owed("VV-8004", "500.00"),
    owed("VV-8005", "500.00", due=15),
    owed("VV-8006", "300.00", due=20),
)
PAYERS = (
    Payer("OVERSEAS", ("Overseas Ltd",)),
    Payer("SKONTO", ("Skonto GmbH",)),
    Payer("SPLIT", ("Split GmbH",)),
)


def document(
    number: str = "", paid: str | None = None, *, off: str = "", why: str = "discount", **more: Any
) -> PaidDocument:
    withheld = (Withheld(Decimal(off), why, discount=why == "discount"),) if off else ()
    told = {"currency": "EUR", "remitted": None if paid is None else Decimal(paid), "withheld": withheld}
    return PaidDocument(tuple(filter(None, number.split())), **{**told, **more})


def applied(money: str, *documents: PaidDocument, on: date = DAY, **more: Any) -> Applied | Unmatched:
    kept = eur(str(more.pop("kept", "0.00")))
    numbers = tuple(number for each in documents for number in each.numbers)
    incoming = Incoming(eur(money), numbers, documents=documents, kept_by_banks=kept, received_on=on, **more)
    return OpenItems(INVOICES, PAYERS).apply(incoming)


def said(found: Applied | Unmatched) -> tuple[dict[str, str], dict[str, str]] | str:
    """What is booked and what is kept back, by the end of the number; or why it is not."""
    if isinstance(found, Unmatched):
        return found.why
    return (
        {invoice_id[-4:]: str(money) for invoice_id, money in found.allocations},
        {each.invoice_id[-4:]: f"{each.money} {each.kind}" for each in found.deductions},
    )


@pytest.mark.parametrize(
    ("money", "documents", "booked"),
    [
        pytest.param(
            "700.00",
            [document("VV-8004", "200.00"), document("VV-8005", "500.00")],
            {"8004": "200.00", "8005": "500.00"},
            id="as told, not the oldest first",
        ),
        pytest.param(
            "700.00",
            [document("VV-8005", "500.00"), document("VV-8004", "200.00")],
            {"8004": "200.00", "8005": "500.00"},
            id="in any order",
        ),
        pytest.param(
            "500.00",
            [document("VV-8004", "200.00"), document("VV-8004", "300.00")],
            {"8004": "500.00"},
            id="one document twice",
        ),
        pytest.param(
            "700.00",
            [document("VV-8004", "200.00"), document("VV-8005")],
            {"8004": "200.00", "8005": "500.00"},
            id="one without an amount has the rest",
        ),
        pytest.param(
            "700.00",
            [document("VV-8004 VV-8005", "700.00")],
            {"8004": "500.00", "8005": "200.00"},
            id="one block of two",
        ),
        pytest.param(
            "200.00", [document("VV-8005", due=Decimal(200))], {"8005": "200.00"}, id="the due amount alone"
        ),
        pytest.param(
            "700.00",
            [document("VV-8004", "600.00"), document("VV-8005", "100.00")],
            {"8004": "500.00", "8005": "100.00"},
            id="more than is owed of one",
        ),
        pytest.param(
            "700.00",
            [document("VV-8004", "200.00"), document("ZZ-1", "500.00")],
            {"8004": "200.00"},
            id="a number that nobody knows",
        ),
        pytest.param(
            "800.00",
            [document("VV-8004", "200.00"), document("VV-8005", "500.00")],
            {"8004": "200.00", "8005": "500.00"},
            id="less than the payment",
        ),
        pytest.param(
            "600.00",
            [document("VV-8004", "200.00"), document("VV-8005", "500.00")],
            {},
            id="more than the payment",
        ),
        pytest.param(
            "700.00",
            [document("VV-8004"), document("VV-8005", "100.00"), document("VV-8006")],
            {},
            id="two without an amount",
        ),
        pytest.param(
            "700.00",
            [document("VV-8004", problem="<RmtdAmt> is 'x', not an amount"), document("VV-8005", "500.00")],
            {},
            id="an amount that cannot be read",
        ),
        pytest.param(
            "700.00",
            [document("VV-8004", "200.00", currency="USD"), document("VV-8005", "500.00")],
            {},
            id="another currency in the remittance",
        ),
        pytest.param(
            "700.00",
            [document("VV-8004", "200.001"), document("VV-8005", "500.00")],
            {},
            id="an amount with more decimals",
        ),
    ],
)
def test_each_document_gets_what_is_said(
    money: str, documents: list[PaidDocument], booked: dict[str, str]
) -> None:
    """What is booked for no invoice is put on the account, where a person divides it."""
    found = applied(money, *documents)
    assert said(found) == (booked, {})
    assert isinstance(found, Applied)
    assert found.customer_id == "SPLIT"


def test_documents_of_two_customers_are_for_a_person() -> None:
    found = applied("700.00", document("VV-8004", "200.00"), document("VV-8003", "500.00"))
    assert said(found) == "VV-8003, VV-8004 are named, of several customers"


def test_the_document_of_another_customer_than_the_payer_has_to_settle() -> None:
    assert said(applied("500.00", document("VV-8004", "500.00"), debtor="Skonto GmbH")) == (
        {"8004": "500.00"},
        {},
    )
    found = applied("200.00", document("VV-8004", "200.00"), debtor="Skonto GmbH")
    assert said(found) == "VV-8004 is named, the payer is another customer, and the amount does not agree"


def test_what_owes_nothing_is_for_a_person() -> None:
    items = OpenItems([owed("VV-8004", "0.00")], PAYERS)
    found = items.apply(Incoming(eur("200.00"), ("VV-8004",), documents=(document("VV-8004", "200.00"),)))
    assert said(found) == "VV-8004 is named and owes nothing: paid twice?"


@pytest.mark.parametrize(
    ("money", "told", "on", "kept_back"),
    [
        pytest.param(
            "980.00",
            document("VV-8003", "980.00", off="20.00", due=Decimal(1000)),
            DAY,
            {},
            id="within the terms",
        ),
        pytest.param(
            "979.99", document("VV-8003", "979.99", off="20.01"), DAY, {}, id="within the tolerance"
        ),
        pytest.param(
            "980.00", document("VV-8003", due=Decimal(1000), off="20.00"), DAY, {}, id="due less discount"
        ),
        pytest.param(
            "980.00", document("VV-8003", "980.00", off="20.00"), LATE, {"8003": "20.00 other"}, id="too late"
        ),
        pytest.param(
            "950.00", document("VV-8003", "950.00", off="50.00"), DAY, {"8003": "50.00 other"}, id="too much"
        ),
        pytest.param(
            "900.00",
            document("VV-8003", "900.00", off="20.00"),
            DAY,
            {"8003": "20.00 other"},
            id="not all the rest",
        ),
        pytest.param(
            "900.00",
            document("VV-8003", "900.00", off="100.00", why="credit note"),
            DAY,
            {"8003": "100.00 other"},
            id="a credit note",
        ),
        pytest.param(
            "900.00",
            document("VV-8003", "900.00", off="100.00", why="adjustment: freight"),
            DAY,
            {"8003": "100.00 other"},
            id="an adjustment",
        ),
        pytest.param(
            "900.00",
            document("VV-8003", "900.00", off="100.00", why="tax", due=Decimal(1000)),
            DAY,
            {"8003": "100.00 other"},
            id="tax that was withheld",
        ),
        pytest.param(
            "900.00",
            document("VV-8003", "900.00", off="159.66", why="tax"),
            DAY,
            {},
            id="tax that is only told",
        ),
        pytest.param(
            "980.00",
            document("VV-8003", "1000.00"),
            LATE,
            {"8003": "20.00 other"},
            id="less came than was told",
        ),
        pytest.param(
            "1000.00",
            document("VV-8003", "1000.00", off="20.00"),
            DAY,
            {},
            id="a discount that was paid all the same",
        ),
    ],
)
def test_what_was_kept_back(money: str, told: PaidDocument, on: date, kept_back: dict[str, str]) -> None:
    assert said(applied(money, told, on=on)) == ({"8003": money}, kept_back)


def test_a_reason_says_what_the_terms_allow() -> None:
    found = applied("950.00", document("VV-8003", "950.00", off="50.00"))
    assert isinstance(found, Applied)
    assert [each.reason for each in found.deductions] == [
        "discount of 50.00 EUR: the terms of VV-8003 allow 20.00 EUR on 2026-11-20"
    ]


@pytest.mark.parametrize(
    ("money", "documents", "expected"),
    [
        pytest.param(
            "450.00",
            [document("VV-8004", "500.00"), document("CN-1", "50.00", is_credit_note=True)],
            ({"8004": "450.00"}, {"8004": "50.00 other"}),
            id="of the only invoice",
        ),
        pytest.param(
            "500.00",
            [document("VV-8004", "550.00"), document("CN-1", "50.00", is_credit_note=True)],
            ({"8004": "500.00"}, {}),
            id="booked already",
        ),
        pytest.param(
            "950.00",
            [
                document("VV-8004", "500.00"),
                document("VV-8005", "500.00"),
                document("CN-1", "50.00", is_credit_note=True),
            ],
            ({}, {}),
            id="of two invoices",
        ),
    ],
)
def test_credit_notes_are_taken_off(money: str, documents: list[PaidDocument], expected: object) -> None:
    assert said(applied(money, *documents)) == expected


@pytest.mark.parametrize(
    ("money", "kept", "expected"),
    [
        ("1474.00", "26.00", ({"8001": "1474.00"}, {"8001": "26.00 bank_charges"})),
        ("1470.00", "30.00", ({"8001": "1470.00"}, {"8001": "30.00 bank_charges"})),
        ("1469.99", "30.01", ({"8001": "1469.99"}, {"8001": "30.01 other"})),
        ("1490.00", "26.00", ({"8001": "1490.00"}, {"8001": "10.00 bank_charges"})),
        ("1500.00", "26.00", ({"8001": "1500.00"}, {})),
        ("974.00", "26.00", ({"8001": "974.00"}, {"8001": "26.00 bank_charges"})),
        ("1474.00", "0.00", ({"8001": "1474.00"}, {})),
    ],
)
def test_what_banks_kept_is_no_short_payment(money: str, kept: str, expected: object) -> None:
    assert said(applied(money, texts=("VV-8001",), kept=kept)) == expected


def test_what_banks_kept_where_the_payer_names_nothing_or_a_document() -> None:
    expected = ({"8001": "1474.00"}, {"8001": "26.00 bank_charges"})
    assert said(applied("1474.00", debtor="Overseas Ltd", kept="26.00")) == expected
    assert said(applied("1474.00", document("VV-8001", "1500.00"), kept="26.00")) == expected


def test_the_discounts_of_several_invoices_are_taken_without_a_word() -> None:
    both = [
        owed("VV-1001", "1000.00", discounts=TERMS),
        owed("VV-1002", "500.00", discounts=((LATE, 1_000),)),
    ]
    told = Incoming(eur("1470.00"), texts=("VV-1001 VV-1002",), received_on=DAY)
    assert said(OpenItems(both).apply(told)) == ({"1001": "980.00", "1002": "490.00"}, {})


_AMOUNTS = st.integers(1, 200_000).map(lambda minor: Decimal(minor) / 100)
_DOCUMENTS = st.builds(
    document,
    st.sampled_from(["VV-8003", "VV-8004", "VV-8005", "VV-8004 VV-8005", "ZZ-1", ""]),
    st.none() | _AMOUNTS.map(str),
    off=st.just("") | _AMOUNTS.map(str),
    why=st.sampled_from(["discount", "tax", "credit note"]),
    due=st.none() | _AMOUNTS,
    is_credit_note=st.booleans(),
)


@given(st.lists(_DOCUMENTS, max_size=4), _AMOUNTS, st.sampled_from(["0.00", "26.00"]))
def test_no_more_is_booked_than_came_and_than_is_owed(
    documents: list[PaidDocument], money: Decimal, kept: str
) -> None:
    found = applied(str(money), *documents, kept=kept)
    if isinstance(found, Unmatched):
        return
    balances = {invoice.invoice_id: invoice.balance for invoice in INVOICES}
    assert sum(share.minor for _, share in found.allocations) <= eur(str(money)).minor
    assert all(share.minor > 0 for _, share in found.allocations)
    assert len(dict(found.allocations)) == len(found.allocations)
    for invoice_id, share in found.allocations:
        off = sum(each.money.minor for each in found.deductions if each.invoice_id == invoice_id)
        assert share.minor + off <= balances[invoice_id].minor
    assert {each.invoice_id for each in found.deductions} <= dict(found.allocations).keys()
    assert all(each.money.minor > 0 for each in found.deductions)
