"""The collections improvement report as people read it: what is compared, with what, and what it does not show.

The words are the same on paper, in the workbook and on the terminal. They compare and never name a reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from activities.reports.charts import Column, as_address, columns_svg
from activities.reports.hold_out_report import METHOD, arms_in_words, hold_out_document, hold_out_rows
from activities.writing.phrasing import Habits, locale_of, template
from domain.figures.improvement import Compared, Improvement, Measured, Month, Unit
from domain.hold_out import HeldAgainst
from domain.money import Money
from domain.vocabulary import step_name

#: What every copy says first.
NO_PROOF = (
    "This compares two periods of the same books. It is no proof of cause: the season, the economy, the customers, "
    "what they bought and on which terms may differ between the two as well."
)
OTHER_SEASON = "The two periods do not cover the same months of the year."
FROM_A_FILE = "A file of invoices does not say what was done: actions are counted where Duecourse runs."
CAPITAL = "(DSO before − DSO after) × daily credit sales after"
NO_CAPITAL = "Working capital freed is not shown, for it needs the DSO of both periods."
#: The figures that are drawn by month: of a month's record, its name and unit.
COURSES: tuple[tuple[str, str, Unit], ...] = (
    ("dso", "DSO at the end of the month, balance method, 90 days", Unit.DAYS),
    ("days_to_pay", "Days to pay, of the invoices paid in the month", Unit.DAYS),
    ("collected_60d", "Paid within 60 days of the due date, of the invoices due in the month", Unit.PERCENT),
    ("paid_before_due", "Paid before the due date, of the invoices due in the month", Unit.PERCENT),
)

_HABITS = Habits(locale_of("en", None))
_MINUS = "\N{MINUS SIGN}"
_UNITS = {Unit.DAYS: " days", Unit.PERCENT: " %"}


@dataclass(frozen=True, slots=True)
class ActionsTaken:
    """What was done in each of the two periods, counted: `(what, before, after)`."""

    rows: tuple[tuple[str, int, int], ...]

    @classmethod
    def of(cls, before: Mapping[str, Any], after: Mapping[str, Any]) -> ActionsTaken:
        """From the counts of both periods as the measures give them."""
        steps = list(dict.fromkeys([*after["messages_by_step"], *before["messages_by_step"]]))
        rows = [("Messages to customers", before["messages"], after["messages"])]
        rows += [
            (
                f"of these {step_name(step)}",
                before["messages_by_step"].get(step, 0),
                after["messages_by_step"].get(step, 0),
            )
            for step in steps
        ]
        rows += [
            (name, before[key], after[key])
            for key, name in (
                ("calls", "Calls made"),
                ("alerts", "Alerts to account managers"),
                ("credit_holds", "Credit holds placed"),
                ("demands", "Demands"),
                ("referrals", "Referrals"),
            )
        ]
        return cls(tuple(rows))


def amount(value: Fraction, unit: Unit, currency: str, *, signed: bool = False) -> str:
    """A figure as it is read: `41.2 days`, `−3.4 points` for the difference of two shares, `1,250.00 USD`."""
    if unit is Unit.MONEY:
        text = f"{_HABITS.number(Money(abs(round(value)), currency))} {currency}"
    elif unit is Unit.COUNT:
        text = f"{abs(round(value)):,}"
    else:
        text = f"{float(abs(round(value, 1))):,.1f}{_UNITS[unit]}"
    if signed and unit is Unit.PERCENT:
        text = text.replace(" %", " points")
    sign = _MINUS if text_is_negative(value, unit) else "+" if signed and value > 0 else ""
    return f"{sign}{text}"


def text_is_negative(value: Fraction, unit: Unit) -> bool:
    """Whether it is still below zero once it is rounded as it is shown."""
    return round(value, 1 if unit in _UNITS else 0) < 0


def shown(measured: Measured, unit: Unit, currency: str) -> str:
    return "not shown" if measured.value is None else amount(measured.value, unit, currency)


def shown_difference(compared: Compared, currency: str) -> str:
    difference = compared.difference
    return "" if difference is None else amount(difference, compared.definition.unit, currency, signed=True)


def made_of(compared: Compared) -> str:
    """Of how much each side is made: `412 and 398 invoices`."""
    if compared.definition.unit in (Unit.MONEY, Unit.COUNT):
        return ""
    what = "month ends" if compared.definition.key == "dso" else "invoices"
    return f"{compared.before.base:,} and {compared.after.base:,} {what}"


def lacking(told: Improvement) -> list[str]:
    """Which figures are not shown, and why; those of the same reason in one sentence."""
    names: dict[tuple[str, str], list[str]] = {}
    for compared in told.figures:
        for side, measured in (("before", compared.before), ("after", compared.after)):
            if measured.value is None:
                names.setdefault((side, measured.why), []).append(compared.definition.name)
    return [f"{side.capitalize()}, {'; '.join(each)}: {why}." for (side, why), each in names.items()]


def reservations(told: Improvement) -> list[str]:
    """What has to be said before any figure."""
    return [NO_PROOF] if told.same_season else [NO_PROOF, OTHER_SEASON]


def capital_inputs(told: Improvement) -> list[tuple[str, str]]:
    """What working capital freed is made of, the result last; empty where it is not shown."""
    freed = told.capital
    if freed is None:
        return []
    name = "Working capital freed" if freed.minor >= 0 else "Working capital tied up further"
    return [
        ("DSO before", f"{float(freed.dso_before):,.2f} days"),
        ("DSO after", f"{float(freed.dso_after):,.2f} days"),
        (
            f"Daily credit sales after, over {told.after.days} days",
            amount(Fraction(freed.daily_sales), Unit.MONEY, told.currency),
        ),
        (name, amount(Fraction(abs(freed.minor)), Unit.MONEY, told.currency)),
    ]


def document(
    reports: Sequence[Improvement], actions: ActionsTaken | None, held: HeldAgainst | None = None
) -> list[dict[str, Any]]:
    """The report as plain values, an object for each currency. Money in decimal strings, figures rounded."""
    hold_out = None if held is None else hold_out_document(held)
    return [{**_document(told, actions), "hold_out": hold_out} for told in reports]


def _document(told: Improvement, actions: ActionsTaken | None) -> dict[str, Any]:
    freed = told.capital
    return {
        "currency": told.currency,
        "as_of": told.as_of,
        "go_live": told.go_live,
        "before": {"from": told.before.first, "to": told.before.last},
        "after": {"from": told.after.first, "to": told.after.last},
        "figures": [
            {
                "key": compared.definition.key,
                "name": compared.definition.name,
                "unit": compared.definition.unit,
                "what": compared.definition.what,
                "before": _plain(compared.before.value, compared.definition.unit, told.currency),
                "after": _plain(compared.after.value, compared.definition.unit, told.currency),
                "difference": _plain(compared.difference, compared.definition.unit, told.currency),
                "made_of": {"before": compared.before.base, "after": compared.after.base},
                "not_shown": [why for why in (compared.before.why, compared.after.why) if why],
            }
            for compared in told.figures
        ],
        "working_capital_freed": None
        if freed is None
        else {
            "amount": str(Money(freed.minor, told.currency)),
            "dso_before": _plain(freed.dso_before, Unit.DAYS, told.currency),
            "dso_after": _plain(freed.dso_after, Unit.DAYS, told.currency),
            "daily_credit_sales": str(Money(freed.daily_sales, told.currency)),
            "formula": CAPITAL,
        },
        "months": [
            {
                "month": month.name,
                "after": month.is_after,
                **{key: _plain(getattr(month, key), unit, told.currency) for key, _, unit in COURSES},
                "sales": str(Money(month.sales, told.currency)),
                "paid": month.paid,
                "due": month.due,
            }
            for month in told.months
        ],
        "actions": None
        if actions is None
        else [{"what": what, "before": before, "after": after} for what, before, after in actions.rows],
        "notes": reservations(told) + ([FROM_A_FILE] if actions is None else []),
    }


def _plain(value: Fraction | None, unit: Unit, currency: str) -> float | str | int | None:
    if value is None:
        return None
    if unit is Unit.MONEY:
        return str(Money(round(value), currency))
    return round(value) if unit is Unit.COUNT else float(round(value, 2))


def improvement_html(
    reports: Sequence[Improvement],
    actions: ActionsTaken | None,
    *,
    seller: str,
    paper: Literal["A4", "Letter"],
    held: HeldAgainst | None = None,
) -> str:
    """The report as a page of paper. Every chart stands beside its table; what a hold-out shows stands apart."""
    return template("improvement.html.jinja").render(
        day=_HABITS.day,
        short_day=_HABITS.short_day,
        seller=seller,
        paper=paper,
        first=reports[0],
        sections=[_section(told) for told in reports],
        actions=actions,
        from_a_file=FROM_A_FILE,
        capital_formula=CAPITAL,
        no_capital=NO_CAPITAL,
        reservations=reservations(reports[0]),
        held=None if held is None else hold_out_rows(held),
        arms="" if held is None else arms_in_words(held),
        hold_out_method=METHOD,
    )


def _section(told: Improvement) -> dict[str, Any]:
    return {
        "currency": told.currency,
        "rows": [
            (
                compared.definition.name,
                compared.definition.what,
                *(
                    text.removesuffix(f" {told.currency}")  # the head of the table names it
                    for text in (
                        shown(compared.before, compared.definition.unit, told.currency),
                        shown(compared.after, compared.definition.unit, told.currency),
                        shown_difference(compared, told.currency),
                    )
                ),
                made_of(compared),
            )
            for compared in told.figures
        ],
        "lacking": lacking(told),
        "capital": capital_inputs(told),
        "charts": [
            (name, as_address(chart), _in_words(told.months, key, unit))
            for key, name, unit in COURSES
            if (chart := _chart(told.months, key, unit)) is not None
        ],
        "months": [_month_row(month, told.currency) for month in told.months],
    }


def _chart(months: Sequence[Month], key: str, unit: Unit) -> str | None:
    if all(getattr(month, key) is None for month in months):
        return None
    columns = [Column(month.name, getattr(month, key), month.is_after) for month in months]
    return columns_svg(columns, "days" if unit is Unit.DAYS else "percent")


def _in_words(months: Sequence[Month], key: str, unit: Unit) -> str:
    """A chart as it is read out: from where to where it went."""
    known = [month for month in months if getattr(month, key) is not None]
    lowest, highest = (extreme(known, key=lambda month: getattr(month, key)) for extreme in (min, max))
    ends = [
        f"{amount(getattr(month, key), unit, '')} in {month.name}"
        for month in (known[0], known[-1], lowest, highest)
    ]
    return f"Columns by month: {ends[0]} first, {ends[1]} last; least {ends[2]}, most {ends[3]}. The table follows."


def _month_row(month: Month, currency: str) -> tuple[str, ...]:
    values = [
        "–" if value is None else f"{float(round(value, 1)):,.1f}"
        for value in (getattr(month, key) for key, _, _ in COURSES)
    ]
    sales = _HABITS.number(Money(month.sales, currency))
    period = "after" if month.is_after else "before"
    return (month.name, period, *values, sales, f"{month.paid:,}", f"{month.due:,}")
