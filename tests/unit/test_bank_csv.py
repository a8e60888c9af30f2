"""Bank statements as CSV: columns known by their names, one way of writing, and never half a file."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cash.bank import Sign
from domain.cash.bank_csv import _MAYBE_DIRECTION, FIELDS, KNOWN_NAMES, Options, StatementCsv, _key, read
from domain.cash.bank_lines import BankLine, lines_of
from domain.cash.bank_repeats import ToldBefore, told_before
from domain.files.csv_text import DateFormat, DecimalFormat, Encoding

ACCOUNT = "DE89370400440532013000"
HEADER = "Booking date,Amount,Currency,Payer,Text,Account"
GOOD = f"2027-01-15,250.00,EUR,Acme Ltd,INV-1001,{ACCOUNT}"
HERE = Options(account=ACCOUNT, currency="EUR")


def table(*rows: str, header: str = HEADER) -> bytes:
    return "\n".join([header, *rows, ""]).encode()


def lines(data: bytes, options: Options | None = None) -> list[BankLine]:
    told = read(data, options)
    assert told.content is not None, [str(fault) for fault in told.errors]
    return lines_of(told.content)[0]


def refused(data: bytes, options: Options | None = None) -> list[str]:
    told = read(data, options)
    assert told.content is None
    assert told.errors
    for fault in told.errors:
        assert str(fault).isprintable()
        assert len(str(fault)) < 400
    return [str(fault) for fault in told.errors]


# What is read


def test_an_english_statement() -> None:
    header = (
        "Date,Value date,Details,Money in,Money out,Counterparty,Counterparty IBAN,Reference,End to end ID,"
        "Bank reference"
    )
    data = table(
        '15/01/2027,14/01/2027,"invoice INV-1001, thanks","1,250.00",,Acme Ltd,GB82 WEST 1234 5698 7654 32,'
        "RF18INV1001,E-1,B-77",
        "16/01/2027,16/01/2027,rent,,900.00,Landlord,,,NOTPROVIDED,B-78",
        header=header,
    )
    paid, rent = lines(data, HERE)
    assert (paid.sign, paid.amount, paid.currency, paid.account) == (
        Sign.CREDIT, Decimal("1250.00"), "EUR", ACCOUNT,
    )  # fmt: skip
    assert (paid.booked_on, paid.value_on) == (date(2027, 1, 15), date(2027, 1, 14))
    assert (paid.debtor, paid.debtor_iban) == ("Acme Ltd", "GB82WEST12345698765432")
    assert (paid.texts, paid.references) == (("invoice INV-1001, thanks",), ("RF18INV1001",))
    assert (paid.end_to_end_id, paid.bank_reference) == ("E-1", "B-77")
    assert (rent.sign, rent.amount, rent.end_to_end_id) == (Sign.DEBIT, Decimal("900.00"), None)


def test_a_german_statement_with_lines_before_its_header() -> None:
    data = (
        "Umsatzanzeige;Datei erstellt am: 20.01.2027\r\n\r\nIBAN;DE89 3704 0044 0532 0130 00\r\n"
        "Saldo;1.000,00;EUR\r\n\r\n"
        "Buchung;Wertstellungsdatum;Auftraggeber/Empfänger;Buchungstext;Verwendungszweck;Saldo;Währung;Betrag\r\n"
        "20.01.2027;20.01.2027;Bolt & Söhne;Gutschrift;Rechnung 2027/0017;1.250,00;EUR;1.250,00\r\n"
        "21.01.2027;21.01.2027;Stadtwerke;Lastschrift;Abschlag;1.170,50;EUR;-79,50\r\n"
    ).encode()
    told = read(data, Options(account="DE89 3704 0044 0532 0130 00"))
    assert told.ignored_columns == ("Buchungstext", "Saldo")
    paid, own = lines(data, Options(account=ACCOUNT))
    assert (paid.amount, paid.debtor, paid.texts) == (
        Decimal("1250.00"), "Bolt & Söhne", ("Rechnung 2027/0017",),
    )  # fmt: skip
    assert (own.sign, own.amount) == (Sign.DEBIT, Decimal("79.50"))


def test_a_statement_in_the_encoding_of_german_banks() -> None:
    data = table(
        "20.01.2027;Bolt & Söhne;1.250,00", header="Buchungstag;Begünstigter/Zahlungspflichtiger;Betrag"
    )
    written = data.decode().encode("cp1252")
    [line] = lines(written, replace(HERE, encoding=Encoding.WINDOWS_1252))
    assert (line.debtor, line.amount) == ("Bolt & Söhne", Decimal("1250.00"))


@pytest.mark.parametrize("name", FIELDS)
def test_every_column_is_known_by_each_of_its_names(name: str) -> None:
    cells = {"booked_on": "2027-01-15", "amount": "10.00", "currency": "EUR", "account": ACCOUNT}
    if name in ("credit", "debit"):
        del cells["amount"]
    values = {
        "booked_on": "2027-01-14", "value_on": "2027-01-14", "amount": "10.00", "credit": "10.00",
        "debit": "10.00", "direction": "credit", "currency": "USD", "payer_iban": "DE02", "account": "7",
        "status": "pending",
    }  # fmt: skip
    for called in (name, *KNOWN_NAMES[name], KNOWN_NAMES[name][0].replace(" ", "-").upper()):
        row = {**cells, name: values.get(name, "something")}
        header = [called if column == name else column for column in row]
        told = read(table(";".join(row.values()), header=";".join(header)))
        assert told.content is not None, (called, told.errors)
        assert not told.ignored_columns
        [statement] = told.content.statements
        [entry] = statement.entries
        assert (entry.amount, statement.account) == (Decimal("10.00"), row["account"])


def test_columns_that_the_caller_names() -> None:
    data = table("2027-01-15,10.00,9.99,INV-1", header="Tag,Summe,Amount,Notiz")
    options = Options(
        columns={"booked_on": "Tag", "amount": "Summe", "text": "Notiz"}, account=ACCOUNT, currency="EUR"
    )
    told = read(data, options)
    assert told.ignored_columns == ("Amount",)
    [line] = lines(data, options)
    assert (line.amount, line.texts) == (Decimal("10.00"), ("INV-1",))
    other = Options(columns={"booked_on": "Tag", "text": "Note"}, account=ACCOUNT, currency="EUR")
    assert refused(data, other) == ["line 1, text: no column of this name (got 'Note')"]
    assert "no line names the columns" in refused(data, Options(columns={"amount": "Sum"}))[0]
    with pytest.raises(ValueError, match="'sum' is none of booked_on"):
        Options(columns={"sum": "Summe"})


@pytest.mark.parametrize(
    ("written", "sign", "amount"),
    [
        ("250.00", Sign.CREDIT, "250.00"),
        ("+250.00", Sign.CREDIT, "250.00"),
        ("-250.00", Sign.DEBIT, "250.00"),
        ("\N{MINUS SIGN}250.00", Sign.DEBIT, "250.00"),
        ("250.00-", Sign.DEBIT, "250.00"),
        ("1 250.00", Sign.CREDIT, "1250.00"),
        ("250.000", Sign.CREDIT, "250.00"),
    ],
)
def test_signs(written: str, sign: Sign, amount: str) -> None:
    row = f"2027-01-15,{written},EUR,,,{ACCOUNT}"
    [line] = lines(table(row), Options(decimal_format=DecimalFormat.POINT))
    assert (line.sign, line.amount) == (sign, Decimal(amount))


@pytest.mark.parametrize(("said", "sign"), [("H", Sign.CREDIT), ("S", Sign.DEBIT), ("dr", Sign.DEBIT)])
def test_a_column_that_says_the_direction(said: str, sign: Sign) -> None:
    header = "Buchungstag;Betrag;Währung;Soll/Haben;Konto"
    [line] = lines(table(f"15.01.2027;250,00;EUR;{said};7", header=header))
    assert line.sign is sign


def test_no_name_is_that_of_two_columns() -> None:
    named: dict[str, str] = {}
    for field, names in KNOWN_NAMES.items():
        for name in (field, *names):
            assert named.setdefault(_key(name), field) == field, name
    assert not {_key(name) for name in _MAYBE_DIRECTION} & set(named)


DIRECTION_COLUMNS = (
    "Type", "Transaction Type", "TRANSACTION_TYPE", "Dr / Cr", "DR/CR", "Cr/Dr", "Dr.Cr", "Sign", "S / H", "S/H",
    "Soll/Haben", "Soll-/Haben-Kennzeichen", "Soll / Haben", "Debit/Credit", "Credit or Debit", "CdtDbtInd",
    "Credit/Debit Indicator", "D/C", "C / D", "+/-", "Sens", "Débit / Crédit", "Debit/Crédit", "Cargo/Abono",
    "Tipo de movimiento", "Dare/Avere", "Segno", "Af Bij", "Af/Bij", "Debet/Kredit", "Vorzeichen", "Direction",
    "In / Out", "Wn/Ma", "Kennzeichen", "Withdrawal/Deposit", "Debit or Credit?", "Dr/Cr Ind.", "Cr-Dr Type",
    "Bij/Af", "Kierunek", "Směr", "Riktning", "Suunta", "Irány", "Entrada/Saída", "借贷",
)  # fmt: skip
DIRECTIONS = (
    ("Debit", "Credit"), ("DBIT", "CRDT"), ("Dr", "Cr"), ("DR.", "CR."), ("D", "C"), ("S", "H"), ("Soll", "Haben"),
    ("-", "+"), ("Débit", "Crédit"), ("Cargo", "Abono"), ("Dare", "Avere"), ("Af", "Bij"), ("Debet", "Kredit"),
    ("Wychodzący", "Przychodzący"), ("Odchozí", "Příchozí"), ("Ut", "Inn"), ("Uttag", "Insättning"), ("Otto", "Pano"),
    ("Udbetaling", "Indbetaling"), ("Terhelés", "Jóváírás"), ("Borç", "Alacak"), ("Дебет", "Кредит"),
    ("Расход", "Приход"), ("借", "贷"),
    ("OUT", "IN"), ("D - Debit", "C - Credit"), ("Belastung", "Gutschrift"), ("Wn", "Ma"),
    ("Outbound", "Inbound"), ("Withdrawal", "Deposit"), ("Money out", "Money in"), ("\N{MINUS SIGN}", "+"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("column", "left", "came"),
    [
        *((column, "Debit", "Credit") for column in DIRECTION_COLUMNS),
        *((column, left, came) for column in ("Type", "Dr / Cr") for left, came in DIRECTIONS),
    ],
)
def test_money_that_left_is_not_money_that_came(column: str, left: str, came: str) -> None:
    header = f"Date;Amount;{column}"
    data = table(f"2027-01-15;900.00;{left}", f"2027-01-16;250.00;{came}", header=header)
    assert not read(data, HERE).ignored_columns
    assert [(line.sign, str(line.amount)) for line in lines(data, HERE)] == [
        (Sign.DEBIT, "900.00"), (Sign.CREDIT, "250.00"),
    ]  # fmt: skip
    assert lines(table(f"2027-01-15;900.00;{left}", header=header), HERE)[0].sign is Sign.DEBIT


@pytest.mark.parametrize(
    ("credit", "debit"),
    [
        ("Deposits", "Withdrawals"), ("Crédit", "Débit"), ("Abono", "Cargo"), ("Haber", "Debe"), ("Avere", "Dare"),
        ("Entrate", "Uscite"), ("Bij", "Af"), ("CR", "DR"), ("Eingang", "Ausgang"), ("Gutschrift", "Lastschrift"),
        ("Credit Amount", "Debit Amount"), ("Kredit", "Debet"), ("Paid In", "Paid Out"),
    ],
)  # fmt: skip
def test_a_column_of_each_side(credit: str, debit: str) -> None:
    data = table("2027-01-15;;900.00", "2027-01-16;250.00;", header=f"Date;{credit};{debit}")
    assert [line.sign for line in lines(data, HERE)] == [Sign.DEBIT, Sign.CREDIT]


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("Vorgang", ("Debit", "Credit")),
        ("Code", ("D", "C")),
        ("Type", ("Direct Debit", "Faster Payment")),
        ("Type", ("ACH_DEBIT", "ACH_CREDIT")),
        ("Buchungstext", ("SEPA-Lastschrift", "Gutschrift")),
        ("Kind", ("Payment sent", "Payment received")),
        ("Flow", ("Outbound", "Inbound")),
        ("Category", ("Expense", "Income")),
        ("Details", ("DEBIT", "CREDIT")),
    ],
)
def test_amounts_without_a_sign_beside_a_column_of_directions_are_refused(
    column: str, cells: tuple[str, str]
) -> None:
    rows = [f"2027-01-15;900.00;{cells[0]}", f"2027-01-16;250.00;{cells[1]}"]
    [said] = refused(table(*rows, header=f"Date;Amount;{column}"), HERE)
    assert said.startswith(
        f"line 1, amount: has no sign, and the column '{column}' says which way money moved"
    )
    assert f'--columns "direction={column}"' in said
    signed = [row.replace("900", "-900") for row in rows]
    told = lines(table(*signed, header=f"Date;Amount;{column}"), HERE)
    assert [line.sign for line in told] == [Sign.DEBIT, Sign.CREDIT]
    if cells[0] in ("Debit", "D", "DEBIT", "Outbound"):
        named = replace(HERE, columns={"direction": column})
        assert lines(table(*rows, header=f"Date;Amount;{column}"), named)[0].sign is Sign.DEBIT


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("Type", ("CARD_PAYMENT", "TOPUP")), ("Transaction type", ("Purchase", "Deposit")), ("Type", ("DEB", "BGC")),
        ("Buchungstext", ("Folgelastschrift", "Gutschr. Überweisung")), ("Vch Type", ("Payment", "Receipt")),
        ("Umsatzart", ("Überweisung", "Gutschrift")), ("Type d'opération", ("Virement émis", "Virement reçu")),
        ("Тип операции", ("Перевод", "Зачисление")), ("Is debit", ("true", "false")), ("Outgoing", ("1", "0")),
        ("DC flag", ("2", "1")), ("Type", ("Credit card", "Credit")),
    ],
)  # fmt: skip
def test_amounts_without_a_sign_beside_kinds_of_movements_are_refused(
    column: str, cells: tuple[str, str]
) -> None:
    rows = [f"2027-01-15;900.00;{cells[0]}", f"2027-01-16;250.00;{cells[1]}"]
    [said] = refused(table(*rows, header=f"Date;Amount;{column}"), HERE)
    assert "which way money moved" in said
    signed = table(rows[0].replace("900", "-900"), rows[1], header=f"Date;Amount;{column}")
    assert [line.sign for line in lines(signed, HERE)] == [Sign.DEBIT, Sign.CREDIT]


@pytest.mark.parametrize("other", ["-20.00", "20.00-", "+20.00", "\N{MINUS SIGN}20.00"])
def test_a_debit_without_a_sign_among_amounts_with_one_is_refused(other: str) -> None:
    rows = ("2027-01-15;900.00;Debit", "2027-01-16;250.00;Credit", f"2027-01-16;{other};Credit")
    [said] = refused(table(*rows, header="Date;Amount;Type"), HERE)
    assert said.startswith("line 2, amount: has no sign, and 'Type' is 'Debit': correct one of them")


def test_money_that_never_moved_is_not_read_as_booked() -> None:
    said = refused(table("2027-01-15;900.00;DECLINED", header="Date;Amount;State"), HERE)
    assert said == ["line 2, status: is not known: write 'booked' or 'pending' (got 'DECLINED')"]


def test_a_direction_against_the_column_that_is_filled_is_refused() -> None:
    said = refused(table("2027-01-15;;900.00;CR", header="Date;Credit;Debit;Dr/Cr"), HERE)
    assert said == ["line 2, direction: is not that of the column 'debit': correct one of them (got 'CR')"]
    [line] = lines(table("2027-01-15;;900.00;DR", header="Date;Credit;Debit;Dr/Cr"), HERE)
    assert line.sign is Sign.DEBIT


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("Buchungstext", ("Gutschrift", "Echtzeit-Gutschrift", "GUTSCHR. UEBERWEISUNG")),
        ("Type", ("Transfer", "Transfer")), ("Buchungstext", ("Gutschrift", "Gutschrift")),
        ("Type", ("Credit", "Credit")), ("Category", ("Sales", "Direct Debit", "Sales")), ("Type", ("", "")),
    ],
)  # fmt: skip
def test_money_that_all_came_in_is_read_without_signs(column: str, cells: tuple[str, ...]) -> None:
    rows = [f"2027-01-15;{at + 1}.00;{cell}" for at, cell in enumerate(cells)]
    assert {line.sign for line in lines(table(*rows, header=f"Date;Amount;{column}"), HERE)} == {Sign.CREDIT}


def test_a_row_that_leaves_its_direction_open_is_refused() -> None:
    rows = ("2027-01-15;900.00;", "2027-01-16;250.00;CR")
    [said] = refused(table(*rows, header="Date;Amount;Dr/Cr"), HERE)
    assert said == "line 2, direction: is missing: which way the money moved cannot be known"
    signed = table(rows[0].replace("900", "-900"), rows[1], header="Date;Amount;Dr/Cr")
    assert [line.sign for line in lines(signed, HERE)] == [Sign.DEBIT, Sign.CREDIT]


def test_the_currency_in_the_header_and_the_only_account_in_it() -> None:
    data = table("15.01.2027;250,00", header="Buchungstag;Betrag (EUR)")
    [line] = lines(data, Options(accounts={"EUR": "DE89 3704 0044 0532 0130 00", "USD": "7"}))
    assert (line.currency, line.account) == ("EUR", ACCOUNT)


def test_what_is_pending_waits() -> None:
    header = "Buchungstag;Betrag;Währung;Info;Konto"
    told = read(
        table(
            "15.01.2027;1,00;EUR;Umsatz vorgemerkt;7", "15.01.2027;2,00;EUR;Umsatz gebucht;7", header=header
        )
    )
    assert told.content is not None
    booked, waiting = lines_of(told.content)
    assert ([line.amount for line in booked], waiting) == ([Decimal("2.00")], 1)


# A line is the same line again


def test_lines_that_are_all_alike_are_counted_in_each_file() -> None:
    twice = lines(table(GOOD, GOOD))
    assert len({line.line_id for line in twice}) == 2
    assert all(line.line_id.startswith("bank-csv-") for line in twice)
    once = lines(table(GOOD, header=HEADER.replace("Payer", "Payer")))
    assert once[0].line_id == twice[0].line_id
    other_day, other_text = lines(
        table(GOOD.replace("15", "16", 1), GOOD.replace("INV-1001", "INV-1002"), header=HEADER)
    )
    assert len({once[0].line_id, other_day.line_id, other_text.line_id}) == 3


def test_rows_that_have_a_value_date_alone_are_known_by_it() -> None:
    header = "Valuta;Betrag;Auftraggeber;Verwendungszweck"
    options = Options(account=ACCOUNT, currency="EUR")
    [january] = lines(table("05.01.2027;100,00;Acme;rent", header=header), options)
    [february] = lines(table("05.02.2027;100,00;Acme;rent", header=header), options)
    assert january.line_id != february.line_id
    assert january == lines(table("05.01.2027;100,00;Acme;rent", header=header), options)[0]


def before(*told: tuple[str, str, str | None, str | None], prefix: str = "bank-") -> list[ToldBefore]:
    return [
        ToldBefore(
            f"{prefix}{at}", ACCOUNT, "CRDT", "EUR", Decimal(amount), None, date.fromisoformat(day), *ids
        )
        for at, (day, amount, *ids) in enumerate(told)
    ]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("rows", "told", "same"),
    [
        pytest.param(["250,B-1,"], [("2027-01-15", "250", "B-1", "E-1")], [True], id="one and the same"),
        pytest.param(["250,B-1,"], [("2027-01-15", "250", "B-2", "E-1")], [False], id="another reference"),
        pytest.param(["250,B-1,"], [("2027-01-15", "200", "B-1", "E-1")], [False], id="another amount"),
        pytest.param(["250,B-1,"], [("2027-02-15", "250", "B-1", None)], [False], id="a month later"),
        pytest.param(["250,,E-1"], [("2027-01-14", "250", "B-1", "E-1")], [True], id="the payer's own id"),
        pytest.param(["250,,"], [("2027-01-15", "250", None, None)], [False], id="nothing in common"),
        pytest.param(
            ["350,B-1,"], [("2027-01-15", "250", "B-1", "E-1"), ("2027-01-15", "100", "B-1", "E-2")], [True],
            id="a bundle that was split",
        ),
        pytest.param(
            ["250,B-1,E-1", "100,B-1,E-2"], [("2027-01-15", "350", "B-1", None)], [True, True],
            id="a bundle that was whole",
        ),
        pytest.param(
            ["250,B-1,", "250,B-1,"], [("2027-01-15", "250", "B-1", None)], [True, False],
            id="one of two that are alike",
        ),
    ],
)  # fmt: skip
def test_what_another_form_told_is_known(
    rows: list[str], told: list[tuple[str, str, str | None, str | None]], same: list[bool]
) -> None:
    header = "Date,Amount,Bank reference,End to end ID"
    news = lines(table(*(f"2027-01-15,{row}" for row in rows), header=header), HERE)
    found = told_before(news, before(*told)).same
    assert [line.line_id in found for line in news] == same


@pytest.mark.parametrize("ids", ["B-1,", ",E-1"])
def test_each_line_is_compared_with_what_is_of_its_own_day(ids: str) -> None:
    """Banks and payers use a reference again: what is months away is another payment."""
    header = "Date,Amount,Bank reference,End to end ID"
    reference, end_to_end = (told or None for told in ids.split(","))
    kept = before(("2027-01-05", "100", reference, end_to_end))
    news = lines(table(f"2027-01-05,50,{ids}", f"2027-03-05,100,{ids}", header=header), HERE)
    assert told_before(news, kept).same == {}
    months = [f"2027-0{month}-05,100,{ids}" for month in (3, 2, 1)]
    *_, january = news = lines(table(*months, header=header), HERE)
    assert told_before(news, kept).same == {january.line_id: ("bank-0",)}
    *_, nearest = news = lines(table(f"2027-01-12,100,{ids}", f"2027-01-06,100,{ids}", header=header), HERE)
    assert told_before(news, kept).same == {nearest.line_id: ("bank-0",)}


def test_a_bundle_is_found_beside_another_of_its_reference() -> None:
    header = "Date,Amount,Bank reference"
    kept = before(
        ("2027-01-05", "60", "B-1", None), ("2027-01-05", "40", "B-1", None),
        ("2027-02-05", "70", "B-1", None), ("2027-02-05", "30", "B-1", None),
    )  # fmt: skip
    february, january = news = lines(table("2027-02-05,100,B-1", "2027-01-05,100,B-1", header=header), HERE)
    assert told_before(news, kept).same == {
        january.line_id: ("bank-0", "bank-1"),
        february.line_id: ("bank-2", "bank-3"),
    }


# What is refused


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", "line 1: the file is empty", id="nothing"),
        pytest.param(b"\x00\x01\x02\xff", "line 1: is not UTF-8", id="bytes"),
        pytest.param("Müller".encode("latin-1"), "is not UTF-8: say which it is with --encoding", id="Latin-1"),
        pytest.param(b"a,b\n1,2\n", "no line names the columns", id="another table"),
        pytest.param(table("2027-01-15,5", header="Date,Amount"), "currency: is missing: add", id="no currency"),
        pytest.param(
            table("2027-01-15,5,XYZ", header="Date,Amount,Currency"), "account: is missing: say with --account",
            id="no account",
        ),
        pytest.param(
            table("2027-01-15,2027-01-15,5", header="Date,Datum,Amount"),
            "line 1, booked_on: could be each of 2 columns: say which with --columns booked_on=NAME",
            id="two days",
        ),
        pytest.param(
            table("2027-01-15,5,5", header="Date,Amount,Credit"), "stands beside columns for credit or debit",
            id="two amounts",
        ),
        pytest.param(table(GOOD.replace("250.00", "NaN")), "line 2, amount: is not a number", id="NaN"),
        pytest.param(table(GOOD.replace("250.00", "Infinity")), "amount: is not a number", id="Infinity"),
        pytest.param(table(GOOD.replace("250.00", "1e999")), "amount: is not a number", id="1e999"),
        pytest.param(table(GOOD.replace("250.00", "1_000")), "amount: is not a number", id="1_000"),
        pytest.param(table(GOOD.replace("250.00", "١٢")), "amount: is not a number", id="Arabic digits"),
        pytest.param(table(GOOD.replace("250.00", "1.234")), "may be thousands or decimals", id="1.234"),
        pytest.param(
            table(GOOD, GOOD.replace("250.00", '"1.234,56"')), "is written 1.234,56, but line 2 is written",
            id="two ways of amounts",
        ),
        pytest.param(table(GOOD.replace("250.00", "0.001")), "has more than the 2 decimals", id="decimals"),
        pytest.param(table(GOOD.replace("250.00", "1" * 20)), "is too large", id="a large amount"),
        pytest.param(table(GOOD.replace("250.00", "")), "line 2, amount: is missing", id="no amount"),
        pytest.param(table(GOOD.replace("2027-01-15", "")), "booked_on: is missing", id="no day"),
        pytest.param(table(GOOD.replace("2027-01-15", "2027-02-30")), "is not a date", id="no such day"),
        pytest.param(
            table(GOOD.replace("2027-01-15", "01/02/2027")), "may be written DD/MM/YYYY or MM/DD/YYYY",
            id="two readings of a day",
        ),
        pytest.param(table(GOOD.replace("EUR", "euro")), "currency: is not an ISO 4217 code", id="a currency"),
        pytest.param(table(f"{GOOD},more"), "line 2: has 7 cells, the header 6", id="a cell too many"),
        pytest.param(table(GOOD.replace("INV", '"INV')), "line 2: opens a quote that is never closed", id="a quote"),
        pytest.param(table(GOOD.replace("INV", "I\x00NV")), "line 2, text: holds NUL", id="NUL"),
        pytest.param(table(GOOD.replace("INV", "X" * 200_000)), "field larger than field limit", id="a long cell"),
        pytest.param(
            table("2027-01-15,5,up", header="Date,Amount,Direction"), "says neither credit nor debit", id="a sign"
        ),
        pytest.param(
            table("2027-01-15,-5.00,credit", header="Date,Amount,Direction"), "is below zero, and says to be",
            id="two signs",
        ),
        pytest.param(
            table("2027-01-15,5.00,5.00", header="Date,Credit,Debit"), "both credit and debit are filled",
            id="credit and debit",
        ),
        pytest.param(
            table("2027-01-15,,0.00", header="Date,Credit,Debit"), "credit: is missing", id="nothing moved"
        ),
        pytest.param(
            table("2027-01-15,5.00,maybe", header="Date,Amount,Status"), "status: is not known", id="a status"
        ),
        pytest.param(
            table(f"2027-01-15,5.00,{'E' * 141}", header="Date,Amount,Bank reference"),
            "bank_reference: has more than the 140 characters", id="a long id",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_the_place(data: bytes, reason: str) -> None:
    bare = reason.startswith(("currency: is missing", "account: is missing"))
    assert reason in "\n".join(refused(data, None if bare else HERE))


def test_every_fault_is_listed_and_nothing_is_read() -> None:
    said = refused(table(GOOD, GOOD.replace("250.00", "free"), GOOD.replace("EUR", "?"), f"{GOOD},,", GOOD))
    assert [fault.split(":")[0] for fault in said] == ["line 3, amount", "line 4, currency", "line 5"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_delimiter_line_ending_and_byte_order_mark_are_found(
    delimiter: str, ending: str, mark: bytes
) -> None:
    text = table(GOOD, "", ",,,,,").decode().replace(",", delimiter).replace("\n", ending)
    [line] = lines(mark + text.encode())
    assert line.line_id == lines(table(GOOD))[0].line_id


def test_a_header_of_blanks_is_read_at_once() -> None:
    """A search for a currency in it that tried every run of blanks would take minutes."""
    header = f"Date,Amount,a{' ' * 60_000}b"
    started = time.perf_counter()
    assert refused(table("2027-01-15,5,x", header=header))[0].startswith("line 2, currency: is missing")
    assert time.perf_counter() - started < 5
    assert lines(table("15.01.2027;5,00", header="Buchungstag;Betrag   (EUR) "), HERE)[0].currency == "EUR"


def test_a_large_file_is_read_in_seconds() -> None:
    rows = [GOOD.replace("INV-1001", f"INV-{number}") for number in range(20_000)]
    began = time.monotonic()
    assert len({line.line_id for line in lines(table(*rows))}) == 20_000
    assert time.monotonic() - began < 20


@given(
    st.binary(max_size=300)
    | st.text(max_size=300).map(lambda text: (HEADER + "\n" + text).encode("utf-8", "replace"))
)
def test_nothing_makes_it_raise(data: bytes) -> None:
    told = read(data, Options(account=ACCOUNT, currency="EUR", date_format=DateFormat.ISO))
    assert isinstance(told, StatementCsv)
    assert (told.content is None) == bool(told.errors)
