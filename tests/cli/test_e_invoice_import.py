"""E-invoices at the command line: cases are started, credit notes applied, documents kept as exhibits."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from tests.cli.conftest import Office
from tests.e_invoices import ubl
from tests.premises import noon_zone, today_in


async def balance(office: Office, invoice: str, expected: str) -> None:
    """The balance is this as soon as the worker has recorded what it was told."""
    told = None
    for _ in range(100):
        told = (await office.json("show", invoice))["balance_due"]
        if told == expected:
            return
        await asyncio.sleep(0.1)
    assert told == expected


async def test_invoices_are_started_and_credit_notes_are_applied(office: Office) -> None:
    today = today_in(noon_zone())
    issued, due = str(today - timedelta(days=5)), str(today + timedelta(days=25))
    invoice = ubl("2027/0017", payable="69.00", total="119.00", prepaid="50.00", issued=issued, due=due)
    other = ubl("2027/0018", issued=issued, due=None)
    note = ubl("GS-1", kind="CreditNote", payable="19.00", preceding="2027/0017", issued=issued)
    negative = ubl("2027/0019", payable="-40.00", issued=issued)
    paid = ubl("2027/0020", payable="0.00", total="119.00", prepaid="119.00", issued=issued)
    files = [
        office.save(f"{number}.xml", document)
        for number, document in enumerate((note, invoice, other, negative, paid))
    ]
    said = await office.run("import", *files, "--json")
    assert said.code == 0, said
    assert (said.document["started"], said.document["credits"]) == (2, 2)
    assert "0.xml" not in said.err
    assert "states no due date" in said.err
    assert "nothing is to be paid: no case is started" in said.err
    await balance(office, "2027-0017", "50.00")
    case = await office.json("show", "2027/0018")
    assert case["due_on"] == str(today - timedelta(days=5) + timedelta(days=30))
    assert case["customer_id"] == "DE136695976"
    account = [task for task in await office.json("worklist") if task["customer_id"] == "DE136695976"]
    assert [task["kind"] for task in account if "lines" in task["kind"]] == []

    kept = list((office.state / "exhibits" / "e-invoices").glob("*.xml"))
    assert {file.read_bytes() for file in kept} >= {invoice, other}
    again = await office.json("import", *files)
    assert (again["started"], again["known"]) == (0, 2)
    await balance(office, "2027-0017", "50.00")


async def test_a_buyer_who_is_known_is_the_customer_we_know(office: Office) -> None:
    today = today_in(noon_zone())
    header = "invoice_id,customer_id,customer_name,vat_id,email,issue_date,due_date,amount,currency\n"
    row = f"KNOWN-1,C-17,Acme,DE136695976,ap@acme.example,{today},{today + timedelta(days=30)},10.00,EUR\n"
    await office.done("import", office.save("known.csv", (header + row).encode()))
    document = ubl("KNOWN-2", issued=str(today), due=str(today + timedelta(days=30)))
    await office.done("import", office.save("a-2.xml", document))
    assert (await office.json("show", "KNOWN-2"))["customer_id"] == "C-17"


async def test_a_document_that_cannot_be_read_stops_the_import(office: Office) -> None:
    good = ubl("BAD-1")
    files = [office.save("good.xml", good), office.save("bad.xml", good.replace(b"BAD-1", b""))]
    said = await office.run("import", *files)
    assert said.code == 2
    assert "bad.xml" in said.out + said.err
    assert "has no number (BT-1)" in said.out + said.err
    assert (await office.run("show", "BAD-1")).code == 2
