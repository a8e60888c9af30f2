"""Files of invoices as they are read: a CSV of many, or one e-invoice (EN 16931, UBL or CII)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from activities.rulebook import Rulebook
from commands.failures import BadInput
from domain.contract import Customer, Start, field_errors
from domain.files import portfolio_csv
from domain.files.csv_text import Fault
from domain.files.e_invoice import EInvoice
from domain.files.intake import Credit, take_in
from domain.files.portfolio_csv import HistoryRow, Options, Portfolio, left_of

#: More than this in one file is somebody else's file.
_LARGEST_FILE = 256 * 1024 * 1024


@dataclass(frozen=True)
class File:
    """A file as it was read."""

    path: Path
    portfolio: Portfolio
    warnings: tuple[str, ...] = ()
    document: EInvoice | None = None
    """Of a file that is one e-invoice: what it says."""
    is_document: bool = False
    credits: tuple[Credit, ...] = ()


def read_file(
    path: Path, read: Options, rulebook: Rulebook, today: date, due_days: int, *, check: bool
) -> File:
    """Read one file; what is wrong in it stands in its faults. `check` looks for what else is odd, too.

    Raises BadInput for what is no file of invoices.
    """
    if not path.is_file():
        raise BadInput(f"{path}: there is no such file")
    if path.stat().st_size > _LARGEST_FILE:
        raise BadInput(f"{path}: has more than {_LARGEST_FILE // 2**20} MB: split it")
    data = path.read_bytes()
    if path.suffix.lower() == ".xml" or data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return _read_document(path, data, read.seller, rulebook, due_days, check=check)
    if data.startswith(b"PK\x03\x04"):
        raise BadInput(f"{path}: is a spreadsheet or an archive: save it as 'CSV UTF-8'")
    portfolio = portfolio_csv.read(data, today, read)
    if not portfolio.errors:
        portfolio = replace(portfolio, errors=tuple(_unknown_sellers(portfolio.rows, rulebook)))
    warnings = list(portfolio.warnings)
    if portfolio.ignored_columns:
        warnings.append(f"columns not read: {', '.join(portfolio.ignored_columns)}")
    named = {start.policy for start in portfolio.rows if start.policy is not None}
    for name in sorted(named - set(rulebook.policies)):
        warnings.append(f"there is no policy {name!r}: the tier's is used")
    return File(path, portfolio, tuple(warnings))


def _unknown_sellers(starts: Iterable[Start], rulebook: Rulebook) -> Iterable[Fault]:
    known = ", ".join(sorted(rulebook.sellers))
    for start in starts:
        if start.invoice.seller not in rulebook.sellers:
            reason = (
                f"of {start.invoice.invoice_id} is unknown: name one of {known}, or add it to deploy/sellers"
            )
            yield Fault(0, "seller", repr(start.invoice.seller), reason)


def documents(file: File) -> Iterable[dict[str, Any]]:
    """One entry for each invoice of a file; of a file with faults, one for each line that has some."""
    portfolio = file.portfolio
    warnings = list(file.warnings)
    if file.is_document:
        yield _e_invoice(file)
        return
    by_line: dict[int, list[Fault]] = {}
    for fault in portfolio.errors:
        by_line.setdefault(fault.line, []).append(fault)
    if portfolio.errors:
        for line, faults in sorted(by_line.items()):
            yield _document(file, "Row", errors=[str(fault) for fault in faults], line=line)
        return
    for start in portfolio.rows:
        invoice = start.invoice
        yield _document(
            file,
            "Invoice",
            number=invoice.shown_number,
            issued_on=invoice.issued_on,
            due_on=invoice.due_on,
            currency=invoice.currency,
            payable=str(left_of(start)),
            seller=invoice.seller,
            buyer=start.customer.shown_name,
            warnings=warnings,
        )
    for row in portfolio.history:
        yield _document(
            file,
            "SettledInvoice",
            number=row.number or row.invoice_id,
            issued_on=row.issued_on,
            due_on=row.due_on,
            currency=row.amount.currency,
            payable=str(row.amount),
            seller=row.seller,
            buyer=_customer(portfolio, row).shown_name,
            settled_on=row.settled_on,
            warnings=warnings,
        )
    for left in portfolio.left_out:
        why = [f"line {left.line}: left out, {left.why}"]
        yield _document(file, "Row", number=left.invoice_id, warnings=why, line=left.line)


def _customer(portfolio: Portfolio, row: HistoryRow) -> Customer:
    return portfolio.customers.get(row.customer_id) or Customer(customer_id=row.customer_id)


def _document(file: File, kind: str, **told: Any) -> dict[str, Any]:
    empty = dict.fromkeys(("number", "issued_on", "due_on", "currency", "payable", "seller", "buyer"), None)
    return {
        "file": str(file.path),
        "kind": kind,
        **empty,
        "preceding": [],
        "errors": [],
        "warnings": [],
        **told,
    }


# E-invoices


def _read_document(
    path: Path, data: bytes, seller: str, rulebook: Rulebook, due_days: int, *, check: bool
) -> File:
    from activities.adapters import e_invoices  # lxml and factur-x take a while to load
    from activities.adapters.xml_file import NotReadable

    try:
        document = e_invoices.read(data)
    except NotReadable as problem:
        return File(path, Portfolio(errors=(Fault(0, "", "", str(problem)),)), is_document=True)
    warnings = tuple(e_invoices.warnings(data)) if check else ()
    file = File(path, Portfolio(), warnings, document, is_document=True)
    try:
        taken = take_in(document, seller=seller, due_days=due_days)
    except ValidationError as problem:
        faults = [Fault(0, error.field, error.value, error.problem) for error in field_errors(problem)]
        return replace(file, portfolio=Portfolio(errors=tuple(faults)))
    except ValueError as problem:
        return replace(file, portfolio=Portfolio(errors=(Fault(0, "", "", str(problem)),)))
    rows = () if taken.start is None else (taken.start,)
    return replace(
        file,
        portfolio=Portfolio(rows=rows, errors=tuple(_unknown_sellers(rows, rulebook))),
        warnings=(*warnings, *taken.warnings),
        credits=() if taken.credit is None else (taken.credit,),
    )


def _e_invoice(file: File) -> dict[str, Any]:
    errors = [str(fault) if fault.field else fault.reason for fault in file.portfolio.errors]
    document = file.document
    if document is None:
        return _document(file, "Document", errors=errors, warnings=list(file.warnings))
    return _document(
        file,
        document.kind.value,
        number=document.number,
        issued_on=document.issued_on,
        due_on=document.due_on,
        currency=document.currency,
        payable=str(document.payable),
        seller=document.seller.name,
        buyer=document.buyer.name,
        preceding=list(document.preceding),
        errors=errors,
        warnings=list(file.warnings),
    )
