"""The figures at the command line: the same of a file and of what is stored after importing it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

import starter
from tests.cli.conftest import Office
from tests.premises import noon_zone, today_in


async def test_a_file_and_the_store_give_the_same_figures(office: Office, tmp_path: Path) -> None:
    today = today_in(noon_zone())
    rows = ["invoice_id,customer_id,customer_name,email,issue_date,due_date,amount,currency,settled_date"]
    for number in range(30):
        issued = today - timedelta(days=200 - 6 * number)
        due = issued + timedelta(days=30)
        settled = "" if number % 7 == 3 else str(due + timedelta(days=number % 5 - 1))
        settled = settled if settled <= str(today) else ""
        customer = f"C-{number % 4}"
        rows.append(
            f"REPORT-{number},{customer},{customer},ap@example.com,{issued},{due},{100 + 37 * number}.50,USD,{settled}"
        )
    file = tmp_path / "portfolio.csv"
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")

    days = [str(today - timedelta(days=days)) for days in (0, 45, 120)]
    of_file = [await office.json("report", "--as-of", day, "--from-csv", str(file)) for day in days]
    assert [told["as_of"] for told in of_file] == days
    assert of_file[0]["open_count"] > 0
    assert of_file[0]["settled_count"] > 10
    await office.done("import", str(file))
    assert [await office.json("report", "--as-of", day) for day in days] == of_file
    said = (await office.done("report")).out
    for part in ("DSO, count-back", "Days past due", "61-90"):
        assert part in said


async def test_a_part_payment_lowers_what_is_open(office: Office, tmp_path: Path) -> None:
    today = today_in(noon_zone())
    file = tmp_path / "one.csv"
    file.write_text(
        "invoice_id,customer_id,email,issue_date,due_date,amount,currency,timezone\n"
        f"REPORT-P,C-1,ap@example.com,{today - timedelta(days=40)},{today - timedelta(days=10)},100.00,USD,"
        f"{noon_zone()}\n"
    )
    await office.done("import", str(file))
    await office.done("pay", "REPORT-P", "--amount", "30.00", "--payment-id", "PAY-1")
    told = await office.json("report", "--as-of", str(today))
    assert (told["open_amount"], told["overdue_amount"]) == (70.0, 70.0)
    before = await office.json("report", "--as-of", str(today - timedelta(days=1)))
    assert before["open_amount"] == 100.0


async def test_a_file_with_faults_is_not_reported_on(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text("invoice_id,customer_id,due_date,amount,currency\nX,C,2027-02-30,1,USD\n")
    said = await office.run("report", "--from-csv", str(file))
    assert said.code == 2
    assert "line 2, due_date" in said.err


async def test_the_views_of_a_report(office: Office, tmp_path: Path) -> None:
    today = today_in(noon_zone())
    file = tmp_path / "views.csv"
    rows = [
        "invoice_id,customer_id,customer_name,country,email,issue_date,due_date,amount,currency,settled_date"
    ]
    for number, (country, age, paid) in enumerate(
        [("US", 100, 10), ("US", 90, None), ("DE", 50, None), ("DE", 20, None), ("US", 10, None)]
    ):
        issued = today - timedelta(days=age)
        due = issued + timedelta(days=15)
        settled = "" if paid is None else due + timedelta(days=paid)
        rows.append(
            f"VIEW-{number},C-{country},Firm {country},{country},ap@example.com,{issued},{due},{100 + number}.00,"
            f"USD,{settled}"
        )
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")
    await office.done("import", str(file))
    await office.done("pay", "VIEW-2", "--amount", "2.00", "--payment-id", "PAY-1")
    day = ("--as-of", str(today))
    told = await office.json("report", *day)
    assert told["overdue_amount"] == 304.0  # 101 + 100 + 103

    (found,) = await office.json("report", "--trend", "3", *day)
    assert [row["as_of"] for row in found["months"]][-1] == str(today)
    assert {
        key: found["months"][-1][key] for key in told if key in found["months"][-1]
    }.items() <= told.items()

    groups = await office.json("report", "--by", "country", *day)
    assert {each["group"]: each["overdue_amount"] for each in groups} == {"DE": 203.0, "US": 101.0}
    assert [each["group"] for each in groups] == ["DE", "US"][:: 1 if groups[0]["group"] == "DE" else -1]

    (listed,) = await office.json("report", "--list", "overdue_amount", *day)
    assert [each["invoice_id"] for each in listed["invoices"]] == ["VIEW-1", "VIEW-2", "VIEW-3"]
    assert (
        sum(float(each["open"]) for each in listed["invoices"]) == listed["value"] == told["overdue_amount"]
    )
    (of_file,) = await office.json("report", "--list", "settled_count", "--from-csv", str(file), *day)
    assert (of_file["value"], of_file["invoices"][0]["invoice_id"]) == (1, "VIEW-0")

    most = await office.json("report", "--customers", "1")
    assert [(each["name"], each["open_amount"]) for each in most] == [("Firm US", "205.00")]
    for view, part in (
        (("--trend", "3"), "DSO, count-back"),
        (("--by", "owner"), "–"),
        (("--list", "aging:current"), "VIEW-4"),
        (("--customers", "5"), "Firm DE"),
    ):
        assert part in (await office.done("report", *view)).out


async def test_views_that_cannot_be(office: Office, tmp_path: Path) -> None:
    for words, why in (
        (("--trend", "3", "--by", "tier"), "--trend and --by: ask for one at a time"),
        (("--by", "colour"), "none of tier, country, owner, seller"),
        (("--list", "happiness"), "none of open_count"),
        (("--customers", "3", "--as-of", "2027-01-01"), "leave --as-of out"),
        (("--by", "tier", "--from-csv", str(tmp_path / "any.csv")), "leave --from-csv out"),
        (("--as-closed", "2020-01-01"), "no figures were kept of 2020-01-01"),
    ):
        said = await office.run("report", *words)
        assert said.code == 2
        assert why in said.err


def test_yen_have_no_decimals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "yen.csv"
    file.write_text(
        "invoice_id,customer_id,issue_date,due_date,amount,currency,settled_date,flags\n"
        "KO-1,C-1,2026-10-01,2026-10-31,1480000,JPY,,\n"
    )
    for view in ([], ["--trend", "1"], ["--list", "open_amount"]):
        assert starter.main(["report", "--from-csv", str(file), "--as-of", "2026-11-22", *view]) == 0
        told = capsys.readouterr().out
        assert "1,480,000" in told
        assert "1,480,000." not in told


def test_what_is_paid_of_a_file_is_not_open(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "part.csv"
    file.write_text(
        "invoice_id,customer_id,issue_date,due_date,amount,currency,balance,status\n"
        "KO-1,C-1,2026-10-01,2026-10-31,1000.00,EUR,612.34,\n"
        "KO-2,C-1,2026-10-01,2026-10-31,1000.00,EUR,,Void\n"
    )
    assert (
        starter.main(["report", "--from-csv", str(file), "--as-of", "2026-11-22", "--list", "open_amount"])
        == 0
    )
    told = capsys.readouterr().out
    assert "612.34" in told
    assert "KO-2" not in told
