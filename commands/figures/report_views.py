"""Views of the report: month by month, by group, the invoices behind a figure, the customers who owe most."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from commands.failures import BadInput
from commands.figures.report_portfolio import Portfolio
from commands.terminal import amount, count, day, note, out, print_json, table, words
from domain.figures.day_figures import AGES, MADE_OF, Kind, Tally, ageing, figures, major, part
from domain.figures.receivables import Listed, Question
from domain.figures.trend import month_ends, trend
from domain.money import Money, exponent
from store import balances
from store.receivables import DIMENSIONS, breakdown, currencies

#: The figures of a day that are amounts; the amounts of `aging` are too.
MONEY = frozenset({"open_amount", "overdue_amount"})
#: Invoices of a figure that are listed where people read; `--json` has them all.
_LISTED = 50
NOTHING = "There is no invoice to report on: import some (python starter.py import FILE)"


def print_trend(portfolio: Portfolio, as_of: date, months: int, *, as_json: bool) -> None:
    """The figures of so many month ends, the last one being the day itself."""
    ends = month_ends(as_of, months)
    found = {each: trend(flows, ends, each) for each, flows in sorted(portfolio.flows().items())}
    if not found:
        raise BadInput(NOTHING)
    if as_json:
        print_json([{"currency": currency, "months": rows} for currency, rows in found.items()])
        return
    for currency, rows in found.items():
        columns = [
            *(f"Open {currency}", "Overdue", "DSO, balance 90", "DSO, count-back"),
            *("Collected in 60 d, %", "Days to pay", "in the month"),
        ]
        listed = table(["Month end", *columns], right=columns)
        for row in rows:
            owed = (row["open_amount"], row["overdue_amount"])
            told = [
                *(row["dso_balance_90"], row["dso_countback"], row["collected_60d_amount_pct"]),
                *(row["avg_days_to_pay"], row["month"]["avg_days_to_pay"]),
            ]
            listed.add_row(
                words(row["as_of"]),
                *(words(shown_money(each, currency)) for each in owed),
                *(words(shown(each)) for each in told),
            )
        out().print(listed)


def print_breakdown(session: Session, as_of: date, by: str, *, as_json: bool) -> None:
    """What is open and overdue, by age, of each group; the one that owes most first."""
    if by not in DIMENSIONS:
        raise BadInput(f"--by: is none of {', '.join(DIMENSIONS)} (got {by!r})")
    found = breakdown(session, as_of, by)
    rows = [
        {"currency": currency, "by": by, "group": group, **_group(tallies, currency)}
        for currency, groups in sorted(found.items())
        for group, tallies in sorted(groups.items(), key=lambda each: -part(each[1], "open").owed)
    ]
    if as_json:
        print_json(rows)
        return
    columns = ["Invoices", "Open", "Overdue", *AGES]
    listed = table([by.capitalize(), "", *columns], right=columns, wide=[by.capitalize()])
    for row in rows:
        aged = [row["aging"][age]["amount"] for age in AGES]
        listed.add_row(
            words(row["group"] or "–"),
            words(row["currency"]),
            words(f"{row['open_count']:,}"),
            *(
                words(shown_money(each, row["currency"]))
                for each in (row["open_amount"], row["overdue_amount"], *aged)
            ),
        )
    out().print(listed)


def _group(tallies: Mapping[Kind, Tally], currency: str) -> dict[str, Any]:
    standing = part(tallies, "open")
    return {
        "open_count": standing.number,
        "open_amount": major(standing.owed, currency),
        "overdue_amount": major(part(tallies, "overdue").owed, currency),
        "aging": ageing(tallies, currency),
    }


def print_invoices(portfolio: Portfolio, as_of: date, figure: str, *, as_json: bool) -> None:
    """The invoices that a figure is made of, the earliest due first, each with the parts that it belongs to."""
    if figure not in MADE_OF:
        raise BadInput(f"--list: is none of {', '.join(MADE_OF)} (got {figure!r})")
    documents = []
    for currency, sums in portfolio.sums(as_of).items():
        question = Question.about(figure, sums, as_of)
        told = figures(sums, as_of, currency)
        name, _, bucket = figure.partition(":")
        value = told[name][bucket] if bucket else told[name]
        invoices = portfolio.listed(question, as_of, currency)
        if not as_json:
            _say_invoices(list(invoices), figure, value, currency)
            continue
        documents.append(
            {
                "figure": figure,
                "as_of": as_of,
                "currency": currency,
                "value": value,
                "invoices": [_invoice(each, currency) for each in invoices],
            }
        )
    if as_json:
        print_json(documents)


def _invoice(each: Listed, currency: str) -> dict[str, Any]:
    return {
        "invoice_id": each.invoice_id,
        "customer_id": each.customer_id,
        "issued_on": each.issued_on,
        "due_on": each.due_on,
        "settled_on": each.settled_on,
        "amount": str(Money(each.minor, currency)),
        "open": str(Money(each.owed, currency)),
        "open_90_days_before": str(Money(each.opening, currency)),
        "parts": each.parts,
    }


def _say_invoices(invoices: list[Listed], figure: str, value: Any, currency: str) -> None:
    columns = ["Amount", "Open", "Days to pay", "Days late"]
    listed = table(
        ["Invoice", "Customer", "Issued", "Due", "Settled", *columns, "Part of"],
        right=columns,
        wide=["Invoice", "Customer", "Part of"],
    )
    for each in invoices[:_LISTED]:
        to_pay = late = ""
        if each.settled_on is not None:
            to_pay, late = (f"{(each.settled_on - since).days:,}" for since in (each.issued_on, each.due_on))
        listed.add_row(
            *(words(text) for text in (each.invoice_id, each.customer_id, day(each.issued_on))),
            *(words(text) for text in (day(each.due_on), day(each.settled_on))),
            words(amount(each.minor, currency)),
            words(amount(each.owed, currency) if each.owed else ""),
            *(words(text) for text in (to_pay, late, ", ".join(each.parts))),
        )
    out().print(listed)
    if len(invoices) > _LISTED:
        note(f"… and {len(invoices) - _LISTED:,} more; --json lists them all")
    out().print()
    parts = dict.fromkeys(name for each in invoices for name in each.parts)
    for name in parts:
        of_it = [each for each in invoices if name in each.parts]
        was_open = name == "opening_90"
        left = sum(each.opening if was_open else each.owed for each in of_it)
        sums = f"{amount(sum(each.minor for each in of_it), currency)} made out"
        sums += f", {amount(left, currency)} open{' 90 days before' if was_open else ''}"
        out().print(words(f"{name}: {count(len(of_it), 'invoice')}, {sums}"), soft_wrap=True)
    out().print(words(f"{figure} {currency}: {_told(value, figure, currency)}"), soft_wrap=True)


def _told(value: Any, figure: str, currency: str) -> str:
    """A figure in words; ageing has one for each bucket, and a bucket has number and amount."""
    if not isinstance(value, dict):
        return shown_figure(figure, value, currency)
    if "count" in value:
        return f"{count(value['count'], 'invoice')}, {shown_money(value['amount'], currency)}"
    return "; ".join(f"{age} {_told(value[age], figure, currency)}" for age in AGES)


def print_customers(session: Session, today: date, number: int, *, as_json: bool) -> None:
    """The customers who owe most on open cases, as it is kept with every fact."""
    rows = [
        {
            "currency": currency,
            "customer_id": each.customer_id,
            "name": each.name,
            "open_amount": str(Money(each.open_minor, currency)),
            "overdue_amount": str(Money(int(each.overdue_minor), currency)),
            "open_cases": each.open_cases,
            "earliest_due_on": each.earliest_due_on,
        }
        for currency in currencies(session)
        for each in balances.largest(session, currency, today, number)
    ]
    if as_json:
        print_json(rows)
        return
    columns = ["Open", "Overdue", "Cases"]
    listed = table(["Customer", "Name", *columns, "", "Earliest due"], right=columns, wide=["Name"])
    for row in rows:
        listed.add_row(
            *(words(row[key]) for key in ("customer_id", "name")),
            *(words(f"{Decimal(row[key]):,}") for key in ("open_amount", "overdue_amount")),
            *(words(f"{row['open_cases']:,}"), words(row["currency"]), words(day(row["earliest_due_on"]))),
        )
    out().print(listed)


def shown(value: float | None) -> str:
    """A figure as people read it."""
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def shown_money(value: float, currency: str) -> str:
    """An amount in major units, which the figures round to two places, as its currency is written."""
    return f"{value:,.{min(2, exponent(currency))}f}"


def shown_figure(key: str, value: float | None, currency: str) -> str:
    """A figure of a day by its key, as people read it."""
    return shown_money(value, currency) if key in MONEY and value is not None else shown(value)
