"""The process that holds WeasyPrint and pikepdf: reads jobs from its standard input, writes PDFs to its output.

Started by `activities.paper.rendering` as a script of its own, so that it imports nothing of ours and nothing of
ours imports those libraries. A job is a JSON header on one line, then the bytes of its parts one after the
other, as long as its `sizes` say; an answer is a header and as many bytes as its `size` says.

Jobs: `page` (HTML to PDF), `check_pdf` (a foreign PDF, freed of all that acts), `check_image` (decodes it,
answers nothing), `bind` (foreign PDFs, each put behind the page that carries its anchor) and `collect` (PDFs of
ours one behind the other, for printing).
"""

from __future__ import annotations

import gc
import io
import json
import os
import resource
import signal
import sys
from typing import Any, BinaryIO

#: What a machine without WeasyPrint's libraries has to install.
PACKAGES = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"


def main() -> None:
    limits = json.loads(sys.argv[1])
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not land between two frames
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (limits["memory"], limits["memory"]))
    try:
        import weasyprint
    except (ImportError, OSError) as error:
        reason = f"{error}; install the Debian packages {PACKAGES}"
        _answer(answers, {"state": "unavailable", "reason": reason})
        return
    _warm_up(weasyprint)
    _answer(answers, {"state": "ready"})
    while header := sys.stdin.buffer.readline():
        job = json.loads(header)
        parts = [sys.stdin.buffer.read(size) for size in job["sizes"]]
        # A job outlives neither its time nor a parent that was killed meanwhile.
        signal.setitimer(signal.ITIMER_REAL, job["seconds"])
        try:
            extra, body = _do(weasyprint, job, parts, limits["pages"])
        except MemoryError:
            _answer(answers, {"state": "failed", "reason": "it needs more memory than allowed", "end": True})
            return  # a process that ran out of memory once is not trusted with the next page
        except Exception as error:
            told = str(error) if isinstance(error, Unreadable) else f"{type(error).__name__}: {error}"
            _answer(answers, {"state": "failed", "reason": told[:500]})
        else:
            _answer(answers, {"state": "done", **extra}, body)
        signal.setitimer(signal.ITIMER_REAL, 0)


class TooManyPages(Exception):
    """The page came out longer than a document of ours may be."""


class Unreadable(Exception):
    """A foreign document that cannot be bound; the text is for people."""


def _do(
    weasyprint: Any, job: dict[str, Any], parts: list[bytes], most_pages: int
) -> tuple[dict[str, Any], bytes]:
    match job["do"]:
        case "check_pdf":
            return _check_pdf(parts[0], job["most_pages"])
        case "check_image":
            _check_image(parts[0])
            return {}, b""
        case "bind":
            return {}, _bind(parts[0], job["anchors"], parts[1:], most_pages)
        case "collect":
            return {}, _collect(job, parts, job.get("most_pages", most_pages))
        case _:
            return {}, _render(weasyprint, parts[0].decode(), most_pages)


def _check_pdf(body: bytes, most_pages: int) -> tuple[dict[str, Any], bytes]:
    """The pages of a foreign PDF without its scripts, links, attachments and form actions, and their number."""
    import pikepdf

    try:
        with pikepdf.open(io.BytesIO(body)) as foreign:
            count = len(foreign.pages)
            if not 0 < count <= most_pages:
                raise Unreadable(f"it has {count} pages; from 1 to {most_pages} can be included")
            clean = pikepdf.new()
            for page in foreign.pages:
                _disarm(page.obj, pikepdf)
                clean.pages.append(page)
            written = io.BytesIO()
            clean.save(written, deterministic_id=True)
            return {"pages": count}, written.getvalue()
    except pikepdf.PasswordError:
        raise Unreadable("it is protected by a password") from None
    except pikepdf.PdfError:
        raise Unreadable("it is not a PDF that can be read") from None


#: Annotations that only show something; links and attached files are left out.
_SHOWN = frozenset(
    "/Text /FreeText /Line /Square /Circle /Polygon /PolyLine /Highlight /Underline /Squiggly /StrikeOut "
    "/Stamp /Caret /Ink /Widget".split()
)


def _disarm(page: Any, pikepdf: Any) -> None:
    """Take out of a page what acts, and what belongs to the structure of the document it comes from."""
    for key in ("/AA", "/B", "/StructParents", "/Metadata", "/PieceInfo", "/Thumb"):
        if key in page:
            del page[key]
    if "/Annots" not in page:
        return
    kept = []
    for annotation in page.Annots:
        if not isinstance(annotation, pikepdf.Dictionary) or str(annotation.get("/Subtype")) not in _SHOWN:
            continue
        for key in ("/A", "/AA", "/PA", "/Popup", "/Parent", "/IRT", "/StructParent"):
            if key in annotation:
                del annotation[key]
        kept.append(annotation)
    page.Annots = pikepdf.Array(kept)


def _check_image(body: bytes) -> None:
    """Decode a picture to its last line. Raises Unreadable."""
    import warnings

    from PIL import Image, ImageFile

    ImageFile.LOAD_TRUNCATED_IMAGES = False  # WeasyPrint allows half a picture; an exhibit is whole or named
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(body), formats=("PNG", "JPEG")) as image:
                image.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Unreadable("the picture has too many pixels") from None
    except (OSError, SyntaxError, ValueError):
        raise Unreadable("it is not a picture that can be read") from None
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = True


def _bookmarks(pdf: Any, pikepdf: Any) -> list[tuple[str, int]]:
    """The topmost bookmarks of a PDF of ours, with the numbers of their pages."""
    if "/Outlines" not in pdf.Root:
        return []
    places = {_objgen(page.obj): number for number, page in enumerate(pdf.pages)}
    with pdf.open_outline() as outline:
        return [
            (item.title, places[_objgen(item.destination[0])])
            for item in outline.root
            if isinstance(item.destination, pikepdf.Array)
        ]


def _objgen(page: Any) -> tuple[int, int]:
    """What tells one object of a PDF from another."""
    number: tuple[int, int] = page.objgen
    return number


def _bind(main: bytes, anchors: list[str], others: list[bytes], most_pages: int) -> bytes:
    """`main` with each of the other PDFs behind the page that carries its anchor.

    Its bookmarks and tags stay; the others' topmost bookmarks come after its own.
    """
    import pikepdf

    with pikepdf.open(io.BytesIO(main)) as book:
        places = {_objgen(page.obj): number for number, page in enumerate(book.pages)}
        names = pikepdf.NameTree(book.Root.Names.Dests)
        wanted = [
            (places[_objgen(names[anchor][0])], other) for anchor, other in zip(anchors, others, strict=True)
        ]
        inserted, marks = 0, []
        for place, other in sorted(wanted, key=lambda each: each[0]):
            with pikepdf.open(io.BytesIO(other)) as exhibit:
                first = place + inserted + 1
                marks += [(title, first + number) for title, number in _bookmarks(exhibit, pikepdf)]
                for page in exhibit.pages:
                    inserted += 1
                    book.pages.insert(place + inserted, page)
        if len(book.pages) > most_pages:
            raise TooManyPages(f"{len(book.pages)} pages, at most {most_pages} are allowed")
        if marks:
            with book.open_outline() as outline:
                outline.root.extend(pikepdf.OutlineItem(title, number) for title, number in marks)
        written = io.BytesIO()
        book.save(written, deterministic_id=True, object_stream_mode=pikepdf.ObjectStreamMode.generate)
        return written.getvalue()


def _collect(job: dict[str, Any], parts: list[bytes], most_pages: int) -> bytes:
    """PDFs one behind the other, each under a bookmark of its title; without links, for they are for paper."""
    import pikepdf

    book = pikepdf.new()
    marks = []
    for title, part in zip(job["titles"], parts, strict=True):
        with pikepdf.open(io.BytesIO(part)) as own:
            if job["on_fronts"] and len(book.pages) % 2:
                box = [float(side) for side in own.pages[0].mediabox]
                book.add_blank_page(page_size=(box[2] - box[0], box[3] - box[1]))
            first = len(book.pages)
            if first + len(own.pages) > most_pages:
                raise TooManyPages(f"more than {most_pages} pages")
            mark = pikepdf.OutlineItem(title, first)
            mark.children.extend(
                pikepdf.OutlineItem(name, first + number) for name, number in _bookmarks(own, pikepdf)
            )
            marks.append(mark)
            for page in own.pages:
                _disarm(page.obj, pikepdf)
                book.pages.append(page)
    with book.open_outline() as outline:
        outline.root.extend(marks)
    book.docinfo["/Title"] = job["title"]
    written = io.BytesIO()
    book.save(written, deterministic_id=True, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return written.getvalue()


def _render(weasyprint: Any, html: str, most_pages: int) -> bytes:
    document = weasyprint.HTML(string=html, base_url=None, url_fetcher=_data_only()).render()
    if len(document.pages) > most_pages:
        raise TooManyPages(f"{len(document.pages)} pages, at most {most_pages} are allowed")
    pdf: bytes = document.write_pdf(pdf_identifier=b"duecourse", pdf_tags=True)
    return pdf


def _data_only() -> Any:
    from weasyprint.urls import URLFetcher

    class DataOnly(URLFetcher):  # type: ignore[misc]
        """Fetches what stands in the page itself, and nothing from anywhere else."""

        def __init__(self) -> None:
            super().__init__(allowed_protocols={"data"}, allow_redirects=False)

        def fetch(self, url: str, headers: Any = None) -> Any:
            if not url.lower().startswith("data:"):
                raise ValueError("only data: addresses are read")
            return super().fetch(url, headers)

    return DataOnly()


def _warm_up(weasyprint: Any) -> None:
    """Load fonts, stylesheets and the other libraries before the first job, which is timed."""
    import pikepdf  # noqa: F401
    from PIL import Image  # noqa: F401

    weasyprint.HTML(string="<p>1</p>", url_fetcher=_data_only()).write_pdf()
    # A layout makes many objects that live until its end: to look through them as often as Python does by
    # default takes a sixth of its time, and what is loaded by now never goes.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _answer(answers: BinaryIO, header: dict[str, Any], body: bytes = b"") -> None:
    answers.write(json.dumps({**header, "size": len(body)}).encode() + b"\n" + body)
    answers.flush()


if __name__ == "__main__":
    main()
