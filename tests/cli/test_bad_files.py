"""Files that are not what they should be, given to `import` and to `bank`: refused with the reason, in good time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import starter
from activities.adapters.xml_file import MEGABYTE
from tests.e_invoices import ubl
from tests.statements import entry, payment, statement

DAY = "2027-01-15"
STATEMENT = statement(entry("5.00", payment("5.00", "LINE", on=DAY), on=DAY, reference="B-1"))
DOCUMENTS = {"import": ubl(line="LINE"), "bank": STATEMENT}
HEADERS = {
    "import": "invoice_id,customer_id,due_date,amount,currency,description",
    "bank": "account,payer,booked_on,amount,currency,text",
}
ROW = "A-1,C-1,2027-01-15,1250.00,USD,LINE"
LAUGHS = (
    '<!DOCTYPE d [<!ENTITY a "ha">'
    + "".join(
        f'<!ENTITY {one} "{f"&{before};" * 10}">'
        for before, one in zip("abcdefghi", "bcdefghij", strict=True)
    )
    + "]>"
)

pytestmark = pytest.mark.parametrize("command", ["import", "bank"])


def check(capsys: pytest.CaptureFixture[str], command: str, *files: Path) -> tuple[int, str, str]:
    capsys.readouterr()
    code = starter.main([command, "--check", "--json", *map(str, files)])
    said = capsys.readouterr()
    return code, said.out, said.err


def declared(data: bytes, what: str) -> bytes:
    return data.replace(b"?>", b"?>" + what.encode(), 1)


Spoil = Callable[[bytes], bytes]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(
            lambda data: declared(data, '<!DOCTYPE d [<!ENTITY e SYSTEM "file:///etc/passwd">]>').replace(
                b"LINE", b"&e;"
            ),
            "document type declaration", id="an external entity",
        ),
        pytest.param(
            lambda data: declared(data, '<!DOCTYPE d [<!ENTITY % e SYSTEM "http://127.0.0.1:9/x"> %e;]>'),
            "document type declaration", id="an external parameter entity",
        ),
        pytest.param(
            lambda data: declared(data, LAUGHS).replace(b"LINE", b"&j;"), "", id="a billion laughs",
        ),
        pytest.param(lambda data: data.replace(b":xsd:", b":xls:"), "", id="a wrong namespace"),
        pytest.param(lambda data: data[:-20], "no well-formed XML", id="cut off"),
        pytest.param(lambda data: data.replace(b"LINE", b"<a>" * 100_000), "no well-formed XML", id="very deep"),
        pytest.param(lambda data: data.replace(b"LINE", b"&#0;"), "no well-formed XML", id="NUL"),
        pytest.param(lambda data: data.replace(b"LINE", b"\xff"), "no well-formed XML", id="no UTF-8"),
        pytest.param(lambda data: data.replace(b"LINE", b"x" * 12 * MEGABYTE), "", id="a text of 12 MB"),
    ],
)  # fmt: skip
def test_xml(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str, spoil: Spoil, reason: str
) -> None:
    good, bad = tmp_path / "good.xml", tmp_path / "bad.xml"
    good.write_bytes(DOCUMENTS[command])
    assert check(capsys, command, good)[0] == 0
    bad.write_bytes(spoil(DOCUMENTS[command]))
    began = time.monotonic()
    code, out, err = check(capsys, command, good, bad)
    assert code == 2
    assert time.monotonic() - began < 10
    assert reason in out + err
    assert "bad.xml" in out + err
    assert "root:" not in out + err
    assert ("Nothing was imported" if command == "import" else "Nothing was booked") in err


def test_a_file_of_200_mb(capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str) -> None:
    large = tmp_path / "large.xml"
    large.write_bytes(DOCUMENTS[command])
    os.truncate(large, 200 * MEGABYTE)
    began = time.monotonic()
    code, out, err = check(capsys, command, large)
    assert code == 2
    assert "has more than 64 MB" in out + err
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (ROW.replace("1250.00", "NaN"), "line 3, amount: is not a number"),
        (ROW.replace("1250.00", "Infinity"), "line 3, amount: is not a number"),
        (ROW.replace("1250.00", "1e999"), "line 3, amount: is not a number"),
        (ROW.replace("1250.00", "1_000"), "line 3, amount: is not a number"),
        (ROW.replace("1250.00", "١٢٥٠"), "line 3, amount: is not a number"),
        (ROW.replace("1250.00", '"1.234,56"'), "is written 1.234,56, but line 2 is written 1,234.56"),
        (ROW.replace("LINE", "LI\x00NE"), "holds NUL"),
        (ROW.replace("LINE", "x" * 200_000), "line 3: cannot be split into cells: field larger"),
        (ROW.replace("LINE", '"LINE'), "line 3: opens a quote that is never closed"),
        (f"{ROW},more", "line 3: has 7 cells, the header 6"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else None,
)
@pytest.mark.parametrize("written", ["plain", "with a mark, CRLF and semicolons"])
def test_csv(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str, row: str, reason: str, written: str
) -> None:
    good = ROW.replace("A-1", "A-9").replace("1250.00", "17.50")
    text = "\n".join((HEADERS[command], good, row, good.replace("A-9", "A-8"), ""))
    if written != "plain":
        held = '"1.234,56"' in row
        text = "\ufeff" + text.replace("1.234,56", "1.234|56").replace(",", ";").replace(
            "1.234|56", "1.234,56"
        )
        text = text.replace("\n", "\r\n") if not held else text
    bad, fine = tmp_path / "bad.csv", tmp_path / "fine.csv"
    bad.write_bytes(text.encode())
    fine.write_text("\n".join((HEADERS[command], good.replace("A-9", "B-9"), "")), "utf-8")
    assert check(capsys, command, fine)[0] == 0
    code, out, err = check(capsys, command, fine, bad)
    assert code == 2
    assert reason in out + err
