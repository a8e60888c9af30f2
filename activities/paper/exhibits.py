"""Exhibits: documents about an invoice, read from the operator's folder and made ready to be bound.

Where an exhibit lies is written by an ERP, and what lies there by anybody. So only regular files below one
configured folder are read, without following a link and without fetching anything; what a file is, its own
first bytes say; and it is opened in the rendering process alone. An exhibit that cannot be used is named
with its reason, and the paper goes out without it.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import logging
import os
import stat
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import unquote, urlsplit

from activities.paper.e_invoice_page import e_invoice_html
from activities.paper.rendering import PdfRenderer, PdfUnavailable, RenderingFailed
from activities.writing.phrasing import paper_of, template
from domain.files.e_invoice import EInvoice, Syntax
from domain.letters.letter import AccountFacts, ExhibitFacts, InvoiceFacts, numbered_exhibits

_log = logging.getLogger(__name__)

MEGABYTE = 1024 * 1024
#: Beyond these, one exhibit is left out.
LARGEST_BYTES = 20 * MEGABYTE
LARGEST_TEXT_BYTES = 200_000
#: With what others attached to it.
LARGEST_E_INVOICE_BYTES = 5 * MEGABYTE
MOST_PAGES = 200
EXHIBIT_SECONDS = 20.0
#: Beyond these, the exhibits after it are left out: the activity that makes the papers ends in three minutes.
MOST_EXHIBITS = 50
MOST_BYTES_TOGETHER = 60 * MEGABYTE
SECONDS_TOGETHER = 75.0

MediaType = Literal["application/pdf", "image/png", "image/jpeg", "text/plain"]
_NAMES = {"application/pdf": "PDF", "image/png": "PNG", "image/jpeg": "JPEG", "text/plain": "text"}
#: What stands in the first lines of an e-invoice.
_E_INVOICES = (b"urn:oasis:names:specification:ubl:schema:xsd:", b"CrossIndustryInvoice")
#: How else senders call what we read.
_ALIASES = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "application/x-pdf": "application/pdf"}


class ExhibitUnusable(Exception):
    """This exhibit cannot be included; the text says why, to the customer too: no paths, no names of ours."""


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One exhibit of a statement: `pdf` ready to be bound, or the `problem` for which it is left out."""

    number: int
    invoice: InvoiceFacts
    named: ExhibitFacts
    media_type: MediaType | None = None
    size: int = 0
    sha256: str | None = None
    """Of the file as it lies in the folder, in hexadecimal."""
    pdf: bytes | None = None
    pages: int = 0
    problem: str | None = None
    syntax: Syntax | None = None
    """Of an e-invoice."""

    @property
    def anchor(self) -> str:
        """The id of its cover page."""
        return f"exhibit-{self.number}"

    @property
    def format(self) -> str:
        """What it is, as people say it; empty where it could not be told."""
        if self.syntax is not None:
            return f"XML ({self.syntax}, EN 16931)"
        return _NAMES[self.media_type] if self.media_type else ""


def gather(facts: AccountFacts, folder: Path | None, renderer: PdfRenderer) -> tuple[Exhibit, ...]:
    """Every exhibit of a statement in its order; those that cannot be used say why. Raises PdfUnavailable."""
    ends_at, left = time.monotonic() + SECONDS_TOGETHER, MOST_BYTES_TOGETHER
    gathered: list[Exhibit] = []
    for number, item, named in numbered_exhibits(facts.items):
        exhibit = _gather(Exhibit(number, item, named), facts, folder, renderer, left, ends_at)
        left -= exhibit.size if exhibit.pdf is not None else 0
        gathered.append(exhibit)
    return tuple(gathered)


def _gather(
    blank: Exhibit,
    facts: AccountFacts,
    folder: Path | None,
    renderer: PdfRenderer,
    most_bytes: int,
    ends_at: float,
) -> Exhibit:
    number, item, named = blank.number, blank.invoice, blank.named
    known: MediaType | None = None
    body = b""
    try:
        if number > MOST_EXHIBITS:
            raise ExhibitUnusable(f"a statement includes at most {MOST_EXHIBITS} exhibits")
        if (seconds := min(EXHIBIT_SECONDS, ends_at - time.monotonic())) <= 0:
            raise ExhibitUnusable("the exhibits before it took too long to prepare")
        body = read_exhibit(folder, named.uri)
        if len(body) > most_bytes:
            raise ExhibitUnusable("the exhibits together are too large")
        known = media_type_of(body)
        _check_media_type(known, named.media_type)
        document = _e_invoice(body) if known == "text/plain" else None
        pdf, pages = _as_pdf(body, known, document, facts, renderer, seconds)
        return Exhibit(
            number,
            item,
            named,
            known,
            len(body),
            hashlib.sha256(body).hexdigest(),
            pdf=pdf,
            pages=pages,
            syntax=None if document is None else document.syntax,
        )
    except (ExhibitUnusable, RenderingFailed) as problem:
        why = _told(problem)
    except PdfUnavailable:
        raise
    except Exception as problem:  # whatever a stranger's document makes of a page, the letter goes out
        _log.warning(
            "exhibit %d of invoice %r cannot be shown: %s", number, item.invoice_id, type(problem).__name__
        )
        why = "it cannot be read"
    sha256 = hashlib.sha256(body).hexdigest() if body else None
    return Exhibit(number, item, named, known, len(body), sha256, problem=why)


def exhibit_file(folder: Path | None, named: ExhibitFacts) -> tuple[bytes, MediaType]:
    """An exhibit as it lies in the folder, and what it is by its own bytes. Nothing looks inside it.

    Raises ExhibitUnusable, also where it was announced as something else.
    """
    body = read_exhibit(folder, named.uri)
    known = media_type_of(body)
    _check_media_type(known, named.media_type)
    return body, known


def _told(problem: ExhibitUnusable | RenderingFailed) -> str:
    """The reason in words that may stand on paper; what a library said of a foreign file stays with us."""
    if isinstance(problem, RenderingFailed):
        ours = ("it ", "the picture", "the rendering")
        return problem.reason if problem.reason.startswith(ours) else "it cannot be read"
    return str(problem)


def read_exhibit(folder: Path | None, uri: str | None) -> bytes:
    """The bytes of the file that `uri` names: a path below `folder`, or a `file:` address of one.

    Every part of the path is opened from the one before without following links, so that nothing can lead
    elsewhere, not even while it is read. Raises ExhibitUnusable.
    """
    if uri is None:
        raise ExhibitUnusable("nobody said where it lies")
    if folder is None:
        raise ExhibitUnusable("no folder of exhibits is configured")
    *folders, name = _parts(folder, uri)
    handles: list[int] = []
    try:
        handles.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY))
        for part in folders:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
            handles.append(os.open(part, flags, dir_fd=handles[-1]))
        # Without waiting: a pipe in the folder has no reader or writer to wait for.
        handles.append(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=handles[-1]))
        status = os.fstat(handles[-1])
        if not stat.S_ISREG(status.st_mode):
            raise ExhibitUnusable("it is not a file")
        with os.fdopen(handles.pop(), "rb") as file:
            body = file.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as problem:
        raise ExhibitUnusable(_unreadable(problem)) from None
    finally:
        for handle in handles:
            os.close(handle)
    if len(body) > LARGEST_BYTES:
        raise ExhibitUnusable(f"it is larger than {LARGEST_BYTES // MEGABYTE} MB")
    if not body:
        raise ExhibitUnusable("it is empty")
    return body


def _parts(folder: Path, uri: str) -> tuple[str, ...]:
    """The path below the folder, part by part."""
    outside = ExhibitUnusable("it does not lie in the folder of exhibits")
    try:
        address = urlsplit(uri)
    except ValueError:
        raise outside from None
    if address.scheme and address.scheme.lower() != "file":
        raise ExhibitUnusable("it lies elsewhere, and only files of the folder of exhibits are read")
    if address.netloc not in ("", "localhost"):
        raise outside
    path = PurePosixPath(unquote(address.path) if address.scheme else uri)
    if path.is_absolute():
        for root in (folder.absolute(), folder.resolve()):
            if path.is_relative_to(root):
                path = path.relative_to(root)
                break
        else:
            raise outside
    if not path.parts or ".." in path.parts:
        raise outside
    return path.parts


def _unreadable(problem: OSError | ValueError) -> str:
    if isinstance(problem, FileNotFoundError):
        return "it is not there"
    if isinstance(problem, OSError) and problem.errno in (errno.ELOOP, errno.ENOTDIR):
        return "it is a link, and links are not followed"
    return "it cannot be read"


def media_type_of(body: bytes) -> MediaType:
    """What a file is by its own bytes. Raises ExhibitUnusable for what is not bound."""
    if b"%PDF-" in body[:1024]:
        return "application/pdf"
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ExhibitUnusable("it is neither PDF, PNG, JPEG nor text in UTF-8")
    if _may_be_e_invoice(body):
        if len(body) > LARGEST_E_INVOICE_BYTES:
            raise ExhibitUnusable(f"it is an e-invoice of more than {LARGEST_E_INVOICE_BYTES // MEGABYTE} MB")
    elif len(body) > LARGEST_TEXT_BYTES:
        raise ExhibitUnusable(f"it is a text of more than {LARGEST_TEXT_BYTES // 1000} kB")
    return "text/plain"


def _check_media_type(known: MediaType, said: str | None) -> None:
    """Raises ExhibitUnusable where a start said something else than the file is: it may be another file."""
    if not said:
        return
    plain = said.partition(";")[0].strip().lower()
    plain = _ALIASES.get(plain, plain)
    is_text = plain.startswith("text/") or plain == "application/xml"
    if plain != known and not (known == "text/plain" and is_text):
        raise ExhibitUnusable(f"it was announced as {said[:60]} and is {_NAMES[known]}")


def _may_be_e_invoice(body: bytes) -> bool:
    head = body[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    return head.startswith(b"<") and any(name in head for name in _E_INVOICES)


def _e_invoice(body: bytes) -> EInvoice | None:
    """The document in an XML file; None where it is none that can be read, which is then shown as it stands.

    Raises ExhibitUnusable for one that is too large to be shown so.
    """
    if not _may_be_e_invoice(body):
        return None
    from activities.adapters import e_invoices  # lxml and factur-x take a while to load
    from activities.adapters.xml_file import NotReadable

    try:
        return e_invoices.read(body)
    except NotReadable:
        if len(body) > LARGEST_TEXT_BYTES:
            raise ExhibitUnusable("it is an e-invoice that cannot be read") from None
        return None


def _as_pdf(
    body: bytes,
    media_type: MediaType,
    document: EInvoice | None,
    facts: AccountFacts,
    renderer: PdfRenderer,
    seconds: float,
) -> tuple[bytes, int]:
    if media_type == "application/pdf":
        return renderer.check_pdf(body, most_pages=MOST_PAGES, timeout=seconds)
    if document is not None:
        pdf = renderer.render(e_invoice_html(document, facts), timeout=seconds)
        return renderer.check_pdf(pdf, most_pages=MOST_PAGES, timeout=seconds)
    picture = text = None
    if media_type == "text/plain":
        text = _printable(body.decode("utf-8-sig").splitlines())
    else:
        renderer.check_image(body, timeout=seconds)
        picture = f"data:{media_type};base64,{base64.b64encode(body).decode('ascii')}"
    page = template("exhibit.html.jinja").render(
        lang=facts.language,
        paper=paper_of(facts),
        picture=picture,
        text=text,
    )
    pdf = renderer.render(page, timeout=seconds)
    return renderer.check_pdf(pdf, most_pages=MOST_PAGES, timeout=seconds)


def _printable(lines: Iterable[str]) -> str:
    return "\n".join(
        "".join(char if char.isprintable() or char == "\t" else "\N{REPLACEMENT CHARACTER}" for char in line)
        for line in lines
    )
