"""The figures of a day: of what is stored, or of a file of invoices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from commands.failures import BadInput
from commands.figures import report_views
from commands.figures.improvement import Asked, Wanted, print_improvement
from commands.figures.report_portfolio import Portfolio, of_file, stored
from commands.place import find
from commands.terminal import moment, note, out, print_json, table, words
from domain.figures.day_figures import AGES, figures
from store import snapshots

#: What each figure is called where people read it, and its unit; docs/report.md has the formulas.
_FIGURES = (
    ("open_count", "Open invoices", ""),
    ("open_customers", "Customers who owe", ""),
    ("open_amount", "Open", ""),
    ("overdue_amount", "of it overdue", ""),
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


def print_report(
    as_of: date | None,
    csv: Path | None,
    *,
    months: int | None = None,
    by: str | None = None,
    figure: str | None = None,
    customers: int | None = None,
    as_closed: date | None = None,
    go_live: date | None = None,
    state: Path | None,
    as_json: bool,
) -> None:
    """Print the report of a day, today's unless another is named, for each currency; or one view of it.

    Raises BadInput where the file cannot be read, there is no invoice to report on, or the options do not
    go together.
    """
    views = {
        "--trend": months,
        "--by": by,
        "--list": figure,
        "--customers": customers,
        "--as-closed": as_closed,
        "--go-live": go_live,
    }
    asked = [name for name, value in views.items() if value is not None]
    if len(asked) > 1:
        raise BadInput(f"{' and '.join(asked)}: ask for one at a time")
    if csv is not None and (by is not None or customers is not None or as_closed is not None):
        raise BadInput(f"{asked[0]} is of what is stored: leave --from-csv out")
    if as_closed is not None:
        _print_closed(as_closed, state, as_json=as_json)
    elif go_live is not None:
        print_improvement(Asked(go_live, as_of=as_of), Wanted(), csv=csv, state=state, as_json=as_json)
    elif by is not None or customers is not None:
        with stored(as_of, state) as (portfolio, day):
            if by is not None:
                report_views.print_breakdown(portfolio.session, day, by, as_json=as_json)
            elif customers is not None:
                if as_of is not None:
                    raise BadInput("--customers is of what is owed now: leave --as-of out")
                report_views.print_customers(portfolio.session, day, customers, as_json=as_json)
    else:
        with _asked(as_of, csv, state) as (portfolio_, day):
            if months is not None:
                report_views.print_trend(portfolio_, day, months, as_json=as_json)
            elif figure is not None:
                report_views.print_invoices(portfolio_, day, figure, as_json=as_json)
            else:
                _print_figures(portfolio_, day, as_json=as_json)


@contextmanager
def _asked(as_of: date | None, csv: Path | None, state: Path | None) -> Iterator[tuple[Portfolio, date]]:
    if csv is not None:
        yield of_file(csv), as_of or datetime.now(UTC).date()
        return
    with stored(as_of, state) as found:
        yield found


def _print_figures(portfolio: Portfolio, day: date, *, as_json: bool) -> None:
    reports = {each: figures(sums, day, each) for each, sums in portfolio.sums(day).items()}
    if not reports:
        raise BadInput(report_views.NOTHING)
    _print(reports, as_json=as_json)


def _print_closed(day: date, state: Path | None, *, as_json: bool) -> None:
    """The report of a day as it was known when the day was closed."""
    with find(state).reading() as session:
        kept = snapshots.kept(session, day)
    if not kept:
        raise BadInput(f"--as-closed: no figures were kept of {day}: a day is closed in the night after it")
    for currency, (at, _) in kept.items():
        note(f"{currency} as it was known on {moment(at, 'UTC')} UTC")
    _print({currency: told for currency, (_, told) in kept.items()}, as_json=as_json)


def _print(reports: Mapping[str, dict[str, Any]], *, as_json: bool) -> None:
    if not as_json:
        for number, (currency, told) in enumerate(reports.items()):
            if number:
                out().print()
            _say(told, currency)
    elif len(reports) == 1:
        print_json(next(iter(reports.values())))
    else:
        print_json([{"currency": currency, **told} for currency, told in reports.items()])


def _say(told: Mapping[str, Any], currency: str) -> None:
    """The figures of a currency, then its ageing."""
    rows = table(["Figure", told["as_of"], ""], right=[told["as_of"]], wide=["Figure"])
    for key, name, unit in _FIGURES:
        of = currency if key in report_views.MONEY else unit
        rows.add_row(words(name), words(report_views.shown_figure(key, told[key], currency)), words(of))
    out().print(rows)
    ageing = table(["Days past due", "Invoices", currency], right=["Invoices", currency])
    for bucket in AGES:
        held = told["aging"][bucket]
        ageing.add_row(
            words(bucket),
            words(f"{held['count']:,}"),
            words(report_views.shown_money(held["amount"], currency)),
        )
    out().print()
    out().print(ageing)
