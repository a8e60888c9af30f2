"""Reading a portfolio from CSV: open invoices to start, settled ones as history, and every fault by line.

All or nothing: a file with one fault gives no rows. The columns are described in docs/import.md.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from pydantic import ValidationError

from domain.contract import Customer, Invoice, Start, field_errors
from domain.files import csv_text
from domain.files.csv_text import DateFormat, Dates, DecimalFormat, Decimals, Fault, Row, Writing, printable
from domain.money import Money, exponent
from domain.wire import shown

REQUIRED = ("invoice_id", "customer_id", "due_date", "amount")
#: Columns of the invoice itself that go into its field as they stand.
_INVOICE_COLUMNS = {
    name: name
    for name in (
        "number",
        "description",
        "purchase_order",
        "agreement_ref",
        "terms",
        "collection",
        "submission",
    )
}
#: What every row of a customer says alike: the field it goes into, by column.
_CUSTOMER_COLUMNS: dict[str, tuple[str, ...]] = {
    "customer_name": ("name",),
    **{
        name: (name,)
        for name in ("legal_name", "kind", "tier", "country", "locale", "timezone", "bill_to", "vat_id",
                     "registration_no")
    },
    "address": ("address", "lines"),
    "city": ("address", "city"),
    "state": ("address", "region"),
    "postal_code": ("address", "postal_code"),
    "account_manager": ("account_manager", "name"),
    "account_manager_email": ("account_manager", "email"),
}  # fmt: skip
#: One contact of the customer for each distinct set of these.
_CONTACT_COLUMNS = {"email": "email", "phone": "phone", "contact_name": "name", "contact_role": "role"}
#: Known, but said of the past: no case is run by them.
_NOT_USED = ("disputed", "electronic", "region", "rate")
_OTHER_NAMES = {"issued_on": "issue_date", "due_on": "due_date", "settled_on": "settled_date"}
COLUMNS = (
    *REQUIRED, "issue_date", "currency", "settled_date", "flags", "seller", "policy", "tax_amount",
    *_INVOICE_COLUMNS, *_CUSTOMER_COLUMNS, *_CONTACT_COLUMNS, *_NOT_USED,
)  # fmt: skip

_DATE_COLUMNS = ("issue_date", "due_date", "settled_date")
_AMOUNT_COLUMNS = ("amount", "tax_amount")

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Writing):
    """What the caller knows of the file; what is None is found out, or is in the columns."""

    currency: str | None = None
    seller: str = "default"


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """An invoice that was settled before: stored, never chased."""

    invoice_id: str
    customer_id: str
    issued_on: date
    due_on: date
    amount: Money
    settled_on: date
    seller: str = "default"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row with flags: listed, neither started nor stored."""

    line: int
    invoice_id: str
    flags: str


@dataclass(frozen=True, slots=True)
class Portfolio:
    """What a file holds, or the faults for which it is not taken. Unknown columns are ignored."""

    rows: tuple[Start, ...] = ()
    history: tuple[HistoryRow, ...] = ()
    customers: Mapping[str, Customer] = field(default_factory=dict)
    """Every customer of rows and history, with what all its rows say together."""
    left_out: tuple[LeftOut, ...] = ()
    errors: tuple[Fault, ...] = ()
    ignored_columns: tuple[str, ...] = ()
    date_format: DateFormat | None = None
    decimal_format: DecimalFormat | None = None
    delimiter: str = ","


def read(data: bytes, today: date, options: Options | None = None) -> Portfolio:
    """Read a whole CSV file. `today` is the day after which nothing can be settled yet. Never raises."""
    return _File(options or Options(), today).read(data)


class _File:
    """One reading of one file: the faults gather here."""

    def __init__(self, options: Options, today: date) -> None:
        self.options = options
        self.today = today
        self.faults: list[Fault] = []
        self.left_out: list[LeftOut] = []
        self.ignored: tuple[str, ...] = ()
        self.delimiter = options.delimiter or ","

    def read(self, data: bytes) -> Portfolio:
        rows = self._rows(data)
        dates = csv_text.detect_dates(rows, _DATE_COLUMNS, self.options.date_format, self.faults.append)
        decimals = csv_text.detect_decimals(
            rows, _AMOUNT_COLUMNS, self.options.decimal_format, self.faults.append
        )
        customers = _Customers(self.faults.append)
        history: list[HistoryRow] = []
        opened: list[tuple[Row, dict[str, Any]]] = []
        first_line: dict[str, int] = {}
        for row in rows:
            invoice_id = self._id(row, "invoice_id")
            if invoice_id and first_line.setdefault(invoice_id, row.line) != row.line:
                self._fault(
                    row, "invoice_id", f"stands on line {first_line[invoice_id]} already: keep one of them"
                )
            customer_id = self._id(row, "customer_id")
            issued_on, due_on, settled_on = self._dates(row, dates)
            money = self._money(row, "amount", decimals)
            seller = self._id(row, "seller") if row["seller"] else self.options.seller
            if customer_id:
                customers.add(customer_id, row)
            if not (invoice_id and customer_id and due_on and money and seller):
                continue
            if row["settled_date"]:
                if issued_on and settled_on:
                    history.append(
                        HistoryRow(invoice_id, customer_id, issued_on, due_on, money, settled_on, seller)
                    )
                continue
            tax = self._money(row, "tax_amount", decimals) if row["tax_amount"] else None
            invoice = {
                "invoice_id": invoice_id,
                "seller": seller,
                "currency": money.currency,
                "amount": str(money),
                "tax_amount": None if tax is None else str(tax),
                "issued_on": issued_on,
                "due_on": due_on,
                **{name: row[column] for column, name in _INVOICE_COLUMNS.items() if row[column]},
            }
            opened.append((row, invoice))
        known = customers.models()
        starts = [start for row, invoice in opened if (start := self._start(row, invoice, known))]
        self.faults.sort(key=lambda fault: fault.line)
        portfolio = Portfolio(
            left_out=tuple(self.left_out),
            errors=tuple(self.faults),
            ignored_columns=self.ignored,
            date_format=dates.format,
            decimal_format=decimals.format,
            delimiter=self.delimiter,
        )
        if self.faults:
            return portfolio
        return replace(portfolio, rows=tuple(starts), history=tuple(history), customers=known)

    # Cells

    def _fault(self, row: Row, column: str, reason: str) -> None:
        self.faults.append(Fault(row.line, column, shown(row[column]) if row[column] else "", reason))

    def _id(self, row: Row, column: str) -> str | None:
        text = row[column]
        if _ID.fullmatch(text):
            return text
        self._fault(
            row, column, "is not an id: 1 to 64 letters, digits, '.', '_' or '-'" if text else "is missing"
        )
        return None

    def _dates(self, row: Row, dates: Dates) -> tuple[date | None, date | None, date | None]:
        issued_on, due_on, settled_on = (
            dates.of(row, column, self.faults.append) for column in _DATE_COLUMNS
        )
        if not row["due_date"]:
            self._fault(row, "due_date", "is missing")
        if row["settled_date"] and not row["issue_date"]:
            self._fault(row, "issue_date", "is missing: a settled invoice needs it")
        if issued_on and due_on and due_on < issued_on:
            self._fault(
                row, "due_date", f"lies before the issue date {issued_on}: correct one, or flag the row"
            )
        if issued_on and settled_on and settled_on < issued_on:
            self._fault(
                row, "settled_date", f"lies before the issue date {issued_on}: correct it, or flag the row"
            )
        if settled_on and settled_on > self.today:
            self._fault(
                row, "settled_date", f"lies after today, {self.today}: leave it blank until it is paid"
            )
        return issued_on, due_on, settled_on

    def _money(self, row: Row, column: str, decimals: Decimals) -> Money | None:
        """The amount, None with a fault where it is none. Zeros beyond the currency's decimals are dropped."""
        currency = row["currency"] or self.options.currency or ""
        if column == "amount" and not _CURRENCY.fullmatch(currency):
            fix = (
                "is not an ISO 4217 code such as 'USD'"
                if currency
                else "is missing: fill it in or give --currency"
            )
            self._fault(row, "currency", fix)
        number = decimals.of(row, column, self.faults.append)
        if number is None or not _CURRENCY.fullmatch(currency):
            return None
        return self._exact(row, column, number, currency)

    def _exact(self, row: Row, column: str, number: str, currency: str) -> Money | None:
        whole, _, fraction = number.partition(".")
        decimals = exponent(currency)
        if fraction[decimals:].strip("0"):
            self._fault(row, column, f"has more than the {decimals} decimals of {currency}: round it")
        elif number.startswith("-"):
            self._fault(row, column, "is negative: credits and payments are not invoices, take the row out")
        elif len(whole.lstrip("0")) > 15:
            self._fault(row, column, "is too large: at most 15 digits before the decimals")
        else:
            money = Money(int(whole + fraction[:decimals].ljust(decimals, "0")), currency)
            if money or column != "amount":
                return money
            self._fault(row, column, "is zero: nothing is owed, take the row out")
        return None

    def _start(self, row: Row, invoice: dict[str, Any], customers: Mapping[str, Customer]) -> Start | None:
        customer = customers.get(row["customer_id"])
        try:
            return Start(
                invoice=Invoice.model_validate(invoice),
                customer=customer or Customer(customer_id=row["customer_id"]),
                policy=row["policy"] or None,
            )
        except ValidationError as error:
            for problem in field_errors(error):
                column = {"issued_on": "issue_date", "due_on": "due_date"}.get(problem.field, problem.field)
                self.faults.append(Fault(row.line, column, problem.value, problem.problem))
            return None

    # The file

    def _rows(self, data: bytes) -> list[Row]:
        """The rows to read, without those left out; structural faults are noted."""
        fault = self.faults.append
        text = csv_text.decoded(data, self.options.encoding, fault)
        if text is None:
            return []
        self.delimiter, records = csv_text.records(text, self.options.delimiter, _detect_delimiter, fault)
        first = next(records, None)
        if first is None:
            if not self.faults:
                fault(Fault(1, "", "", "the file is empty: its first line names the columns"))
            return []
        header = self._header(*first)
        if header is None:
            return []
        rows: list[Row] = []
        for line, cells in records:
            row = csv_text.row_of(line, header, cells, self.delimiter, fault)
            if row is not None and row["flags"]:
                self.left_out.append(LeftOut(line, printable(row["invoice_id"]), printable(row["flags"])))
            elif row is not None:
                rows.append(row)
        return rows

    def _header(self, line: int, cells: list[str]) -> list[str] | None:
        """The column of each cell, blank where it is not known."""
        header = [_column(cell) for cell in cells]
        self.ignored = tuple(printable(name) for name in header if name and name not in COLUMNS)
        header = [name if name in COLUMNS else "" for name in header]
        count = len(self.faults)
        for name, times in Counter(header).items():
            if name and times > 1:
                self.faults.append(Fault(line, name, "", "names two columns: rename one"))
        wanted = REQUIRED if self.options.currency else (*REQUIRED, "currency")
        for name in wanted:
            if name not in header:
                self.faults.append(
                    Fault(line, name, "", "no column of this name: add it, or rename the one meant")
                )
        return header if len(self.faults) == count else None


def _column(cell: str) -> str:
    name = csv_text.column_name(cell)
    return _OTHER_NAMES.get(name, name)


def _detect_delimiter(text: str) -> str:
    """The delimiter that finds most of our columns in the first line."""
    first = next(iter(text.lstrip("\r\n").splitlines()), "")[:100_000]

    def found(delimiter: str) -> int:
        return sum(_column(cell.strip('"')) in COLUMNS for cell in first.split(delimiter))

    return max(csv_text.DELIMITERS, key=found)


# Customers


class _Customers:
    """What the rows of a file say about each customer, put together."""

    def __init__(self, fault: Callable[[Fault], None]) -> None:
        self._fault = fault
        self._said: dict[str, dict[str, tuple[str, int]]] = {}
        self._contacts: dict[str, dict[tuple[str, ...], int]] = {}

    def add(self, customer_id: str, row: Row) -> None:
        said = self._said.setdefault(customer_id, {})
        for column in _CUSTOMER_COLUMNS:
            if value := row[column]:
                before, line = said.setdefault(column, (value, row.line))
                if before != value:
                    reason = f"is {shown(before)} for the same customer on line {line}: make them agree"
                    self._fault(Fault(row.line, column, shown(value), reason))
        contact = tuple(row[column] for column in _CONTACT_COLUMNS)
        if any(contact):
            self._contacts.setdefault(customer_id, {}).setdefault(contact, row.line)

    def models(self) -> dict[str, Customer]:
        """The customers by id; what does not fit is a fault on the line that said it first."""
        found: dict[str, Customer] = {}
        for customer_id, said in self._said.items():
            contacts = self._contacts.get(customer_id, {})
            value: dict[str, Any] = {"customer_id": customer_id}
            if contacts:
                value["contacts"] = [
                    {
                        name: cell
                        for name, cell in zip(_CONTACT_COLUMNS.values(), contact, strict=True)
                        if cell
                    }
                    for contact in contacts
                ]
            for column, (text, _) in said.items():
                *outer, name = _CUSTOMER_COLUMNS[column]
                target = value.setdefault(outer[0], {}) if outer else value
                target[name] = text.splitlines() if column == "address" else text
            try:
                found[customer_id] = Customer.model_validate(value)
            except ValidationError as error:
                self._refuse(error, said, list(contacts.values()))
        return found

    def _refuse(
        self, error: ValidationError, said: Mapping[str, tuple[str, int]], contact_lines: list[int]
    ) -> None:
        columns = {path: column for column, path in _CUSTOMER_COLUMNS.items()}
        contact_columns = {name: column for column, name in _CONTACT_COLUMNS.items()}
        for details, problem in zip(error.errors(include_url=False), field_errors(error), strict=False):
            place = details["loc"]
            if place[0] == "contacts" and len(place) == 3:
                column, line = contact_columns[str(place[2])], contact_lines[int(place[1])]
            elif place[0] == "contacts":
                column, line = "email", contact_lines[0]
            else:
                column = columns[tuple(str(step) for step in place[:2] if not isinstance(step, int))]
                line = said[column][1]
            self._fault(Fault(line, column, problem.value, problem.problem))
