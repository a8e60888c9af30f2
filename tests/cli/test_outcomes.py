"""The measures at the command line."""

from __future__ import annotations

from datetime import timedelta

from tests.cli.conftest import Office
from tests.premises import noon_zone, today_in


async def test_what_was_done_and_what_it_brought(office: Office) -> None:
    today = today_in(noon_zone())
    told = await office.json("outcomes")
    assert (told["from"], told["to"]) == (str(today - timedelta(days=89)), str(today))
    assert told["promises"]["kept_pct"] is None
    file = office.save(
        "one.csv",
        "invoice_id,customer_id,email,issue_date,due_date,amount,currency,timezone\n"
        f"OUTCOME-1,C-1,ap@example.com,{today - timedelta(days=9)},{today + timedelta(days=30)},100.00,USD,"
        f"{noon_zone()}\n".encode(),
    )
    await office.done("import", file)
    await office.done("pay", "OUTCOME-1", "--amount", "30.00", "--payment-id", "PAY-1")
    told = await office.json("outcomes", "--to", str(today + timedelta(days=1)))
    assert told["recovered"] == [
        {"currency": "USD", "step": "none", "payments": 1, "invoices": 1, "amount": "30.00"}
    ]
    (row,) = await office.json("outcomes", "--list", "recovered")
    assert (row["payment_id"], row["amount"], row["received_on"]) == ("PAY-1", "30.00", str(today))
    said = (await office.done("outcomes")).out
    assert "what came after what" in said
    assert "PAY-1" in (await office.done("outcomes", "--list", "recovered")).out


async def test_a_period_that_ends_before_it_begins_and_an_unknown_figure(office: Office) -> None:
    said = await office.run("outcomes", "--from", "2027-01-02", "--to", "2027-01-01")
    assert said.code == 2
    assert "name the earlier day first" in said.err
    said = await office.run("outcomes", "--list", "everything")
    assert said.code == 2
    assert "promises, plans, disputes" in said.err
