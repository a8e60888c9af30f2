"""Import files: formats found out or asked for, every fault with its line, and never half a file."""

from __future__ import annotations

import csv
import io
import os
import time
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.files.csv_text import DateFormat, DecimalFormat, Encoding, Fault
from domain.files.portfolio_csv import COLUMNS, HistoryRow, Options, Portfolio, left_of, read
from domain.money import Money

TODAY = date(2026, 11, 21)
ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("DUECOURSE_DATA") or ROOT.parent / "shared" / "data")
HEADER = "invoice_id,customer_id,issue_date,due_date,amount,currency,settled_date,flags"
GOOD = "A-1,C-1,2026-10-01,2026-10-31,1250.00,USD,,"


def table(*lines: str, header: str = HEADER) -> bytes:
    return "\n".join([header, *lines, ""]).encode()


def taken(data: bytes, options: Options | None = None) -> Portfolio:
    portfolio = read(data, TODAY, options)
    assert not portfolio.errors, [str(fault) for fault in portfolio.errors]
    return portfolio


def refused(data: bytes, options: Options | None = None) -> list[tuple[int, str]]:
    """Line and column of every fault of a file of which nothing is taken."""
    portfolio = read(data, TODAY, options)
    assert portfolio.errors
    assert not portfolio.rows
    assert not portfolio.history
    assert not portfolio.customers
    for fault in portfolio.errors:
        assert str(fault).isprintable()
        assert len(str(fault)) < 400
    return [(fault.line, fault.field) for fault in portfolio.errors]


def reasons(data: bytes, options: Options | None = None) -> str:
    refused(data, options)
    return "\n".join(str(fault) for fault in read(data, TODAY, options).errors)


# What is taken


def test_open_rows_start_settled_ones_are_history_flagged_ones_are_left_out() -> None:
    portfolio = taken(
        table(
            GOOD,
            "A-2,C-1,2026-09-01,2026-10-01,99.9,USD,2026-10-18,",
            "A-3,C-2,2026-09-05,2026-09-01,,USD,,no_amount due_before_issue",
        )
    )
    (start,) = portfolio.rows
    assert start.invoice.invoice_id == "A-1"
    assert start.invoice.money == Money(125_000, "USD")
    assert (start.invoice.issued_on, start.invoice.due_on) == (date(2026, 10, 1), date(2026, 10, 31))
    assert start.customer.customer_id == "C-1"
    assert portfolio.history == (
        HistoryRow(
            "A-2", "C-1", date(2026, 9, 1), date(2026, 10, 1), Money(9_990, "USD"), date(2026, 10, 18)
        ),
    )
    (left_out,) = portfolio.left_out
    assert (left_out.line, left_out.invoice_id, left_out.flags) == (4, "A-3", "no_amount due_before_issue")
    assert set(portfolio.customers) == {"C-1"}


def test_every_column_finds_its_place() -> None:
    values = {
        "invoice_id": "A-1", "customer_id": "C-1", "issue_date": "2026-10-01", "due_date": "2026-10-31",
        "amount": "1,250.00", "currency": "USD", "settled_date": "", "flags": "", "seller": "north",
        "policy": "strategic", "tax_amount": "200", "number": "2026/17", "description": "Support\nOctober",
        "purchase_order": "PO 7", "agreement_ref": "MSA 3", "terms": "net 30", "collection": "card",
        "submission": "portal", "customer_name": "Acme Ltd", "legal_name": "Acme Limited", "kind": "person",
        "tier": "strategic", "country": "US", "locale": "en-US", "timezone": "America/New_York",
        "bill_to": "C-0", "vat_id": "V", "registration_no": "R", "address": "1 Main St\nFloor 2",
        "city": "New York", "state": "NY", "postal_code": "10001", "account_manager": "Sam Reed",
        "account_manager_email": "sam@seller.example", "email": "ap@acme.example", "phone": "+1202",
        "contact_name": "Ann", "contact_role": "cfo", "disputed": "1", "electronic": "1", "region": "65",
        "rate": "6.99",
    }  # fmt: skip
    assert set(values) == set(COLUMNS)
    out = io.StringIO()
    writer = csv.DictWriter(out, values)
    writer.writeheader()
    writer.writerow(values)
    (start,) = taken(out.getvalue().encode()).rows
    invoice, customer = start.invoice, start.customer
    assert (invoice.seller, invoice.number, invoice.tax_amount) == ("north", "2026/17", "200.00")
    assert (invoice.description, invoice.purchase_order) == ("Support\nOctober", "PO 7")
    assert (invoice.agreement_ref, invoice.terms) == ("MSA 3", "net 30")
    assert (invoice.collection, invoice.submission, start.policy) == ("card", "portal", "strategic")
    assert customer.model_dump(mode="json", exclude_unset=True) == {
        "customer_id": "C-1", "name": "Acme Ltd", "legal_name": "Acme Limited", "kind": "person",
        "tier": "strategic", "country": "US", "locale": "en-US", "timezone": "America/New_York",
        "bill_to": "C-0", "vat_id": "V", "registration_no": "R",
        "address": {"lines": ["1 Main St", "Floor 2"], "city": "New York", "region": "NY", "postal_code": "10001"},
        "account_manager": {"name": "Sam Reed", "email": "sam@seller.example"},
        "contacts": [{"email": "ap@acme.example", "phone": "+1202", "name": "Ann", "role": "cfo"}],
    }  # fmt: skip


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_delimiter_line_ending_and_byte_order_mark_are_found(
    delimiter: str, ending: str, mark: bytes
) -> None:
    text = table(GOOD, "", ",,,,,,,").decode().replace(",", delimiter).replace("\n", ending)
    portfolio = taken(mark + text.encode())
    assert [start.invoice.invoice_id for start in portfolio.rows] == ["A-1"]
    assert portfolio.delimiter == delimiter


def test_excels_separator_line_and_free_spelling_of_columns() -> None:
    header = '"Invoice ID";CUSTOMER-ID;Issued on; due_on ;Amount;Currency;Cost Centre'
    portfolio = taken(b"sep=;\r\n" + table("A-1;C-1;2026-10-01;2026-10-31;1250;USD;7", header=header))
    assert portfolio.rows[0].invoice.issued_on == date(2026, 10, 1)
    assert portfolio.ignored_columns == ("cost_centre",)
    broken = b"sep=;\r\n" + table("A-1;C-1;2026-10-01;never;1250;USD;7", header=header)
    assert refused(broken) == [(3, "due_date")]


@pytest.mark.parametrize(
    ("dates", "written"),
    [
        (("2026-02-01", "2026-03-04"), DateFormat.ISO),
        (("01/02/2026", "13/03/2026"), DateFormat.DAY_FIRST),
        (("02/01/2026", "3/13/2026"), DateFormat.MONTH_FIRST),
        (("01.02.2026", "4.3.2026"), DateFormat.DOTTED),
        (("05/05/2026", "06/06/2026"), DateFormat.DAY_FIRST),  # either way the same days
    ],
)
def test_the_date_format_is_found_over_the_whole_file(dates: tuple[str, str], written: DateFormat) -> None:
    portfolio = taken(table(f"A-1,C-1,{dates[0]},{dates[1]},5.00,USD,,"))
    assert portfolio.date_format is written


def test_ambiguous_dates_are_asked_about_never_guessed() -> None:
    data = table("A-1,C-1,01/02/2026,03/04/2026,5.00,USD,,")
    assert reasons(data) == (
        "line 2, issue_date: may be written DD/MM/YYYY or MM/DD/YYYY: say which with --date-format (got '01/02/2026')"
    )
    day_first = taken(data, Options(date_format=DateFormat.DAY_FIRST)).rows[0].invoice
    month_first = taken(data, Options(date_format=DateFormat.MONTH_FIRST)).rows[0].invoice
    assert (day_first.due_on, month_first.due_on) == (date(2026, 4, 3), date(2026, 3, 4))


def test_dates_in_two_formats_are_a_fault() -> None:
    assert "write all alike" in reasons(table("A-1,C-1,13/01/2026,01/14/2026,5.00,USD,,"))
    assert refused(table(GOOD, "A-2,C-1,2026-01-02,31.01.2026,5.00,USD,,")) == [(3, "due_date")]


@pytest.mark.parametrize(
    ("amounts", "minors", "written"),
    [
        (("1,234.56", "5"), (123_456, 500), DecimalFormat.POINT),
        (("1.234,56", "5"), (123_456, 500), DecimalFormat.COMMA),
        (("1234.5", "1,234"), (123_450, 123_400), DecimalFormat.POINT),
        (("1234,5", "1.234"), (123_450, 123_400), DecimalFormat.COMMA),
        (("1,234,567", "1"), (123_456_700, 100), DecimalFormat.POINT),
        (("1 234,56", "1'234,50"), (123_456, 123_450), DecimalFormat.COMMA),
        (("1250", "7"), (125_000, 700), DecimalFormat.POINT),
        (("1250.0000", "0.10"), (125_000, 10), DecimalFormat.POINT),
    ],
)
def test_the_decimal_format_is_found(amounts: tuple[str, str], minors: tuple[int, int], written: str) -> None:
    lines = (f"A-{n};C-1;2026-10-01;2026-10-31;{amount};USD;;" for n, amount in enumerate(amounts))
    portfolio = taken(table(*lines, header=HEADER.replace(",", ";")))
    assert tuple(start.invoice.money.minor for start in portfolio.rows) == minors
    assert portfolio.decimal_format == written


def test_ambiguous_amounts_are_asked_about_never_guessed() -> None:
    data = table("A-1;C-1;2026-10-01;2026-10-31;1.234;KWD;;", header=HEADER.replace(",", ";"))
    assert "--decimal-format" in reasons(data)
    point = taken(data, Options(decimal_format=DecimalFormat.POINT)).rows[0].invoice
    comma = taken(data, Options(decimal_format=DecimalFormat.COMMA)).rows[0].invoice
    assert (point.amount, comma.amount) == ("1.234", "1234.000")
    assert "round it" in reasons(data.replace(b"KWD", b"USD"), Options(decimal_format=DecimalFormat.POINT))


def test_amounts_in_two_formats_are_a_fault() -> None:
    lines = ("A-1;C-1;2026-10-01;2026-10-31;1.234,56;USD;;", "A-2;C-1;2026-10-01;2026-10-31;1,234.56;USD;;")
    assert "write all alike" in reasons(table(*lines, header=HEADER.replace(",", ";")))


def test_currencies_keep_their_own_decimals() -> None:
    portfolio = taken(table(GOOD.replace("USD", "JPY"), "A-2,C-1,2026-10-01,2026-10-31,0.125,KWD,,"))
    assert [start.invoice.amount for start in portfolio.rows] == ["1250", "0.125"]


def test_a_currency_and_a_seller_for_the_whole_file() -> None:
    data = table("A-1,C-1,2026-10-31,5", header="invoice_id,customer_id,due_date,amount")
    invoice = taken(data, Options(currency="EUR", seller="north")).rows[0].invoice
    assert (invoice.currency, invoice.seller, invoice.issued_on) == ("EUR", "north", None)
    assert refused(data) == [(1, "currency")]


def test_rows_of_a_customer_are_put_together() -> None:
    header = "invoice_id,customer_id,due_date,amount,currency,customer_name,timezone,email,contact_role"
    portfolio = taken(
        table(
            "A-1,C-1,2026-10-31,5,USD,Acme,,ap@acme.example,",
            "A-2,C-1,2026-10-31,5,USD,,Europe/Berlin,cfo@acme.example,cfo",
            "A-3,C-1,2026-10-31,5,USD,Acme,Europe/Berlin,ap@acme.example,",
            header=header,
        )
    )
    customer = portfolio.customers["C-1"]
    assert all(start.customer is customer or start.customer == customer for start in portfolio.rows)
    assert (customer.name, customer.timezone) == ("Acme", "Europe/Berlin")
    assert [(c.email, c.role) for c in customer.contacts] == [
        ("ap@acme.example", "ap"),
        ("cfo@acme.example", "cfo"),
    ]
    torn = table("A-1,C-1,2026-10-31,5,USD,Acme,,,", "A-2,C-1,2026-10-31,5,USD,Acne,,,", header=header)
    assert reasons(torn) == (
        "line 3, customer_name: is 'Acme' for the same customer on line 2: make them agree (got 'Acne')"
    )


@pytest.mark.parametrize(
    "name", ["=1+1", "+49", "-cmd|' /C calc'!A0", "@SUM(A1)", "<script>", "{{ 7*7 }}", "Müller 株式会社"]
)
def test_a_formula_in_a_name_is_text(name: str) -> None:
    header = "invoice_id,customer_id,due_date,amount,currency,customer_name"
    (start,) = taken(table(f"A-1,C-1,2026-10-31,5,USD,{name}", header=header)).rows
    assert start.customer.name == name


# What is refused


@pytest.mark.parametrize(
    ("line", "column"),
    [
        (GOOD.replace("1250.00", "NaN"), "amount"),
        (GOOD.replace("1250.00", "Infinity"), "amount"),
        (GOOD.replace("1250.00", "1e999"), "amount"),
        (GOOD.replace("1250.00", "1_000"), "amount"),
        (GOOD.replace("1250.00", "١٢٥٠"), "amount"),
        (GOOD.replace("1250.00", "1250.00 USD"), "amount"),
        (GOOD.replace("1250.00", "$1250.00"), "amount"),
        (GOOD.replace("1250.00", "(1250.00)"), "amount"),
        (GOOD.replace("1250.00", "=1+1"), "amount"),
        (GOOD.replace("1250.00", "12.345"), "amount"),
        (GOOD.replace("1250.00", "9" * 16), "amount"),
        (GOOD.replace("1250.00", "9" * 100), "amount"),
        (GOOD.replace("1250.00", "0.00"), "amount"),
        (GOOD.replace("1250.00", "-5.00"), "amount"),
        (GOOD.replace("1250.00", ""), "amount"),
        (GOOD.replace("USD", "usd"), "currency"),
        (GOOD.replace("USD", ""), "currency"),
        (GOOD.replace("A-1", ""), "invoice_id"),
        (GOOD.replace("A-1", "Ä"), "invoice_id"),
        (GOOD.replace("A-1", "A" * 65), "invoice_id"),
        (GOOD.replace("C-1", ""), "customer_id"),
        (GOOD.replace("2026-10-31", "2026-09-30"), "due_date"),
        (GOOD.replace("2026-10-31", ""), "due_date"),
        (GOOD.replace("2026-10-31", "2026-02-30"), "due_date"),
        (GOOD.replace("2026-10-31", "9999-12-31"), "due_date"),
        (GOOD.replace("2026-10-31", "٢٠٢٦-١٠-٣١"), "due_date"),
        (GOOD.replace("2026-10-31", "46326"), "due_date"),
        ("A-1,C-1,,2026-10-31,5.00,USD,2026-11-01,", "issue_date"),
        ("A-1,C-1,2026-10-01,2026-10-31,5.00,USD,2026-09-01,", "settled_date"),
        ("A-1,C-1,2026-10-01,2026-10-31,5.00,USD,2026-11-22,", "settled_date"),
        (GOOD.replace("A-1", "A\x001"), "invoice_id"),
        (GOOD + ",", ""),
        (GOOD[:-1], ""),
        (GOOD.replace("A-1", '"A"1'), ""),
        (GOOD.replace("A-1", "A" * 200_000), ""),
        (GOOD.replace("A-1", "9999"), "invoice_id"),
    ],
)
def test_each_fault_has_its_line_and_column(line: str, column: str) -> None:
    before = "9999,C-9,2026-10-01,2026-10-31,1.50,USD,,"
    after = "Z-1,C-9,2026-10-01,2026-10-31,1.50,USD,,"
    assert refused(table(before, line, after)) == [(3, column)]


def test_every_fault_of_a_file_is_listed() -> None:
    data = table(
        "A-1,C-1,2026-10-01,2026-09-01,NaN,usd,,",
        GOOD,
        "A-1,C-1,2026-10-01,2026-10-31,1250.00,USD,,",
        "A-2,,2026-10-01,soon,1.00,USD,,",
    )
    assert reasons(data).splitlines() == [
        "line 2, due_date: lies before the issue date 2026-10-01: correct one, or flag the row (got '2026-09-01')",
        "line 2, currency: is not an ISO 4217 code such as 'USD' (got 'usd')",
        "line 2, amount: is not a number written like 1,234.56, as the file's amounts are (got 'NaN')",
        "line 3, invoice_id: stands on line 2 already: keep one of them (got 'A-1')",
        "line 4, invoice_id: stands on line 2 already: keep one of them (got 'A-1')",
        "line 5, customer_id: is missing",
        "line 5, due_date: is not a date written YYYY-MM-DD, as the file's dates are (got 'soon')",
    ]


def test_an_unterminated_quote_is_found_where_it_opens() -> None:
    lines = [GOOD, GOOD.replace("A-1", '"A-2'), *(GOOD.replace("A-1", f"B-{n}") for n in range(100))]
    assert reasons(table(*lines)).startswith("line 3: opens a quote that is never closed")
    many = [*lines, *(GOOD.replace("A-1", f"C-{n}") for n in range(9_000))]
    assert refused(table(*many)) == [(3, "")]


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    header = HEADER + ",description"
    assert refused(table(GOOD + ',"two\nlines"', "", GOOD.replace("A-1", "…") + ",x", header=header)) == [
        (5, "invoice_id")
    ]


@pytest.mark.parametrize(
    ("column", "value"),
    [("email", "ap@acme@example"), ("timezone", "Mars/Olympus"), ("country", "USA"), ("kind", "company"),
     ("customer_name", "=?utf-8?q?x?="), ("customer_name", '"a\nb"'), ("customer_name", "x" * 201),
     ("account_manager_email", "sam"), ("bill_to", "a b"), ("contact_name", "x" * 201), ("city", "x" * 201),
     ("address", "x" * 201)],
)  # fmt: skip
def test_particulars_of_a_customer_are_checked_for_settled_rows_too(column: str, value: str) -> None:
    header = f"invoice_id,customer_id,issue_date,due_date,amount,currency,settled_date,{column}"
    settled = "A-2,C-2,2026-10-01,2026-10-31,5.00,USD,2026-11-01"
    assert refused(table(f"{settled.replace('2', '1', 1)},", f"{settled},{value}", header=header)) == [
        (3, column)
    ]


@pytest.mark.parametrize(
    ("column", "value"),
    [("collection", "cheque"), ("number", '"a\nb"'), ("description", "x" * 4_001), ("tax_amount", "-1"),
     ("tax_amount", "x"), ("policy", "p" * 65), ("seller", "a b")],
)  # fmt: skip
def test_fields_of_an_invoice_are_checked(column: str, value: str) -> None:
    header = f"invoice_id,customer_id,due_date,amount,currency,{column}"
    assert refused(table(f"A-1,C-1,2026-10-31,5.00,USD,{value}", header=header)) == [(2, column)]


@pytest.mark.parametrize(
    ("data", "faults"),
    [
        (b"", [(1, "")]),
        (b"\n\n", [(1, "")]),
        (b"\xef\xbb\xbf", [(1, "")]),
        ("Müller".encode("utf-16")[:-1], [(1, "")]),
        (table(GOOD) + "Größe".encode("latin-1"), [(3, "")]),
        (b"PK\x03\x04 a spreadsheet, not a table\x00\xff", [(1, "")]),
        (
            b"x,y\n1,2\n",
            [(1, "invoice_id"), (1, "customer_id"), (1, "due_date"), (1, "amount"), (1, "currency")],
        ),
        (table(GOOD + ",", header=HEADER + ",amount"), [(1, "amount")]),
        (b'"' * 300_000, [(1, "")]),
        (b'"invoice_id', [(1, "")]),
    ],
)
def test_files_that_are_no_table(data: bytes, faults: list[tuple[int, str]]) -> None:
    assert refused(data) == faults


@pytest.mark.parametrize(
    ("written", "encoding"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-8-sig", Encoding.UTF_8),
        ("utf-16", None),
        ("cp1252", Encoding.WINDOWS_1252),
        ("iso-8859-15", Encoding.ISO_8859_15),
    ],
)
def test_names_are_read_in_the_encoding_of_the_file(written: str, encoding: Encoding | None) -> None:
    text = table(f"{GOOD},Müller & Söhne €", header=f"{HEADER},customer_name").decode()
    [row] = taken(text.encode(written), Options(encoding=encoding)).rows
    assert row.customer.name == "Müller & Söhne €"


def test_what_an_encoding_has_no_letter_for_is_a_fault_with_its_line() -> None:
    data = f"{HEADER},customer_name\n{GOOD},M\x81ller\n".encode("latin-1")
    [fault] = read(data, TODAY, Options(encoding=Encoding.WINDOWS_1252)).errors
    assert (fault.line, fault.value) == (2, "byte 0x81")
    assert "is not Windows-1252" in fault.reason


def test_a_table_without_rows_is_empty() -> None:
    assert taken(table()) == Portfolio(date_format=DateFormat.ISO, decimal_format=DecimalFormat.POINT)


def test_delimiters_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="is none of"):
        Options(delimiter="")
    with pytest.raises(ValueError, match="is none of"):
        Options(delimiter="::")


# Properties


@given(st.binary(max_size=300))
def test_bytes_never_raise(noise: bytes) -> None:
    read(noise, TODAY)


cell = st.sampled_from(
    ["A-1", "C-1", "2026-10-01", "01/02/2026", "5", "1.234", "1,2", "USD", "", '"', "x\x00", "=1", "\n"]
)


@given(st.lists(st.lists(cell, min_size=8, max_size=8).map(",".join), max_size=5))
def test_tables_of_odd_cells_never_raise_and_are_all_or_nothing(lines: list[str]) -> None:
    portfolio = read(table(*lines), TODAY)
    assert not (portfolio.errors and (portfolio.rows or portfolio.history))


@given(
    st.lists(
        st.tuples(st.dates(date(2000, 1, 1), date(2099, 1, 1)), st.integers(0, 365), st.integers(1, 10**11)),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(DateFormat),
    st.sampled_from(DecimalFormat),
)
def test_what_is_written_in_a_named_format_is_read_back(
    invoices: list[tuple[date, int, int]], dates: DateFormat, decimals: DecimalFormat
) -> None:
    pattern = {
        DateFormat.ISO: "%Y-%m-%d", DateFormat.DAY_FIRST: "%d/%m/%Y", DateFormat.MONTH_FIRST: "%m/%d/%Y",
        DateFormat.DOTTED: "%d.%m.%Y",
    }[dates]  # fmt: skip
    lines = []
    for number, (issued, terms, minor) in enumerate(invoices):
        amount = f"{minor // 100:,}.{minor % 100:02}"
        if decimals is DecimalFormat.COMMA:
            amount = amount.translate(str.maketrans(",.", ".,"))
        due = issued + timedelta(days=terms)
        lines.append(f"A-{number};C-1;{issued.strftime(pattern)};{due.strftime(pattern)};{amount};USD;;")
    data = table(*lines, header=HEADER.replace(",", ";"))
    portfolio = taken(data, Options(date_format=dates, decimal_format=decimals))
    assert [(s.invoice.issued_on, s.invoice.due_on, s.invoice.money.minor) for s in portfolio.rows] == [
        (issued, issued + timedelta(days=terms), minor) for issued, terms, minor in invoices
    ]
    found = read(data, TODAY)
    assert found.errors or found.rows == portfolio.rows


# What is paid

CASES = ROOT / "tests" / "portfolio_cases"
BASE = "invoice_id,customer_id,issue_date,due_date,amount,currency"
ROW = "A-1,C-1,2026-10-01,2026-10-31,1000.00,EUR"


def paid(header: str, *cells: str, options: Options | None = None) -> Portfolio:
    """What is made of invoices over 1000.00 with further columns."""
    rows = [f"{ROW.replace('A-1', f'A-{number}')},{cell}" for number, cell in enumerate(cells, 1)]
    return taken(table(*rows, header=f"{BASE},{header}"), options)


def asked(portfolio: Portfolio) -> list[str]:
    return [str(left_of(start)) for start in portfolio.rows]


@pytest.mark.parametrize(
    ("name", "invoice_id"), [("s1_amount_paid_column", "S-1"), ("s2_open_amount_xero", "S-2")]
)
def test_a_part_paid_case_opens_with_its_payment(name: str, invoice_id: str) -> None:
    (start,) = taken((CASES / f"{name}.csv").read_bytes()).rows
    assert (start.invoice.invoice_id, start.invoice.amount) == (invoice_id, "1000.00")
    assert left_of(start) == Money(60_000, "EUR")
    (payment,) = start.payments
    assert (payment.payment_id, payment.amount, payment.currency) == ("prepaid", "400.00", "EUR")
    assert payment.received_on <= TODAY


def test_paid_void_and_draft_rows_are_no_cases() -> None:
    portfolio = taken((CASES / "s3_paid_status_column.csv").read_bytes())
    assert not portfolio.rows
    assert not portfolio.history
    assert [(row.invoice_id, row.kind, row.why) for row in portfolio.left_out] == [
        ("S-3", "paid", "status says 'Paid'"),
        ("S-4", "void", "status says 'Voided'"),
        ("S-5", "draft", "status says 'Draft'"),
    ]


@pytest.mark.parametrize(
    ("header", "cell", "left"),
    [
        ("Balance", "600.00", ["600.00"]),
        ("Offener Betrag", '"600,00"', ["600.00"]),
        ("Reste à payer", "600.00", ["600.00"]),
        ("Importe pagado", "400.00", ["600.00"]),
        ("Valor em aberto", "600.00", ["600.00"]),
        ("Balance (EUR)", "600.00", ["600.00"]),
        ("paid,balance", "400.00,600.00", ["600.00"]),
        ("paid,balance", ",600.00", ["600.00"]),
        ("paid,balance", "400.00,", ["600.00"]),
        ("paid,balance", ",", ["1000.00"]),
        ("Amount Due,Balance", "600.00,600.00", ["600.00"]),
        ("amount_paid", "0.00", ["1000.00"]),
        ("balance,status", "1000.00,Overdue 30 days", ["1000.00"]),
        ("balance,status", "600.00,Partially paid", ["600.00"]),
        ("Status,Payment status", "Posted,Not paid", ["1000.00"]),
        ("status", "sent", ["1000.00"]),
        ("status", "", ["1000.00"]),
        ("paid", "no", ["1000.00"]),
        ("days past due", "12", ["1000.00"]),
        ("last paid by", "Ann", ["1000.00"]),
        ("balance", "0.00", []),
        ("balance,status", "0.00,Sent", []),
        ("paid", "1000.00", []),
        ("paid", "yes", []),
        ("is_paid", "1", []),
        ("is_paid", "0", ["1000.00"]),
        ("offen", "nein", []),
        ("Status,Payment status", "Draft,Not paid", []),
        ("balance,status", "1000.00,Void", []),
    ],
)
def test_what_is_asked_for(header: str, cell: str, left: list[str]) -> None:
    data = table(
        f"{ROW},{cell}" if '"' not in cell else f"{ROW.replace('.00', '')},{cell}", header=f"{BASE},{header}"
    )
    portfolio = taken(data)
    assert asked(portfolio) == left
    assert len(portfolio.left_out) == 1 - len(left)


def test_amounts_written_with_a_comma() -> None:
    data = table(
        "A-1;C-1;31.10.2026;1.234,56;234,56;1.000,00",
        header="invoice_id;customer_id;due_date;amount;paid;rest",
    )
    assert asked(taken(data, Options(currency="EUR"))) == ["1000.00"]


@pytest.mark.parametrize(
    ("header", "cell", "column", "reason"),
    [
        ("paid,balance", "400.00,700.00", "balance", "with paid 400.00, 600.00 would be left: correct one"),
        (
            "AmountPaid,AmountDue",
            "400.00,500.00",
            "AmountDue",
            "with AmountPaid 400.00, 600.00 would be left",
        ),
        ("balance", "1000.01", "balance", "is more than the amount, 1000.00"),
        ("balance", "-5.00", "balance", "is negative"),
        ("amount_paid", "1200.00", "amount_paid", "is more than the amount"),
        ("amount_paid", "some", "amount_paid", "is not a number"),
        ("balance", "600.001", "balance", "decimals of EUR"),
        ("Balance (USD)", "600.00", "Balance (USD)", "is in USD, and the invoice in EUR"),
        ("Amount Due,Balance", "600.00,500.00", "Balance", "say which is meant with --columns balance=NAME"),
        ("status,balance", "Paid,600.00", "status", "by balance 600.00 of 1000.00 is left"),
        ("status,balance", "Open,0.00", "status", "by balance 0.00 of 1000.00 is left"),
        ("status", "Partially paid", "status", "no column says how much"),
        ("status", "in dispute", "status", "is no status that is known"),
        ("status,Payment status", "Draft,Paid", "Payment status", "and status says 'Draft'"),
        ("status,settled_date", "Overdue,2026-11-01", "status", "and settled_date says '2026-11-01'"),
        ("balance,settled_date", "600.00,2026-11-01", "settled_date", "by balance 600.00 of 1000.00 is left"),
        ("Date paid", "2026-11-01", "Date paid", "no column says how much"),
        ("Date paid,balance", "2026-11-01,1000.00", "Date paid", "by the other columns none did"),
        ("Date paid,balance", "2026-11-22,600.00", "Date paid", "lies after today"),
        ("paid", "1", "paid", "may be a sum or mean yes"),
        ("still_to_pay", "600.00", "still_to_pay", "is not read: say so with --columns balance=NAME"),
        ("Balance (home currency)", "600.00", "Balance (home currency)", "is not read"),
        ("Anzahlung", '"400,00"', "Anzahlung", "is not read"),
        ("is it unpaid", "yes", "is it unpaid", "is not read"),
        ("state", "draft", "state", "say --columns status=state"),
        ("Remarks", "bezahlt", "Remarks", "with --columns status=NAME"),
        ("Type", "Credit note", "Type", "says that nothing is owed"),
        ("Written off", "400.00", "Written off", "is no status that is known"),
        ("Paid %", "100", "Paid %", "is not read"),
    ],
)
def test_what_contradicts_itself_or_is_not_read_is_named(
    header: str, cell: str, column: str, reason: str
) -> None:
    data = table(f"{ROW},{cell}", header=f"{BASE},{header}")
    assert refused(data) == [(2, column)]
    assert reason in reasons(data)


def test_a_day_of_payment() -> None:
    portfolio = paid(
        "Date paid,balance,status", "2026-11-02,600.00,", "2026-11-03,0.00,", ",1000.00,", ",,paid"
    )
    assert [start.payments[0].received_on for start in portfolio.rows if start.payments] == [
        date(2026, 11, 2)
    ]
    assert [(row.invoice_id, row.settled_on) for row in portfolio.history] == [("A-2", date(2026, 11, 3))]
    assert [(row.invoice_id, row.kind) for row in portfolio.left_out] == [("A-4", "paid")]
    assert asked(portfolio) == ["600.00", "1000.00"]


@pytest.mark.parametrize(
    ("issued", "due", "received"),
    [
        ("2026-10-01", "2026-10-31", "2026-10-01"),
        ("", "2026-10-31", "2026-10-31"),
        ("", "2026-12-31", str(TODAY)),
    ],
)
def test_without_a_day_what_was_paid_counts_before_anything_of_ours(
    issued: str, due: str, received: str
) -> None:
    (start,) = taken(table(f"A-1,C-1,{issued},{due},10.00,EUR,4.00", header=f"{BASE},paid")).rows
    assert str(start.payments[0].received_on) == received


def test_columns_named_after_what_is_no_claim() -> None:
    data = table(f"{ROW},x,no", ROW.replace("A-1", "A-2") + ",,no", header=f"{BASE},Storniert,Draft")
    portfolio = taken(data)
    assert [each.kind for each in portfolio.left_out] == ["void"]
    assert [start.invoice.invoice_id for start in portfolio.rows] == ["A-2"]


def test_the_kind_of_document_may_be_told_as_status() -> None:
    rows = [f"{ROW},Invoice", ROW.replace("A-1", "A-2") + ",Credit note"]
    portfolio = taken(table(*rows, header=f"{BASE},Type"), Options(columns={"status": "Type"}))
    assert len(portfolio.rows) == len(portfolio.left_out) == 1


def test_void_and_draft_rows_may_be_incomplete() -> None:
    portfolio = taken(table(",,,,,,Draft", f"{ROW},Open", header=f"{BASE},status"))
    assert [row.kind for row in portfolio.left_out] == ["draft"]
    assert asked(portfolio) == ["1000.00"]


def test_the_caller_says_what_columns_are_called() -> None:
    data = (CASES / "u7_quickbooks.csv").read_bytes()
    assert {column for _, column in refused(data)} == {"invoice_id", "customer_id", "currency"}
    named = {"invoice_id": "Num", "customer_id": "Customer", "issue_date": "Date"}
    (start,) = taken(data, Options(columns=named, currency="USD", date_format=DateFormat.MONTH_FIRST)).rows
    assert (start.invoice.invoice_id, start.invoice.amount, start.customer.customer_id) == (
        "1001",
        "1000.00",
        "Acme",
    )
    assert (start.invoice.issued_on, left_of(start)) == (date(2026, 11, 1), Money(60_000, "USD"))

    header = f"{BASE},Amount Due,Amount Remaining"
    stripe = table(f"{ROW},1000.00,600.00", header=header)
    assert refused(stripe) == [(2, "Amount Remaining")]
    assert asked(taken(stripe, Options(columns={"balance": "amount_remaining"}))) == ["600.00"]
    unknown = table(f"{ROW},600.00", header=f"{BASE},still_to_pay")
    assert asked(taken(unknown, Options(columns={"balance": "Still to pay"}))) == ["600.00"]
    assert refused(unknown, Options(columns={"balance": "Left"})) == [(1, "balance")]
    odoo = table(f"{ROW},draft", header=f"{BASE},state")
    assert [row.kind for row in taken(odoo, Options(columns={"status": "state"})).left_out] == ["draft"]
    other = table(
        "A-1,C-1,2026-10-31,1000.00,600.00,EUR",
        header="invoice_id,customer_id,due_date,Summe,amount,currency",
    )
    assert asked(taken(other, Options(columns={"amount": "Summe", "balance": "amount"}))) == ["600.00"]
    with pytest.raises(ValueError, match="'sum' is none of invoice_id, "):
        Options(columns={"sum": "Summe"})


_ODD = st.sampled_from(
    ["", "0", "1", "0.00", "400.00", "600.00", "1000.00", "4,00", "-5", "-", "yes", "Paid", "Void", "Open",
     "partly paid", "2026-11-01", "2027-01-01", "€ 5", "NaN", "=1", "№ 3", "ß", "ap@acme.example"]
)  # fmt: skip


@given(st.lists(st.lists(_ODD, min_size=8, max_size=8), min_size=1, max_size=3))
def test_odd_cells_never_raise_and_never_ask_for_more_than_is_owed(cells: list[list[str]]) -> None:
    header = f"{BASE},amount_paid,AmountDue,status,Date paid,paid,credited,still_to_pay,email"
    rows = [[*ROW.replace("A-1", f"A-{number}").split(","), *each] for number, each in enumerate(cells)]
    portfolio = read(table(*map(";".join, rows), header=header.replace(",", ";")), TODAY)
    assert not portfolio.errors or not (portfolio.rows or portfolio.history)
    for start in portfolio.rows:
        told = cells[int(start.invoice.invoice_id.removeprefix("A-"))]
        left = left_of(start)
        assert 0 < left.minor <= start.invoice.money.minor
        assert Decimal(told[1] or str(left)) == Decimal(str(left))
        assert not {"Paid", "Void"}.intersection(told[2:5])


# Who and which


def test_any_number_becomes_an_id() -> None:
    rows = taken((CASES / "r1_number_slash.csv").read_bytes()).rows
    assert [(start.invoice.invoice_id, start.invoice.number) for start in rows] == [
        ("RE-2024-00123", "RE/2024/00123"), ("FT-20-1", "FT 20/1"),
    ]  # fmt: skip
    portfolio = taken((CASES / "r2_number_umlaut_space.csv").read_bytes())
    assert [(start.invoice.invoice_id, start.invoice.number) for start in portfolio.rows] == [
        ("2024-0001", None), ("15", "№ 15"), ("7", "Ä-7"),
    ]  # fmt: skip
    assert portfolio.made_ids == {"15", "7"}
    header = "number,customer_id,due_date,amount,currency"
    (start,) = taken(table("2024/001,C-1,2026-12-01,5.00,EUR", header=header)).rows
    assert (start.invoice.invoice_id, start.invoice.number) == ("2024-001", "2024/001")


def test_a_row_of_history_keeps_its_number() -> None:
    (row,) = taken(table("2024/001,C-1,2026-09-01,2026-10-01,5.00,EUR,2026-10-02,")).history
    assert (row.invoice_id, row.number) == ("2024-001", "2024/001")


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (
            "2024-001,C-1",
            "2024/001,C-2",
            "is the id 2024-001 of number '2024-001' on line 2 already: correct it, or give one of them",
        ),
        (
            "Ä-77,C-1",
            "Ö-77,C-1",
            "is the id 77 of number 'Ä-77' on line 2 already: correct it, or give one of them an invoice_id",
        ),
        ("2024/001,C-1", "2024/001,C-2", "is the id 2024-001 of customer 'C-1' on line 2 already"),
        ("INV-1,C-1", "INV-1,C-2", "is the id INV-1 of customer 'C-1' on line 2 already"),
        ("INV-1,C-1", "INV-1,C-1", "stands on line 2 already: keep one of them"),
    ],
)
def test_two_invoices_under_one_id_are_a_fault(one: str, other: str, said: str) -> None:
    header = "invoice_id,customer_id,due_date,amount,currency"
    data = table(f"{one},2026-12-01,5.00,EUR", f"{other},2026-12-01,5.00,EUR", header=header)
    assert refused(data) == [(3, "invoice_id")]
    assert said in reasons(data)


def test_a_name_can_be_a_customer() -> None:
    portfolio = taken((CASES / "r3_customer_id_name.csv").read_bytes())
    (start,) = portfolio.rows
    assert start.customer.name == "Müller & Söhne GmbH"
    assert start.customer.customer_id.startswith("Muller-Sohne-GmbH-")
    assert portfolio.customers == {start.customer.customer_id: start.customer}
    assert portfolio.warnings == (
        f"customer ids made of what is no id: Müller & Söhne GmbH is {start.customer.customer_id}",
    )
    header = "invoice_id,customer_id,customer_name,due_date,amount,currency"
    lines = [
        f"A-{number},{name},,2026-12-01,5.00,EUR"
        for number, name in enumerate(["Müller AG", "Möller AG", "Müller AG"])
    ]
    assert len(taken(table(*lines, header=header)).customers) == 2
    (named,) = taken(table("A-1,Müller AG,Müller Köln,2026-12-01,5.00,EUR", header=header)).rows
    assert named.customer.name == "Müller Köln"


def test_customers_that_differ_in_case_are_warned_about() -> None:
    portfolio = taken((CASES / "t1_case_customer.csv").read_bytes())
    assert [start.customer.customer_id for start in portfolio.rows] == ["C-17", "c-17"]
    [warning] = portfolio.warnings
    assert "C-17 and c-17" in warning


def test_several_addresses_are_several_contacts() -> None:
    (start,) = taken((CASES / "u11_multi_email.csv").read_bytes()).rows
    assert [contact.email for contact in start.customer.contacts] == ["ap@acme.example", "cfo@acme.example"]
    header = "invoice_id,customer_id,due_date,amount,currency,email,contact_name,phone,contact_role"
    row = '"ann@acme.example, bob@acme.example",Ann,+1202,cfo'
    (start,) = taken(table(f"A-1,C-1,2026-12-01,5.00,EUR,{row}", header=header)).rows
    assert [contact.model_dump(exclude_unset=True) for contact in start.customer.contacts] == [
        {"email": "ann@acme.example", "phone": "+1202", "name": "Ann", "role": "cfo"},
        {"email": "bob@acme.example", "role": "cfo"},
    ]
    bad = table(f"A-1,C-1,2026-12-01,5.00,EUR,{row.replace('bob@', 'bob')}", header=header)
    assert refused(bad) == [(2, "email")]
    assert "'bobacme.example', which is no mail address: write one such as" in reasons(bad)


def test_a_domain_in_another_script_is_put_in_punycode() -> None:
    (start,) = taken((CASES / "u12_idn_email.csv").read_bytes()).rows
    assert [contact.email for contact in start.customer.contacts] == ["rechnung@xn--mller-kva.example"]
    header = "invoice_id,customer_id,due_date,amount,currency,account_manager_email"
    row = "A-1,C-1,2026-12-01,5.00,EUR,"
    (start,) = taken(table(f"{row}sam@müller.example", header=header)).rows
    assert start.customer.account_manager is not None
    assert start.customer.account_manager.email == "sam@xn--mller-kva.example"
    assert refused(table(f"{row}sam@a.example; ann@a.example", header=header)) == [
        (2, "account_manager_email")
    ]


# Real files


def real(name: str) -> bytes:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{path} is absent: set DUECOURSE_DATA to the folder of the real data")
    return path.read_bytes()


@pytest.mark.parametrize(
    ("name", "rows", "history", "left_out", "customers", "currency"),
    [
        ("datarisk/invoices_asof_2020-12-31.csv", 1_165, 44_397, 744, 810, "BRL"),
        ("ibm/invoices.csv", 0, 1_796, 0, 73, "USD"),
        ("ibm/quickstart_asof_2013-06-30.csv", 69, 1_343, 0, 73, "USD"),
    ],
)
def test_real_files(name: str, rows: int, history: int, left_out: int, customers: int, currency: str) -> None:
    data = real(name)
    began = time.process_time()
    portfolio = taken(data)
    assert time.process_time() - began < 10
    assert len(portfolio.rows) == rows
    assert len(portfolio.history) == history
    assert len(portfolio.left_out) == left_out
    assert len(portfolio.customers) == customers
    with_blanks = list(csv.DictReader(io.StringIO(data.decode())))
    expected = sum(round(float(row["amount"]) * 100) for row in with_blanks if not row.get("flags"))
    amounts = [start.invoice.money for start in portfolio.rows] + [row.amount for row in portfolio.history]
    assert Money.total(amounts, currency).minor == expected


def test_one_bad_row_stops_a_real_file() -> None:
    data = real("ibm/invoices.csv")
    portfolio = read(data.replace(b",55.37,", b",1e999,"), TODAY)
    assert portfolio.errors == (
        Fault(3, "amount", "'1e999'", "is not a number written like 1,234.56, as the file's amounts are"),
    )
    assert not portfolio.history
