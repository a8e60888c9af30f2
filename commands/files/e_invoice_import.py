"""What an import does with e-invoices beyond starting cases: who the buyer is, the document as an exhibit, credits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from sqlalchemy.orm import Session

from commands import cases
from commands.files.portfolio_file import File
from commands.place import Place
from commands.starting import Starter
from domain.contract import CreditIssued, CreditOnAccount, Customer, Exhibit, Invoice, Start
from domain.files.intake import Credit
from store import customers
from store.schema import CaseRow

#: The folder of documents below that of exhibits.
_FOLDER = "e-invoices"


def settle_on_customers(session: Session, files: Sequence[File]) -> list[File]:
    """The same files; a buyer who is known already is the customer we know, whatever the document calls them."""
    return [file if file.document is None else _on_customer(session, file) for file in files]


def _on_customer(session: Session, file: File) -> File:
    assert file.document is not None
    buyer = file.document.buyer
    known = customers.same_party(session, buyer.vat_identifier, buyer.legal_identifier, buyer.name)
    if known is None:
        return file
    starts = tuple(
        start.model_copy(update={"customer": Customer(customer_id=known)}) for start in file.portfolio.rows
    )
    credits = tuple(replace(credit, customer_id=known) for credit in file.credits)
    return replace(file, portfolio=replace(file.portfolio, rows=starts), credits=credits)


def keep_as_exhibits(files: Iterable[File], folder: Path | None) -> list[File]:
    """The same files, each document kept in the folder of exhibits under its hash and named by its invoice."""
    return [file if file.document is None or folder is None else _kept(file, folder) for file in files]


def _kept(file: File, folder: Path) -> File:
    assert file.document is not None
    body = file.path.read_bytes()
    name = f"{_FOLDER}/{hashlib.sha256(body).hexdigest()[:32]}.xml"
    kept = folder / name
    kept.parent.mkdir(parents=True, exist_ok=True)
    if not kept.exists():
        part = kept.with_suffix(".part")
        part.write_bytes(body)
        part.replace(kept)
    exhibit = Exhibit(
        kind="invoice",
        title=f"{file.document.kind.value} {file.document.number} ({file.document.syntax})",
        uri=name,
        media_type="text/xml",
    )
    starts = tuple(
        start.model_copy(update={"invoice": start.invoice.model_copy(update={"exhibits": (exhibit,)})})
        for start in file.portfolio.rows
    )
    return replace(file, portfolio=replace(file.portfolio, rows=starts))


async def tell_credits(place: Place, starter: Starter, files: Iterable[File]) -> int:
    """Apply what credit notes give back: to the invoice they belong to where it has a case of that customer and
    currency, else to the customer's account. Returns how many were told; what is known already changes nothing."""
    told = 0
    for credit in (credit for file in files for credit in file.credits):
        with place.reading() as session:
            start, runs = _case_of(session, credit)
        fact = {
            "credit_id": credit.credit_id,
            "amount": str(credit.money),
            "currency": credit.money.currency,
            "reason": credit.reason,
        }
        if start is not None:
            await starter.signal(start, CreditIssued.fact_kind, fact, runs=runs)
        else:
            await starter.signal_account(credit.customer_id, CreditOnAccount.fact_kind, fact)
        told += 1
    return told


def _case_of(session: Session, credit: Credit) -> tuple[Start | None, bool]:
    row = None if credit.invoice_id is None else session.get(CaseRow, credit.invoice_id)
    if row is None or row.currency != credit.money.currency:
        return None, False
    if credit.customer_id not in (row.owner_id, row.customer_id):
        return None, False
    owner = cases.customer_of(session, row.owner_id)
    return Start(invoice=Invoice.model_validate(row.invoice), customer=owner), row.closed_at is None
