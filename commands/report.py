"""The figures of a day: of what is stored, or of a file of invoices."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from activities.rulebook import load_rulebook
from commands.failures import BadInput
from commands.place import find
from commands.portfolio_file import read_file
from commands.terminal import out, print_json, table, words
from domain.portfolio_csv import Options
from domain.receivables import Receivable, report
from settings import Settings
from store.receivables import currencies, receivables

#: What each figure is called where people read it, and its unit; docs/report.md has the formulas.
_FIGURES = (
    ("open_count", "Open invoices", ""),
    ("open_customers", "Customers who owe", ""),
    ("open_amount", "Open", "money"),
    ("overdue_amount", "of it overdue", "money"),
    ("dso_balance_90", "DSO, balance method, 90 days", "days"),
    ("dso_balance_30", "DSO, balance method, 30 days", "days"),
    ("dso_countback", "DSO, count-back", "days"),
    ("best_possible_dso_90", "Best possible DSO, 90 days", "days"),
    ("cei_90", "Collection effectiveness index, 90 days", "%"),
    ("settled_count", "Settled invoices", ""),
    ("avg_days_to_pay", "Days to pay", "days"),
    ("avg_days_to_pay_weighted", "Days to pay, by amount", "days"),
    ("avg_days_late_signed", "Days late (negative: early)", "days"),
    ("avg_days_late_late_only", "Days late of those paid late", "days"),
    ("pct_on_time_count", "Paid on time", "%"),
    ("pct_on_time_amount", "Paid on time, by amount", "%"),
    ("collected_60d_count_pct", "Collected within 60 days of the due date", "%"),
    ("collected_60d_amount_pct", "Collected within 60 days, by amount", "%"),
    ("collected_60d_base", "Invoices that fell due 60 days ago or before", ""),
    ("top10_share_open_pct", "Share of the ten who owe most", "%"),
    ("hhi_open", "Concentration (Herfindahl–Hirschman index)", "of 10,000"),
)


def print_report(as_of: date | None, csv: Path | None, *, state: Path | None, as_json: bool) -> None:
    """Print the report of a day, today's unless another is named, for each currency.

    Raises BadInput where the file cannot be read, or there is no invoice to report on.
    """
    day, portfolio = _of_store(as_of, state) if csv is None else _of_file(as_of, csv)
    reports = {currency: report(known, day, currency) for currency, known in sorted(portfolio.items())}
    if not reports:
        raise BadInput("There is no invoice to report on: import some (python starter.py import FILE)")
    if not as_json:
        for currency, told in reports.items():
            _say(told, currency)
        return
    if len(reports) == 1:
        print_json(next(iter(reports.values())))
    else:
        print_json([{"currency": currency, **told} for currency, told in reports.items()])


def _of_store(as_of: date | None, state: Path | None) -> tuple[date, dict[str, list[Receivable]]]:
    place = find(state)
    with place.reading() as session:
        day = as_of or place.now(session).date()
        return day, {currency: receivables(session, currency) for currency in currencies(session)}


def _of_file(as_of: date | None, csv: Path) -> tuple[date, dict[str, list[Receivable]]]:
    today = datetime.now(UTC).date()
    file = read_file(csv, Options(), load_rulebook(Settings().config_folder), today, 0, check=False)
    if file.portfolio.errors:
        told = "\n".join(f"{csv}: {fault}" for fault in file.portfolio.errors[:50])
        raise BadInput(f"{told}\nNothing is reported of a file with faults")
    portfolio: defaultdict[str, list[Receivable]] = defaultdict(list)
    for row in file.portfolio.history:
        portfolio[row.amount.currency].append(
            Receivable(
                row.invoice_id, row.customer_id, row.issued_on, row.due_on, row.amount.minor, row.settled_on
            )
        )
    for start in file.portfolio.rows:
        invoice = start.invoice
        issued_on = invoice.issued_on or invoice.due_on
        portfolio[invoice.currency].append(
            Receivable(
                invoice.invoice_id,
                start.customer.customer_id,
                issued_on,
                invoice.due_on,
                invoice.money.minor,
            )
        )
    return as_of or today, portfolio


def _say(told: dict[str, Any], currency: str) -> None:
    figures = table(["Figure", told["as_of"], ""], right=[told["as_of"]], wide=["Figure"])
    for key, name, unit in _FIGURES:
        figures.add_row(words(name), words(_shown(told[key])), words(currency if unit == "money" else unit))
    out().print(figures)
    ageing = table(["Days past due", "Invoices", currency], right=["Invoices", currency])
    for bucket, held in told["aging"].items():
        ageing.add_row(words(bucket), words(f"{held['count']:,}"), words(_shown(held["amount"])))
    out().print()
    out().print(ageing)


def _shown(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"
