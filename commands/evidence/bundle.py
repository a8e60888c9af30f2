"""The evidence bundle of an invoice: a zip that proves itself, made from the database alone."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from activities.account_facts import read_account
from activities.paper.bound_statement import bound_statement
from activities.paper.exhibits import gather
from activities.paper.rendering import PdfRenderer, PdfUnavailable, RenderingFailed
from activities.rulebook import Rulebook, load_rulebook
from activities.writing.phrasing import paper_for, template
from commands import cases
from commands.evidence import bundle_verify
from commands.evidence.evidence import collect
from commands.evidence.evidence_files import Evidence
from commands.failures import BadInput
from commands.place import Place, exhibit_folder, find
from commands.telling.tell import os_user
from commands.terminal import count, note, print_json
from domain.letters.letter import AccountFacts
from domain.money import Money
from settings import Settings
from store import canonical, portal
from store.schema import CaseRow

_CERTIFICATE = Path(__file__).with_name("certificate.txt")
_INDEX_TIMEOUT_S = 60.0


def write_bundle(
    state: Path | None, invoice: str, output: Path, by: str | None, *, revoke_links: bool, as_json: bool
) -> None:
    """Write the bundle of an invoice by id or number; an existing file is replaced as a whole.

    With `revoke_links` the links into the portal that stand in its mails are revoked first, so that nobody who
    reads it can answer in the customer's name.
    """
    if not output.parent.is_dir():
        raise BadInput(f"-o: {output.parent} is not a folder")
    place = find(state)
    rulebook = load_rulebook(Settings().config_folder, exhibits=exhibit_folder(place))
    if revoke_links:
        _revoke_links(place, invoice, rulebook, by or os_user())
    with place.reading() as session, PdfRenderer() as renderer:
        row = cases.find_case(session, invoice)
        if row is None:
            raise cases.unknown(invoice)
        found = collect(session, row, rulebook)
        facts = read_account(session, [row], rulebook, place.now(session)).facts
        _write_papers(found, row, facts, rulebook.exhibits, renderer)
    packed = _pack(found.files)
    partial = output.with_name(f".{output.name}.part")
    partial.write_bytes(packed)
    os.replace(partial, output)
    manifest = hashlib.sha256(found.files[bundle_verify.MANIFEST]).hexdigest()
    if found.live_links:
        note(
            f"Links in its mails that open the customer's account: {len(found.live_links)}. Whoever reads the bundle"
            " could answer there in the customer's name: before you hand it over, make it with --revoke-links"
        )
    if as_json:
        print_json(
            {
                "file": str(output),
                "files": len(found.files),
                "manifest_sha256": manifest,
                "head": found.head,
                "live_links": found.live_links,
            }
        )
        return
    print(f"{output}: {count(len(found.files), 'file')}, {count(len(found.messages), 'message')}")
    print(f"SHA-256 of its manifest: {manifest}")
    print(
        "Note that hash where nobody can change it; check the bundle with: python starter.py verify "
        + str(output)
    )


def _revoke_links(place: Place, invoice: str, rulebook: Rulebook, by: str) -> None:
    """Close every link that the bundle would hold. The customer gets a fresh one by opening an old one."""
    with place.reading() as session:
        row = cases.find_case(session, invoice)
        if row is None:
            raise cases.unknown(invoice)
        live = collect(session, row, rulebook).live_links
        why = f"they stand in the evidence of {row.invoice_id}"
    if live:
        with place.writing() as session:
            closed = portal.revoke(session, at=datetime.now(UTC), by=by, link_ids=live, why=why)
        note(f"{count(len(closed), 'link')} revoked")


def _write_papers(
    found: Evidence, row: CaseRow, facts: AccountFacts, folder: Path | None, renderer: PdfRenderer
) -> None:
    """The statement, verify.py and certificate, then the index of all of them, then the manifest."""
    made_at = datetime.now(UTC)
    try:
        found.files["statement.pdf"] = bound_statement(facts, gather(facts, folder, renderer), renderer)
    except (PdfUnavailable, RenderingFailed) as problem:
        note(f"The bundle has no statement.pdf: {problem}")
    found.files["verify.py"] = Path(bundle_verify.__file__).read_bytes()
    found.files["certificate.txt"] = _certificate(found, row, facts).encode()
    html = _index(found, row, facts, made_at)
    try:
        found.files["index.pdf"] = renderer.render(html, timeout=_INDEX_TIMEOUT_S)
    except (PdfUnavailable, RenderingFailed) as problem:
        note(f"The bundle has index.html instead of index.pdf: {problem}")
        found.files["index.html"] = html.encode()
    manifest = {
        "format": bundle_verify.FORMAT,
        "invoice_id": row.invoice_id,
        "made_at": made_at.isoformat(),
        "files": {
            name: {"sha256": hashlib.sha256(body).hexdigest(), "size": len(body)}
            for name, body in found.files.items()
        },
    }
    body = canonical.dumps(manifest).encode() + b"\n"
    digest = f"{hashlib.sha256(body).hexdigest()}  {bundle_verify.MANIFEST}\n"
    found.files[bundle_verify.MANIFEST] = body
    found.files[bundle_verify.MANIFEST_SHA256] = digest.encode()


def _certificate(found: Evidence, row: CaseRow, facts: AccountFacts) -> str:
    words = {
        "{creditor}": facts.seller.legal_name,
        "{debtor}": facts.customer.legal_name or facts.customer.name,
        "{invoice}": row.number,
        "{version}": found.software["duecourse"],
    }
    text = _CERTIFICATE.read_text("utf-8")
    for slot, word in words.items():
        text = text.replace(slot, word)
    return text


def _index(found: Evidence, row: CaseRow, facts: AccountFacts, made_at: datetime) -> str:
    return template("bundle_index.html.jinja").render(
        case=row,
        customer=facts.customer.legal_name or facts.customer.name,
        seller=facts.seller,
        amount=str(Money(row.amount_minor, row.currency)),
        balance=str(Money(row.balance_minor, row.currency)),
        made_at=made_at.isoformat(timespec="seconds"),
        paper=paper_for(facts.seller.address.country, facts.seller.paper),
        software=found.software,
        head=found.head,
        ledger=found.ledger,
        messages=found.messages,
        replies=found.replies,
        answers=found.answers,
        plans=found.plans,
        links=found.links,
        exhibits=found.exhibits,
        files=[
            (name, len(body), hashlib.sha256(body).hexdigest()) for name, body in sorted(found.files.items())
        ],
    )


def _pack(files: dict[str, bytes]) -> bytes:
    """Sorted, with a fixed date: equal files give equal bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), body, zipfile.ZIP_DEFLATED)
    return packed.getvalue()
