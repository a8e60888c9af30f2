"""Options that several commands have, declared once. Imports typer alone, so that `--help` stays quick."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer


def to_day(text: str) -> date:
    """A date written YYYY-MM-DD, of the days that Duecourse reckons with."""
    from domain.wire import FIRST_DAY, LAST_DAY

    try:
        day = datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007  a calendar date has no zone
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a date such as 2026-12-01") from None
    if not FIRST_DAY <= day <= LAST_DAY:
        raise typer.BadParameter(f"{text!r} lies outside {FIRST_DAY} to {LAST_DAY}")
    return day


def day_of(text: str | None) -> date | None:
    """The day of an option that may be left out."""
    return None if text is None else to_day(text)


Day = Annotated[str | None, typer.Option(metavar="DATE", help="YYYY-MM-DD.", show_default=False)]
State = Annotated[
    Path | None,
    typer.Option(
        "--state",
        metavar="DIR",
        help="State folder of a running stack (or DUECOURSE_STATE); else var/up, var/demo, or the environment.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON document.")]
InvoiceArgument = Annotated[
    str, typer.Argument(metavar="INVOICE", help="Its id, or its number.", show_default=False)
]
By = Annotated[
    str | None, typer.Option("--by", help="Who asks; the user of this machine.", show_default=False)
]
Amount = Annotated[str | None, typer.Option(help="Decimal number, 1250.00.", show_default=False)]
RequiredAmount = Annotated[str, typer.Option(help="Decimal number, 1250.00.", show_default=False)]
Currency = Annotated[str | None, typer.Option(help="ISO 4217; the invoice's.", show_default=False)]
OnDay = Annotated[str | None, typer.Option(metavar="DATE", help="YYYY-MM-DD; today.", show_default=False)]
RequiredDay = Annotated[str, typer.Option(metavar="DATE", help="YYYY-MM-DD.", show_default=False)]
OwnId = Annotated[str | None, typer.Option(help="A repeat changes nothing; a fresh one.", show_default=False)]
Note = Annotated[str | None, typer.Option(show_default=False)]
Reason = Annotated[str, typer.Option(show_default=False)]
OptionalReason = Annotated[str | None, typer.Option(show_default=False)]


def those_given(**fields: Any) -> dict[str, Any]:
    """The fields that were given."""
    return {name: value for name, value in fields.items() if value is not None}
