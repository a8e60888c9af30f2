"""What finance asks: the figures of a day, what was done and brought, how two periods compare, what the policies do.

What a command does is imported when it runs.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from commands.options import Json, State, to_day

app = typer.Typer()

AsOf = Annotated[
    date | None,
    typer.Option(parser=to_day, metavar="DATE", help="Today unless named.", show_default=False),
]
FromCsv = Annotated[
    Path | None,
    typer.Option("--from-csv", metavar="CSV", help="Of a file, not of what is stored.", show_default=False),
]


@app.command()
def report(
    as_of: AsOf = None,
    from_csv: FromCsv = None,
    months: Annotated[
        int | None,
        typer.Option(
            "--trend", metavar="MONTHS", min=1, max=120, help="Of so many month ends.", show_default=False
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by", metavar="GROUP", help="Ageing by tier, country, owner or seller.", show_default=False
        ),
    ] = None,
    figure: Annotated[
        str | None,
        typer.Option(
            "--list", metavar="FIGURE", help="The invoices behind a figure of --json.", show_default=False
        ),
    ] = None,
    customers: Annotated[
        int | None,
        typer.Option(
            "--customers", metavar="N", min=1, max=100_000, help="Who owes most.", show_default=False
        ),
    ] = None,
    as_closed: Annotated[
        date | None,
        typer.Option(
            parser=to_day, metavar="DATE", help="As it was known when the day was closed.", show_default=False
        ),
    ] = None,
    go_live: Annotated[
        date | None,
        typer.Option(
            parser=to_day,
            metavar="DATE",
            help="The improvement report since that day; `improvement` has its periods and files.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Ageing, DSO, CEI, days late, collection rate and concentration; docs/report.md has the formulas."""
    from commands.figures.report import print_report

    print_report(
        as_of,
        from_csv,
        months=months,
        by=by,
        figure=figure,
        customers=customers,
        as_closed=as_closed,
        go_live=go_live,
        state=state,
        as_json=as_json,
    )


@app.command()
def outcomes(
    first: Annotated[
        date | None,
        typer.Option("--from", parser=to_day, metavar="DATE", help="90 days until --to.", show_default=False),
    ] = None,
    last: Annotated[
        date | None,
        typer.Option("--to", parser=to_day, metavar="DATE", help="Today unless named.", show_default=False),
    ] = None,
    listed: Annotated[
        str | None,
        typer.Option(
            "--list",
            metavar="FIGURE",
            help="List what it is made of: promises, plans, disputes, actions, recovered, tasks.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """What was done and what it brought: promises and plans kept, disputes, actions, money after each step.

    docs/outcomes.md has the formulas.
    """
    from commands.figures.outcomes import figure_named, print_outcomes

    print_outcomes(first, last, figure_named(listed), state=state, as_json=as_json)


@app.command()
def improvement(
    go_live: Annotated[
        date, typer.Option(parser=to_day, metavar="DATE", help="The first day after.", show_default=False)
    ],
    months: Annotated[
        int | None, typer.Option(min=1, max=120, help="On each side; up to 12.", show_default=False)
    ] = None,
    before: Annotated[str | None, typer.Option(metavar="DATE..DATE", show_default=False)] = None,
    after: Annotated[str | None, typer.Option(metavar="DATE..DATE", show_default=False)] = None,
    as_of: AsOf = None,
    from_csv: FromCsv = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE.pdf", show_default=False)
    ] = None,
    xlsx: Annotated[Path | None, typer.Option(metavar="FILE.xlsx", show_default=False)] = None,
    paper: Annotated[str | None, typer.Option(help="A4 or Letter; the seller's.", show_default=False)] = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Compare collections before and after a day: DSO, days to pay, collection rate, working capital, actions.

    docs/improvement.md has the formulas.
    """
    from commands.figures.improvement import Asked, Wanted, print_improvement

    asked = Asked(go_live, months, before, after, as_of)
    print_improvement(asked, Wanted(output, xlsx, paper), csv=from_csv, state=state, as_json=as_json)


@app.command("hold-out")
def hold_out(
    as_of: AsOf = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """What the policies do, against customers who were drawn to be collected as before.

    docs/hold-out.md says how to begin and what the interval means.
    """
    from commands.figures.hold_out import print_hold_out

    print_hold_out(as_of, state=state, as_json=as_json)
