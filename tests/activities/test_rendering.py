"""PDFs are made apart from us, from nothing but the page itself, and within limits."""

import base64
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader

from activities.paper import rendering
from activities.paper.rendering import PdfRenderer, PdfUnavailable, RenderingFailed
from settings import ROOT

HELLO = "<title>Hello</title><p>Hello</p>"


@pytest.fixture(scope="module")
def renderer() -> Iterator[PdfRenderer]:
    with PdfRenderer(pages=50) as renderer:
        yield renderer


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages)


def test_equal_pages_give_equal_bytes(renderer: PdfRenderer) -> None:
    first = renderer.render(HELLO, timeout=30)
    assert text_of(first) == "Hello"
    renderer.render("<p>Something else, <b>in between</b>", timeout=30)
    assert renderer.render(HELLO, timeout=30) == first
    with PdfRenderer() as other:
        assert other.render(HELLO, timeout=30) == first


def test_nothing_is_fetched(renderer: PdfRenderer, tmp_path: Path) -> None:
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    secret = tmp_path / "secret.txt"
    secret.write_text("TOP-SECRET")
    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        web, file = f"http://127.0.0.1:{server.server_port}", secret.as_uri()
        svg = f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{web}/svg"/><image href="{file}"/></svg>'
        nested = base64.b64encode(svg.encode()).decode()
        places = "".join(
            f'<link rel=stylesheet href="{url}"><link rel=attachment href="{url}"><img src="{url}">'
            f'<object data="{url}"></object><embed src="{url}"><a rel=attachment href="{url}">x</a>'
            f'<style>@import "{url}"; @font-face {{ font-family: f; src: url({url}) }} '
            f"p {{ font-family: f; background: url({url}); list-style: url({url}) }}</style>"
            for url in (
                f"{web}/a",
                file,
                file.replace("file:", "FILE:"),
                "ftp://127.0.0.1/x",
                "//127.0.0.1/y",
            )
        )
        pdf = renderer.render(
            f'{places}<img src="data:image/svg+xml;base64,{nested}"><iframe src="{file}"></iframe><p>Hello',
            timeout=30,
        )
    finally:
        server.shutdown()
        server.server_close()
    assert asked == []
    assert "Hello" in text_of(pdf)
    assert "TOP-SECRET" not in text_of(pdf)
    assert PdfReader(BytesIO(pdf)).attachments == {}


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("<p style='break-after: page'>x</p>" * 20_000, "longer than 3 seconds"),
        ("<p style='break-after: page'>x</p>" * 51, "51 pages, at most 50"),
        ("<table><tr><td colspan=1000000000>x</td></tr></table>", "more memory than allowed"),
        ("<div>" * 5_000 + "x", "RecursionError|longer than|died|memory"),
        ("x" * (16 * 1024 * 1024 + 1), "at most 16777216 are allowed"),
    ],
    ids=["page breaks", "too many pages", "colspan", "nested divs", "too large"],
)
def test_a_page_beyond_the_limits_is_refused_and_the_next_one_works(
    renderer: PdfRenderer, page: str, reason: str
) -> None:
    with pytest.raises(RenderingFailed, match=reason):
        renderer.render(page, timeout=3)
    assert text_of(renderer.render(HELLO, timeout=30)) == "Hello"


def test_a_process_that_died_while_idle_is_replaced(renderer: PdfRenderer) -> None:
    renderer.render(HELLO, timeout=30)
    process = renderer._idle.queue[-1]
    assert process is not None
    process._process.kill()
    assert text_of(renderer.render(HELLO, timeout=30)) == "Hello"


def test_processes_are_recycled_and_stopped() -> None:
    with PdfRenderer(recycle_after=2) as renderer:
        renderer.render(HELLO, timeout=30)
        first = renderer._idle.queue[-1]
        assert first is not None
        renderer.render(HELLO, timeout=30)
        assert not first.alive
        renderer.render(HELLO, timeout=30)
        second = renderer._idle.queue[-1]
        assert second is not None
        assert second.alive
    assert not second.alive


def test_threads_share_a_renderer(renderer: PdfRenderer) -> None:
    pdfs: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: pdfs.append(renderer.render(HELLO, timeout=30))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pdfs) == 4
    assert len(set(pdfs)) == 1


def test_missing_libraries_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "without_pango.py"
    script.write_text(
        "import runpy, sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'weasyprint':\n"
        "            raise OSError(\"cannot load library 'libpango-1.0-0'\")\n"
        "sys.meta_path.insert(0, Refuse())\n"
        f"runpy.run_path({str(rendering._SCRIPT)!r}, run_name='__main__')\n"
    )
    monkeypatch.setattr(rendering, "_SCRIPT", script)
    with PdfRenderer() as renderer, pytest.raises(PdfUnavailable, match=r"install .* libpango-1\.0-0"):
        renderer.render(HELLO, timeout=30)


def test_importing_us_loads_no_pdf_library() -> None:
    code = "import sys, activities.paper.rendering, activities.paper.statement; sys.exit('weasyprint' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0
