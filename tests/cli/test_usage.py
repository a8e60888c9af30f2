"""What the command line refuses before it looks for any server, and what it prints without one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import starter
from commands import place, terminal
from commands.failures import BadInput, Failed, explain
from settings import ROOT

LATER = ("histories",)
HEAVY = ("temporalio", "sqlalchemy", "pydantic", "rich", "weasyprint")


@pytest.fixture(autouse=True)
def _nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No stack, no environment: whatever a command does here, it does alone."""
    monkeypatch.setattr(place, "UP", tmp_path / "up")
    monkeypatch.setattr(place, "DEMO", tmp_path / "demo")
    for name in ("DATABASE_URL", "DUECOURSE_DATABASE_URL", "TEMPORAL_ADDRESS", "DUECOURSE_STATE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)  # and no .env


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = starter.main(list(words))
    said = capsys.readouterr()
    return code, said.out, said.err


def test_help_names_every_command_of_this_issue_and_loads_nothing_heavy() -> None:
    script = (
        "import sys, starter\n"
        "code = starter.main(['--help'])\n"
        f"print([name for name in {HEAVY} if name in sys.modules], code, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr.strip() == "[] 0"
    commands = {
        line.split()[0] for line in done.stdout.partition("Commands:")[2].splitlines() if line.strip()
    }
    named = "demo up import worklist show list forecast backtest bundle verify doctor pay promise dispute"
    named += " resolve credit hold release approve deny call skip run snooze waive write-off recall"
    named += " change-policy policy plan decide-plan bank report risk"
    assert set(named.split()) <= commands
    assert not commands & set(LATER)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Usage"),
        (("nonsense",), "nonsense"),
        (("pay",), "INVOICE"),
        (("pay", "INV-1"), "--amount"),
        (("pay", "INV-1", "--amount", "1,5"), "--amount: is not a decimal string"),
        (("pay", "INV-1", "--amount", "5", "--currency", "usd"), "--currency: is not an ISO 4217 code"),
        (("pay", "INV-1", "--amount", "5", "--received-on", "1.2.2026"), "--received-on: is not a date"),
        (("pay", "INV-1", "--amount", "5", "--payment-id", "a b"), "--payment-id: is not an id"),
        (("pay", "INV-1", "--amount", "5", "--deduction", "5"), "--deduction: is not written AMOUNT:REASON"),
        (("pay", "INV-1", "--amount", "5", "--deduction", "x:y"), "--deduction: is not a decimal string"),
        (("promise", "INV-1"), "--pay-by"),
        (("promise", "INV-1", "--pay-by", "2026-02-30"), "--pay-by: is not a day of the calendar"),
        (("promise", "INV-1", "--pay-by", "2026-12-01", "--source", "fax"), "--source: is none of"),
        (("dispute", "INV-1", "--reason", "qualty"), "quality"),
        (("resolve", "INV-1", "--outcome", "partly", "--credit-id", "C"), "--credit-amount: is missing"),
        (("credit", "INV-1", "--amount", "-5"), "--amount: must be above zero"),
        (("hold", "INV-1", "--reason", "unreadable", "--until", "x"), "--until: is not a date"),
        (("approve", "INV-1", "--step", "soon"), "--step"),
        (("call", "INV-1"), "--outcome"),
        (("call", "INV-1", "--outcome", "reached", "--promise-amount", "5"), "--pay-by: is missing"),
        (("call", "INV-1", "--outcome", "reached", "--pay-by", "x"), "--pay-by: is not a date"),
        (("call", "INV-1", "--outcome", "reached", "--dispute-note", "x"), "--dispute-reason: is missing"),
        (("skip", "INV-1", "--step", "call"), "--reason"),
        (("run", "INV-1"), "--step"),
        (("snooze", "INV-1", "--until", "soon", "--reason", "x"), "--until: is not a date"),
        (("waive", "INV-1", "--step", "demand"), "--reason"),
        (("write-off", "INV-1", "--reason", "x", "--amount", "0"), "--amount: must be above zero"),
        (("recall", "INV-1", "--reason", "x", "--by", "a\nb"), "--by: holds a line break"),
        (("change-policy", "INV-1", "--policy", "x" * 65), "--policy: is longer than 64"),
        (("up", "--temporal-port", "0"), "--temporal-port"),
        (("list", "--state", "nowhere"), "nothing runs on nowhere"),
        (("import",), "FILE"),
        (("import", "missing.csv", "--check"), "missing.csv: there is no such file"),
        (("import", "x.csv", "--check", "--date-format", "YMD"), "--date-format: is none of YYYY-MM-DD"),
        (("import", "x.csv", "--check", "--decimal-format", "."), "--decimal-format: is none of"),
        (("import", "x.csv", "--check", "--delimiter", "::"), "--delimiter"),
        (("policy", "describe", "missing.toml"), "missing.toml"),
        (("backtest", "x.csv"), "--policy"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_bad_input_ends_with_2_and_names_the_option(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    code, out, err = run(capsys, *words)
    assert code == 2
    assert said in (err or out)
    assert not out or not words


@pytest.mark.parametrize("command", ["list", "worklist", "verify"])
def test_without_anything_to_work_with_a_command_says_how_to_have_it(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    code, out, err = run(capsys, command, "--json")
    assert (code, out) == (2, "")
    assert "python starter.py up" in err
    assert "DATABASE_URL" in err


def test_a_database_that_does_not_answer_ends_with_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody:secret@127.0.0.1:1/nothing")
    code, out, err = run(capsys, "list")
    assert (code, out) == (1, "")
    assert "The database does not answer" in err
    assert "secret" not in err
    monkeypatch.setenv("DATABASE_URL", "nonsense")
    assert run(capsys, "list")[0] == 2


def test_an_environment_that_names_both_servers_goes_before_a_running_stack(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stack = place.StackAddress("postgresql://stack/db", "127.0.0.1:9", "http://127.0.0.1:10", 8080)
    monkeypatch.setattr(place.StackAddress, "of", lambda folder: stack if folder == place.DEMO else None)
    assert place.find(None).database_url == "postgresql://stack/db"
    monkeypatch.setenv("DATABASE_URL", "postgresql://named/db")
    assert place.find(None).database_url == "postgresql://stack/db"
    monkeypatch.setenv("TEMPORAL_ADDRESS", "temporal:7233")
    assert place.find(None).database_url == "postgresql://named/db"
    assert place.find(place.DEMO).database_url == "postgresql://stack/db"


def test_an_error_nobody_expects_is_not_hidden() -> None:
    assert explain(BadInput("x")) == 2
    assert explain(Failed("x")) == 1
    with pytest.raises(KeyError):
        explain(KeyError("x"))


# import --check

ROWS = """invoice_id;customer_id;customer_name;due_date;issue_date;amount;currency;flags;settled_date;colour
INV-1;C-1;Acme Ltd;01.12.2026;01.11.2026;1.250,00;USD;;;red
INV-2;C-1;Acme Ltd;01.12.2026;01.11.2026;1.000;JPY;;;red
INV-3;C-2;;01.12.2020;01.11.2020;7,50;EUR;dup;;
INV-4;C-2;;01.12.2020;01.11.2020;7,50;EUR;;11.12.2020;
"""
KEYS = "file kind number issued_on due_on currency payable seller buyer preceding errors warnings".split()


def test_check_lists_every_document_as_json_and_touches_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "portfolio.csv"
    file.write_text("\ufeff" + ROWS, encoding="utf-8")
    code, out, err = run(capsys, "import", str(file), "--check", "--json")
    documents = json.loads(out)
    assert code == 0
    assert [document["kind"] for document in documents] == ["Invoice", "Invoice", "SettledInvoice", "Row"]
    assert all(set(KEYS) <= set(document) for document in documents)
    first = documents[0]
    assert (first["payable"], first["issued_on"], first["buyer"]) == ("1250.00", "2026-11-01", "Acme Ltd")
    assert documents[1]["payable"] == "1000"
    assert documents[2]["settled_on"] == "2020-12-11"
    assert documents[3]["number"] == "INV-3"
    assert "dup" in documents[3]["warnings"][0]
    assert "columns not read: colour" in err
    code, out, _ = run(capsys, "import", str(file), "--check")
    assert code == 0
    assert "2 open invoices of 1 customer (1,250.00 USD · 1,000 JPY)" in out
    assert "1 settled invoice as history, 1 row left out" in out


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, None])
def test_words_that_cannot_be_read_are_refused_before_anything_is_asked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str | None
) -> None:
    file = tmp_path / "words.json"
    if text is not None:
        file.write_text(text)
    code, out, err = run(capsys, "approve", "INV-1", "--words", str(file))
    assert (code, out) == (2, "")
    assert "words.json" in err


def test_a_faulty_file_is_refused_with_line_and_reason(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    header = "invoice_id,customer_id,due_date,amount,currency,seller\n"
    good.write_text(header + "INV-1,C-1,2026-12-01,5.00,USD,\n")
    bad.write_text(header + "INV-2,C-1,2026-12-01,1e999,USD,\nINV-3,C-1,2026-12-01,5.00,USD,nobody\n")
    code, out, err = run(capsys, "import", str(good), str(bad), "--check")
    assert code == 2
    assert "1e999" in err
    assert "Nothing was imported: 1 fault" in err
    code, out, err = run(capsys, "import", str(good), str(bad), "--check", "--json")
    assert code == 2
    faulty = [document for document in json.loads(out) if document["errors"]]
    assert [document["line"] for document in faulty] == [2]
    bad.write_text(header + "INV-3,C-1,2026-12-01,5.00,USD,nobody\nINV-1,C-1,2026-12-01,5.00,USD,\n")
    code, out, err = run(capsys, "import", str(good), str(bad), "--check")
    assert code == 2
    assert "name one of default" in err
    assert "stands in" in err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<?xml version='1.0'?><Invoice/>", "neither a UBL nor a CII document"),
        (b"PK\x03\x04rest", "save it as 'CSV UTF-8'"),
        (b"", "the file is empty"),
    ],
)
def test_other_kinds_of_files_are_named_for_what_they_are(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes, said: str
) -> None:
    file = tmp_path / "file.csv"
    file.write_bytes(content)
    code, out, err = run(capsys, "import", str(file), "--check")
    assert (code, out) == (2, "")
    assert said in err


# policy describe, doctor


@pytest.mark.parametrize("name", ["standard", "strategic", "chronic_late", "sandbox"])
def test_a_policy_is_described_whole(capsys: pytest.CaptureFixture[str], name: str) -> None:
    file = str(ROOT / "deploy" / "policies" / f"{name}.toml")
    code, out, _ = run(capsys, "policy", "describe", file)
    assert code == 0
    for said in (f"Policy {name}, version", "second overdue", "account manager alert", "Promises", "Proof"):
        assert said in out
    code, out, _ = run(capsys, "policy", "describe", file, "--json")
    assert json.loads(out)["name"] == name


def test_a_bad_policy_is_refused_with_file_step_and_reason(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = (ROOT / "deploy" / "policies" / "standard.toml").read_text(encoding="utf-8")
    file = tmp_path / "bad.toml"
    file.write_text(text.replace("day = 30", "day = 3"), encoding="utf-8")
    code, out, err = run(capsys, "policy", "describe", str(file))
    assert (code, out) == (2, "")
    assert str(file) in err
    assert "credit_hold" in err


def test_the_doctor_ends_each_failure_with_its_fix(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "doctor", "--json")
    findings = {finding["check"]: finding for finding in json.loads(out)}
    assert code == 1
    assert "checks failed" in err
    assert {"configuration", "Temporal", "database", "mail", "fonts", "PDF libraries"} <= set(findings)
    assert not findings["Temporal"]["ok"]
    assert all(finding["ok"] or finding["fix"] for finding in findings.values())


def test_the_doctor_names_the_broken_template(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "de" / "request.jinja"
    file.parent.mkdir()
    file.write_text('{% extends "de/letter.jinja" %}\n{% block closing %}{{ totl }}{% endblock %}\n', "utf-8")
    monkeypatch.setenv("DUECOURSE_TEMPLATES", str(tmp_path))
    _, out, _ = run(capsys, "doctor", "--json")
    found = next(finding for finding in json.loads(out) if finding["check"] == "templates")
    assert not found["ok"]
    assert found["detail"] == f"{file}:2: nothing is called 'totl'; did you mean 'total'?"
    assert "DUECOURSE_TEMPLATES" in found["fix"]


# What people read


def test_strangers_text_cannot_steer_a_terminal() -> None:
    assert terminal.clean("a\x1b[31mb\u202ec\r\nd") == "a\\u001b[31mb\\u202ec d"
    assert terminal.words("[red]x[/red]").plain == "[red]x[/red]"


def test_numbers_are_written_for_people() -> None:
    assert terminal.amount(125_000, "USD") == "1,250.00 USD"
    assert terminal.amount(125_000, "JPY") == "125,000 JPY"
    assert terminal.count(1, "invoice") == "1 invoice"
    assert terminal.count(1_200, "policy", "policies") == "1,200 policies"


def test_an_exit_code_survives_the_end_of_the_process() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DATABASE")}
    command = [sys.executable, "starter.py", "pay", "INV-1", "--amount", "x"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "--amount" in done.stderr
