"""The whole thing on this machine: the demo, the local stack, and what either stands on.

What a command does is imported when it runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.options import Json, State, day_of

app = typer.Typer()


@app.command()
def demo(
    until: Annotated[
        str | None, typer.Option(metavar="DATE", help="Live on to this day.", show_default=False)
    ] = None,
    leave: Annotated[bool, typer.Option("--exit", help="Print the summary and stop.")] = False,
    temporal_port: Annotated[
        int | None,
        typer.Option(min=1, max=64535, help="Else 7233 or the next that is free.", show_default=False),
    ] = None,
    web_port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Else 8080 or the next that is free.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the whole thing here with a sample portfolio."""
    from commands.stack.demo import demo

    raise typer.Exit(demo(day_of(until), leave, as_json, temporal_port=temporal_port, web_port=web_port))


@app.command()
def up(
    temporal_port: Annotated[int, typer.Option(min=1, max=64535, help="Its UI takes this plus 1000.")] = 7233,
    web_port: Annotated[int, typer.Option(min=1, max=65535)] = 8080,
    state: Annotated[
        Path | None, typer.Option(metavar="DIR", help="State folder; var/up.", show_default=False)
    ] = None,
) -> None:
    """Run database, Temporal and a worker until Ctrl-C."""
    from commands.stack.up import up

    up(state, temporal_port, web_port)


@app.command()
def doctor(as_json: Json = False, state: State = None) -> None:
    """Check what this stands on, each failure with its fix."""
    from commands.stack.doctor import examine

    examine(state, as_json=as_json)
