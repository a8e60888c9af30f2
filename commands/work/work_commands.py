"""What staff look at day by day: the worklist, mail that came in, cases, letters to be printed.

What a command does is imported when it runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.options import By, Day, InvoiceArgument, Json, State, day_of
from domain.vocabulary import AnswerKind, DisputeReason

app = typer.Typer()


@app.command()
def worklist(
    kind: Annotated[str | None, typer.Option(help="Only this kind.", show_default=False)] = None,
    customer: Annotated[str | None, typer.Option(help="Only this customer's.", show_default=False)] = None,
    invoice: Annotated[
        str | None, typer.Option(help="Only what is about this invoice.", show_default=False)
    ] = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """List what a person has to do or look at."""
    from commands.work.lists import print_worklist

    print_worklist(state, kind=kind, customer=customer, invoice=invoice, as_json=as_json)


@app.command()
def reply(
    item: Annotated[str, typer.Argument(metavar="ITEM", help="Of the worklist.", show_default=False)],
    confirm: Annotated[bool, typer.Option("--confirm", help="Tell the case what it means.")] = False,
    kind: Annotated[
        AnswerKind | None, typer.Option("--as", help="What it means; as suggested.", show_default=False)
    ] = None,
    pay_by: Day = None,
    amount: Annotated[str | None, typer.Option(help="Of a promise or dispute.", show_default=False)] = None,
    reason: Annotated[DisputeReason | None, typer.Option(help="Of a dispute.", show_default=False)] = None,
    invoice: Annotated[str | None, typer.Option(help="What it is about.", show_default=False)] = None,
    raw: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the mail as it came.", show_default=False)
    ] = None,
    by: By = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Read a customer's mail, and confirm what it means."""
    from commands.work.reply import Said, show_reply, write_mail
    from commands.work.reply import confirm as confirm_reply

    if raw is not None:
        write_mail(state, item, raw)
    if confirm or kind is not None:
        said = Said(kind, day_of(pay_by), amount, reason, invoice)
        confirm_reply(state, item, said, by, as_json=as_json)
    elif raw is None:
        show_reply(state, item, as_json=as_json)


@app.command()
def show(invoice: InvoiceArgument, as_json: Json = False, state: State = None) -> None:
    """Show a case and its timeline."""
    from commands.work.show import print_case

    print_case(state, invoice, as_json=as_json)


@app.command("list")
def list_(
    customer: Annotated[str | None, typer.Option(help="Only this customer's.", show_default=False)] = None,
    seller: Annotated[str | None, typer.Option(help="Only this seller's.", show_default=False)] = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """List the open cases."""
    from commands.work.lists import print_cases

    print_cases(state, customer=customer, seller=seller, as_json=as_json)


@app.command()
def letters(
    seller: Annotated[str | None, typer.Option(help="Only this seller's.", show_default=False)] = None,
    day: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="Only this day's.", show_default=False)
    ] = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """List the letters to be printed, by day, and close the days that are over: one PDF each."""
    from commands.work.letters import print_letters

    print_letters(state, seller=seller, day=day_of(day), as_json=as_json)
