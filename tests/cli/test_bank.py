"""Bank statements at the command line: payments find their invoices, once, and go back where they went back."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from activities.rulebook import load_rulebook
from settings import ROOT
from tests.cli.conftest import Office
from tests.cli.test_office import portfolio
from tests.premises import noon_zone, today_in
from tests.statements import SELLER_IBAN, entry, payment, statement

CASES = ROOT / "tests" / "cases"


async def balance(office: Office, invoice: str) -> str:
    return str((await office.json("show", invoice))["balance_due"])


async def becomes(office: Office, invoice: str, expected: str) -> None:
    """The balance is this as soon as the worker has recorded what it was told."""
    for _ in range(100):
        if await balance(office, invoice) == expected:
            return
        await asyncio.sleep(0.1)
    assert await balance(office, invoice) == expected


async def test_a_statement_is_booked_once_and_a_return_takes_its_payment_back(
    office: Office, tmp_path: Path
) -> None:
    rows = (
        ("BANK-1001", 0, "250.00", "Acme"),
        ("BANK-1002", 10, "100.00", "Acme"),
        ("BANK-2001", 5, "75.50", "Bolt"),
        ("BANK-2002", 6, "75.50", "Bolt"),
    )
    await office.done("import", portfolio(tmp_path, *rows))
    day = str(today_in(noon_zone()))
    batch = entry(
        "340.00",
        payment(
            "240.00", "BANK-1001", on=day, debtor="Acme Ltd", iban="DE02120300000000202051", end_to_end="E-1"
        ),
        payment("100.00", on=day, reference="BANK-1002", end_to_end="E-2"),
        on=day,
        reference="B-1",
    )
    doubtful = entry("75.50", payment("75.50", "invoice", on=day, debtor="Bolt Ltd"), on=day, reference="B-2")
    pending = entry("9.00", payment("9.00", "BANK-2001", on=day), on=day, reference="B-3", status="PDNG")
    own = entry("5000.00", payment("5000.00", "rent", on=day), on=day, reference="B-4", sign="DBIT")
    file = office.save("statement.xml", statement(batch, doubtful, pending, own))

    said = await office.run("bank", file, "--json")
    assert said.code == 0, said
    outcomes = {(line["amount"], line["outcome"]): line for line in said.document}
    assert set(outcomes) == {
        ("240.00", "applied"), ("100.00", "applied"), ("75.50", "unmatched"), ("5000.00", "ignored"),
    }  # fmt: skip
    assert outcomes["240.00", "applied"]["allocations"] == [{"invoice_id": "BANK-1001", "amount": "240.00"}]
    assert "not booked by the bank yet" in said.err
    await becomes(office, "BANK-1001", "10.00")
    await becomes(office, "BANK-1002", "0.00")
    [item] = [task for task in await office.json("worklist") if task["kind"] == "unmatched_cash"]
    assert "the amount fits several of the payer's invoices" in item["why"]
    assert "BANK-2001, BANK-2002 of Bolt: would do" in item["why"]
    assert item["raw"] == "Bolt Ltd; invoice"

    again = await office.run("bank", file, office.save("again.xml", statement(batch, kind="054")), "--json")
    assert (again.code, again.document) == (0, [])
    assert "6 payments were known already" in again.err
    assert await balance(office, "BANK-1001") == "10.00"

    returned = entry(
        "240.00",
        payment("240.00", on=day, end_to_end="E-1", returned="AM04"),
        on=day,
        reference="B-9",
        sign="DBIT",
    )
    back = await office.json("bank", office.save("back.xml", statement(returned, id_="STMT-2")))
    assert [(line["outcome"], line["why"][-5:]) for line in back] == [("returned", "AM04)")]
    await becomes(office, "BANK-1001", "250.00")
    await office.done("bank", office.save("back.xml", statement(returned, id_="STMT-2")))
    assert await balance(office, "BANK-1001") == "250.00"


async def test_one_unreadable_file_books_nothing_of_the_others(office: Office, tmp_path: Path) -> None:
    await office.done("import", portfolio(tmp_path, ("BANK-3001", 0, "250.00", "Acme")))
    day = str(today_in(noon_zone()))
    good = statement(entry("250.00", payment("250.00", "BANK-3001", on=day), on=day, reference="B-1"))
    files = [
        office.save("good.xml", good),
        office.save("bad.xml", good.replace(b"250.00<", b"250,00<")),
    ]
    said = await office.run("bank", *files)
    assert said.code == 2
    assert "bad.xml: line 1: <Amt> is '250,00', not an amount such as '1250.00'" in said.err
    assert said.err.rstrip().endswith("Nothing was booked")
    assert await balance(office, "BANK-3001") == "250.00"
    checked = await office.run("bank", "--check", "--json", *files)
    assert checked.code == 2
    assert [len(json.loads(checked.out)[name]["errors"]) for name in ("good.xml", "bad.xml")] == [0, 1]


async def test_what_a_person_applies_leaves_the_worklist_and_can_be_returned(
    office: Office, tmp_path: Path
) -> None:
    rows = (("BANK-4001", 5, "60.00", "Core"), ("BANK-4002", 6, "40.00", "Core"))
    await office.done("import", portfolio(tmp_path, *rows))
    day = str(today_in(noon_zone()))
    told = payment("100.00", "many thanks", on=day, debtor="C. Holding", end_to_end="E-7")
    read = await office.json(
        "bank", office.save("in.xml", statement(entry("100.00", told, on=day, reference="B-1")))
    )
    line = read[0]["line_id"]
    assert read[0]["outcome"] == "unmatched"
    await office.done("pay", "BANK-4001", "--payment-id", line, "--amount", "60.00")
    assert [task["kind"] for task in await office.json("worklist", "--kind", "unmatched_cash")] != []
    await office.done("pay", "BANK-4002", "--payment-id", line, "--amount", "40.00")
    assert await office.json("worklist", "--kind", "unmatched_cash") == []

    back = payment("100.00", on=day, end_to_end="E-7", returned="MD06")
    returned = entry("100.00", back, on=day, reference="B-2", sign="DBIT")
    (taken,) = await office.json("bank", office.save("back.xml", statement(returned, id_="STMT-2")))
    assert taken["outcome"] == "returned"
    assert {each["invoice_id"]: each["amount"] for each in taken["allocations"]} == {
        "BANK-4001": "60.00",
        "BANK-4002": "40.00",
    }
    await becomes(office, "BANK-4001", "60.00")
    await becomes(office, "BANK-4002", "40.00")


async def test_a_table_is_booked_once_whichever_form_of_statement_tells_first(
    office: Office, tmp_path: Path
) -> None:
    rows = (("BANK-5001", 0, "250.00", "Acme"), ("BANK-5002", 0, "80.00", "Acme"))
    await office.done("import", portfolio(tmp_path, *rows))
    day = str(today_in(noon_zone()))
    header = "Booking date;Amount;Currency;Payer;Details;Bank reference;Account"
    first = f"{day};250.00;USD;Acme Ltd;BANK-5001;B-51;{SELLER_IBAN}"
    table = office.save("one.csv", f"{header}\n{first}\n".encode())
    [told] = await office.json("bank", table)
    assert (told["outcome"], told["allocations"]) == (
        "applied",
        [{"invoice_id": "BANK-5001", "amount": "250.00"}],
    )
    await becomes(office, "BANK-5001", "0.00")

    both = statement(
        entry("250.00", payment("250.00", "BANK-5001", on=day, end_to_end="E-51"), on=day, reference="B-51"),
        entry("30.00", payment("30.00", "BANK-5002", on=day, end_to_end="E-52"), on=day, reference="B-52"),
    )
    [told] = await office.json("bank", office.save("both.xml", both))
    assert told["amount"] == "30.00"
    await becomes(office, "BANK-5002", "50.00")
    later = f"{header}\n{first}\n{day};30.00;USD;Acme Ltd;BANK-5002;B-52;{SELLER_IBAN}\n"
    said = await office.done("bank", office.save("later.csv", later.encode()), table, "--json")
    assert said.document == []
    assert "3 payments were known already" in said.err
    assert [await balance(office, id_) for id_ in ("BANK-5001", "BANK-5002")] == ["0.00", "50.00"]


async def test_one_faulty_row_books_nothing_of_a_table(office: Office, tmp_path: Path) -> None:
    await office.done("import", portfolio(tmp_path, ("BANK-6001", 0, "250.00", "Acme")))
    good = b"Buchungstag;Betrag;Verwendungszweck\n15.01.2027;250,00;BANK-6001\n"
    table = office.save("table.csv", good + "16.01.2027;\u0661\u0662,00;Gru\u00df\n".encode())
    options = ("--currency", "USD", "--account", "DE02")
    said = await office.run("bank", table, *options)
    assert said.code == 2
    assert "table.csv: line 3, amount: is not a number written like 1.234,56" in said.err
    assert said.err.rstrip().endswith("Nothing was booked")
    assert await balance(office, "BANK-6001") == "250.00"
    named = office.save("named.csv", good.replace(b"Betrag", b"Summe"))
    said = await office.run("bank", named, *options)
    assert "no line names the columns" in said.err
    said = await office.run("bank", named, *options, "--columns", "amount:Summe")
    assert "--columns: write such as 'booked_on=Tag,amount=Summe' (got 'amount:Summe')" in said.err
    said = await office.run("bank", office.save("book.xlsx", b"PK\x03\x04"), *options)
    assert "is a spreadsheet or an archive: save it as 'CSV UTF-8'" in said.err
    [told] = (await office.done("bank", named, *options, "--columns", "amount=Summe", "--json")).document
    assert told["outcome"] == "applied"
    await becomes(office, "BANK-6001", "0.00")


async def test_a_seller_who_goes_by_the_erp_is_told_what_the_bank_says(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the command says; what the worker does with it is tested where it does it."""
    rulebook = load_rulebook(ROOT / "deploy")
    by_erp = {
        id_: seller.model_copy(update={"cash_source": "erp"}) for id_, seller in rulebook.sellers.items()
    }
    monkeypatch.setattr("commands.files.bank.load_rulebook", lambda _: replace(rulebook, sellers=by_erp))
    await office.done("import", portfolio(tmp_path, ("BANK-7001", 0, "250.00", "Acme")))
    day = str(today_in(noon_zone()))
    told = entry("250.00", payment("250.00", "BANK-7001", on=day), on=day, reference="B-71")
    [line] = await office.json("bank", office.save("one.xml", statement(told)))
    assert line["why"] == "named BANK-7001; not asked for until the ERP books it"


async def test_what_the_erp_told_and_the_bank_tells_again_is_booked_once(
    office: Office, tmp_path: Path
) -> None:
    await office.done("import", portfolio(tmp_path, ("BANK-8001", 0, "250.00", "Acme")))
    day = str(today_in(noon_zone()))
    await office.done("pay", "BANK-8001", "--payment-id", "P-81", "--amount", "100.00", "--received-on", day)
    assert await balance(office, "BANK-8001") == "150.00"
    told = entry("100.00", payment("100.00", "BANK-8001", on=day), on=day, reference="B-81")
    [line] = await office.json("bank", office.save("one.xml", statement(told)))
    assert line["outcome"] == "applied"
    story = (await office.json("show", "BANK-8001"))["timeline"]
    for _ in range(100):
        if any(each["kind"] == "payment_recognised" for each in story):
            break
        await asyncio.sleep(0.1)
        story = (await office.json("show", "BANK-8001"))["timeline"]
    [recognised] = [each["text"] for each in story if each["kind"] == "payment_recognised"]
    assert recognised == f"Payment {line['line_id']} of 100.00 USD is that of P-81, booked already"
    assert await balance(office, "BANK-8001") == "150.00"
    await office.done("pay", "BANK-8001", "--payment-id", "P-82", "--amount", "100.00", "--received-on", day)
    assert await balance(office, "BANK-8001") == "50.00"


async def test_what_the_erp_told_of_is_not_applied_to_another_invoice(office: Office, tmp_path: Path) -> None:
    rows = (("BANK-9001", 0, "100.00", "Acme"), ("BANK-9002", 5, "100.00", "Acme"))
    await office.done("import", portfolio(tmp_path, *rows))
    day = str(today_in(noon_zone()))
    await office.done("pay", "BANK-9001", "--payment-id", "P-91", "--amount", "100.00", "--received-on", day)
    told = entry("100.00", payment("100.00", "thanks", on=day, debtor="Acme Ltd"), on=day, reference="B-91")
    [line] = await office.json("bank", office.save("one.xml", statement(told)))
    assert line["allocations"] == [{"invoice_id": "BANK-9001", "amount": "100.00"}]
    assert line["why"] == "the ERP told of it first: payment P-91 on BANK-9001"
    for _ in range(100):
        story = (await office.json("show", "BANK-9001"))["timeline"]
        if any(each["kind"] == "payment_recognised" for each in story):
            break
        await asyncio.sleep(0.1)
    assert [each["kind"] for each in story].count("payment_recognised") == 1
    assert [await balance(office, id_) for id_ in ("BANK-9001", "BANK-9002")] == ["0.00", "100.00"]
    again = entry("100.00", payment("100.00", "BANK-9001", on=day), on=day, reference="B-92")
    [line] = await office.json("bank", office.save("two.xml", statement(again)))
    assert (line["outcome"], line["why"].partition(";")[0]) == (
        "unmatched",
        "BANK-9001 is named and owes nothing: paid twice?",
    )


async def test_a_transfer_that_two_forms_tell_of_is_booked_once(office: Office, tmp_path: Path) -> None:
    names = ("Rate", "Zwo", "Drei", "Vier")
    rows = [(f"TOLD-{at}001", 5, "1000.00", name) for at, name in enumerate(names, start=1)]
    await office.done("import", portfolio(tmp_path, *rows))
    day = today_in(noon_zone())
    on, later = str(day), str(day + timedelta(days=1))

    def told(text: str, debtor: str, *more: str, day: str = on, reference: str = "") -> str:
        return entry(
            "400.00", payment("400.00", text, *more, on=day, debtor=debtor), on=day, reference=reference
        )

    report = statement(
        told("TOLD-1001 part", "Rate"),
        told("TOLD-2001 part", "Zwo"),
        told("TOLD-3001", "Drei", reference="S3"),
        told("TOLD-4001", "Vier"),
        kind="052",
    )
    first = await office.json("bank", office.save("052.xml", report))
    assert [line["outcome"] for line in first] == ["applied"] * 4
    again = statement(
        told("TOLD-1001 part", "Rate", reference="S1"),
        told("TOLD-2001", "Zwo", "part"),
        told("TOLD-3001", "Drei", day=later, reference="S3"),
        told("TOLD-4001", "VIER"),
        # A second transfer of the day is another one.
        told("TOLD-4001", "VIER"),
        id_="STMT-2",
    )
    [second] = await office.json("bank", office.save("053.xml", again))
    assert second["allocations"] == [{"invoice_id": "TOLD-4001", "amount": "400.00"}]
    header = "Booking date;Amount;Currency;Payer;Details;Account"
    table = "".join(
        f"{on};400.00;USD;{name.upper()} Ltd;TOLD-{at}001;{SELLER_IBAN}\n"
        for at, name in [*enumerate(names, start=1), (4, "Vier")]
    )
    assert await office.json("bank", office.save("all.csv", f"{header}\n{table}".encode())) == []
    for at, left in enumerate(("600.00", "600.00", "600.00", "200.00"), start=1):
        await becomes(office, f"TOLD-{at}001", left)
    assert await office.json("worklist", "--kind", "unmatched_cash") == []


async def test_a_report_and_a_statement_with_four_differences(office: Office) -> None:
    await office.done("import", str(CASES / "x_portfolio.csv"))
    for file in ("x_052.xml", "x_053.xml"):
        await office.done("bank", str(CASES / file))
    for invoice in ("XX-1001", "XX-2002", "XX-3003", "XX-4004"):
        await becomes(office, invoice, "600.00")


async def test_what_the_remittance_says_is_followed(office: Office) -> None:
    await office.done("import", str(CASES / "v_portfolio.csv"))
    lines = await office.json("bank", str(CASES / "v_charges.xml"))
    assert [line["outcome"] for line in lines] == ["applied", "unmatched", "applied", "applied"]
    assert [(each["amount"], each["kind"]) for each in lines[0]["deductions"]] == [("26.00", "bank_charges")]
    left = {"VV-8001": "0.00", "VV-8002": "120.00", "VV-8003": "0.00", "VV-8004": "300.00", "VV-8005": "0.00"}
    for invoice, balance_due in left.items():
        await becomes(office, invoice, balance_due)
    assert [item["kind"] for item in await office.json("worklist") if "VV-8" in item["why"]] == [
        "unmatched_cash"
    ]


@pytest.mark.parametrize("another", [True, False])
async def test_a_person_says_whether_a_transfer_was_told_of_before(
    office: Office, tmp_path: Path, another: bool
) -> None:
    invoice = f"ASKED-{another:d}001"
    await office.done("import", portfolio(tmp_path, (invoice, 5, "1000.00", "Rate")))
    day = today_in(noon_zone())
    for at, kind in enumerate(("052", "053")):
        on = str(day + timedelta(days=at))
        told = entry("400.00", payment("400.00", invoice, on=on, debtor="Rate"), on=on, reference="")
        file = office.save(f"{kind}.xml", statement(told, kind=kind, id_=f"{kind}-{another}"))
        [line] = await office.json("bank", file)
    assert line["outcome"] == "unmatched"
    assert "it may be the same money as bank-" in line["why"]
    await becomes(office, invoice, "600.00")
    [item] = await office.json("worklist", "--kind", "unmatched_cash")
    hold = f"cash-{line['line_id']}"
    assert item["why"].endswith(f"Else release {invoice} --hold-id {hold}")
    await waits(office, invoice, "hold")
    if another:
        await office.done("pay", invoice, "--payment-id", line["line_id"], "--amount", "400.00")
    else:
        await office.done("release", invoice, "--hold-id", hold)
    await becomes(office, invoice, "200.00" if another else "600.00")
    await waits(office, invoice, "time")
    assert await office.json("worklist", "--kind", "unmatched_cash") == []
    assert await office.json("bank", file) == []


async def test_what_is_told_better_takes_the_place_of_what_nobody_was_found_for(
    office: Office, tmp_path: Path
) -> None:
    rows = (
        ("BEST-1", 5, "70.00", "Vier"),
        ("BETTER-1", 5, "100.00", "Rate"),
        ("BETTER-2", 5, "60.00", "Zwo"),
        ("BETTER-3", 5, "40.00", "Drei"),
    )
    await office.done("import", portfolio(tmp_path, *rows))
    day = str(today_in(noon_zone()))
    bare = entry("100.00", payment("100.00", "BETTER-1 BEST-1", on=day), on=day, reference="S-1")
    batch = entry("100.00", "<Btch><NbOfTxs>2</NbOfTxs></Btch>", on=day, reference="S-2")
    file = office.save("bare.xml", statement(bare, batch, kind="052"))
    assert [line["outcome"] for line in await office.json("bank", file)] == ["unmatched", "unmatched"]
    await waits(office, "BEST-1", "hold")
    told = statement(
        entry("100.00", payment("100.00", "BETTER-1", on=day, debtor="R."), on=day, reference="S-1"),
        entry(
            "100.00",
            payment("60.00", "BETTER-2", on=day),
            payment("40.00", "thanks", on=day),
            on=day,
            reference="S-2",
        ),
    )
    lines = await office.json("bank", office.save("told.xml", told))
    assert [(line["amount"], line["outcome"]) for line in lines] == [
        ("100.00", "applied"), ("60.00", "applied"), ("40.00", "unmatched"),
    ]  # fmt: skip
    [item] = await office.json("worklist", "--kind", "unmatched_cash")
    assert item["why"].startswith("40.00 USD")
    await waits(office, "BEST-1", "time")
    assert (await office.done("bank", file, "--json")).document == []


async def waits(office: Office, invoice: str, for_what: str) -> None:
    """The case waits for this as soon as the worker has recorded what it was told."""
    for _ in range(100):
        if (await office.json("show", invoice))["waiting_on"] == for_what:
            return
        await asyncio.sleep(0.1)
    assert (await office.json("show", invoice))["waiting_on"] == for_what


async def test_invoices_of_two_customers_that_are_named_wait_for_a_person(
    office: Office, tmp_path: Path
) -> None:
    await office.done(
        "import", portfolio(tmp_path, ("NAMED-1001", 5, "60.00", "Eins"), ("NAMED-2001", 5, "40.00", "Zwei"))
    )
    day = str(today_in(noon_zone()))
    told = payment("70.00", "NAMED-1001 NAMED-2001", on=day, debtor="Somebody")
    file = office.save("named.xml", statement(entry("70.00", told, on=day, reference="N-1")))
    [line] = await office.json("bank", file)
    assert line["outcome"] == "unmatched"
    hold = f"cash-{line['line_id']}"
    for invoice in ("NAMED-1001", "NAMED-2001"):
        await waits(office, invoice, "hold")
    await office.done("pay", "NAMED-1001", "--payment-id", line["line_id"], "--amount", "60.00")
    await becomes(office, "NAMED-1001", "0.00")
    await waits(office, "NAMED-2001", "hold")
    await office.done("release", "NAMED-2001", "--hold-id", hold)
    await waits(office, "NAMED-2001", "time")
