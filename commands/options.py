"""Options that several commands have, declared once. Imports typer alone, so that `--help` stays quick."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer


def to_day(text: str) -> date:
    """A date written YYYY-MM-DD."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007  a calendar date has no zone
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a date such as 2026-12-01") from None


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
