"""Importing what is known already, or paid already: the same invoice again, another one under its id, less owed."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

import starter
from settings import ROOT
from tests.cli.conftest import Office
from tests.cli.test_e_invoice_import import balance
from tests.e_invoices import ubl
from tests.premises import noon_zone, today_in

E_INVOICES = ROOT / "tests" / "e_invoice_cases"
PORTFOLIOS = ROOT / "tests" / "portfolio_cases"
HEADER = "invoice_id,customer_id,number,issue_date,due_date,amount,currency,paid,balance,status\n"


def row(
    invoice_id: str, customer_id: str = "C-1", more: str = ",,", number: str = "", currency: str = "EUR"
) -> bytes:
    """A file of one invoice over 1000.00, issued five days ago."""
    today = today_in(noon_zone())
    days = f"{today - timedelta(days=5)},{today + timedelta(days=25)}"
    return f"{HEADER}{invoice_id},{customer_id},{number},{days},1000.00,{currency},{more}\n".encode()


async def refused(office: Office, content: bytes, name: str = "other.csv") -> str:
    """Import what is not taken, and changes nothing; returns what was said."""
    before = await office.json("list")
    said = await office.run("import", office.save(name, content))
    assert said.code == 2, said
    assert "Nothing was imported: 1 fault" in said.err
    assert await office.json("list") == before
    return " ".join(said.err.split())


async def test_what_is_paid_is_not_asked_for(office: Office) -> None:
    said = await office.done("import", office.save("part.csv", row("P-1", more="400.00,600.00,Overdue")))
    assert "1 open invoice of 1 customer (600.00 EUR)" in said.out
    await balance(office, "P-1", "600.00")
    [case] = await office.json("list")
    assert (case["invoice_id"], case["balance_due"]) == ("P-1", "600.00")

    again = await office.run("import", office.save("again.csv", row("P-1", more="400.00,600.00,Overdue")))
    assert (again.code, "1 invoice was known already" in again.out) == (0, True)
    assert "less by the file" not in again.err
    for more in ("700.00,300.00,", ",,Paid", ",,Void"):
        less = await office.run("import", office.save("less.csv", row("P-1", more=more)))
        assert less.code == 0
        assert "1 invoice owes less by the file than is recorded: P-1" in " ".join(less.err.split())
    assert (await office.json("show", "P-1"))["balance_due"] == "600.00"

    result = await office.json("import", office.save("paid.csv", row("P-2", more=",0.00,")))
    assert (result["started"], result["history"]) == (0, 0)
    [left_out] = result["left_out"]
    assert (left_out["invoice_id"], left_out["kind"], left_out["flags"]) == ("P-2", "paid", "")
    assert "nothing is left to pay" in left_out["why"]
    assert (await office.run("show", "P-2")).code == 2


async def test_another_invoice_under_a_known_id_is_a_fault(office: Office) -> None:
    await office.done("import", office.save("one.csv", row("2024-001")))
    assert "recorded as the id of number '2024-001' already: correct it, or give one" in await refused(
        office, row("2024/001")
    )
    assert "recorded as the id of number '2024-001'" in await refused(office, row("2024/001", "C-2"))
    assert "recorded as the id of customer 'C-1'" in await refused(office, row("2024-001", "C-2"))
    assert "recorded as the id of currency 'EUR'" in await refused(office, row("2024-001", currency="USD"))
    today = today_in(noon_zone())
    document = ubl("2024/001", issued=str(today), due=str(today + timedelta(days=30)))
    assert "which a row of a CSV can have" in await refused(office, document, "other.xml")
    settled = row("2024/001").replace(b"status", b"settled_date").replace(b",\n", f",{today}\n".encode())
    assert "recorded as the id of number '2024-001'" in await refused(office, settled)

    # One that is given an id of its own is taken, and so is a number for an invoice that had none.
    await office.done("import", office.save("own.csv", row("2024-001-b", "C-2", number="2024/001")))
    said = await office.done("import", office.save("number.csv", row("2024-001", number="2024 001")))
    assert "1 invoice was known already" in said.out
    assert "1 invoice differs from what is recorded" in said.err

    paid = row("H-1").replace(b"status", b"settled_date").replace(b",\n", f",{today}\n".encode())
    assert (await office.json("import", office.save("history.csv", paid)))["history"] == 1
    assert "recorded as the id of customer 'C-1'" in await refused(office, row("H-1", "C-2"))


async def test_e_invoices_whose_numbers_make_one_id(office: Office) -> None:
    for first, second in (("h_i2_dash", "h_i1_slash"), ("h_i4_ae", "h_i5_oe")):
        one, other = (str(shutil.copy(E_INVOICES / f"{name}.xml", office.state)) for name in (first, second))
        assert (await office.json("import", one))["started"] == 1
        said = await office.run("import", other)
        assert said.code == 2
        assert "is recorded as the id of number" in " ".join(said.err.split())
        again = await office.json("import", one)
        assert (again["started"], again["known"]) == (0, 1)


async def test_a_customer_who_is_known_in_another_case(office: Office) -> None:
    await office.done("import", office.save("one.csv", row("C-1001", "C-17")))
    said = await office.done("import", office.save("two.csv", row("C-1002", "c-17")))
    assert "customers C-17 and c-17 differ only in upper and lower case" in " ".join(said.err.split())


# Without a stack: what --check finds


def check(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = starter.main(["import", "--check", *words])
    said = capsys.readouterr()
    return code, " ".join(said.out.split()), " ".join(said.err.split())


@pytest.mark.parametrize(("one", "other"), [("h_i1_slash", "h_i2_dash"), ("h_i4_ae", "h_i5_oe")])
def test_two_e_invoices_of_one_id(capsys: pytest.CaptureFixture[str], one: str, other: str) -> None:
    code, _, err = check(capsys, *(str(E_INVOICES / f"{name}.xml") for name in (one, other)))
    assert code == 2
    assert "is the id of number" in err
    assert (
        "give one of them an invoice_id of its own and its number in the column number, which a row of a CSV can have"
        in err
    )


def test_two_files_with_another_invoice_under_one_id(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    files = [tmp_path / f"{name}.csv" for name in "abcd"]
    for file, content in zip(
        files, (row("A-1"), row("A/1"), row("A-1", "C-2"), row("A-2", "c-1")), strict=True
    ):
        file.write_bytes(content)
    for other in files[1:3]:
        code, _, err = check(capsys, str(files[0]), str(other))
        assert code == 2
        assert f"in {files[0]} already: correct it, or give one of them an invoice_id" in err
    code, _, err = check(capsys, str(files[0]), str(files[3]))
    assert code == 0
    assert "customers C-1 and c-1 differ only in upper and lower case" in err


def test_rows_that_are_no_cases_are_said_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = check(capsys, str(PORTFOLIOS / "s3_paid_status_column.csv"))
    assert code == 0
    assert "3 rows left out (1 draft, 1 paid, 1 void)" in out
    assert "S-4 status says 'Voided'" in out
    code, out, _ = check(capsys, str(PORTFOLIOS / "s2_open_amount_xero.csv"), "--json")
    [document] = json.loads(out)
    assert (document["number"], document["payable"]) == ("S-2", "600.00")


def test_columns_are_named_as_for_bank(capsys: pytest.CaptureFixture[str]) -> None:
    file, currency = (
        str(PORTFOLIOS / "u7_quickbooks.csv"),
        ("--currency", "USD", "--date-format", "MM/DD/YYYY"),
    )
    code, _, err = check(capsys, file, *currency)
    assert code == 2
    assert "say with --columns invoice_id=NAME which one is meant" in err
    code, out, _ = check(
        capsys, file, *currency, "--columns", "invoice_id=Num,customer_id=Customer,issue_date=Date"
    )
    assert code == 0
    assert "1 open invoice of 1 customer (600.00 USD)" in out
    for wrong, reason in (
        ("invoice_id", "--columns: write such as 'invoice_id=Nummer,amount=Summe' (got 'invoice_id')"),
        ("sum=Amount", "--columns: 'sum' is none of invoice_id, customer_id"),
    ):
        code, _, err = check(capsys, file, "--columns", wrong)
        assert code == 2
        assert reason in err
