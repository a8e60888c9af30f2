"""Where a report takes its figures from: the store, whose database adds up, or a file of invoices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Protocol

from sqlalchemy.orm import Session

from activities.rulebook import load_rulebook
from commands.failures import BadInput
from commands.files.portfolio_file import read_file
from commands.place import find
from domain.figures import receivables, trend
from domain.figures.day_figures import Sums
from domain.figures.receivables import Listed, Question, Receivable
from domain.figures.trend import Flow
from domain.files.portfolio_csv import Options
from settings import Settings
from store import receivables as store_receivables
from store import trend as store_trend


class Portfolio(Protocol):
    """Invoices that figures can be asked of, each currency for itself."""

    def sums(self, as_of: date) -> dict[str, Sums]:
        """What the figures of a day are made of; every currency there is."""

    def flows(self) -> Mapping[str, Mapping[date, Flow]]:
        """What each day changed."""

    def listed(self, question: Question, as_of: date, currency: str) -> Iterator[Listed]:
        """The invoices behind a figure, the earliest due first."""


@dataclass(frozen=True)
class Stored:
    """What is stored."""

    session: Session

    def sums(self, as_of: date) -> dict[str, Sums]:
        known = store_receivables.sums(self.session, as_of)
        return {each: known.get(each, Sums()) for each in store_receivables.currencies(self.session)}

    def flows(self) -> Mapping[str, Mapping[date, Flow]]:
        return store_trend.flows(self.session)

    def listed(self, question: Question, as_of: date, currency: str) -> Iterator[Listed]:
        return store_receivables.listed(self.session, question, as_of, currency)


@dataclass(frozen=True)
class OfFile:
    """What stands in a file."""

    known: Mapping[str, Sequence[Receivable]]
    names: Mapping[str, str]
    """Of the customers, by their number."""

    def sums(self, as_of: date) -> dict[str, Sums]:
        return {currency: receivables.sums(each, as_of) for currency, each in sorted(self.known.items())}

    def flows(self) -> Mapping[str, Mapping[date, Flow]]:
        return {currency: trend.flows(each) for currency, each in self.known.items()}

    def listed(self, question: Question, as_of: date, currency: str) -> Iterator[Listed]:
        found = receivables.listed(self.known[currency], question, as_of)
        return iter(sorted(found, key=lambda each: (each.due_on, each.invoice_id)))


@contextmanager
def stored(as_of: date | None, state: Path | None) -> Iterator[tuple[Stored, date]]:
    """What is stored, seen at one moment, and the day to report on: today's unless another is named."""
    place = find(state)
    with place.reading() as session:
        yield Stored(session), as_of or place.now(session).date()


def of_file(csv: Path) -> OfFile:
    """The invoices of a file. Raises BadInput naming its faults."""
    today = datetime.now(UTC).date()
    file = read_file(csv, Options(), load_rulebook(Settings().config_folder), today, 0, check=False)
    if file.portfolio.errors:
        told = "\n".join(f"{csv}: {fault}" for fault in file.portfolio.errors[:50])
        raise BadInput(f"{told}\nNothing is reported of a file with faults")
    known: defaultdict[str, list[Receivable]] = defaultdict(list)
    for row in file.portfolio.history:
        known[row.amount.currency].append(
            Receivable(
                row.invoice_id, row.customer_id, row.issued_on, row.due_on, row.amount.minor, row.settled_on
            )
        )
    for start in file.portfolio.rows:
        invoice = start.invoice
        issued_on = invoice.issued_on or invoice.due_on
        known[invoice.currency].append(
            Receivable(
                invoice.invoice_id,
                start.customer.customer_id,
                issued_on,
                invoice.due_on,
                invoice.money.minor,
                changes=tuple((paid.received_on, -paid.money.minor) for paid in start.payments),
            )
        )
    customers = [*file.portfolio.customers.values(), *(start.customer for start in file.portfolio.rows)]
    return OfFile(known, {customer.customer_id: customer.name or "" for customer in customers})
