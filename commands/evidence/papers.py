"""The papers of a case as files: what went with its messages, and today's call sheet and referral pack."""

from __future__ import annotations

from pathlib import Path

from activities.call_sheet import call_sheet_filename, call_sheet_html, read_call_sheet
from activities.paper.rendering import PdfRenderer, PdfUnavailable, RenderingFailed
from activities.referral_pack import read_referral_pack, referral_pack_filename, referral_pack_pdf
from activities.rulebook import load_rulebook
from commands import cases
from commands.failures import BadInput
from commands.place import exhibit_folder, find
from commands.terminal import note, print_json
from settings import Settings
from store import outbox, portfolio, queries

_SHEET_TIMEOUT_S = 60.0


def write_papers(state: Path | None, invoice: str, output: Path, *, as_json: bool) -> None:
    """Write the papers of an invoice's case into a folder, which is made where it is missing."""
    if output.exists() and not output.is_dir():
        raise BadInput(f"-o: {output} is not a folder")
    place = find(state)
    rulebook = load_rulebook(Settings().config_folder, exhibits=exhibit_folder(place))
    files: dict[str, bytes] = {}
    with place.reading() as session:
        row = cases.find_case(session, invoice)
        if row is None:
            raise cases.unknown(invoice)
        for message in queries.messages_of(session, [row.invoice_id])[row.invoice_id]:
            for paper in outbox.documents_of(session, message.message_id):
                if paper.media_type == "application/pdf":
                    files[f"{message.message_id}-{paper.name}"] = paper.body
        # A call is about everything the customer owes this seller, a referral about this invoice.
        rows = portfolio.open_rows(session, row.customer_id, row.seller)
        called_about = rows if any(each.invoice_id == row.invoice_id for each in rows) else [row]
        now = place.now(session)
        sheet = read_call_sheet(session, called_about, rulebook, now)
        pack = read_referral_pack(session, [row], rulebook, now)
    html, today = call_sheet_html(sheet), pack.facts.as_of
    with PdfRenderer() as renderer:
        try:
            files[call_sheet_filename(today)] = renderer.render(html, timeout=_SHEET_TIMEOUT_S)
            files[referral_pack_filename(today)] = referral_pack_pdf(pack, rulebook.exhibits, renderer)
        except (PdfUnavailable, RenderingFailed) as problem:
            note(f"The call sheet is an HTML page, and there is no referral pack: {problem}")
            files[call_sheet_filename(today).replace(".pdf", ".html")] = html.encode()
    output.mkdir(parents=True, exist_ok=True)
    for name, body in files.items():
        (output / Path(name).name).write_bytes(body)
    if as_json:
        print_json([str(output / name) for name in sorted(files)])
        return
    for name in sorted(files):
        print(output / name)
