"""The collections improvement report: two periods side by side, on the terminal, as PDF, XLSX or JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from activities.paper.rendering import PdfRenderer, PdfUnavailable, RenderingFailed
from activities.reports.improvement_report import (
    CAPITAL,
    FROM_A_FILE,
    NO_CAPITAL,
    ActionsTaken,
    capital_inputs,
    document,
    improvement_html,
    lacking,
    made_of,
    reservations,
    shown,
    shown_difference,
)
from activities.rulebook import load_rulebook
from commands.failures import BadInput, Failed
from commands.figures.outcomes import actions
from commands.figures.report_portfolio import of_file
from commands.place import find
from commands.terminal import day, note, out, print_json, table, words
from domain.figures.improvement import Improvement, compare, periods
from domain.figures.outcomes import Period
from domain.figures.receivables import Receivable
from domain.figures.receivables_book import Book, turns
from domain.hold_out import HeldAgainst, held_against
from domain.wire import FIRST_DAY, LAST_DAY
from settings import Settings
from store import improvement as store_improvement
from store import trend as store_trend
from store.hold_out import tallies
from store.improvement import MOST_INVOICES, InvoiceOfPeriods

_TIMEOUT_S = 120.0
_PAPERS: Mapping[str, Literal["A4", "Letter"]] = {"a4": "A4", "letter": "Letter"}


@dataclass(frozen=True)
class Asked:
    """What is to be compared, as it was asked for."""

    go_live: date
    months: int | None = None
    before: str | None = None
    after: str | None = None
    as_of: date | None = None

    def periods(self, as_of: date) -> tuple[Period, Period]:
        """Raises BadInput where there is nothing to compare."""
        before, after = period_named(self.before, "--before"), period_named(self.after, "--after")
        try:
            return periods(self.go_live, as_of, self.months, before, after)
        except ValueError as problem:
            raise BadInput(str(problem)) from None


@dataclass(frozen=True)
class Wanted:
    """The files that are to be written, and on which paper."""

    pdf: Path | None = None
    xlsx: Path | None = None
    paper: str | None = None


@dataclass(frozen=True)
class Books:
    """What the report is made of: sums by currency, the invoices behind them where they are asked for, what was
    done, what a hold-out shows."""

    as_of: date
    before: Period
    after: Period
    portfolio: Mapping[str, Book]
    invoices: Mapping[str, Sequence[InvoiceOfPeriods]]
    actions: ActionsTaken | None = None
    held: HeldAgainst | None = None


def period_named(text: str | None, option: str) -> Period | None:
    """A period written `2026-01-01..2026-06-30`. Raises BadInput where it is not."""
    if text is None:
        return None
    first, _, last = text.partition("..")
    try:
        period = Period(date.fromisoformat(first), date.fromisoformat(last))
    except ValueError:
        raise BadInput(f"{option}: {text!r} is not a period such as 2026-01-01..2026-06-30") from None
    if not FIRST_DAY <= period.first <= period.last <= LAST_DAY:
        raise BadInput(f"{option}: {text!r} lies outside {FIRST_DAY} to {LAST_DAY}")
    return period


def print_improvement(
    asked: Asked, wanted: Wanted, *, csv: Path | None, state: Path | None, as_json: bool
) -> None:
    """Compare, write the files that are asked for, and print.

    Raises BadInput where the periods cannot be compared, or there is no invoice.
    """
    rulebook = load_rulebook(Settings().config_folder)
    seller = next(iter(rulebook.sellers.values()))
    if wanted.paper is not None and wanted.paper.lower() not in _PAPERS:
        raise BadInput(f"--paper: {wanted.paper!r} is neither A4 nor Letter")
    listed = wanted.xlsx is not None
    books = _of_store(asked, state, listed=listed) if csv is None else _of_file(asked, csv, listed=listed)
    reports = [
        compare(book, currency, asked.go_live, books.before, books.after)
        for currency, book in sorted(books.portfolio.items())
    ]
    if not reports:
        raise BadInput("There is no invoice to report on: import some (python starter.py import FILE)")
    if wanted.pdf is not None:
        paper = seller.paper if wanted.paper is None else _PAPERS[wanted.paper.lower()]
        html = improvement_html(reports, books.actions, seller=seller.name, paper=paper, held=books.held)
        wanted.pdf.write_bytes(_pdf(html))
        note(f"Written: {wanted.pdf}")
    if wanted.xlsx is not None:
        from activities.reports.improvement_workbook import improvement_workbook

        book = improvement_workbook(
            reports, books.actions, books.invoices, seller=seller.name, held=books.held
        )
        wanted.xlsx.write_bytes(book)
        note(f"Written: {wanted.xlsx}")
    if as_json:
        told = document(reports, books.actions, books.held)
        print_json(told[0] if len(told) == 1 else told)
        return
    for report in reports:
        _say(report)
    _say_actions(books.actions)


def _of_store(asked: Asked, state: Path | None, *, listed: bool) -> Books:
    place = find(state)
    with place.reading() as session:
        as_of = asked.as_of or place.now(session).date()
        before, after = asked.periods(as_of)
        turned = store_improvement.turns(session)
        books = {
            currency: Book(flows, turned.get(currency, {}), as_of)
            for currency, flows in store_trend.flows(session).items()
        }
        invoices = {
            currency: store_improvement.invoices(session, currency, (before, after), as_of, MOST_INVOICES + 1)
            for currency in (books if listed else ())
        }
        return Books(
            as_of,
            before,
            after,
            books,
            invoices,
            ActionsTaken.of(actions(session, before), actions(session, after)),
            held_against(tallies(session, as_of)),
        )


def _of_file(asked: Asked, csv: Path, *, listed: bool) -> Books:
    as_of = asked.as_of or datetime.now(UTC).date()
    before, after = asked.periods(as_of)
    file = of_file(csv)
    flows = file.flows()
    books = {currency: Book(flows[currency], turns(known), as_of) for currency, known in file.known.items()}
    invoices = {
        currency: list(_invoices(known, file.names, (before, after), as_of))
        for currency, known in (file.known if listed else {}).items()
    }
    return Books(as_of, before, after, books, invoices)


def _invoices(
    known: Sequence[Receivable], names: Mapping[str, str], periods: Sequence[Period], as_of: date
) -> Iterator[InvoiceOfPeriods]:
    """The invoices that were issued, fell due or were paid in one of the periods, by their day of issue."""
    for each in sorted(known, key=lambda each: (each.issued_on, each.invoice_id)):
        settled_on = each.settled_on if each.is_settled(as_of) else None
        days = (each.issued_on, each.due_on, settled_on)
        if each.is_known(as_of) and any(on is not None and on in period for on in days for period in periods):
            name = names.get(each.customer_id, "")
            yield InvoiceOfPeriods(each.invoice_id, each.customer_id, name, *days, each.minor)


def _pdf(html: str) -> bytes:
    with PdfRenderer() as renderer:
        try:
            return renderer.render(html, timeout=_TIMEOUT_S)
        except (PdfUnavailable, RenderingFailed) as problem:
            raise Failed(f"There is no PDF: {problem}") from None


def _say(told: Improvement) -> None:
    out().print(
        words(
            f"{told.currency}: {day(told.before.first)} to {day(told.before.last)} and "
            f"{day(told.after.first)} to {day(told.after.last)}, as of {day(told.as_of)}"
        ),
        soft_wrap=True,
    )
    figures = table(
        ["Figure", "Before", "After", "Difference", "Made of"],
        right=["Before", "After", "Difference"],
        wide=["Figure"],
    )
    for compared in told.figures:
        unit = compared.definition.unit
        figures.add_row(
            words(compared.definition.name),
            words(shown(compared.before, unit, told.currency)),
            words(shown(compared.after, unit, told.currency)),
            words(shown_difference(compared, told.currency)),
            words(made_of(compared)),
        )
    out().print(figures)
    for line in lacking(told):
        out().print(words(f"Not shown: {line}"), soft_wrap=True)
    capital = capital_inputs(told)
    if capital:
        inputs = ", ".join(f"{label} {value}" for label, value in capital[:-1])
        out().print(words(f"{capital[-1][0]}: {capital[-1][1]} = {CAPITAL}: {inputs}"), soft_wrap=True)
    else:
        out().print(words(NO_CAPITAL), soft_wrap=True)
    for sentence in reservations(told):
        out().print(words(sentence), soft_wrap=True)
    out().print()


def _say_actions(taken: ActionsTaken | None) -> None:
    if taken is None:
        out().print(words(FROM_A_FILE), soft_wrap=True)
        return
    rows = table(["Actions taken", "Before", "After"], right=["Before", "After"])
    for what, before, after in taken.rows:
        rows.add_row(words(what), words(f"{before:,}"), words(f"{after:,}"))
    out().print(rows)
