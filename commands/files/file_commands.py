"""Files that come in: portfolios and e-invoices, bank statements.

What a command does is imported when it runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.options import Json, State

app = typer.Typer()

FileCurrency = Annotated[str | None, typer.Option(help="Where a CSV has no such column.", show_default=False)]
Columns = Annotated[
    str | None, typer.Option(help="What a CSV calls its columns: amount=Summe,….", show_default=False)
]
Encoding = Annotated[
    str | None,
    typer.Option(help="Such as Windows-1252; UTF-8, or UTF-16 by its mark.", show_default=False),
]
DateFormat = Annotated[str | None, typer.Option(help="Such as DD/MM/YYYY; found out.", show_default=False)]
DecimalFormat = Annotated[
    str | None, typer.Option(help="1,234.56 or 1.234,56; found out.", show_default=False)
]
Delimiter = Annotated[str | None, typer.Option(help="Found out.", show_default=False)]


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", show_default=False)],
    check: Annotated[bool, typer.Option("--check", help="Only read.")] = False,
    columns: Columns = None,
    currency: FileCurrency = None,
    seller: Annotated[str, typer.Option(help="Where the file has no such column.")] = "default",
    encoding: Encoding = None,
    date_format: DateFormat = None,
    decimal_format: DecimalFormat = None,
    delimiter: Delimiter = None,
    due_days: Annotated[
        int, typer.Option(min=0, max=365, help="After issue, where an e-invoice states no due date.")
    ] = 30,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Start a case for each open invoice of CSV files or e-invoices (UBL, CII).

    Settled ones become history, credit notes are applied; docs/import.md describes both.
    """
    from dataclasses import asdict

    from commands.failures import BadInput
    from commands.files.import_files import import_files
    from commands.files.writing import told_columns, writing
    from domain.files.portfolio_csv import Options

    written = writing(encoding, delimiter, date_format, decimal_format)
    called = told_columns(columns, "invoice_id=Nummer,amount=Summe")
    try:
        read = Options(columns=called, currency=currency, seller=seller, **asdict(written))
    except ValueError as problem:
        raise BadInput(f"--columns: {problem}") from None
    import_files(files, read, due_days, state=state, check=check, as_json=as_json)


@app.command()
def bank(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", show_default=False)],
    check: Annotated[bool, typer.Option("--check", help="Only read.")] = False,
    columns: Columns = None,
    account: Annotated[
        str | None, typer.Option(help="Where a CSV has no such column.", show_default=False)
    ] = None,
    currency: FileCurrency = None,
    encoding: Encoding = None,
    date_format: DateFormat = None,
    decimal_format: DecimalFormat = None,
    delimiter: Delimiter = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Book what bank statements tell of (camt.052, .053, .054 or CSV).

    docs/bank.md says how they are read and how payments are matched.
    """
    from commands.files.bank import options, read_statements
    from commands.files.writing import writing

    written = writing(encoding, delimiter, date_format, decimal_format)
    tables = options(columns, account, currency, written)
    read_statements(files, tables, state=state, check=check, as_json=as_json)
