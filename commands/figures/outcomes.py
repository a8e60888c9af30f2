"""What was done in a period and what it brought, and the rows that each figure is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from activities.rulebook import business_holidays, load_rulebook
from commands.failures import BadInput
from commands.place import find
from commands.terminal import out, print_json, table, words
from domain.figures.outcomes import Period, Valued, dispute_figures, plan_figures, promise_figures
from domain.money import Money
from domain.vocabulary import step_name
from settings import Settings
from store import outcomes

#: The period where none is named: so many days until today.
DEFAULT_DAYS = 90


class Figure(StrEnum):
    """What can be listed."""

    PROMISES = "promises"
    PLANS = "plans"
    DISPUTES = "disputes"
    ACTIONS = "actions"
    RECOVERED = "recovered"
    TASKS = "tasks"


def figure_named(name: str | None) -> Figure | None:
    """The figure that is to be listed. Raises BadInput with the ones there are."""
    if name is None:
        return None
    try:
        return Figure(name)
    except ValueError:
        raise BadInput(f"--list: {name!r} is none of {', '.join(Figure)}") from None


def print_outcomes(
    first: date | None, last: date | None, listed: Figure | None, *, state: Path | None, as_json: bool
) -> None:
    """Print the measures of a period, or list what one of them is made of."""
    place = find(state)
    with place.reading() as session:
        today = place.now(session).date()
        period = period_of(first, last, today)
        if listed is not None:
            rows = listing(session, listed, period, today)
            _print_rows(rows, as_json=as_json)
            return
        told = measures(session, period, today)
    if as_json:
        print_json(told)
    else:
        _say(told)


@cache
def rules() -> outcomes.Rules:
    """By what cases are judged here."""
    rulebook = load_rulebook(Settings().config_folder)
    return outcomes.Rules(business_holidays, rulebook.policies[rulebook.default_policy])


def period_of(first: date | None, last: date | None, today: date) -> Period:
    """The period that is meant; raises BadInput where it ends before it begins."""
    last = last or today
    try:
        return Period(first or last - timedelta(days=DEFAULT_DAYS - 1), last)
    except ValueError as problem:
        raise BadInput(f"--from, --to: {problem}") from None


def measures(session: Session, period: Period, today: date) -> dict[str, Any]:
    """Every measure of a period; `docs/outcomes.md` has the formulas."""
    return {
        "from": period.first,
        "to": period.last,
        "promises": promise_figures(outcomes.promises(session, period, today, rules())),
        "plans": plan_figures(outcomes.plans(session, period)),
        "disputes": dispute_figures(outcomes.disputes(session, period, rules()), period.last),
        "actions": actions(session, period),
        "recovered": outcomes.recovered(session, period),
        "tasks": outcomes.task_counts(session, period),
    }


def actions(session: Session, period: Period) -> dict[str, Any]:
    """What was done, counted: messages by step, calls by how they went, and the rest."""
    counted = outcomes.action_counts(session, period)
    by_step, by_outcome = counted.get("message", {}), counted.get("call", {})
    return {
        "messages": sum(by_step.values()),
        "messages_by_step": by_step,
        "calls": sum(by_outcome.values()),
        "calls_by_outcome": by_outcome,
        **{
            name: sum(counted.get(action, {}).values())
            for name, action in (
                ("alerts", "alert"),
                ("credit_holds", "credit_hold"),
                ("demands", "demand"),
                ("referrals", "referral"),
            )
        },
    }


def listing(session: Session, figure: Figure, period: Period, today: date) -> list[dict[str, Any]]:
    """The rows that a figure is made of: what is counted or summed is exactly these."""
    read: dict[Figure, Callable[[], list[dict[str, Any]]]] = {
        Figure.PROMISES: lambda: _plain(outcomes.promises(session, period, today, rules())),
        Figure.PLANS: lambda: _plain(outcomes.plans(session, period)),
        Figure.DISPUTES: lambda: [
            {**row, "days": each.days(period.last)}
            for each in outcomes.disputes(session, period, rules())
            for row in _plain([each])
        ],
        Figure.ACTIONS: lambda: _selected(session, outcomes.actions_listed(period)),
        Figure.RECOVERED: lambda: _selected(session, outcomes.receipts_listed(period)),
        Figure.TASKS: lambda: _selected(session, outcomes.tasks_listed(period)),
    }
    return read[figure]()


def _plain(rows: Sequence[Valued]) -> list[dict[str, Any]]:
    return [_in_major_units(asdict(row)) for row in rows]  # type: ignore[call-overload]


def _selected(session: Session, rows: Any) -> list[dict[str, Any]]:
    return [_in_major_units(dict(row)) for row in session.execute(rows).mappings()]


def _in_major_units(row: dict[str, Any]) -> dict[str, Any]:
    if "minor" in row:
        minor = row.pop("minor")
        row["amount"] = str(Money(int(minor), row["currency"]))
    return row


def _print_rows(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(rows)
        return
    columns = list(rows[0]) if rows else []
    listed = table(columns, right=["amount", "days"], wide=["invoices", "ref"])
    for row in rows:
        listed.add_row(*(words(_cell(row[column])) for column in columns))
    out().print(listed)
    out().print(f"{len(rows):,} rows")


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _say(told: dict[str, Any]) -> None:
    out().print(f"{told['from']} to {told['to']}, both included")
    lines = table(["Measure", "", "Made of"], right=[""], wide=["Made of"])
    promised, planned, disputed = told["promises"], told["plans"], told["disputes"]
    _rate(
        lines,
        "Promises kept",
        promised,
        f"{promised['kept']} kept, {promised['broken']} broken; {promised['open']} still to fall due",
    )
    _rate(
        lines,
        "Plans kept",
        planned,
        f"{planned['kept']} kept, {planned['broken']} broken; {planned['ended_otherwise']} ended otherwise",
    )
    lines.add_row(
        words("Days from dispute to resolution"),
        words(_figure(disputed["median_days"])),
        words(
            f"median of {disputed['resolved']} resolved (mean {_figure(disputed['mean_days'])}); "
            f"{disputed['open']} open, for {_figure(disputed['open_median_days'])} days in the median"
        ),
    )
    acted = told["actions"]
    messages = ", ".join(
        f"{number:,} {step_name(step)}" for step, number in acted["messages_by_step"].items()
    )
    calls = ", ".join(
        f"{number:,} {how.replace('_', ' ')}" for how, number in acted["calls_by_outcome"].items()
    )
    lines.add_row(words("Messages sent"), words(f"{acted['messages']:,}"), words(messages))
    lines.add_row(words("Calls made"), words(f"{acted['calls']:,}"), words(calls))
    for name in ("alerts", "credit_holds", "demands", "referrals"):
        lines.add_row(words(name.replace("_", " ").capitalize()), words(f"{acted[name]:,}"), words(""))
    out().print(lines)
    if told["recovered"]:
        out().print()
        received = table(
            ["Received after", "Payments", "Invoices", "Amount"], right=["Payments", "Invoices", "Amount"]
        )
        for row in told["recovered"]:
            step = "no step" if row["step"] == outcomes.BEFORE_ANY_STEP else step_name(row["step"])
            received.add_row(
                words(step),
                words(f"{row['payments']:,}"),
                words(f"{row['invoices']:,}"),
                words(f"{Decimal(row['amount']):,} {row['currency']}"),
            )
        out().print(received)
        out().print("The last step before the payment: what came after what, not what led to it.")
    if told["tasks"]:
        out().print()
        numbers = ("opened", "done", "cancelled", "open")
        tasks = table(
            ["Tasks", *(name.capitalize() for name in numbers)], right=["Opened", "Done", "Cancelled", "Open"]
        )
        for row in told["tasks"]:
            kind = row["kind"].replace("_", " ")
            tasks.add_row(words(kind), *(words(f"{row[name]:,}") for name in numbers))
        out().print(tasks)


def _rate(lines: Any, name: str, told: dict[str, Any], made_of: str) -> None:
    lines.add_row(words(name), words(_figure(told["kept_pct"], "%")), words(made_of))
    for row in told["amounts"]:
        lines.add_row(
            words(f"  by amount, {row['currency']}"),
            words(_figure(row["kept_pct"], "%")),
            words(f"{Decimal(row['kept']):,} kept, {Decimal(row['broken']):,} broken"),
        )


def _figure(value: float | None, unit: str = "") -> str:
    return "–" if value is None else f"{value:,.1f}{' ' + unit if unit else ''}"
