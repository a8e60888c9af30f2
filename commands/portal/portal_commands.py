"""Customers' pages: their links, and what customers sent by them.

What a command does is imported when it runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.options import By, Json, State

app = typer.Typer(help="Customers' pages: their links.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def link(
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", show_default=False)],
    seller: Annotated[str, typer.Option(help="Whose invoices it shows.")] = "default",
    as_json: Json = False,
    state: State = None,
) -> None:
    """Make a link into a customer's account; whoever has it is taken for the customer."""
    from commands.portal.portal import make_link

    make_link(state, customer, seller, as_json=as_json)


@app.command()
def revoke(
    link: Annotated[
        str | None, typer.Argument(metavar="LINK", help="A link, or its id.", show_default=False)
    ] = None,
    customer: Annotated[
        str | None, typer.Option(metavar="CUSTOMER", help="All of theirs.", show_default=False)
    ] = None,
    by: By = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Close a link, or every link of a customer, at once."""
    from commands.portal.portal import revoke_links

    revoke_links(state, link, customer, by, as_json=as_json)


@app.command()
def contact(
    item: Annotated[str, typer.Argument(metavar="ITEM", help="The worklist item.", show_default=False)],
    accept: Annotated[bool, typer.Option("--accept/--decline", help="Take it over, or not.")],
    by: By = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Decide about a contact that a customer proposed, once it is checked."""
    from commands.portal.portal import decide_contact

    decide_contact(state, item, accept, by, as_json=as_json)


@app.command()
def files(
    answer: Annotated[str, typer.Argument(metavar="ANSWER", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", show_default=False)],
    as_json: Json = False,
    state: State = None,
) -> None:
    """Write the files that a customer sent with an answer; worklist items name it."""
    from commands.portal.portal import write_files

    write_files(state, answer, output, as_json=as_json)
