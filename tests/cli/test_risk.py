"""Probabilities of late payment at the command line: of a file alone, no server needed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import starter
from tests.cli.conftest import Office
from tests.unit.test_late_model import document

HEADER = "invoice_id,customer_id,issue_date,due_date,amount,currency,settled_date,flags\n"


def portfolio(folder: Path) -> Path:
    rows = [
        f"OLD-{n},C-{n % 2},2025-0{1 + n // 4}-05,2025-0{1 + n // 4}-20,100.00,USD,"
        f"2025-0{1 + n // 4}-{28 if n % 2 else 20},"
        for n in range(16)
    ]
    rows += [
        "OPEN-0,C-0,2025-08-01,2025-08-31,100.00,USD,,",
        "OPEN-1,C-1,2025-08-01,2025-08-20,100.00,USD,,",
        "FLAGGED,C-1,2025-08-01,2025-08-20,100.00,USD,,dup",
        "NO-ISSUE,C-1,,2025-08-20,100.00,USD,,",
    ]
    file = folder / "invoices.csv"
    file.write_text(HEADER + "\n".join(rows) + "\n")
    return file


def test_open_invoices_are_scored_as_of_a_day(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = portfolio(tmp_path)
    assert starter.main(["risk", str(file), "--as-of", "2025-08-10", "--json"]) == 0
    said = capsys.readouterr()
    scores = {each["invoice_id"]: each for each in json.loads(said.out)}
    assert set(scores) == {"OPEN-0", "OPEN-1"}
    assert "2 rows left out" in said.err
    assert all(set(each) == {"invoice_id", "p_late5", "p_late30", "reasons"} for each in scores.values())
    assert scores["OPEN-0"]["p_late5"] < 0.5 < scores["OPEN-1"]["p_late5"]
    assert "8 of the last 8 invoices were 5 or more days late" in scores["OPEN-1"]["reasons"]
    assert starter.main(["risk", str(file), "--as-of", "2025-08-10"]) == 0
    assert "8 of the last 8 invoices" in " ".join(capsys.readouterr().out.split())


def test_each_is_scored_on_its_own_day_of_issue(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = portfolio(tmp_path)
    assert starter.main(["risk", str(file), "--at-issue", "2025-04-01", "--json"]) == 0
    scores = {each["invoice_id"]: each for each in json.loads(capsys.readouterr().out)}
    assert set(scores) == {*(f"OLD-{n}" for n in range(12, 16)), "OPEN-0", "OPEN-1"}
    assert "none of the last 6 invoices was 5 or more days late" in scores["OLD-12"]["reasons"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--as-of", "2025-02-30"], "2025-02-30"),
        (["--as-of", "2025-08-01", "--at-issue", "2025-08-01"], "not both"),
    ],
)
def test_what_does_not_fit_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    assert starter.main(["risk", str(portfolio(tmp_path)), *words]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--as-of", "--at-issue"])
def test_a_model_scores_no_day_before_it_had_learned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    file, model = portfolio(tmp_path), tmp_path / "model.json"
    model.write_text(json.dumps(document()))
    said = ["risk", str(file), "--model", str(model), "--json", option]
    assert starter.main([*said, "2026-06-29"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert f"{option}: 2026-06-29 is before 2026-06-30" in told.err
    assert "risk-train --before 2026-06-30" in told.err
    assert starter.main([*said, "2026-06-30"]) == 0


async def test_a_model_watches_no_case_before_it_had_learned(office: Office) -> None:
    model = office.save("model.json", json.dumps(document() | {"known_until": "2190-06-30"}).encode())
    said = await office.run("risk", "--model", model)
    assert (said.code, said.out) == (2, "")
    assert "is before 2190-06-30, up to which the model had learned" in said.err
    assert (
        await office.json("risk", "--model", office.save("model.json", json.dumps(document()).encode()))
    ) == []


def test_a_file_with_faults_gives_no_scores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(HEADER + "A,C,2025-01-01,2025-01-20,1e999,USD,,\n")
    assert starter.main(["risk", str(file), "--json"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "line 2, amount" in said.err
    assert starter.main(["risk", str(tmp_path / "absent.csv")]) == 2
