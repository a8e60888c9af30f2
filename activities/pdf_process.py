"""The process that holds WeasyPrint: reads pages from its standard input, writes PDFs to its standard output.

Started by `activities.rendering` as a script of its own, so that it imports nothing of ours and nothing of
ours imports WeasyPrint. A frame is a JSON header on one line, then as many bytes as its `size` says.
"""

from __future__ import annotations

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
        html = sys.stdin.buffer.read(job["size"]).decode()
        # A job outlives neither its time nor a parent that was killed meanwhile.
        signal.setitimer(signal.ITIMER_REAL, job["seconds"])
        try:
            pdf = _render(weasyprint, html, limits["pages"])
        except MemoryError:
            _answer(answers, {"state": "failed", "reason": "it needs more memory than allowed", "end": True})
            return  # a process that ran out of memory once is not trusted with the next page
        except Exception as error:
            _answer(answers, {"state": "failed", "reason": f"{type(error).__name__}: {error}"[:500]})
        else:
            _answer(answers, {"state": "done"}, pdf)
        signal.setitimer(signal.ITIMER_REAL, 0)


class TooManyPages(Exception):
    """The page came out longer than a document of ours may be."""


def _render(weasyprint: Any, html: str, most_pages: int) -> bytes:
    document = weasyprint.HTML(string=html, base_url=None, url_fetcher=_data_only()).render()
    if len(document.pages) > most_pages:
        raise TooManyPages(f"{len(document.pages)} pages, at most {most_pages} are allowed")
    pdf: bytes = document.write_pdf(pdf_identifier=b"duecourse")
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
    """Load fonts and stylesheets before the first job, which is timed."""
    weasyprint.HTML(string="<p>1</p>", url_fetcher=_data_only()).write_pdf()


def _answer(answers: BinaryIO, header: dict[str, Any], body: bytes = b"") -> None:
    answers.write(json.dumps({**header, "size": len(body)}).encode() + b"\n" + body)
    answers.flush()


if __name__ == "__main__":
    main()
