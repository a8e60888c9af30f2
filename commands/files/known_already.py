"""What the files of an import say of invoices that are known: in another file of the same command, or here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from sqlalchemy.orm import Session

from commands.files.portfolio_file import File
from commands.terminal import count
from domain.files.csv_text import Fault
from domain.files.ids import APART, Meant, contradiction, twins
from domain.files.portfolio_csv import Kind, Portfolio, left_of
from domain.money import Money
from domain.wire import shown
from store.known_invoices import Known, known_invoices, same_but_for_case

#: Ids asked for in one statement.
_IDS = 10_000
#: How many invoices a note names.
_NAMED = 10


def one_of_each(files: Sequence[File], *, check: bool) -> list[File]:
    """The same files; an invoice that stands in two of them is a fault of the later one.

    Of e-invoices that are only checked it is a warning where they have one number: they may well be of different
    sellers.
    """
    first: dict[str, tuple[Path, Meant]] = {}
    checked = []
    for file in files:
        faults, warnings = [], list(file.warnings)
        for id_, meant in _meant(file):
            path, known = first.setdefault(id_, (file.path, meant))
            if path == file.path:
                continue
            other = contradiction(meant, known)
            if check and file.is_document and meant.number == known.number:
                warnings.append(f"{id_} stands in {path} too: only one of them can be imported")
            elif other is None:
                faults.append(
                    Fault(0, "invoice_id", shown(id_), f"stands in {path} already: keep one of them")
                )
            else:
                faults.append(_taken(file, id_, f"is the id of {other} in {path} already"))
        checked.append(_with(file, faults, warnings))
    return checked


def against_records(session: Session, files: Sequence[File]) -> tuple[list[File], list[str]]:
    """The same files; another invoice under an id that is recorded is a fault. And what a person should know of
    the others: those that owe less by the file than is recorded."""
    recorded: dict[str, Known] = {}
    customers = _customers(files)
    for file in files:
        ids = [id_ for id_, _ in _meant(file)] + [row.invoice_id for row in file.portfolio.left_out]
        for at in range(0, len(ids), _IDS):
            recorded |= known_invoices(session, ids[at : at + _IDS])
    checked, less = [], []
    for file in files:
        faults = []
        for id_, meant in _meant(file):
            if id_ not in recorded:
                continue
            is_given = not file.is_document and id_ not in file.portfolio.made_ids
            other = contradiction(meant, recorded[id_].meant, id_is_given=is_given)
            if other is not None:
                faults.append(_taken(file, id_, f"is recorded as the id of {other} already"))
        checked.append(_with(file, faults, list(file.warnings)))
        for id_, left in _left(file.portfolio):
            owed = recorded[id_].owed if id_ in recorded else None
            if owed is not None and (
                (left is None and owed) or (left is not None and left.minor < owed.minor)
            ):
                less.append(id_)
    notes = case_twins(files, same_but_for_case(session, customers))
    if less:
        named = ", ".join(less[:_NAMED]) + (" …" if len(less) > _NAMED else "")
        notes.append(
            f"{count(len(less), 'invoice owes', 'invoices owe')} less by the file than is recorded: {named}. What is"
            " recorded stands: tell what was paid with 'pay', what is no longer owed with 'credit' or 'cancel'"
        )
    return checked, notes


def case_twins(files: Sequence[File], recorded: Iterable[str] = ()) -> list[str]:
    """Warnings of customers whose ids differ in case only, here or in two files; one file's own stand there."""
    said = {warning for file in files for warning in file.warnings}
    return [warning for warning in twins({*_customers(files), *recorded}) if warning not in said]


def _customers(files: Iterable[File]) -> set[str]:
    starts = (start.customer.customer_id for file in files for start in file.portfolio.rows)
    return {*starts, *(id_ for file in files for id_ in file.portfolio.customers)}


def _taken(file: File, id_: str, what: str) -> Fault:
    how = ", which a row of a CSV can have" if file.is_document else ""
    return Fault(0, "invoice_id", shown(id_), f"{what}: {APART}{how}")


def _with(file: File, faults: Sequence[Fault], warnings: Sequence[str]) -> File:
    portfolio = replace(file.portfolio, errors=(*file.portfolio.errors, *faults))
    return replace(file, portfolio=portfolio, warnings=tuple(warnings))


def _meant(file: File) -> Iterator[tuple[str, Meant]]:
    """The invoices of a file, and what their ids stand for."""
    for start in file.portfolio.rows:
        invoice = start.invoice
        meant = Meant(invoice.shown_number, start.customer.customer_id, invoice.currency, invoice.seller)
        yield invoice.invoice_id, meant
    for row in file.portfolio.history:
        yield (
            row.invoice_id,
            Meant(row.number or row.invoice_id, row.customer_id, row.amount.currency, row.seller),
        )


def _left(portfolio: Portfolio) -> Iterable[tuple[str, Money | None]]:
    """What each invoice owes by the file; None: nothing, since it is settled, paid or void."""
    for start in portfolio.rows:
        yield start.invoice.invoice_id, left_of(start)
    for row in portfolio.history:
        yield row.invoice_id, None
    for left_out in portfolio.left_out:
        if left_out.kind is not Kind.FLAGGED:
            yield left_out.invoice_id, None
