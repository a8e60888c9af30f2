"""Reading a portfolio from CSV: open invoices to start, settled ones as history, and every fault by line.

All or nothing: a file with one fault gives no rows. The columns are described in docs/import.md.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from domain.contract import Customer, Invoice, Start, field_errors
from domain.files import csv_text, paid_columns
from domain.files.addresses import addresses
from domain.files.csv_text import DateFormat, Dates, DecimalFormat, Decimals, Fault, Row, Writing, printable
from domain.files.discount_terms import discounts_of
from domain.files.ids import APART, Meant, contradiction, customer_id_of, is_id, twins
from domain.files.intake import PREPAID, id_of
from domain.files.paid_columns import Contradiction, Standing, Status, Sum, compact
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
_OTHER_NAMES = {"issue_date": ("issued_on",), "due_date": ("due_on",), "settled_date": ("settled_on",)}
COLUMNS = (
    *REQUIRED, "issue_date", "currency", "settled_date", "flags", "seller", "policy", "tax_amount",
    *_INVOICE_COLUMNS, *_CUSTOMER_COLUMNS, *_CONTACT_COLUMNS, *_NOT_USED,
)  # fmt: skip
#: What a column may be; `paid_columns` has the names of those that say what is paid.
FIELDS = (*COLUMNS, *paid_columns.FIELDS)
_KNOWN_NAMES = {**{name: _OTHER_NAMES.get(name, ()) for name in COLUMNS}, **paid_columns.KNOWN_NAMES}

_DATE_COLUMNS = ("issue_date", "due_date", "settled_date")
_AMOUNT_COLUMNS = ("amount", "tax_amount")

_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Writing):
    """What the caller knows of the file; what is None is found out, or is in the columns."""

    columns: Mapping[str, str] = field(default_factory=dict)
    """The name of a column by what it is (`FIELDS`), where the known names do not do."""
    currency: str | None = None
    seller: str = "default"

    def __post_init__(self) -> None:
        Writing.__post_init__(self)
        csv_text.check_told(self.columns, FIELDS)


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
    number: str | None = None
    """What people see, where it is not the id."""


class Kind(StrEnum):
    """Why a row is left out."""

    FLAGGED = "flagged"
    PAID = "paid"
    VOID = "void"
    DRAFT = "draft"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that is no claim: listed, neither started nor stored."""

    line: int
    invoice_id: str
    flags: str
    kind: Kind = Kind.FLAGGED
    why: str = ""


@dataclass(frozen=True, slots=True)
class Portfolio:
    """What a file holds, or the faults for which it is not taken. Unknown columns are ignored."""

    rows: tuple[Start, ...] = ()
    history: tuple[HistoryRow, ...] = ()
    customers: Mapping[str, Customer] = field(default_factory=dict)
    """Every customer of rows and history, with what all its rows say together."""
    left_out: tuple[LeftOut, ...] = ()
    made_ids: frozenset[str] = frozenset()
    """The invoice ids that were made of a number, and not given."""
    warnings: tuple[str, ...] = ()
    errors: tuple[Fault, ...] = ()
    ignored_columns: tuple[str, ...] = ()
    date_format: DateFormat | None = None
    decimal_format: DecimalFormat | None = None
    delimiter: str = ","


def left_of(start: Start) -> Money:
    """What is left to pay of an invoice after the payments that it opens with."""
    return start.invoice.money - Money.total(
        (payment.money for payment in start.payments), start.invoice.currency
    )


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
        self.made_ids: set[str] = set()
        self.paid: dict[str, list[str]] = {name: [] for name in paid_columns.FIELDS}
        """The columns that say what is paid: their names by what they are."""
        self.currency_of: dict[str, str] = {}
        """The currency that a column's name says."""
        self.unread: list[str] = []
        """The columns that by their names may say what is paid, and are not known."""
        self.others: list[str] = []
        """The columns whose names say nothing that is known."""
        self._field_of = csv_text.fields_of(_KNOWN_NAMES, options.columns, compact)
        self.ignored: tuple[str, ...] = ()
        self.delimiter = options.delimiter or ","

    def read(self, data: bytes) -> Portfolio:
        rows = self._rows(data)
        self._check_unread(rows)
        fault = self.faults.append
        date_columns = (*_DATE_COLUMNS, *self.paid["paid_on"])
        amount_columns = (
            *_AMOUNT_COLUMNS,
            *(name for sum_ in paid_columns.AMOUNTS for name in self.paid[sum_]),
        )
        dates = csv_text.detect_dates(rows, date_columns, self.options.date_format, fault)
        decimals = csv_text.detect_decimals(rows, amount_columns, self.options.decimal_format, fault)
        customers = _Customers(fault)
        history: list[HistoryRow] = []
        opened: list[tuple[Row, dict[str, Any], dict[str, Any] | None]] = []
        first: dict[str, tuple[int, Meant]] = {}
        for row in rows:
            standing = self._standing(row)
            if standing is not None and standing.status in paid_columns.NO_CLAIM:
                self._leave_out(row, Kind(standing.status), f"{standing.column} says {shown(standing.words)}")
                continue
            invoice_id, number = self._invoice_id(row)
            customer_id = self._customer_id(row)
            if invoice_id:
                self._once(row, invoice_id, Meant(number or invoice_id, customer_id), first)
            issued_on, due_on, settled_on = self._dates(row, dates)
            money = self._money(row, "amount", decimals)
            seller = self._id(row, "seller") if row["seller"] else self.options.seller
            if customer_id:
                customers.add(customer_id, row)
            paid_on = self._paid_on(row, dates)
            left = money and self._left(row, money, decimals, standing, paid_on)
            if not (invoice_id and customer_id and due_on and money and seller and left is not None):
                continue
            if not left:
                settled_on = settled_on or paid_on
                if issued_on and settled_on and issued_on <= settled_on:
                    history.append(
                        HistoryRow(
                            invoice_id, customer_id, issued_on, due_on, money, settled_on, seller, number
                        )
                    )
                elif not row["settled_date"]:
                    self._leave_out(row, Kind.PAID, self._why_paid(row, standing))
                continue
            tax = self._money(row, "tax_amount", decimals) if row["tax_amount"] else None
            invoice: dict[str, Any] = {
                "invoice_id": invoice_id,
                "seller": seller,
                "currency": money.currency,
                "amount": str(money),
                "tax_amount": None if tax is None else str(tax),
                "issued_on": issued_on,
                "due_on": due_on,
                **{name: row[column] for column, name in _INVOICE_COLUMNS.items() if row[column]},
                **({"number": number} if number else {}),
            }
            if discounts := discounts_of(row["terms"], issued_on):
                invoice["early_payment"] = discounts
            opened.append((row, invoice, self._payment(invoice, money - left, paid_on)))
        known = customers.models()
        starts = [start for each in opened if (start := self._start(*each, known))]
        self.faults.sort(key=lambda fault: fault.line)
        portfolio = Portfolio(
            left_out=tuple(self.left_out),
            made_ids=frozenset(self.made_ids),
            errors=tuple(self.faults),
            ignored_columns=self.ignored,
            date_format=dates.format,
            decimal_format=decimals.format,
            delimiter=self.delimiter,
        )
        if self.faults:
            return portfolio
        warnings = (*customers.warnings(), *twins(known))
        return replace(
            portfolio, rows=tuple(starts), history=tuple(history), customers=known, warnings=warnings
        )

    # Cells

    def _fault(self, row: Row, column: str, reason: str) -> None:
        self.faults.append(Fault(row.line, column, shown(row[column]) if row[column] else "", reason))

    def _id(self, row: Row, column: str) -> str | None:
        text = row[column]
        if is_id(text):
            return text
        self._fault(
            row, column, "is not an id: 1 to 64 letters, digits, '.', '_' or '-'" if text else "is missing"
        )
        return None

    def _invoice_id(self, row: Row) -> tuple[str | None, str | None]:
        """The id, made of the number where there is none that can be one, and the number where it is another."""
        told, number = row["invoice_id"], row["number"]
        column = "invoice_id" if told or not number else "number"
        if is_id(told) or not row[column]:
            return self._id(row, "invoice_id"), number or None
        try:
            made = id_of(row[column])
        except ValueError:
            reason = (
                "cannot be made an id: write a short one into invoice_id, and this into the column number"
            )
            self._fault(row, column, reason)
            return None, None
        self.made_ids.add(made)
        return made, number or told

    def _customer_id(self, row: Row) -> str | None:
        told = row["customer_id"]
        return customer_id_of(told) if told and not is_id(told) else self._id(row, "customer_id")

    def _once(self, row: Row, invoice_id: str, meant: Meant, first: dict[str, tuple[int, Meant]]) -> None:
        line, known = first.setdefault(invoice_id, (row.line, meant))
        if line == row.line:
            return
        other = contradiction(meant, known)
        reason = f"stands on line {line} already: keep one of them"
        if other is not None:
            reason = f"is the id {invoice_id} of {other} on line {line} already: {APART}"
        self._fault(row, "invoice_id" if row["invoice_id"] else "number", reason)

    def _leave_out(self, row: Row, kind: Kind, why: str) -> None:
        told = row["invoice_id"] or row["number"]
        try:
            told = told if is_id(told) else id_of(told)
        except ValueError:
            told = printable(told)
        self.left_out.append(LeftOut(row.line, told, printable(row["flags"]), kind, why))

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
        money = self._exact(row, column, number, currency)
        if money is not None and money.minor < 0:
            self._fault(row, column, "is negative: credits and payments are not invoices, take the row out")
        elif money is not None and not money and column == "amount":
            self._fault(row, column, "is zero: nothing is owed, take the row out")
        else:
            return money
        return None

    def _exact(self, row: Row, column: str, number: str, currency: str) -> Money | None:
        whole, _, fraction = number.partition(".")
        decimals = exponent(currency)
        if fraction[decimals:].strip("0"):
            self._fault(row, column, f"has more than the {decimals} decimals of {currency}: round it")
        elif len(whole.lstrip("-0")) > 15:
            self._fault(row, column, "is too large: at most 15 digits before the decimals")
        else:
            return Money(int(whole + fraction[:decimals].ljust(decimals, "0")), currency)
        return None

    def _start(
        self,
        row: Row,
        invoice: dict[str, Any],
        payment: dict[str, Any] | None,
        customers: Mapping[str, Customer],
    ) -> Start | None:
        customer_id = self._customer_id(row)
        try:
            return Start.model_validate(
                {
                    "invoice": Invoice.model_validate(invoice),
                    "customer": customers.get(customer_id or "") or Customer(customer_id=customer_id or ""),
                    "policy": row["policy"] or None,
                    **({} if payment is None else {"payments": [payment]}),
                }
            )
        except ValidationError as error:
            for problem in field_errors(error):
                column = {"issued_on": "issue_date", "due_on": "due_date"}.get(problem.field, problem.field)
                self.faults.append(Fault(row.line, column, problem.value, problem.problem))
            return None

    # What is paid

    def _standing(self, row: Row) -> Standing | None:
        """How the row says that the invoice stands, with a fault where nobody knows its words."""
        told = []
        if row["settled_date"]:
            told.append(Standing("settled_date", row["settled_date"], Status.PAID))
        for column in self.paid["status"]:
            text = row[column]
            status = paid_columns.status_of(text) or paid_columns.no_claim_of(column, text)
            if text and status:
                told.append(Standing(column, text, status))
            elif text:
                reason = (
                    "is no status that is known: write open, part paid, paid, draft or void, flag the row, or say"
                    " with --columns status=NAME which column is meant"
                )
                self._fault(row, column, reason)
        for name in ("amount_paid", "balance"):
            for column in self.paid[name]:
                if status := paid_columns.mark_of(name, column, row[column]):
                    told.append(Standing(column, row[column], status))
        if (status := paid_columns.status_of(row["state"])) in (Status.PAID, *paid_columns.NO_CLAIM):
            self._fault(row, "state", "is no part of a country: say --columns status=state if it is a status")
        try:
            return paid_columns.together(told)
        except Contradiction as problem:
            self._fault(row, problem.column, str(problem))
            return None

    def _sums(self, row: Row, amount: Money, decimals: Decimals) -> dict[str, Sum] | None:
        """What the row says was paid, credited and is left; None with a fault where that cannot be read."""
        found: dict[str, Sum] = {}
        count = len(self.faults)
        for name in paid_columns.AMOUNTS:
            for column in self.paid[name]:
                if not row[column] or paid_columns.mark_of(name, column, row[column]):
                    continue
                number = decimals.of(row, column, self.faults.append)
                money = number and self._exact(row, column, number, amount.currency)
                if not isinstance(money, Money):
                    continue
                currency = self.currency_of.get(column, amount.currency)
                before = found.setdefault(name, Sum(column, money))
                if currency != amount.currency:
                    self._fault(
                        row, column, f"is in {currency}, and the invoice in {amount.currency}: convert it"
                    )
                elif before.money != money:
                    reason = (
                        f"is another than {before.column} {before.money}: say which is meant with"
                        f" --columns {name}=NAME"
                    )
                    self._fault(row, column, reason)
        return found if len(self.faults) == count else None

    def _left(
        self, row: Row, amount: Money, decimals: Decimals, standing: Standing | None, paid_on: date | None
    ) -> Money | None:
        """What is left to pay; None with a fault where the row contradicts itself."""
        sums = self._sums(row, amount, decimals)
        if sums is None:
            return None
        try:
            left = paid_columns.left_to_pay(amount, sums, standing)
        except Contradiction as problem:
            self._fault(row, problem.column, str(problem))
            return None
        if paid_on is not None and left == amount:
            reason = (
                "says that money came, and no column says how much: add amount_paid or balance, or call it"
                " settled_date if all was paid"
                if not sums and standing is None
                else "says that money came, and by the other columns none did: correct one of them"
            )
            self._fault(row, next(column for column in self.paid["paid_on"] if row[column]), reason)
            return None
        return left

    def _paid_on(self, row: Row, dates: Dates) -> date | None:
        """The last day on which something was paid, where a column says it."""
        found = []
        for column in self.paid["paid_on"]:
            day = dates.of(row, column, self.faults.append)
            if day is not None and day > self.today:
                self._fault(row, column, f"lies after today, {self.today}: leave it blank until it is paid")
            elif day is not None:
                found.append(day)
        return max(found, default=None)

    def _why_paid(self, row: Row, standing: Standing | None) -> str:
        if standing is not None and standing.status is Status.PAID:
            return f"{standing.column} says {shown(standing.words)}"
        columns = (name for sum_ in reversed(paid_columns.AMOUNTS) for name in self.paid[sum_] if row[name])
        return f"by {next(columns, 'its columns')} nothing is left to pay"

    def _payment(
        self, invoice: Mapping[str, Any], paid: Money, paid_on: date | None
    ) -> dict[str, Any] | None:
        """What was paid before, as the payment that the case opens with. Where no day is said it is that of
        issue, as with e-invoices, so that no reminder of ours takes the credit for it."""
        if not paid:
            return None
        received_on = paid_on or invoice["issued_on"] or min(invoice["due_on"], self.today)
        return {
            "payment_id": PREPAID,
            "amount": str(paid),
            "currency": paid.currency,
            "received_on": min(received_on, self.today),
            "reference": invoice.get("number") or invoice["invoice_id"],
        }

    def _check_unread(self, rows: list[Row]) -> None:
        """Refuse the columns that by their names and cells may say what is paid, or by their cells that nothing is
        owed, and are not known."""
        may_tell = (
            "may say what is left to pay or was paid, and is not read: say so with --columns balance=NAME"
            " or amount_paid=NAME, or take the column out"
        )
        denies = (
            "says that nothing is owed, and is not read: say with --columns status=NAME which column says"
            " how invoices stand, or take this one out"
        )
        doubts = [(column, paid_columns.may_be_told, may_tell) for column in self.unread]
        doubts += [(column, paid_columns.denies_a_claim, denies) for column in self.others]
        for column, matters, reason in doubts:
            told = next((row for row in rows if matters(row[column])), None)
            if told is not None:
                self._fault(told, column, reason)
        for name in ("amount_paid", "balance"):
            for column in self.paid[name]:
                cells = {row[column] for row in rows} - {""}
                if "1" in cells and cells <= {"0", "1"} and paid_columns.may_be_mark(column):
                    row = next(row for row in rows if row[column] == "1")
                    reason = "may be a sum or mean yes: write 1.00, or yes and no"
                    self._fault(row, column, reason)

    # The file

    def _rows(self, data: bytes) -> list[Row]:
        """The rows to read, without those left out; structural faults are noted."""
        fault = self.faults.append
        text = csv_text.decoded(data, self.options.encoding, fault)
        if text is None:
            return []
        self.delimiter, records = csv_text.records(text, self.options.delimiter, self._delimiter, fault)
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
                self._leave_out(row, Kind.FLAGGED, f"flags say {shown(row['flags'])}")
            elif row is not None:
                rows.append(row)
        return rows

    def _header(self, line: int, cells: list[str]) -> list[str] | None:
        """The column of each cell, blank where it is not read."""
        header = [self._read_as(cell) for cell in cells]
        self.ignored = tuple(
            printable(csv_text.column_name(cell))
            for cell, name in zip(cells, header, strict=True)
            if cell.strip() and (not name or name in self.unread or name in self.others)
        )
        count = len(self.faults)
        for name, times in Counter(header).items():
            if name and times > 1:
                self.faults.append(Fault(line, name, "", "names two columns: rename one"))
        found = {self._field_of.get(compact(cell), "") for cell in cells}
        for name, called in self.options.columns.items():
            if name not in found:
                self.faults.append(Fault(line, name, shown(called), "no column of this name"))
        if "number" in found:
            found.add("invoice_id")  # it is made of the number
        if self.options.currency:
            found.add("currency")
        for name in (*REQUIRED, "currency"):
            if name not in found and name not in self.options.columns:
                reason = (
                    f"no column of this name: add it, or say with --columns {name}=NAME which one is meant"
                )
                reason += ", or give --currency" if name == "currency" else ""
                self.faults.append(Fault(line, name, "", reason))
        return header if len(self.faults) == count else None

    def _read_as(self, cell: str) -> str:
        """By which name the cells of a column are kept; blank where they are not read."""
        name = self._field_of.get(compact(cell), "")
        own = printable(cell.strip())
        own = own if own not in COLUMNS else f"{own} ({name})"
        if name in paid_columns.FIELDS:
            self.paid[name].append(own)
            currency = paid_columns.split_currency(cell)[1]
            if currency is not None:
                self.currency_of[own] = currency
            return own
        decided = not {"amount_paid", "balance"}.isdisjoint(self.options.columns)
        if not name and not decided and paid_columns.may_tell(cell):
            self.unread.append(own)
            return own
        if not name and own and "status" not in self.options.columns:
            own = f"{own} again" if own in self.others else own
            self.others.append(own)
            return own
        return name

    def _delimiter(self, text: str) -> str:
        """The delimiter that finds most of our columns in the first line."""
        first = next(iter(text.lstrip("\r\n").splitlines()), "")[:100_000]

        def found(delimiter: str) -> int:
            return sum(compact(cell.strip('"')) in self._field_of for cell in first.split(delimiter))

        return max(csv_text.DELIMITERS, key=found)


# Customers


class _Customers:
    """What the rows of a file say about each customer, put together."""

    def __init__(self, fault: Callable[[Fault], None]) -> None:
        self._fault = fault
        self._said: dict[str, dict[str, tuple[str, int]]] = {}
        self._contacts: dict[str, dict[tuple[str, ...], int]] = {}
        self._made: dict[str, str] = {}

    def add(self, customer_id: str, row: Row) -> None:
        said = self._said.setdefault(customer_id, {})
        for column in _CUSTOMER_COLUMNS:
            if value := row[column]:
                before, line = said.setdefault(column, (value, row.line))
                if before != value:
                    reason = f"is {shown(before)} for the same customer on line {line}: make them agree"
                    self._fault(Fault(row.line, column, shown(value), reason))
        if not is_id(row["customer_id"]):
            self._made.setdefault(customer_id, row["customer_id"])
            said.setdefault("customer_name", (row["customer_id"], row.line))
        for contact in self._contacts_of(row):
            self._contacts.setdefault(customer_id, {}).setdefault(contact, row.line)

    def _contacts_of(self, row: Row) -> Iterable[tuple[str, ...]]:
        """One for each address: a name and a telephone are the first one's."""
        try:
            first, *more = addresses(row["email"]) or ("",)
        except ValueError as problem:
            self._fault(Fault(row.line, "email", shown(row["email"]), str(problem)))
            return
        contact = {**{column: row[column] for column in _CONTACT_COLUMNS}, "email": first}
        if any(contact.values()):
            yield tuple(contact.values())
        for address in more:
            yield tuple(
                {
                    **dict.fromkeys(contact, ""),
                    "email": address,
                    "contact_role": contact["contact_role"],
                }.values()
            )

    def warnings(self) -> Iterable[str]:
        """What is worth a look, and no fault."""
        if self._made:
            told = ", ".join(f"{printable(name)} is {id_}" for id_, name in list(self._made.items())[:5])
            more = ", …" if len(self._made) > 5 else ""
            yield f"customer ids made of what is no id: {told}{more}"

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
            for column, (text, line) in said.items():
                *outer, name = _CUSTOMER_COLUMNS[column]
                target = value.setdefault(outer[0], {}) if outer else value
                target[name] = self._value(column, text, line)
            try:
                found[customer_id] = Customer.model_validate(value)
            except ValidationError as error:
                self._refuse(error, said, list(contacts.values()))
        return found

    def _value(self, column: str, text: str, line: int) -> object:
        if column == "address":
            return text.splitlines()
        if column == "account_manager_email":
            try:
                [text] = addresses(text)
            except ValueError:
                reason = "is not one mail address: write one such as 'sam@seller.example'"
                self._fault(Fault(line, column, shown(text), reason))
                return None
        return text

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
