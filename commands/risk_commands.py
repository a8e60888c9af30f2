"""What finance and staff ask of risk: who pays late, what is about to be lost, when money will come.

What a command does is imported when it runs.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from commands.options import Json, to_day

app = typer.Typer()


@app.command()
def risk(
    csv: Annotated[Path, typer.Argument(metavar="CSV", show_default=False)],
    as_of: Annotated[
        date | None,
        typer.Option(
            parser=to_day, metavar="DATE", help="What is open then; today unless named.", show_default=False
        ),
    ] = None,
    at_issue: Annotated[
        date | None,
        typer.Option(
            parser=to_day,
            metavar="FROM",
            help="Each issued from then on, on its own day of issue.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """How likely invoices are to be paid late, and why; docs/risk.md has the formulas."""
    from commands.risk import print_scores

    print_scores(csv, as_of, at_issue, as_json=as_json)
