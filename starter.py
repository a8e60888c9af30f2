"""The command line: `python starter.py COMMAND`. Exit codes: 0 done, 2 bad input or usage, 1 failed.

What a command does is imported when it runs, so that `--help` is quick.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from commands import fact_commands, outcome_commands, request_commands, risk_commands
from commands.options import By, InvoiceArgument, Json, State, to_day
from domain.vocabulary import AnswerKind, DisputeReason

app = typer.Typer(
    help="Duecourse collects unpaid invoices in due course, without losing the customer.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
portal_app = typer.Typer(help="Customers' pages: their links.", no_args_is_help=True, rich_markup_mode=None)
policy_app = typer.Typer(help="Escalation policies.", no_args_is_help=True, rich_markup_mode=None)

Day = Annotated[str | None, typer.Option(metavar="DATE", help="YYYY-MM-DD.", show_default=False)]


@app.command()
def demo(
    until: Annotated[
        str | None, typer.Option(metavar="DATE", help="Live on to this day.", show_default=False)
    ] = None,
    leave: Annotated[bool, typer.Option("--exit", help="Print the summary and stop.")] = False,
    as_json: Json = False,
) -> None:
    """Show the whole thing here with a sample portfolio."""
    from commands.demo import demo

    raise typer.Exit(demo(_day(until), leave, as_json))


@app.command()
def up(
    temporal_port: Annotated[int, typer.Option(min=1, max=64535, help="Its UI takes this plus 1000.")] = 7233,
    web_port: Annotated[int, typer.Option(min=1, max=65535)] = 8080,
    state: Annotated[
        Path | None, typer.Option(metavar="DIR", help="State folder; var/up.", show_default=False)
    ] = None,
) -> None:
    """Run database, Temporal and a worker until Ctrl-C."""
    from commands.up import up

    up(state, temporal_port, web_port)


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", show_default=False)],
    check: Annotated[bool, typer.Option("--check", help="Only read.")] = False,
    currency: Annotated[
        str | None, typer.Option(help="Where the file has no such column.", show_default=False)
    ] = None,
    seller: Annotated[str, typer.Option(help="Where the file has no such column.")] = "default",
    date_format: Annotated[
        str | None, typer.Option(help="Such as DD/MM/YYYY; found out.", show_default=False)
    ] = None,
    decimal_format: Annotated[
        str | None, typer.Option(help="1,234.56 or 1.234,56; found out.", show_default=False)
    ] = None,
    delimiter: Annotated[str | None, typer.Option(help="Found out.", show_default=False)] = None,
    due_days: Annotated[
        int, typer.Option(min=0, max=365, help="After issue, where an e-invoice states no due date.")
    ] = 30,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Start a case for each open invoice of CSV files or e-invoices (UBL, CII).

    Settled ones become history, credit notes are applied; docs/import.md describes both.
    """
    from commands.import_files import import_files, options

    read = options(delimiter, date_format, decimal_format, currency, seller)
    import_files(files, read, due_days, state=state, check=check, as_json=as_json)


@app.command()
def bank(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", show_default=False)],
    check: Annotated[bool, typer.Option("--check", help="Only read.")] = False,
    columns: Annotated[
        str | None,
        typer.Option(help="What a CSV calls its columns: booked_on=Tag,amount=Summe.", show_default=False),
    ] = None,
    account: Annotated[
        str | None, typer.Option(help="Where a CSV has no such column.", show_default=False)
    ] = None,
    currency: Annotated[
        str | None, typer.Option(help="Where a CSV has no such column.", show_default=False)
    ] = None,
    date_format: Annotated[
        str | None, typer.Option(help="Such as DD/MM/YYYY; found out.", show_default=False)
    ] = None,
    decimal_format: Annotated[
        str | None, typer.Option(help="1,234.56 or 1.234,56; found out.", show_default=False)
    ] = None,
    delimiter: Annotated[str | None, typer.Option(help="Found out.", show_default=False)] = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Book what bank statements tell of (camt.052, .053, .054 or CSV).

    docs/bank.md says how they are read and how payments are matched.
    """
    from commands.bank import options, read_statements

    tables = options(columns, account, currency, delimiter, date_format, decimal_format)
    read_statements(files, tables, state=state, check=check, as_json=as_json)


@app.command()
def report(
    as_of: Annotated[
        date | None,
        typer.Option(parser=to_day, metavar="DATE", help="Today unless named.", show_default=False),
    ] = None,
    from_csv: Annotated[
        Path | None,
        typer.Option(
            "--from-csv", metavar="CSV", help="Of a file, not of what is stored.", show_default=False
        ),
    ] = None,
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
    as_json: Json = False,
    state: State = None,
) -> None:
    """Ageing, DSO, CEI, days late, collection rate and concentration; docs/report.md has the formulas."""
    from commands.report import print_report

    print_report(
        as_of,
        from_csv,
        months=months,
        by=by,
        figure=figure,
        customers=customers,
        as_closed=as_closed,
        state=state,
        as_json=as_json,
    )


app.add_typer(outcome_commands.app)
app.add_typer(fact_commands.app)
app.add_typer(request_commands.app)
app.add_typer(risk_commands.app)


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
    from commands.lists import print_worklist

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
    from commands.reply import Said, show_reply, write_mail
    from commands.reply import confirm as confirm_reply

    if raw is not None:
        write_mail(state, item, raw)
    if confirm or kind is not None:
        said = Said(kind, _day(pay_by), amount, reason, invoice)
        confirm_reply(state, item, said, by, as_json=as_json)
    elif raw is None:
        show_reply(state, item, as_json=as_json)


@app.command()
def show(invoice: InvoiceArgument, as_json: Json = False, state: State = None) -> None:
    """Show a case and its timeline."""
    from commands.show import print_case

    print_case(state, invoice, as_json=as_json)


@app.command("list")
def list_(
    customer: Annotated[str | None, typer.Option(help="Only this customer's.", show_default=False)] = None,
    seller: Annotated[str | None, typer.Option(help="Only this seller's.", show_default=False)] = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """List the open cases."""
    from commands.lists import print_cases

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
    from commands.letters import print_letters

    print_letters(state, seller=seller, day=_day(day), as_json=as_json)


@app.command()
def forecast(
    days: Annotated[int, typer.Option(min=1, max=3650)] = 30,
    as_json: Json = False,
) -> None:
    """Say what would be sent, when and why; sends nothing."""
    from commands.forecast import forecast

    raise typer.Exit(forecast(days, as_json))


@app.command()
def backtest(
    csv: Annotated[Path, typer.Argument(metavar="CSV", show_default=False)],
    policy: Annotated[Path, typer.Option(metavar="FILE", show_default=False)],
    until: Day = None,
    as_json: Json = False,
) -> None:
    """Replay past invoices through a policy."""
    from commands.backtest import backtest

    raise typer.Exit(backtest(csv, policy, _day(until), as_json))


@app.command()
def papers(
    invoice: InvoiceArgument,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", show_default=False)],
    as_json: Json = False,
    state: State = None,
) -> None:
    """Write the papers of a case, its call sheet and referral pack."""
    from commands.papers import write_papers

    write_papers(state, invoice, output, as_json=as_json)


@app.command()
def bundle(
    invoice: InvoiceArgument,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE.zip", show_default=False)],
    revoke_links: Annotated[
        bool, typer.Option("--revoke-links", help="Close the links into the portal in its mails.")
    ] = False,
    by: By = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Write the evidence of an invoice as a zip that proves itself."""
    from commands.bundle import write_bundle

    write_bundle(state, invoice, output, by, revoke_links=revoke_links, as_json=as_json)


@app.command()
def verify(
    bundle: Annotated[
        Path | None, typer.Argument(metavar="BUNDLE", help="A bundle's zip or folder.", show_default=False)
    ] = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Check that a bundle, or the live audit log, is as it was written."""
    from commands.verify import verify_bundle, verify_chains

    if bundle is not None:
        verify_bundle(bundle, as_json=as_json)
    else:
        verify_chains(state, as_json=as_json)


@policy_app.command()
def describe(
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False)], as_json: Json = False
) -> None:
    """Print a policy as a readable specification: ladder, tone, to whom, limits."""
    from commands.policy import describe_policy

    describe_policy(file, as_json=as_json)


app.add_typer(policy_app, name="policy")


@portal_app.command()
def link(
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", show_default=False)],
    seller: Annotated[str, typer.Option(help="Whose invoices it shows.")] = "default",
    as_json: Json = False,
    state: State = None,
) -> None:
    """Make a link into a customer's account; whoever has it is taken for the customer."""
    from commands.portal import make_link

    make_link(state, customer, seller, as_json=as_json)


@portal_app.command()
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
    from commands.portal import revoke_links

    revoke_links(state, link, customer, by, as_json=as_json)


@portal_app.command()
def contact(
    item: Annotated[str, typer.Argument(metavar="ITEM", help="The worklist item.", show_default=False)],
    accept: Annotated[bool, typer.Option("--accept/--decline", help="Take it over, or not.")],
    by: By = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Decide about a contact that a customer proposed, once it is checked."""
    from commands.portal import decide_contact

    decide_contact(state, item, accept, by, as_json=as_json)


@portal_app.command()
def files(
    answer: Annotated[str, typer.Argument(metavar="ANSWER", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", show_default=False)],
    as_json: Json = False,
    state: State = None,
) -> None:
    """Write the files that a customer sent with an answer; worklist items name it."""
    from commands.portal import write_files

    write_files(state, answer, output, as_json=as_json)


app.add_typer(portal_app, name="portal")


@app.command()
def doctor(as_json: Json = False, state: State = None) -> None:
    """Check what this stands on, each failure with its fix."""
    from commands.doctor import examine

    examine(state, as_json=as_json)


def _day(text: str | None) -> date | None:
    return None if text is None else to_day(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        app(args=arguments, prog_name="starter.py")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except Exception as error:
        from commands.failures import explain

        return explain(error)
    return 0


def _end(code: int) -> None:
    """End at once: threads of Temporal's client may abort a process that Python takes down (sdk-python #300)."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = code or 1
    os._exit(code)


if __name__ == "__main__":
    _end(main())
