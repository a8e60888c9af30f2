"""What finance and staff ask of risk: who pays late, what is about to be lost, when money will come.

What a command does is imported when it runs.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from commands.options import By, Json, State, to_day

app = typer.Typer()


@app.command()
def risk(
    csv: Annotated[
        Path | None,
        typer.Argument(metavar="CSV", help="Left out: the open cases of the store.", show_default=False),
    ] = None,
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
    model: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A model that risk-train wrote.", show_default=False),
    ] = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """How likely invoices are to be paid late, or lost, and why.

    Of a file: each that is open on a day, or is issued from a day on. Of the store: the cases that are near being
    written off. docs/risk.md has the formulas.
    """
    if csv is None:
        from commands.failures import BadInput
        from commands.risk.risk_watch import print_watch

        if as_of is not None or at_issue is not None:
            raise BadInput("CSV: is missing: --as-of and --at-issue are asked of a file")
        print_watch(state, model, as_json=as_json)
        return
    from commands.risk.risk import print_scores

    print_scores(csv, as_of, at_issue, model, as_json=as_json)


@app.command("risk-train")
def risk_train(
    csv: Annotated[Path, typer.Argument(metavar="CSV", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE")] = Path("late-payment.json"),
    before: Annotated[
        date | None,
        typer.Option(
            parser=to_day,
            metavar="DATE",
            help="Learn from what was known before this day alone.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a model of late payment; written only if it beats the explainable score on later invoices."""
    from commands.risk.risk_train import train

    train(csv, output, before, as_json=as_json)


@app.command()
def cash(
    weeks: Annotated[int, typer.Option(min=1, max=520, help="So many weeks, this one first.")] = 13,
    as_json: Json = False,
    state: State = None,
) -> None:
    """What money is expected by week: promised, in instalments, or as customers usually pay."""
    from commands.risk.cash import print_cash

    print_cash(weeks, state=state, as_json=as_json)


@app.command()
def feeds(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FEED...", help="Files or https addresses; those of DUECOURSE_FEEDS.", show_default=False
        ),
    ] = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Read RSS and Atom feeds for the names of customers who owe, and propose notes of a risk."""
    from commands.risk.feeds import read_feeds

    read_feeds(sources or [], state=state, as_json=as_json)


@app.command("risk-note")
def risk_note(
    item: Annotated[str, typer.Argument(metavar="ITEM", help="Of the worklist.", show_default=False)],
    accept: Annotated[bool, typer.Option("--confirm/--dismiss", help="Note it, or not.")],
    by: By = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Decide about a note that a feed led to; a confirmed one counts as a risk of the customer's cases."""
    from commands.risk.feeds import decide_note

    decide_note(state, item, accept, by, as_json=as_json)
