"""The improvement report as an XLSX workbook: numbers as numbers, native charts, and the invoices it is made of.

Whatever anybody else wrote is written as text and never read as a formula, a number or a link.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import xlsxwriter

from activities.reports.charts import AFTER_COLOUR, BEFORE_COLOUR
from activities.reports.hold_out_report import COLLECTED, DAYS, METHOD, arms_in_words
from activities.reports.improvement_report import (
    CAPITAL,
    COURSES,
    FROM_A_FILE,
    NO_CAPITAL,
    ActionsTaken,
    made_of,
    reservations,
)
from domain.figures.improvement import Improvement, Unit
from domain.hold_out import HeldAgainst, NoEffect
from domain.money import Money, exponent
from store.improvement import MOST_INVOICES, InvoiceOfPeriods

#: A cell holds 32,767 characters, and a name has no need of them.
_LONGEST_TEXT = 500
#: How high a line is, and how many characters wide what explains a figure is.
_LINE, _WHAT_WIDTH = 15, 80


def improvement_workbook(
    reports: Sequence[Improvement],
    actions: ActionsTaken | None,
    invoices: Mapping[str, Sequence[InvoiceOfPeriods]],
    *,
    seller: str,
    held: HeldAgainst | None = None,
) -> bytes:
    """The workbook: a summary, the months with charts, and the invoices of each currency, then the actions, and
    what a hold-out shows. Of `invoices` at most `MOST_INVOICES` of a currency are listed."""
    file = io.BytesIO()
    book = xlsxwriter.Workbook(
        file,
        {
            "in_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "default_date_format": "yyyy-mm-dd",
        },
    )
    as_of = reports[0].as_of
    book.set_properties(
        {
            "title": f"Collections improvement report, {as_of}",
            "author": _text(seller),
            "created": datetime(as_of.year, as_of.month, as_of.day),  # noqa: DTZ001  a calendar date has no zone
        }
    )
    for told in reports:
        formats = _Formats(book, told.currency)
        _summary(book, formats, told)
        _months(book, formats, told)
        _invoices(book, formats, told, invoices.get(told.currency, ()))
    formats = _Formats(book, reports[0].currency)
    _actions(book, formats, actions)
    if held is not None:
        _hold_out(book, formats, held)
    for sheet in book.worksheets():
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
    book.close()
    return file.getvalue()


class _Formats:
    """How cells look in one currency."""

    def __init__(self, book: Any, currency: str) -> None:
        decimals = exponent(currency)
        places = "." + "0" * decimals if decimals else ""
        self.title = book.add_format({"bold": True, "font_size": 14, "font_color": AFTER_COLOUR})
        self.head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        self.head_right = book.add_format(
            {"bold": True, "bottom": 1, "text_wrap": True, "valign": "top", "align": "right"}
        )
        self.bold = book.add_format({"bold": True})
        self.wrap = book.add_format({"text_wrap": True, "valign": "top"})
        self.beside = book.add_format({"text_wrap": True, "valign": "top", "indent": 1})
        self.soft = book.add_format({"font_color": "#5b6b73", "text_wrap": True, "valign": "top"})
        self.day = book.add_format({"num_format": "yyyy-mm-dd", "align": "left"})
        self.count = book.add_format({"num_format": "#,##0", "valign": "top"})
        self.days = book.add_format({"num_format": "#,##0.0", "valign": "top"})
        self.exact_days = book.add_format({"num_format": "#,##0.00"})
        self.percent = book.add_format({"num_format": "0.0%", "valign": "top"})
        self.money = book.add_format({"num_format": f'#,##0{places} "{currency}"', "valign": "top"})
        self.money_bold = book.add_format(
            {"num_format": f'#,##0{places} "{currency}"', "bold": True, "top": 1}
        )
        self.bold_top = book.add_format({"bold": True, "top": 1})

    def of(self, unit: Unit) -> Any:
        return {
            Unit.DAYS: self.days,
            Unit.PERCENT: self.percent,
            Unit.MONEY: self.money,
            Unit.COUNT: self.count,
        }[unit]


def _text(text: str) -> str:
    """Text that a cell can hold."""
    return "".join(char if char.isprintable() else " " for char in text)[:_LONGEST_TEXT]


def _number(value: Fraction, unit: Unit, currency: str) -> Decimal:
    """A figure as the cell holds it: money in major units, exact; a share as a part of one."""
    if unit is Unit.MONEY:
        return Money(round(value), currency).decimal
    exact = value / 100 if unit is Unit.PERCENT else value
    return Decimal(exact.numerator) / Decimal(exact.denominator)


def _summary(book: Any, formats: _Formats, told: Improvement) -> None:
    sheet = book.add_worksheet(f"Summary {told.currency}")
    sheet.set_column(0, 0, 52)
    sheet.set_column(1, 3, 20)
    sheet.set_column(4, 4, 30)
    sheet.set_column(5, 5, _WHAT_WIDTH)
    sheet.write_string(0, 0, "Collections improvement report", formats.title)
    facts = [
        ("Go-live", told.go_live),
        ("Before, from", told.before.first),
        ("Before, to", told.before.last),
        ("After, from", told.after.first),
        ("After, to", told.after.last),
        ("As of", told.as_of),
    ]
    for row, (label, day) in enumerate(facts, start=1):
        sheet.write_string(row, 0, label)
        sheet.write_datetime(row, 1, datetime.combine(day, datetime.min.time()), formats.day)
    row = len(facts) + 2
    for sentence in reservations(told):
        sheet.merge_range(row, 0, row, 4, "", formats.wrap)
        sheet.write_string(row, 0, sentence, formats.wrap)
        sheet.set_row(row, 32)
        row += 1
    row += 1
    for column, (label, style) in enumerate(
        (
            ("Figure", formats.head),
            ("Before", formats.head_right),
            ("After", formats.head_right),
            ("Difference", formats.head_right),
            ("Made of", formats.head),
            ("What it is", formats.head),
        )
    ):
        sheet.write_string(row, column, label, style)
    for compared in told.figures:
        row += 1
        unit = compared.definition.unit
        sheet.write_string(row, 0, compared.definition.name, formats.wrap)
        for column, value in enumerate(
            (compared.before.value, compared.after.value, compared.difference), start=1
        ):
            if value is not None:
                sheet.write_number(row, column, _number(value, unit, told.currency), formats.of(unit))
            elif column < 3:
                sheet.write_string(row, column, "not shown", formats.soft)
        sheet.write_string(row, 4, made_of(compared), formats.beside)
        lacking = "; ".join(why for why in (compared.before.why, compared.after.why) if why)
        what = compared.definition.what + (f". {lacking}" if lacking else "")
        sheet.write_string(row, 5, what, formats.soft)
        sheet.set_row(row, _LINE * -(-len(what) // _WHAT_WIDTH))
    row += 2
    _capital(sheet, formats, told, row)


def _capital(sheet: Any, formats: _Formats, told: Improvement, row: int) -> None:
    """What working capital freed is made of, and the result as a formula over these cells."""
    sheet.write_string(row, 0, "Working capital freed", formats.bold)
    freed = told.capital
    if freed is None:
        sheet.write_string(row + 1, 0, NO_CAPITAL)
        return
    sheet.write_string(row, 1, CAPITAL)
    inputs = (
        ("DSO before", _number(freed.dso_before, Unit.DAYS, told.currency), formats.exact_days),
        ("DSO after", _number(freed.dso_after, Unit.DAYS, told.currency), formats.exact_days),
        (
            f"Daily credit sales after, over {told.after.days} days",
            Money(freed.daily_sales, told.currency).decimal,
            formats.money,
        ),
    )
    for offset, (label, value, style) in enumerate(inputs, start=1):
        sheet.write_string(row + offset, 0, label)
        sheet.write_number(row + offset, 1, value, style)
    result = row + len(inputs) + 1
    sheet.write_string(result, 0, "Working capital freed (negative: tied up further)", formats.bold_top)
    sheet.write_number(result, 1, Money(freed.minor, told.currency).decimal, formats.money_bold)


def _months(book: Any, formats: _Formats, told: Improvement) -> None:
    name = f"Months {told.currency}"
    sheet = book.add_worksheet(name)
    heads = [
        "Month",
        "Period",
        *(title for _, title, _ in COURSES),
        "Credit sales",
        "Invoices paid",
        "Fell due",
    ]
    sheet.set_column(0, 1, 12)
    sheet.set_column(2, len(heads) - 1, 20)
    sheet.set_row(0, 4 * _LINE)
    for column, head in enumerate(heads):
        sheet.write_string(0, column, head, formats.head)
    for row, month in enumerate(told.months, start=1):
        sheet.write_string(row, 0, month.name)
        sheet.write_string(row, 1, "after" if month.is_after else "before")
        for column, (key, _, unit) in enumerate(COURSES, start=2):
            value = getattr(month, key)
            if value is not None:
                sheet.write_number(row, column, _number(value, unit, told.currency), formats.of(unit))
        column = 2 + len(COURSES)
        sheet.write_number(row, column, Money(month.sales, told.currency).decimal, formats.money)
        sheet.write_number(row, column + 1, month.paid, formats.count)
        sheet.write_number(row, column + 2, month.due, formats.count)
    sheet.freeze_panes(1, 1)
    last = len(told.months)
    colours = [{"fill": {"color": AFTER_COLOUR if each.is_after else BEFORE_COLOUR}} for each in told.months]
    for place, (key, title, unit) in enumerate(COURSES):
        if all(getattr(month, key) is None for month in told.months):
            continue
        chart = book.add_chart({"type": "column"})
        chart.add_series(
            {
                "name": title,
                "categories": [name, 1, 0, last, 0],
                "values": [name, 1, 2 + place, last, 2 + place],
                "points": colours,
                "gap": 40,
            }
        )
        chart.set_title({"name": title, "name_font": {"size": 11}})
        chart.set_legend({"none": True})
        chart.set_y_axis(
            {
                "min": 0 if unit is Unit.PERCENT else None,
                "max": 1 if unit is Unit.PERCENT and _is_nearly_all(told, key) else None,
                "num_format": "0%" if unit is Unit.PERCENT else "0",
                "major_gridlines": {"visible": True, "line": {"color": "#dfe5e8"}},
            }
        )
        chart.set_size({"width": 620, "height": 260})
        sheet.insert_chart(
            last + 2 + 14 * (place // 2),
            0 if place % 2 == 0 else 5,
            chart,
            {"description": f"{title}, by month; grey before, green after. The table above has the figures."},
        )


def _is_nearly_all(told: Improvement, key: str) -> bool:
    """Whether a share comes so near to all that its axis ends there."""
    return any(value is not None and value > 80 for value in (getattr(each, key) for each in told.months))


def _invoices(book: Any, formats: _Formats, told: Improvement, lines: Sequence[InvoiceOfPeriods]) -> None:
    sheet = book.add_worksheet(f"Invoices {told.currency}")
    heads = (
        ("Invoice", 20), ("Customer number", 18), ("Customer", 34), ("Issued", 11), ("Due", 11), ("Paid", 11),
        ("Amount", 18), ("Days to pay", 11), ("Days late", 11),
        ("Issued in", 10), ("Due in", 10), ("Paid in", 10),
    )  # fmt: skip
    for column, (head, width) in enumerate(heads):
        sheet.set_column(column, column, width)
        sheet.write_string(0, column, head, formats.head)
    sheet.freeze_panes(1, 1)
    sheet.repeat_rows(0)
    row = 0
    for line in lines[:MOST_INVOICES]:
        row += 1
        for column, text in enumerate((line.invoice_id, line.customer_id, line.customer)):
            sheet.write_string(row, column, _text(text))
        days = (line.issued_on, line.due_on, line.settled_on)
        for column, day in enumerate(days, start=3):
            if day is not None:
                sheet.write_datetime(row, column, datetime.combine(day, datetime.min.time()), formats.day)
        sheet.write_number(row, 6, Money(line.minor, told.currency).decimal, formats.money)
        if line.settled_on is not None:
            sheet.write_number(row, 7, (line.settled_on - line.issued_on).days, formats.count)
            sheet.write_number(row, 8, (line.settled_on - line.due_on).days, formats.count)
        for column, day in enumerate(days, start=9):
            sheet.write_string(row, column, _side(told, day))
    sheet.autofilter(0, 0, max(1, row), len(heads) - 1)
    if len(lines) > MOST_INVOICES:
        left = (
            f"There are more than {MOST_INVOICES:,}; the rest is left out: a longer sheet opens for nobody."
        )
        sheet.write_string(row + 1, 0, left)


def _side(told: Improvement, day: date | None) -> str:
    if day is None:
        return ""
    return "before" if day in told.before else "after" if day in told.after else ""


def _actions(book: Any, formats: _Formats, actions: ActionsTaken | None) -> None:
    sheet = book.add_worksheet("Actions taken")
    sheet.set_column(0, 0, 44)
    sheet.set_column(1, 2, 14)
    if actions is None:
        sheet.write_string(0, 0, FROM_A_FILE)
        return
    for column, head in enumerate(("Action", "Before", "After")):
        sheet.write_string(0, column, head, formats.head)
    for row, (what, before, after) in enumerate(actions.rows, start=1):
        sheet.write_string(row, 0, what)
        sheet.write_number(row, 1, before, formats.count)
        sheet.write_number(row, 2, after, formats.count)


def _hold_out(book: Any, formats: _Formats, held: HeldAgainst) -> None:
    sheet = book.add_worksheet("Hold-out")
    sheet.set_column(0, 0, 60)
    sheet.set_column(1, 5, 16)
    heads = ("Figure", "Usual", "Held out", "Effect", "95 % interval, from", "to")
    for column, head in enumerate(heads):
        sheet.write_string(0, column, head, formats.head)
    shown = (
        (COLLECTED, held.collected, formats.percent),
        (DAYS, held.days, formats.days),
    )
    for row, (name, effect, style) in enumerate(shown, start=1):
        sheet.write_string(row, 0, name, formats.wrap)
        if isinstance(effect, NoEffect):
            sheet.write_string(row, 1, effect.why)
            continue
        values = (effect.usual, effect.held_out, effect.difference, effect.low, effect.high)
        for column, value in enumerate(values, start=1):
            sheet.write_number(row, column, value, style)
    sheet.write_string(4, 0, arms_in_words(held), formats.wrap)
    sheet.write_string(5, 0, METHOD, formats.wrap)
