"""What a policy does: what it will send, what it would have sent, and what it says.

What a command does is imported when it runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.options import Day, Json, day_of

app = typer.Typer()
policy_app = typer.Typer(help="Escalation policies.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def forecast(
    days: Annotated[int, typer.Option(min=1, max=3650)] = 30,
    as_json: Json = False,
) -> None:
    """Say what would be sent, when and why; sends nothing."""
    from commands.policies.forecast import forecast

    raise typer.Exit(forecast(days, as_json))


@app.command()
def backtest(
    csv: Annotated[Path, typer.Argument(metavar="CSV", show_default=False)],
    policy: Annotated[Path, typer.Option(metavar="FILE", show_default=False)],
    until: Day = None,
    as_json: Json = False,
) -> None:
    """Replay past invoices through a policy."""
    from commands.policies.backtest import backtest

    raise typer.Exit(backtest(csv, policy, day_of(until), as_json))


@policy_app.command()
def describe(
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False)], as_json: Json = False
) -> None:
    """Print a policy as a readable specification: ladder, tone, to whom, limits."""
    from commands.policies.policy import describe_policy

    describe_policy(file, as_json=as_json)


app.add_typer(policy_app, name="policy")
