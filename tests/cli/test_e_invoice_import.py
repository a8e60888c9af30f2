"""E-invoices at the command line: cases are started, credit notes applied, documents kept as exhibits."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from tests.cli.conftest import Office
from tests.e_invoices import CASES, ubl
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


def cases(*names: str) -> list[str]:
    return [str(CASES / f"{name}.xml") for name in names]


async def owner(office: Office, number: str) -> str:
    return str((await office.json("show", number))["customer_id"])


async def test_names_that_read_alike_are_customers_of_their_own(office: Office) -> None:
    files = cases("h_h1_mueller", "h_h2_moeller", "h_h3_greek", "h_h5_cyr", "h_h6_cyr")
    assert (await office.json("import", *files))["started"] == 5
    owners = [await owner(office, number) for number in ("H-1", "H-2", "H-3", "H-5", "H-6")]
    assert len(set(owners)) == 5
    assert owners[0].startswith("Muller-GmbH-")
    again = await office.json("import", *files)
    assert (again["started"], again["known"]) == (0, 5)


async def test_another_number_in_the_same_import_is_another_buyer(office: Office) -> None:
    """The first says no VAT id: the second is them, and the third, with another one, is not."""
    today, files = str(today_in(noon_zone())), []
    for number, vat_id in (("P-1", None), ("P-2", "DE111111111"), ("P-3", "DE222222222")):
        body = ubl(number, vat_id=vat_id, buyer="Papier GmbH", city="Ulm", issued=today, due=today)
        files.append(office.save(f"{number}.xml", body))
    await office.done("import", *files)
    owners = [await owner(office, number) for number in ("P-1", "P-2", "P-3")]
    assert (owners[0] == owners[1], owners[2]) == (True, "DE222222222")


async def test_a_name_alone_is_asked_about_before_anybody_is_written_to(office: Office) -> None:
    await office.done("import", *cases("h_l1_same_name_vat1"))
    said = await office.run(
        "import", *cases("h_l2_same_name_vat2", "h_l3_same_name_no_vat", "h_l4_vat_with_blanks")
    )
    assert said.code == 0, said
    assert "Is Bäckerei Schmidt (10115 Bonn DE) a customer we know?" in said.err
    owners = {number: await owner(office, number) for number in ("L-1", "L-2", "L-3", "L-4")}
    assert owners["L-1"] == owners["L-4"] == "DE111111111"
    assert owners["L-2"] == "DE222222222"
    assert owners["L-3"] not in (owners["L-1"], owners["L-2"])

    [asked] = [task for task in await office.json("worklist") if task["kind"] == "customer_unclear"]
    assert (asked["customer_id"], "DE111111111" in asked["why"]) == (owners["L-3"], True)
    held = await office.json("show", "L-3")
    assert (held["waiting_on"], [each["hold_id"] for each in held["holds"]]) == (
        "hold",
        [f"item-{asked['item_id']}"],
    )
    other = (await office.json("show", "L-1"))["waiting_on"]
    assert other != "hold"

    # The same buyer again: no second question, and held as well.
    today = today_in(noon_zone())
    more = ubl("L-5", vat_id=None, buyer="Bäckerei Schmidt", city="Bonn", issued=str(today), due=str(today))
    await office.done("import", office.save("l5.xml", more))
    assert await owner(office, "L-5") == owners["L-3"]
    assert (await office.json("show", "L-5"))["waiting_on"] == "hold"
    assert len([task for task in await office.json("worklist") if task["kind"] == "customer_unclear"]) == 1

    await office.done("release", "L-3")
    for number in ("L-3", "L-5"):
        assert (await office.json("show", number))["waiting_on"] != "hold"
    assert [task for task in await office.json("worklist") if task["kind"] == "customer_unclear"] == []
    again = await office.run("import", *cases("h_l3_same_name_no_vat"))
    assert "a customer we know?" not in again.err
    assert [task for task in await office.json("worklist") if task["kind"] == "customer_unclear"] == []


async def test_a_credit_note_reaches_the_invoice_it_names_or_a_person(office: Office) -> None:
    await office.done("import", str(CASES / "z_credit_portfolio.csv"))
    said = await office.json("import", *cases("z_credit_note_other_spelling"))
    assert (said["credits"], said["credits_asked"]) == (1, 0)
    await balance(office, "Z-7001", "0.00")
    case = await office.json("show", "Z-7001")
    assert (case["customer_id"], case["outcome"]) == ("C-ZED", "credited")

    unknown = [
        ubl("GS-2", kind="CreditNote", preceding="Z-9999", buyer="Zedwerk GmbH"),
        ubl("GS-3", kind="CreditNote", buyer="Nobody AG", vat_id=None),
        ubl("GS-4", kind="CreditNote", preceding="Z-7002", currency="USD"),
    ]
    files = [office.save(f"gs-{number}.xml", document) for number, document in enumerate(unknown)]
    said = await office.json("import", *files)
    assert (said["credits"], said["credits_asked"]) == (0, 3)
    asked = {task["why"] for task in await office.json("worklist") if task["kind"] == "unmatched_credit"}
    assert len(asked) == 3
    assert any("names Z-9999, which is no invoice we know" in why for why in asked)
    assert any("names no invoice, and its buyer is no customer we know" in why for why in asked)
    assert any("names Z-7002, which is in EUR" in why for why in asked)
    await office.json("import", *files)
    assert len([task for task in await office.json("worklist") if task["kind"] == "unmatched_credit"]) == 3
    await balance(office, "Z-7002", "50.00")


async def test_the_payment_reference_of_an_invoice_finds_its_money(office: Office) -> None:
    await office.done("import", *cases("y_payment_reference_invoice"))
    said = await office.json("bank", str(CASES / "y_payment_reference_bank.csv"))
    assert [line["outcome"] for line in said] == ["applied", "unmatched"], said
    await balance(office, "Y-500123", "0.00")


async def test_a_person_says_that_it_is_the_customer_we_know(office: Office) -> None:
    await office.done("import", *cases("h_l1_same_name_vat1"))
    await office.done("import", *cases("h_l3_same_name_no_vat"))
    refused = await office.run("release", "L-3", "--same-as", "C-404")
    assert (refused.code, "--same-as: name a customer we know" in refused.err) == (2, True)
    assert (await office.json("show", "L-3"))["waiting_on"] == "hold"
    await office.done("release", "L-3", "--same-as", "DE111111111")
    assert (await office.json("show", "L-3"))["waiting_on"] != "hold"
    today = today_in(noon_zone())
    more = ubl("L-6", vat_id=None, buyer="Bäckerei Schmidt", city="Bonn", issued=str(today), due=str(today))
    await office.done("import", office.save("l6.xml", more))
    assert await owner(office, "L-6") == "DE111111111"


async def test_what_is_recorded_stays_with_whom_it_is_recorded(office: Office) -> None:
    """Under the id that was made of a name before, and of a customer of whom only the name is known."""
    header = "invoice_id,customer_id,customer_name,email,issue_date,due_date,amount,currency\n"
    rows = (
        "H-5,1,ООО Ромашка 1,ap@romashka.example,2026-11-02,2026-12-02,119.00,EUR\n"
        "H-6,1,ООО Ромашка 1,ap@romashka.example,2026-11-02,2026-12-02,119.00,EUR\n"
        "H-1,C-1,MÜLLER GMBH,ap@mueller.example,2026-11-02,2026-12-02,119.00,EUR\n"
    )
    await office.done("import", office.save("before.csv", (header + rows).encode()))
    said = await office.json("import", *cases("h_h5_cyr", "h_h6_cyr", "h_h1_mueller"))
    assert (said["started"], said["known"]) == (0, 3)
    assert [await owner(office, number) for number in ("H-5", "H-6", "H-1")] == ["1", "1", "C-1"]
    assert [task["kind"] for task in await office.json("worklist") if "customer" in task["kind"]] == []
