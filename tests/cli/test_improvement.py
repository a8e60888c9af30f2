"""The improvement report from a file: on the terminal, as JSON, PDF and workbook, and what it never says."""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import starter
from activities.paper.rendering import PdfRenderer
from activities.reports.improvement_report import ActionsTaken, document, improvement_html
from activities.reports.improvement_workbook import improvement_workbook
from domain.figures.improvement import Improvement, compare, periods
from domain.figures.receivables import Receivable
from domain.figures.receivables_book import Book, turns
from domain.figures.trend import flows
from domain.hold_out import Arm, Tally, held_against
from settings import ROOT
from store.improvement import InvoiceOfPeriods
from tests.cli.conftest import Office
from tests.pdf_structure import faults

DATA = Path(os.environ.get("DUECOURSE_DATA", ROOT.parent / "shared" / "data"))
GO_LIVE, AS_OF = date(2025, 1, 1), date(2025, 6, 30)
HOSTILE = '=HYPERLINK("http://evil.example","Acme")'
#: What a comparison of two periods must not say of itself.
CLAIMS = re.compile(
    r"\beffects?\b|\bcaus(ed|es|ing)\b|\bthanks to\b|\bdue to\b|\bbecause of\b|\bled to\b|\bimpact\b",
    re.IGNORECASE,
)
_NS = {"s": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


def portfolio(currency_minor: int = 1) -> list[Receivable]:
    """One invoice a day, paid after 40 days, later after 30; every ninth is not paid."""
    first = date(2024, 1, 1)
    invoices = []
    for number in range((AS_OF - first).days + 1):
        issued = first + timedelta(days=number)
        settled = issued + timedelta(days=30 if issued >= GO_LIVE else 40)
        paid = settled if number % 9 and settled <= AS_OF else None
        minor = (10_000 + number) * currency_minor
        invoices.append(Receivable(f"I-{number}", HOSTILE, issued, issued + timedelta(days=30), minor, paid))
    return invoices


def compared(invoices: list[Receivable], currency: str = "USD") -> Improvement:
    book = Book(flows(invoices), turns(invoices), AS_OF)
    return compare(book, currency, GO_LIVE, *periods(GO_LIVE, AS_OF, 5))


def csv_of(invoices: list[Receivable]) -> str:
    rows = ["invoice_id,customer_id,customer_name,issue_date,due_date,amount,currency,settled_date"]
    for each in invoices:
        paid = each.settled_on or ""
        amount = f"{each.minor // 100}.{each.minor % 100:02}"
        quoted = HOSTILE.replace('"', '""')
        rows.append(f'{each.invoice_id},C-1,"{quoted}",{each.issued_on},{each.due_on},{amount},USD,{paid}')
    return "\n".join(rows) + "\n"


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = starter.main(["improvement", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "history.csv"
    path.write_text(csv_of(portfolio()), encoding="utf-8")
    return path


def cells(book: bytes) -> dict[str, dict[str, Any]]:
    """Every cell of every sheet as a reader finds it: text, number, or the formula where there is one."""
    with zipfile.ZipFile(io.BytesIO(book)) as parts:
        strings = [
            "".join(text.text or "" for text in item.iterfind(".//s:t", _NS))
            for item in ElementTree.fromstring(parts.read("xl/sharedStrings.xml"))
        ]
        workbook = ElementTree.fromstring(parts.read("xl/workbook.xml"))
        names = [sheet.attrib["name"] for sheet in workbook.iterfind(".//s:sheet", _NS)]
        sheets = {}
        for number, name in enumerate(names, start=1):
            found: dict[str, Any] = {}
            for cell in ElementTree.fromstring(parts.read(f"xl/worksheets/sheet{number}.xml")).iterfind(
                ".//s:c", _NS
            ):
                assert cell.find("s:f", _NS) is None, f"{name} {cell.attrib['r']} is a formula"
                value = cell.find("s:v", _NS)
                if value is not None and value.text is not None:
                    is_text = cell.attrib.get("t") == "s"
                    found[cell.attrib["r"]] = strings[int(value.text)] if is_text else float(value.text)
            sheets[name] = found
        assert not any("hyperlink" in part.lower() for part in parts.namelist())
        assert not any(b"<hyperlink" in parts.read(part) for part in parts.namelist())
    return sheets


def column(sheet: dict[str, Any], head: str) -> list[Any]:
    letter = next(cell[0] for cell, value in sheet.items() if value == head and cell[1:] == "1")
    last = max(int(re.sub(r"\D", "", cell)) for cell in sheet)
    return [sheet.get(f"{letter}{row}") for row in range(2, last + 1)]


def test_the_report_of_a_file(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--go-live", "2025-01-01", "--months", "5", "--as-of", "2025-06-30", "--from-csv", str(file))
    code, out, _ = run(capsys, *words, "--json")
    told = json.loads(out)
    assert code == 0
    assert told["before"] == {"from": "2024-08-01", "to": "2024-12-31"}
    figures = {figure["key"]: figure for figure in told["figures"]}
    assert figures["days_to_pay"]["before"] == 40.0
    assert figures["days_to_pay"]["made_of"]["before"] > 100
    freed = told["working_capital_freed"]
    difference = freed["dso_before"] - freed["dso_after"]
    assert float(freed["amount"]) == pytest.approx(difference * float(freed["daily_credit_sales"]), abs=0.01)
    assert told["actions"] is None
    assert len(told["months"]) == 10
    code, out, _ = run(capsys, *words)
    assert code == 0
    assert "no proof of cause" in out
    assert "Working capital" in out
    assert not CLAIMS.search(out)


def test_report_prints_it_too(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    of = ["--go-live", str(GO_LIVE), "--as-of", str(AS_OF), "--from-csv", str(file)]
    _, improvement, _ = run(capsys, *of, "--json")
    assert starter.main(["report", *of, "--json"]) == 0
    assert capsys.readouterr().out == improvement
    assert starter.main(["report", *of, "--trend", "3"]) == 2
    assert "--trend and --go-live: ask for one at a time" in capsys.readouterr().err


def test_the_workbook_holds_numbers_text_and_no_formula_of_anybody(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--go-live", "2025-01-01", "--months", "5", "--as-of", "2025-06-30", "--from-csv", str(file))
    path = tmp_path / "report.xlsx"
    code, out, err = run(capsys, *words, "--xlsx", str(path), "--json")
    assert code == 0, err
    told = json.loads(out)
    sheets = cells(path.read_bytes())
    assert list(sheets) == ["Summary USD", "Months USD", "Invoices USD", "Actions taken"]
    invoices = sheets["Invoices USD"]
    assert set(column(invoices, "Customer")) == {HOSTILE}
    amounts = column(invoices, "Amount")
    assert all(isinstance(amount, float) for amount in amounts)
    # What the summary says is made of these rows.
    figures = {figure["key"]: figure for figure in told["figures"]}
    for side in ("before", "after"):
        rows = list(zip(column(invoices, "Days to pay"), column(invoices, "Paid in"), strict=True))
        days = [day for day, period in rows if period == side]
        assert len(days) == figures["days_to_pay"]["made_of"][side]
        assert round(sum(days) / len(days), 2) == figures["days_to_pay"][side]
        issued = [
            amount
            for amount, period in zip(amounts, column(invoices, "Issued in"), strict=True)
            if period == side
        ]
        assert f"{sum(issued):.2f}" == figures["sales"][side]
    summary = sheets["Summary USD"]
    row = next(cell[1:] for cell, value in summary.items() if value == "Days to pay")
    assert summary[f"B{row}"] == 40.0
    with zipfile.ZipFile(path) as parts:
        assert len([name for name in parts.namelist() if name.startswith("xl/charts/chart")]) == 4
        styles = parts.read("xl/styles.xml").decode()
    assert "#,##0.00 &quot;USD&quot;" in styles
    months = sheets["Months USD"]
    assert column(months, "Month")[0] == "2024-08"
    assert column(months, "Period") == ["before"] * 5 + ["after"] * 5


def test_the_paper_can_be_read_out_and_claims_nothing(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    invoices = portfolio()
    told = compared(invoices)
    nothing: dict[str, Any] = dict.fromkeys(
        ("messages", "calls", "alerts", "credit_holds", "demands", "referrals"), 0
    )
    done = ActionsTaken.of(
        {**nothing, "messages_by_step": {}}, {**nothing, "messages": 7, "messages_by_step": {"overdue": 7}}
    )
    with PdfRenderer() as renderer:
        for paper in ("A4", "Letter"):
            html = improvement_html([told], done, seller="<b>Acme</b>", paper=paper)  # type: ignore[arg-type]
            assert "<b>Acme" not in html
            assert not CLAIMS.search(re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL))
            assert html.count("<img") == 4
            pdf = renderer.render(html, timeout=60)
            assert faults(pdf) == []
            assert pdf == renderer.render(html, timeout=60)
    book = improvement_workbook([told], done, {}, seller="Acme")
    texts = [value for sheet in cells(book).values() for value in sheet.values() if isinstance(value, str)]
    assert any("no proof of cause" in text for text in texts)
    assert not CLAIMS.search("\n".join(texts))
    assert cells(book)["Actions taken"]["C2"] == 7.0


def test_only_the_hold_out_speaks_of_an_effect() -> None:
    told = compared(portfolio())
    drawn = [Tally(Arm.USUAL, f"u{n}", 2, 2 if n % 3 else 1, 60 + n % 5) for n in range(60)]
    drawn += [Tally(Arm.HELD_OUT, f"h{n}", 2, n % 2, 80 + n % 7) for n in range(30)]
    held = held_against(drawn)
    html = improvement_html([told], None, seller="Acme", paper="A4", held=held)
    apart = re.search(r'<section class="hold-out">.*?</section>', html, re.DOTALL)
    assert apart is not None
    assert CLAIMS.search(apart[0])
    assert not CLAIMS.search(re.sub(r"<style>.*?</style>", "", html.replace(apart[0], ""), flags=re.DOTALL))
    with PdfRenderer() as renderer:
        assert faults(renderer.render(html, timeout=60)) == []
    (of_json,) = document([told], None, held)
    measured = of_json["hold_out"]["collected_60d"]
    assert (measured["usual"], measured["held_out"], measured["effect"]) == (83.33, 25.0, 58.33)
    assert measured["interval"][0] < 58.33 < measured["interval"][1]
    sheets = cells(improvement_workbook([told], None, {}, seller="Acme", held=held))
    assert sheets["Hold-out"]["D2"] == pytest.approx(7 / 12)
    others = [text for name, sheet in sheets.items() if name != "Hold-out" for text in sheet.values()]
    assert not any(CLAIMS.search(text) for text in others if isinstance(text, str))
    few = held_against(drawn[:70])
    assert few is not None
    html = improvement_html([told], None, seller="Acme", paper="A4", held=few)
    assert "10 customers of the arm &#39;held out&#39;" in html


def test_a_currency_without_decimals_and_text_that_no_cell_can_hold() -> None:
    invoices = portfolio()
    told = compared(invoices, "JPY")
    names = [
        "+1",
        "-1",
        "@SUM(A1)",
        "https://evil.example/",
        "\t=1",
        "a\x07b\u202ec",
        "1250.00",
        "x" * 40_000,
    ]
    lines = [InvoiceOfPeriods(name, name, name, GO_LIVE, GO_LIVE, None, 1_250) for name in names]
    sheets = cells(improvement_workbook([told], None, {"JPY": lines}, seller="=1+1"))
    customers = column(sheets["Invoices JPY"], "Customer")
    assert all(isinstance(name, str) for name in customers)
    assert customers[:4] == names[:4]
    assert customers[4:7] == [" =1", "a b c", "1250.00"]
    assert len(customers[7]) == 500
    assert column(sheets["Invoices JPY"], "Amount") == [1250.0] * len(names)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--go-live", "2025-01-01", "--before", "2024"), "--before: '2024' is not a period"),
        (("--go-live", "2025-01-01", "--months", "9"), "9 months after 2025-01-01 end after"),
        (("--go-live", "2025-06-20"), "less than a month"),
        (("--go-live", "2025-01-01", "--paper", "A5"), "neither A4 nor Letter"),
    ],
)
def test_what_does_not_fit_is_refused(
    file: Path, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, *words, "--as-of", "2025-06-30", "--from-csv", str(file))
    assert code == 2
    assert said in err


@pytest.mark.parametrize(
    ("name", "go_live", "as_of"),
    [
        ("ibm/invoices.csv", "2013-01-01", "2013-12-31"),
        pytest.param(
            *("datarisk/invoices_asof_2020-12-31.csv", "2020-01-01", "2020-12-31"), marks=pytest.mark.slow
        ),
    ],
)
def test_real_books(
    name: str, go_live: str, as_of: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not (DATA / name).exists():
        pytest.skip(f"there is no {DATA / name}")
    book = tmp_path / "real.xlsx"
    words = ("--go-live", go_live, "--as-of", as_of, "--months", "6", "--from-csv", str(DATA / name))
    code, out, err = run(capsys, *words, "--xlsx", str(book), "--json")
    assert code == 0, err
    told = json.loads(out)
    assert all(figure["before"] is not None and figure["after"] is not None for figure in told["figures"])
    rows = cells(book.read_bytes())[f"Invoices {told['currency']}"]
    due = [side for side in column(rows, "Due in") if side == "after"]
    on_time = next(figure for figure in told["figures"] if figure["key"] == "paid_by_due_date")
    assert len(due) == on_time["made_of"]["after"]


def test_a_sheet_that_is_too_long_says_that_it_ends_early(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.reports.improvement_workbook.MOST_INVOICES", 3)
    book = tmp_path / "book.xlsx"
    words = ("--go-live", "2025-01-01", "--months", "5", "--as-of", "2025-06-30", "--from-csv", str(file))
    assert run(capsys, *words, "--xlsx", str(book))[0] == 0
    sheet = invoices_sheet(book)
    assert sheet["A5"] == "There are more than 3; the rest is left out: a longer sheet opens for nobody."
    assert "A6" not in sheet


@pytest.mark.parametrize(
    "words",
    [
        ("improvement", "--go-live", "2025-01-01", "--before", "0001-01-01..2012-12-31"),
        ("improvement", "--go-live", "0001-01-31"),
        ("report", "--as-of", "0001-01-02"),
        ("outcomes", "--to", "9999-12-31"),
    ],
)
def test_a_day_that_nobody_reckons_with_is_refused_by_its_option(
    words: tuple[str, ...], file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--after", "2025-01-01..2025-06-30", "--from-csv", str(file)) if "--before" in words else ()
    assert starter.main([*words, *more]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert words[-2] in said
    assert "lies outside 1970-01-01 to 2199-12-31" in said


def invoices_sheet(book: Path) -> dict[str, Any]:
    return cells(book.read_bytes())["Invoices USD"]


async def test_the_store_gives_the_same_figures_and_counts_what_was_done(office: Office) -> None:
    path = office.save("history.csv", csv_of(portfolio()).encode())
    words = ("improvement", "--go-live", "2025-01-01", "--months", "5", "--as-of", "2025-06-30")
    of_file = await office.json(*words, "--from-csv", path)
    history = "\n".join(
        line for line in csv_of(portfolio()).splitlines() if not line.endswith(",")
    )  # what is open would start cases, and they would not be needed here
    settled = office.save("settled.csv", (history + "\n").encode())
    await office.done("import", settled)
    of_settled = await office.json(*words, "--from-csv", settled)
    of_store = await office.json(*words, "--xlsx", str(office.state / "store.xlsx"))
    await office.done(*words, "--from-csv", settled, "--xlsx", str(office.state / "file.xlsx"))
    assert invoices_sheet(office.state / "store.xlsx") == invoices_sheet(office.state / "file.xlsx")
    assert of_store["figures"] == of_settled["figures"] != of_file["figures"]
    assert of_store["working_capital_freed"] == of_settled["working_capital_freed"]
    assert of_store["actions"][0] == {"what": "Messages to customers", "before": 0, "after": 0}
    assert of_store["hold_out"] is None
    said = (await office.done(*words)).out
    assert "Actions taken" in said
    none = await office.run("hold-out")
    assert none.code == 2
    assert "There is no hold-out" in none.err
