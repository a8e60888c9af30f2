"""Papers of a case, and evidence that proves itself.

What a command does is imported when it runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.options import By, InvoiceArgument, Json, State

app = typer.Typer()


@app.command()
def papers(
    invoice: InvoiceArgument,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", show_default=False)],
    as_json: Json = False,
    state: State = None,
) -> None:
    """Write the papers of a case, its call sheet and referral pack."""
    from commands.evidence.papers import write_papers

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
    from commands.evidence.bundle import write_bundle

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
    from commands.evidence.verify import verify_bundle, verify_chains

    if bundle is not None:
        verify_bundle(bundle, as_json=as_json)
    else:
        verify_chains(state, as_json=as_json)
