"""Reading bank statements: what is matched is booked, what is not goes on the worklist with suggestions."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from activities.adapters import camt
from activities.adapters.xml_file import LARGEST_FILE, MEGABYTE, NotReadable
from activities.rulebook import Rulebook, load_rulebook
from commands import cases
from commands.failures import BadInput, Failed
from commands.files.writing import told_columns
from commands.place import Place, find
from commands.starting import Starter
from commands.terminal import clean, count, note, out, print_json, progress_bar, table, words
from domain.cash import bank_csv
from domain.cash.bank import CSV_FORM, BankFile, Entry, Sign, Statement, Transaction
from domain.cash.bank_booking import Booking, LineOutcome, book, doubtful, repeated
from domain.cash.bank_csv import Options
from domain.cash.bank_lines import lines_of
from domain.cash.cash_application import OpenItems
from domain.cash_source import hold_of
from domain.contract import CashReceived, HoldPlaced, HoldReleased, Invoice, PaymentReversed, Start
from domain.files.csv_text import Writing
from domain.money import Money
from domain.vocabulary import HoldReason
from settings import Settings
from store import bank as store
from store import worklist
from store.schema import BankLineRow, CaseRow

#: What is told with a payment, at most: the contract's `Text` takes more, a person reads no more.
_REFERENCE = 500
#: So long an invoice waits for a person to say whether money is for it; what is found to be for another customer's
#: invoice does not release it.
_WAITED_FOR = timedelta(days=14)
#: So long after its case was closed an invoice is known when a payment names it.
_NAMED_AFTERWARDS = timedelta(days=90)


@dataclass(frozen=True)
class File:
    """A file as it was read."""

    path: Path
    sha256: bytes
    content: BankFile | None
    errors: tuple[str, ...] = ()
    form: str | None = None
    """What it says it is, in the words of its standard."""
    ignored: tuple[str, ...] = ()
    """Of a table: the columns that are not known."""


def options(columns: str | None, account: str | None, currency: str | None, written: Writing) -> Options:
    """How tables are read, as the command line says. Raises BadInput naming the option."""
    try:
        return Options(
            columns=told_columns(columns, "booked_on=Tag,amount=Summe"),
            account=account,
            accounts=_only_accounts(load_rulebook(Settings().config_folder)),
            currency=currency,
            **asdict(written),
        )
    except ValueError as problem:
        raise BadInput(f"--columns: {problem}") from None


def _only_accounts(rulebook: Rulebook) -> dict[str, str]:
    """The account of each currency of which the sellers have just one."""
    found: dict[str, set[str]] = {}
    for seller in rulebook.sellers.values():
        for currency, account in seller.bank_accounts.items():
            found.setdefault(currency, set()).add(account.iban or account.account_number or "")
    return {currency: next(iter(known)) for currency, known in found.items() if len(known) == 1}


def read_statements(
    paths: Sequence[Path], tables: Options, *, state: Path | None, check: bool, as_json: bool
) -> None:
    """Read the files of a bank, all or none; without `check`, book what they tell of.

    Raises BadInput where one cannot be read: nothing is booked then.
    """
    files = [_read(path, tables) for path in paths]
    for file in files:
        if file.ignored:
            note(f"{file.path}: columns not read: {', '.join(file.ignored)}")
    if check:
        _say_checked(files, as_json=as_json)
    problems = [f"{file.path}: {error}" for file in files for error in file.errors]
    if problems:
        raise BadInput("\n".join(clean(problem) for problem in (*problems, "Nothing was booked")))
    if check:
        return
    place = find(state)
    result = _Booked()
    with place.writing() as session:
        _book(session, place.now(session), files, load_rulebook(Settings().config_folder), result)
    asyncio.run(_tell_all(place))
    _say(result, as_json=as_json)


def _read(path: Path, tables: Options) -> File:
    if not path.is_file():
        raise BadInput(f"{path}: there is no such file")
    if path.stat().st_size > LARGEST_FILE:
        return File(path, b"", None, (f"has more than {LARGEST_FILE // MEGABYTE} MB",))
    data = path.read_bytes()
    sha256 = hashlib.sha256(data).digest()
    if data.startswith(b"PK\x03\x04"):
        return File(path, sha256, None, ("is a spreadsheet or an archive: save it as 'CSV UTF-8'",))
    if path.suffix.lower() != ".xml" and not data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        told = bank_csv.read(data, tables)
        errors = tuple(str(fault) for fault in told.errors)
        return File(path, sha256, told.content, errors, CSV_FORM, told.ignored_columns)
    try:
        content = camt.read(data)
    except NotReadable as problem:
        return File(path, sha256, None, (str(problem),), problem.form)
    return File(path, sha256, content, form=content.form)


# Booking


@dataclass
class _Booked:
    """What became of the lines of the files."""

    bookings: list[Booking] = field(default_factory=list)
    known: int = 0
    waiting: int = 0


def _book(
    session: Session, now: datetime, files: Iterable[File], rulebook: Rulebook, result: _Booked
) -> None:
    """Keep every line that is new, with what is made of it, in one transaction."""
    sellers_by_erp = {id_ for id_, seller in rulebook.sellers.items() if seller.cash_source == "erp"}
    bank_charges = {
        id_: {currency: seller.bears(currency) for currency in seller.bank_charges}
        for id_, seller in rulebook.sellers.items()
    }
    invoices = store.invoices(session, now - _NAMED_AFTERWARDS, bank_charges)
    told_by_erp = store.ToldByErp(session)
    items = OpenItems(invoices, store.payers(session, {invoice.customer_id for invoice in invoices}))
    for file in files:
        assert file.content is not None
        lines, waiting = lines_of(file.content)
        result.waiting += waiting
        known = store.known(session, [line.line_id for line in lines])
        repeats = store.told_before(session, lines)
        splits = Counter(told_as[0] for told_as in repeats.same.values() if len(told_as) == 1)
        unapplied = store.unapplied(session, splits.keys())
        better: dict[str, list[str]] = {}
        for line in lines:
            if line.line_id in known:
                result.known += 1
                continue
            told_as = repeats.same.get(line.line_id, ())
            told_better = len(told_as) == 1 and told_as[0] in unapplied
            if told_as and not told_better:
                booking = repeated(line, told_as)
            elif (maybe := repeats.doubtful.get(line.line_id)) is not None:
                booking = doubtful(line, maybe, items)
            else:
                booking = book(line, items, lambda back: store.payments_of(session, back), told_by_erp)
            if told_better and splits[told_as[0]] == 1 and booking.outcome is LineOutcome.UNMATCHED:
                booking = repeated(line, told_as)
            elif told_better:
                better.setdefault(told_as[0], []).append(line.line_id)
            applied = booking.outcome is LineOutcome.APPLIED and not booking.told_first
            if applied and not sellers_by_erp.isdisjoint(store.sellers_of(session, booking.allocations)):
                booking = replace(booking, why=f"{booking.why}; not asked for until the ERP books it")
            if not store.keep(session, booking, file.sha256) or booking.outcome is LineOutcome.REPEATED:
                result.known += 1
                continue
            result.bookings.append(booking)
            if booking.outcome is LineOutcome.UNMATCHED:
                _ask(session, booking, now)
        for line_id, by in better.items():
            store.replaced(session, line_id, by, now)


def _ask(session: Session, booking: Booking, now: datetime) -> None:
    line = booking.line
    said = "; ".join(filter(None, (line.debtor, *line.references, *line.texts, line.end_to_end_id)))
    day = "" if line.received_on is None else f" of {line.received_on}"
    worklist.open_task(
        session,
        kind=store.UNMATCHED_CASH,
        why=f"{line.amount} {line.currency}{day}, payment id {line.line_id}: {booking.why}{_answer(booking)}",
        at=now,
        customer_id=booking.customer_id,
        ref=line.line_id,
        raw=said.encode(),
    )


def _answer(booking: Booking) -> str:
    """What a person does about a line that pauses invoices."""
    if not booking.pauses:
        return ""
    which = (
        booking.pauses[0] if len(booking.pauses) == 1 else f"what waits for it ({', '.join(booking.pauses)})"
    )
    return f". Else release {which} --hold-id {hold_of(booking.line.line_id)}"


# Telling


async def _tell_all(place: Place) -> None:
    """Tell the accounts what is booked; what an earlier run could not tell is told too. A repeat of what an
    account knows changes nothing there. Raises Failed where Temporal does not answer."""
    with place.reading() as session:
        waiting = store.untold(session)
    if not waiting:
        return
    starter = await Starter.at(place)
    with progress_bar() as progress:
        for row in progress.track(waiting, description="Booking"):
            try:
                await _tell(place, starter, row)
            except Exception as problem:
                raise Failed(
                    f"Stopped at {row.line_id}: {clean(str(problem))}. Run the same command again: what is"
                    " booked stays as it is, the rest follows"
                ) from None
            with place.writing() as session:
                store.told(session, row.line_id, place.now(session))


async def _tell(place: Place, starter: Starter, row: BankLineRow) -> None:
    if row.outcome == LineOutcome.APPLIED:
        assert row.customer_id is not None
        await starter.signal_account(row.customer_id, CashReceived.fact_kind, _cash(row))
        return
    if row.outcome == LineOutcome.REPEATED:  # it was told better: nothing waits for it
        for invoice_id in row.pauses or ():
            over = {"hold_id": hold_of(row.line_id)}
            await _tell_invoice(place, starter, invoice_id, HoldReleased.fact_kind, over)
        return
    if row.outcome == LineOutcome.UNMATCHED:
        hold = {"hold_id": hold_of(row.line_id), "reason": HoldReason.OTHER, "note": row.why}
        if row.may_be is None:
            hold["until"] = (row.recorded_at + _WAITED_FOR).date().isoformat()
        for invoice_id in row.pauses or ():
            await _tell_invoice(place, starter, invoice_id, HoldPlaced.fact_kind, hold)
        return
    for invoice_id, minor in row.allocations.items():
        fact = {
            "reversal_id": row.line_id,
            "payment_id": row.returns,
            "amount": str(Money(minor, row.currency)),
            "reason": "bounced",
        }
        await _tell_invoice(place, starter, invoice_id, PaymentReversed.fact_kind, fact)


async def _tell_invoice(
    place: Place, starter: Starter, invoice_id: str, signal: str, fact: dict[str, Any]
) -> None:
    with place.reading() as session:
        case = session.get_one(CaseRow, invoice_id)
        owner = cases.customer_of(session, case.owner_id)
    start = Start(invoice=Invoice.model_validate(case.invoice), customer=owner)
    await starter.signal(start, signal, fact, runs=case.closed_at is None)


def _cash(row: BankLineRow) -> dict[str, Any]:
    """The remittance as the account is told of it."""
    allocations = [
        {"invoice_id": invoice_id, "amount": str(Money(minor, row.currency)), **_deducted(row, invoice_id)}
        for invoice_id, minor in row.allocations.items()
    ]
    reference = " ".join(filter(None, (*row.texts, row.end_to_end_id)))[:_REFERENCE]
    assert row.received_on is not None
    return {
        "payment_id": row.line_id,
        "amount": str(Money.of(row.amount, row.currency)),
        "currency": row.currency,
        "received_on": row.received_on.isoformat(),
        "allocations": allocations,
        **({"reference": reference} if reference else {}),
    }


def _deducted(row: BankLineRow, invoice_id: str) -> dict[str, Any]:
    deductions = [
        {"amount": str(Money(each["minor"], row.currency)), "reason": each["reason"], "kind": each["kind"]}
        for each in (row.deductions or {}).get(invoice_id, ())
    ]
    return {"deductions": deductions} if deductions else {}


# Saying


def _say(result: _Booked, *, as_json: bool) -> None:
    if result.known:
        note(f"{count(result.known, 'payment was', 'payments were')} known already")
    if result.waiting:
        note(
            f"{count(result.waiting, 'entry is', 'entries are')} not booked by the bank yet: left for its statement"
        )
    if as_json:
        print_json([_document(booking) for booking in result.bookings])
        return
    if not result.bookings:
        print("Nothing new")
        return
    lines = table(["Received", "Amount", "From", "Result", "For", "Why"], right=["Amount"], wide=["Why"])
    for booking in result.bookings:
        line = booking.line
        sign = "-" if line.sign is Sign.DEBIT else ""
        lines.add_row(
            words(str(line.received_on or "")),
            words(f"{sign}{line.amount} {line.currency}"),
            words(line.debtor or ""),
            words(booking.outcome),
            words(", ".join(booking.allocations)),
            words(booking.why),
        )
    out().print(lines)


def _document(booking: Booking) -> dict[str, Any]:
    line = booking.line
    return {
        "line_id": line.line_id,
        "received_on": line.received_on,
        "amount": str(line.amount),
        "currency": line.currency,
        "sign": line.sign,
        "debtor": line.debtor,
        "outcome": booking.outcome,
        "customer_id": booking.customer_id,
        "allocations": [
            {"invoice_id": invoice_id, "amount": str(Money(minor, line.currency))}
            for invoice_id, minor in booking.allocations.items()
        ],
        "deductions": [
            {
                "invoice_id": each.invoice_id,
                "amount": str(each.money),
                "reason": each.reason,
                "kind": each.kind,
            }
            for each in booking.deductions
        ],
        "why": booking.why,
    }


def _say_checked(files: Sequence[File], *, as_json: bool) -> None:
    if as_json:
        print_json({file.path.name: _checked(file) for file in files})
        return
    for file in files:
        if file.content is not None:
            entries = sum(len(statement.entries) for statement in file.content.statements)
            said = f"{count(len(file.content.statements), 'statement')}, {count(entries, 'entry', 'entries')}"
            print(clean(f"{file.path}: {said}"))


def _checked(file: File) -> dict[str, Any]:
    statements = () if file.content is None else file.content.statements
    return {
        "ns": file.form,
        "entries": [_entry(entry) for statement in statements for entry in statement.entries],
        "statements": [_statement(statement) for statement in statements],
        "errors": list(file.errors),
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "stmt": entry.statement,
        "amount": str(entry.amount),
        "ccy": entry.currency,
        "sign": entry.sign,
        "reversal": None if entry.reversal is None else str(entry.reversal).lower(),
        "status": entry.status,
        "booked": entry.booked,
        "value": entry.value,
        "tx": [_transaction(transaction) for transaction in entry.transactions],
    }


def _transaction(transaction: Transaction) -> dict[str, Any]:
    return {
        "amount": None if transaction.amount is None else str(transaction.amount),
        "e2e": transaction.end_to_end_id,
        "debtor": transaction.debtor,
        "creditor": transaction.creditor,
        "debtor_iban": transaction.debtor_iban,
        "ustrd": list(transaction.unstructured),
        "ref": next(iter(transaction.references), None),
        "return_reason": transaction.return_reason,
    }


def _statement(statement: Statement) -> dict[str, Any]:
    return {
        "id": statement.id,
        "iban": statement.iban,
        "ccy": statement.currency,
        "balances": [
            {
                "type": balance.type,
                "amount": str(balance.amount),
                "ccy": balance.currency,
                "sign": balance.sign,
                "date": balance.on,
            }
            for balance in statement.balances
        ],
    }
