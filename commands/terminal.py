"""What people read: tables, amounts and dates, with everything strangers wrote made harmless."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from domain.money import Money, exponent

#: Width of what goes into a file or a pipe, where there is no terminal to ask.
_WIDTH = 140
#: Nobody takes a day of this distance for that of another year.
_NEAR = timedelta(days=300)


def out() -> Console:
    """Standard output."""
    return _console(sys.stdout.isatty(), stderr=False)


def notes() -> Console:
    """Standard error: progress and everything that is not the answer itself."""
    return _console(sys.stderr.isatty(), stderr=True)


def _console(is_terminal: bool, *, stderr: bool) -> Console:
    width = None if is_terminal else _WIDTH
    return Console(stderr=stderr, width=width, markup=False, highlight=False, emoji=False)


def note(text: str) -> None:
    """One line on standard error."""
    print(clean(text), file=sys.stderr, flush=True)


def print_json(document: Any) -> None:
    """The one JSON document of a command on standard output."""
    print(json.dumps(document, ensure_ascii=False, indent=2, default=_wire), flush=True)


def _wire(value: object) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat().replace("+00:00", "Z")
    return str(value)


def clean(text: str) -> str:
    """Text that cannot steer a terminal: control and direction characters are shown, not obeyed."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        f"\\u{ord(char):04x}" if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") else char
        for char in text.replace("\r\n", "\n").replace("\n", " ")
    )


def words(text: str, style: str = "") -> Text:
    """A cell of a table; no markup of anybody's is read."""
    return Text(clean(text), style=style)


def table(columns: Sequence[str], *, right: Iterable[str] = (), wide: Iterable[str] = ()) -> Table:
    """An empty table; columns of `right` are aligned to the right and never broken, `wide` ones may wrap."""
    plain = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    aligned, wrapping = set(right), set(wide)
    for column in columns:
        plain.add_column(
            column,
            justify="right" if column in aligned else "left",
            no_wrap=column not in wrapping,
            overflow="fold",
        )
    return plain


def amount(minor: int, currency: str) -> str:
    """`1,250.00 USD`."""
    return f"{Money(minor, currency).decimal:,.{exponent(currency)}f} {currency}"


def total(amounts: Iterable[Money]) -> str:
    """Sums by currency, the largest first: amounts of different currencies never meet."""
    sums: dict[str, int] = {}
    for money in amounts:
        sums[money.currency] = sums.get(money.currency, 0) + money.minor
    ordered = sorted(sums.items(), key=lambda entry: -Money(entry[1], entry[0]).decimal)
    return " · ".join(amount(minor, currency) for currency, minor in ordered)


def count(number: int, noun: str, several: str | None = None) -> str:
    """`1 invoice`, `2 invoices`, `1,200 invoices`."""
    return f"{number:,} {noun if number == 1 else several or noun + 's'}"


def day(on: date | None) -> str:
    """`1 Dec 2026`."""
    return "" if on is None else f"{on.day} {on:%b %Y}"


def moment(at: datetime | None, zone: str, near: datetime | None = None) -> str:
    """An instant as people of a zone read it: `Mon 7 Dec 2026 09:40`, without the year if it is `near`."""
    if at is None:
        return ""
    local = at.astimezone(ZoneInfo(zone))
    year = "" if near is not None and abs(at - near) < _NEAR else f" {local.year}"
    return f"{local:%a} {local.day} {local:%b}{year} {local:%H:%M}"


def city(zone: str) -> str:
    """`New York` of `America/New_York`."""
    return zone.rsplit("/", 1)[-1].replace("_", " ")


def progress_bar() -> Progress:
    """So much of so much on standard error, gone when it is done."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=notes(),
        transient=True,
    )
