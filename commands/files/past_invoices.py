"""A file of invoices read for what it says of the past: to replay it, to judge behaviour, to learn from it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from commands.failures import BadInput
from commands.terminal import clean, count, note
from domain.files.past_invoices import PastInvoice, past_invoices
from domain.files.portfolio_csv import read

#: How many faults of a file are listed.
_LISTED = 50


def read_past(csv: Path) -> tuple[list[PastInvoice], int]:
    """The invoices of a file and how many rows were left out. Raises BadInput where it has faults or no invoice."""
    portfolio = read(csv.read_bytes(), datetime.now(UTC).date())
    if portfolio.errors:
        for fault in portfolio.errors[:_LISTED]:
            note(clean(f"{csv}: {fault}"))
        raise BadInput(f"{csv}: {count(len(portfolio.errors), 'fault')}; nothing was made of it")
    past, left_out = past_invoices(portfolio)
    if not past:
        raise BadInput(f"{csv}: has no row that can be used; rows need an issue date and no flags")
    return past, left_out
