"""Bank files as they came, read and matched against the invoices of a portfolio: what each payment is for."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest

from activities.adapters import camt
from domain.cash import bank_csv
from domain.cash.bank import Sign
from domain.cash.bank_booking import book
from domain.cash.bank_csv import Options
from domain.cash.bank_lines import BankLine, lines_of
from domain.cash.cash_application import OpenInvoice, OpenItems, Payer
from domain.money import Money

CASES = Path(__file__).parent.parent / "cases"
HERE = Options(account="DE89370400440532013000")


def lines(name: str) -> list[BankLine]:
    data = (CASES / name).read_bytes()
    if name.endswith(".xml"):
        return lines_of(camt.read(data))[0]
    told = bank_csv.read(data, HERE)
    assert told.content is not None, [str(fault) for fault in told.errors]
    return lines_of(told.content)[0]


def items(name: str) -> OpenItems:
    with (CASES / name).open(newline="") as file:
        rows = list(csv.DictReader(file))
    invoices = [
        OpenInvoice(
            row["invoice_id"], row["invoice_id"], row["customer_id"], date.fromisoformat(row["due_date"]),
            Money.parse(row["amount"], row["currency"]),
        )
        for row in rows
    ]  # fmt: skip
    return OpenItems(invoices, [Payer(row["customer_id"], (row["customer_name"],)) for row in rows])


@pytest.mark.parametrize(
    ("portfolio", "bank", "expected"),
    [
        (
            "c_number_prefix_portfolio.csv", "c_number_prefix_bank.csv",
            [
                {"RE-2026-100-1": 500_00}, {"A-7781-2": 250_00}, {"RE-2026-1005": 400_00}, {"INV-20": 100_00},
            ],
        ),
        (
            "c_number_prefix_portfolio2.csv", "c_number_prefix_camt.xml",
            [{"B-5500-3": 250_00}, {"INV-30": 100_00}, {"E-4001": 333_00}, {"RE-2026-00123": 611_00}],
        ),
        ("c_number_prefix_portfolio2.csv", "d_ustrd_cut_number.xml", [{"D-9001": 700_00}]),
    ],
)  # fmt: skip
def test_a_payment_reaches_the_invoice_that_it_names(
    portfolio: str, bank: str, expected: list[dict[str, int]]
) -> None:
    known = items(portfolio)
    assert [dict(book(line, known, lambda _: ()).allocations) for line in lines(bank)] == expected


def test_an_empty_optional_amount_leaves_that_of_the_entry() -> None:
    [line] = lines("cc_empty_optional_amount.xml")
    assert (line.sign, line.money, line.problem) == (Sign.CREDIT, Money.parse("75.00", "EUR"), None)


@pytest.mark.parametrize(
    ("bank", "expected"),
    [
        ("aa_direction_column_unknown.csv", [(Sign.CREDIT, "1250.00"), (Sign.DEBIT, "900.00")]),
        ("aa_refund_out.csv", [(Sign.DEBIT, "100.00")]),
    ],
)
def test_money_that_left_pays_no_invoice(bank: str, expected: list[tuple[Sign, str]]) -> None:
    told = lines(bank)
    assert [(line.sign, str(line.amount)) for line in told] == expected
    known = items("c_number_prefix_portfolio.csv")
    assert {book(line, known, lambda _: ()).outcome for line in told if line.sign is Sign.DEBIT} == {
        "ignored"
    }
