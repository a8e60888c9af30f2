"""The early warning and the expected cash of what is stored, against real servers."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from tests.cli.conftest import Office
from tests.premises import noon_zone, today_in

HEADER = "invoice_id,customer_id,customer_name,email,timezone,issue_date,due_date,amount,currency,policy,settled_date\n"


async def test_expected_cash_and_early_warning_of_the_store(office: Office, tmp_path: Path) -> None:
    zone = noon_zone()
    today = today_in(zone)

    def row(name: str, customer: str, due: int, late: int | None = None) -> str:
        on = today + timedelta(days=due)
        settled = "" if late is None else str(on + timedelta(days=late))
        issued = on - timedelta(days=30)
        return f"{name},{customer},{customer} Ltd,ap@example.com,{zone},{issued},{on},100.00,USD,,{settled}\n"

    rows = [row(f"OLD-{n}", "Slow", -100 - 7 * n, 12) for n in range(10)]
    rows += [row(f"PROMPT-{n}", "Prompt", -100 - 7 * n, 0) for n in range(10)]
    rows += [row("USUAL", "Slow", 3), row("PROMISED", "Slow", 4), row("DISPUTED", "Prompt", 5)]
    rows += [row("HELD", "Prompt", 6), row("AGED", "Prompt", -80), row("PROMPT", "Prompt", 7)]
    file = tmp_path / "portfolio.csv"
    file.write_text(HEADER + "".join(rows))
    await office.done("import", str(file))
    pay_by = today + timedelta(days=6)
    await office.done("promise", "PROMISED", "--pay-by", str(pay_by), "--amount", "60.00")
    await office.done("dispute", "DISPUTED", "--reason", "quality", "--amount", "30.00")
    await office.done("hold", "HELD")

    told = await office.json("cash", "--weeks", "3")
    items = {(each["invoices"][0], each["basis"]): each for each in told["items"]}
    assert sum(Decimal(each["amount"]) for each in told["items"]) == 600
    assert items["PROMISED", "promise"]["on"] == str(pay_by)
    assert items["PROMISED", "promise"]["amount"] == "60.00"
    assert items["DISPUTED", "disputed"]["amount"] == "30.00"
    assert items["HELD", "held"]["on"] is None
    assert items["AGED", "undated"]["on"] is None
    # Slow's ten were 12 days late, everybody's twenty 6 in the median: (10 × 12 + 10 × 6) ÷ 20 after its due date.
    assert items["USUAL", "predicted"]["on"] == str(today + timedelta(days=3 + 9))
    assert items["PROMPT", "predicted"]["on"] == str(today + timedelta(days=7 + 3))
    for week in told["weeks"]:
        dated = [
            each
            for each in told["items"]
            if each["on"]
            and date.fromisoformat(week["from"]) <= date.fromisoformat(each["on"])
            and (week["to"] is None or each["on"] <= week["to"])
        ]
        assert Decimal(week["amount"]) == sum(Decimal(each["amount"]) for each in dated)
    (apart,) = told["without_day"]
    assert (apart["undated"], apart["disputed"], apart["held"]) == ("100.00", "30.00", "100.00")
    said = (await office.done("cash")).out
    assert "on hold: 100.00 USD (1 invoice)" in said

    watched = {each["invoice_id"]: each for each in await office.json("risk")}
    assert set(watched) == {"USUAL", "PROMISED", "DISPUTED", "HELD", "AGED", "PROMPT"}
    assert watched["AGED"]["at_risk"]["band"] == "high"
    assert watched["AGED"]["write_off_on"] == str(today + timedelta(days=10))
    assert watched["AGED"]["late"]["p_late30"] == 1.0
    assert watched["USUAL"]["late"]["reasons"][0] == "10 of the last 10 invoices were 5 or more days late"
    assert watched["USUAL"]["at_risk"]["band"] == "low"
    said = (await office.done("risk")).out
    assert "AGED" in said
    assert "USUAL" not in said
    assert "1 of 6 open invoices" in said
    refused = await office.run("risk", "--as-of", str(today))
    assert refused.code == 2
