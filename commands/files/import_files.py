"""Importing portfolios: every row of every file is checked before anything is stored or started."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.progress import Progress
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from activities.rulebook import load_rulebook
from commands.failures import BadInput, Failed
from commands.files.e_invoice_import import keep_as_exhibits, settle_on_customers, tell_credits
from commands.files.known_already import against_records, case_twins, one_of_each
from commands.files.portfolio_file import File, documents, read_file
from commands.place import Place, exhibit_folder, find
from commands.starting import Starter
from commands.terminal import clean, count, note, notes, out, print_json, progress_bar, table, total, words
from domain.contract import Start
from domain.files.portfolio_csv import Options, Portfolio, left_of
from settings import Settings
from store import history
from store.portfolio import fingerprint
from store.schema import CaseRow

#: Starts under way at once: enough to keep a server busy, few enough to leave it room.
_AT_ONCE = 32
#: The wait for the worker to open the cases ends when none was opened for so long.
NO_MORE_OPENED_S = 10.0
#: How many faults, flagged rows or differing invoices are listed; `--json` has them all.
_LISTED = 50
#: Ids asked for in one statement.
_IDS = 10_000


def import_files(
    paths: Sequence[Path], read: Options, due_days: int, *, state: Path | None, check: bool, as_json: bool
) -> None:
    """Check the files; without `check`, store their history and start a case for each open invoice."""
    place = None if check else find(state)
    rulebook = load_rulebook(Settings().config_folder)
    today = datetime.now(UTC).date()
    if place is not None:
        with place.reading() as session:
            today = place.now(session).date()
    files = [read_file(path, read, rulebook, today, due_days, check=check) for path in paths]
    files = one_of_each(files, check=check)
    remarks = case_twins(files)
    if place is not None and not any(file.portfolio.errors for file in files):
        with place.reading() as session:
            files, remarks = against_records(session, settle_on_customers(session, files))
    faults = sum(len(file.portfolio.errors) for file in files)
    if check and as_json:
        print_json([document for file in files for document in documents(file)])
    elif not check and as_json and faults:
        print_json(_result(files, _Imported()))
    for file in files:
        _say(file, listing=not as_json)
    for each in remarks:
        note(each)
    if faults:
        raise BadInput(
            f"Nothing was imported: {count(faults, 'fault')}. docs/import.md says how a file is written"
        )
    if place is not None:
        files = keep_as_exhibits(files, exhibit_folder(place))
        imported = asyncio.run(_import(place, files))
        _say_imported(imported, files, as_json=as_json)


# Importing


@dataclass(frozen=True)
class _Imported:
    started: int = 0
    known: int = 0
    opened: int = 0
    history: int = 0
    credits: int = 0
    asked: int = 0
    differing: tuple[str, ...] = ()


async def _import(place: Place, files: Sequence[File]) -> _Imported:
    starts = [start for file in files for start in file.portfolio.rows]
    settled = [row for file in files for row in file.portfolio.history]
    customers = {id_: each for file in files for id_, each in file.portfolio.customers.items()}
    stored = 0
    if settled:
        # First: how a customer paid before may decide under which policy the open invoices run.
        with place.writing() as session, progress_bar() as progress:
            bar = progress.add_task("Storing history", total=len(settled))
            stored = history.store_settled(
                session, settled, customers, lambda done: progress.update(bar, completed=done)
            )
    with place.reading() as session:
        recorded = _recorded(session, [start.invoice.invoice_id for start in starts])
    differing = tuple(
        start.invoice.invoice_id
        for start in starts
        if recorded.get(start.invoice.invoice_id, _fingerprint(start)) != _fingerprint(start)
    )
    fresh = [start for start in starts if start.invoice.invoice_id not in recorded]
    opened = credited = asked = 0
    if fresh or any(file.credits for file in files):
        starter = await Starter.at(place)
        with progress_bar() as progress:
            await _start_all(starter, fresh, progress)
            opened = await _wait_opened(place, [start.invoice.invoice_id for start in fresh], progress)
        credited, asked = await tell_credits(place, starter, files)
    return _Imported(len(fresh), len(recorded), opened, stored, credited, asked, differing)


async def _start_all(starter: Starter, starts: Sequence[Start], progress: Progress) -> None:
    """Start every case, some at once. Raises Failed saying how far it came: a repeat does the rest."""
    bar = progress.add_task("Starting", total=len(starts))
    waiting = iter(starts)
    begun = 0

    async def start_some() -> None:
        nonlocal begun
        for start in waiting:
            await starter.start(start)
            begun += 1
            progress.update(bar, completed=begun)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(_AT_ONCE, len(starts))):
                group.create_task(start_some())
    except* Exception as errors:
        first = errors.exceptions[0]
        raise Failed(
            f"Stopped after {begun:,} of {count(len(starts), 'start')}: {clean(str(first))}."
            " Run the same import again: what was started stays as it is, the rest follows"
        ) from None


async def _wait_opened(place: Place, ids: Sequence[str], progress: Progress) -> int:
    """Wait for the worker to open the cases, as long as it gets on with them; returns how many are open."""
    bar = progress.add_task("Opening", total=len(ids))
    clock = asyncio.get_running_loop()
    opened, moved = 0, clock.time()
    while opened < len(ids) and clock.time() - moved < NO_MORE_OPENED_S:
        with place.reading() as session:
            found = _count_cases(session, ids)
        if found > opened:
            opened, moved = found, clock.time()
            progress.update(bar, completed=opened)
        if opened < len(ids):
            await asyncio.sleep(0.1 if len(ids) < 1_000 else 1.0)
    return opened


def _recorded(session: Session, ids: Sequence[str]) -> dict[str, bytes]:
    """The fingerprints of the starts that are recorded."""
    found: dict[str, bytes] = {}
    for batch in _batches(ids):
        known = select(CaseRow.invoice_id, CaseRow.start_sha256).where(CaseRow.invoice_id.in_(batch))
        found.update((row.invoice_id, row.start_sha256) for row in session.execute(known))
    return found


def _count_cases(session: Session, ids: Sequence[str]) -> int:
    return sum(
        session.scalars(select(func.count()).where(CaseRow.invoice_id.in_(batch))).one()
        for batch in _batches(ids)
    )


def _batches(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[at : at + _IDS] for at in range(0, len(ids), _IDS))


def _fingerprint(start: Start) -> bytes:
    return fingerprint(start.invoice)


# Saying


def _say(file: File, *, listing: bool) -> None:
    """What stands in a file; `listing` the rows that are refused or left out too."""
    portfolio = file.portfolio
    for warning in file.warnings:
        note(f"{file.path}: {warning}")
    if listing and portfolio.errors and file.is_document:
        for fault in portfolio.errors:
            note(f"{file.path}: {fault if fault.field else fault.reason}")
    elif listing and portfolio.errors:
        note(f"{file.path}: {count(len(portfolio.errors), 'fault')}")
        faults = table(["Line", "Column", "Value", "Fault"], right=["Line"], wide=["Value", "Fault"])
        for fault in portfolio.errors[:_LISTED]:
            line = str(fault.line) if fault.line else ""
            faults.add_row(words(line), words(fault.field), words(fault.value), words(fault.reason))
        notes().print(faults)
        _more(len(portfolio.errors))
    if listing and portfolio.left_out:
        print(clean(f"{file.path}: left out:"))
        flagged = table(["Line", "Invoice", "Why"], right=["Line"], wide=["Why"])
        for left in portfolio.left_out[:_LISTED]:
            flagged.add_row(words(str(left.line)), words(left.invoice_id), words(left.why))
        out().print(flagged)
        _more(len(portfolio.left_out))
    if listing and not portfolio.errors:
        print(clean(f"{file.path}: {_contents(file, portfolio)}"))


def _contents(file: File, portfolio: Portfolio) -> str:
    parts = [f"{credit.reason} gives back {credit.money} {credit.money.currency}" for credit in file.credits]
    if portfolio.rows:
        owing = {start.customer.customer_id for start in portfolio.rows}
        money = total(left_of(start) for start in portfolio.rows)
        parts.append(
            f"{count(len(portfolio.rows), 'open invoice')} of {count(len(owing), 'customer')} ({money})"
        )
    if portfolio.history:
        parts.append(f"{count(len(portfolio.history), 'settled invoice')} as history")
    if portfolio.left_out:
        kinds = Counter(left.kind for left in portfolio.left_out)
        told = ", ".join(f"{number:,} {kind}" for kind, number in sorted(kinds.items()))
        parts.append(f"{count(len(portfolio.left_out), 'row')} left out ({told})")
    return ", ".join(parts) or "no rows"


def _more(number: int) -> None:
    if number > _LISTED:
        note(f"… and {number - _LISTED:,} more; --json lists them all")


def _say_imported(imported: _Imported, files: Sequence[File], *, as_json: bool) -> None:
    if imported.differing:
        named = ", ".join(imported.differing[:10]) + (" …" if len(imported.differing) > 10 else "")
        note(
            f"{count(len(imported.differing), 'invoice differs', 'invoices differ')} from what is recorded, which"
            f" stands: {named}."
            " An amendment changes due date or amount (signal invoice_amended)"
        )
    late = imported.started - imported.opened
    if late:
        note(f"{count(late, 'case')} will be opened as soon as a worker runs")
    if as_json:
        print_json(_result(files, imported))
        return
    said = [
        f"Started {count(imported.started, 'case')}",
        f"stored {count(imported.history, 'settled invoice')}",
    ]
    if imported.credits:
        said.append(f"applied {count(imported.credits, 'credit')}")
    if imported.asked:
        said.append(f"put {count(imported.asked, 'credit')} on the worklist")
    rows = sum(len(file.portfolio.rows) + len(file.portfolio.history) for file in files)
    if known := rows - imported.started - imported.history:
        said.append(f"{count(known, 'invoice was', 'invoices were')} known already")
    out().print(words(", ".join(said)))


def _result(files: Sequence[File], imported: _Imported) -> dict[str, Any]:
    return {
        "started": imported.started,
        "known": imported.known,
        "opened": imported.opened,
        "history": imported.history,
        "credits": imported.credits,
        "credits_asked": imported.asked,
        "differing": list(imported.differing),
        "left_out": [
            {
                "file": str(file.path),
                "line": row.line,
                "invoice_id": row.invoice_id,
                "flags": row.flags,
                "kind": row.kind,
                "why": row.why,
            }
            for file in files
            for row in file.portfolio.left_out
        ],
        "errors": [
            {
                "file": str(file.path),
                "line": row.line,
                "field": row.field,
                "value": row.value,
                "reason": row.reason,
            }
            for file in files
            for row in file.portfolio.errors
        ],
    }
