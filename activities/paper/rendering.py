"""HTML to PDF, and foreign PDFs behind ours, in processes of their own within limits of time, memory and pages.

A page comes from stored text, and WeasyPrint lays out whatever it is given: 20,000 page breaks take minutes,
`colspan=1e9` takes all memory. So it runs apart, warm, and is killed when a page asks too much; the next
page gets a new process.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_SCRIPT = Path(__file__).with_name("pdf_process.py")
#: Importing WeasyPrint and reading the fonts takes 1.5 s on an idle machine, more on a busy one.
_START_SECONDS = 60.0
#: Any fixed instant: fonts and metadata then carry the same date in every run, and equal pages equal bytes.
_EPOCH = "1577836800"


class RenderingFailed(Exception):
    """This page cannot be turned into a PDF within the limits; trying again will not help."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Died(Exception):
    """The process ended without an answer, before its time was up."""


class PdfUnavailable(Exception):
    """This machine cannot make PDFs at all; the text names what to install."""


class PdfRenderer:
    """A pool of warm rendering processes; safe to share between threads.

    `memory` is the address space of a process in bytes, `pages` the most a document may have, `html` the
    most bytes a page may have. A process is replaced after `recycle_after` documents, because memory creeps.
    """

    def __init__(
        self,
        *,
        processes: int = 1,
        memory: int = 1536 * 1024 * 1024,
        pages: int = 500,
        html: int = 16 * 1024 * 1024,
        recycle_after: int = 100,
    ) -> None:
        self._limits = {"memory": memory, "pages": pages}
        self._most_html = html
        self._recycle_after = recycle_after
        self._idle: queue.LifoQueue[_Process | None] = queue.LifoQueue()
        for _ in range(processes):
            self._idle.put(None)
        self._processes = processes

    def render(self, html: str, *, timeout: float) -> bytes:
        """The page as a PDF: equal pages give equal bytes.

        `timeout` seconds are for this page alone, from when a process takes it. Raises RenderingFailed when
        the page is beyond a limit or broken, PdfUnavailable when the libraries are missing.
        """
        page = html.encode("utf-8", "replace")
        if len(page) > self._most_html:
            raise RenderingFailed(f"the page has {len(page)} bytes, at most {self._most_html} are allowed")
        return self._do({"do": "page"}, [page], timeout)[1]

    def check_pdf(self, body: bytes, *, most_pages: int, timeout: float) -> tuple[bytes, int]:
        """A foreign PDF freed of scripts, links, attachments and actions, and how many pages it has.

        Raises RenderingFailed with the reason where it is broken, locked or too long.
        """
        answer, pdf = self._do({"do": "check_pdf", "most_pages": most_pages}, [body], timeout)
        return pdf, answer["pages"]

    def check_image(self, body: bytes, *, timeout: float) -> None:
        """Decode a PNG or JPEG. Raises RenderingFailed with the reason where it is broken or too large."""
        self._do({"do": "check_image"}, [body], timeout)

    def bind(self, main: bytes, exhibits: Mapping[str, bytes], *, timeout: float) -> bytes:
        """`main` with each PDF behind the page that carries its anchor (the `id` of an element of the page)."""
        return self._do({"do": "bind", "anchors": [*exhibits]}, [main, *exhibits.values()], timeout)[1]

    def collect(
        self,
        parts: Sequence[tuple[str, bytes]],
        *,
        title: str,
        on_fronts: bool = False,
        most_pages: int | None = None,
        timeout: float,
    ) -> bytes:
        """PDFs of ours one behind the other, each under a bookmark of its title with its own below that.

        `on_fronts` begins each on the front of a sheet that is printed on both sides. Equal parts give equal
        bytes.
        """
        job = {"do": "collect", "titles": [name for name, _ in parts], "title": title, "on_fronts": on_fronts}
        pages = {} if most_pages is None else {"most_pages": most_pages}
        return self._do(job | pages, [body for _, body in parts], timeout)[1]

    def _do(self, job: dict[str, Any], parts: list[bytes], timeout: float) -> tuple[dict[str, Any], bytes]:
        process = self._idle.get()
        try:
            if process is not None:
                with contextlib.suppress(_Died):  # while it was idle, perhaps: this page may not be to blame
                    return process.do(job, parts, timeout)
                process.stop()
            process = _Process(self._limits)
            return process.do(job, parts, timeout)
        except _Died:
            raise RenderingFailed("the rendering process died over it") from None
        finally:
            if process is not None and (not process.alive or process.documents >= self._recycle_after):
                process.stop()
                process = None
            self._idle.put(process)

    def process_id(self) -> int | None:
        """The process that the next page goes to, where it is warm and idle: for measuring it."""
        process = self._idle.get()
        self._idle.put(process)
        return None if process is None else process.pid

    def close(self) -> None:
        """Stop the idle processes; a page under way is finished first."""
        for _ in range(self._processes):
            if process := self._idle.get():
                process.stop()
        for _ in range(self._processes):
            self._idle.put(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Process:
    """One rendering process and the pipe to it."""

    def __init__(self, limits: dict[str, int]) -> None:
        self.documents = 0
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(_SCRIPT), json.dumps(limits)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            start_new_session=True,  # Ctrl-C is for us: pages under way are finished first
        )
        try:
            with self._at_most(_START_SECONDS):
                header, _ = self._answer()
        except EOFError:
            self.stop()
            raise PdfUnavailable("the rendering process does not start") from None
        if header["state"] == "unavailable":
            self.stop()
            raise PdfUnavailable(f"PDFs cannot be made here: {header['reason']}")

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def do(self, job: dict[str, Any], parts: list[bytes], timeout: float) -> tuple[dict[str, Any], bytes]:
        assert self._process.stdin is not None
        started = time.monotonic()
        self.documents += 1
        told = job | {"sizes": [len(part) for part in parts], "seconds": timeout + 5}
        try:
            with self._at_most(timeout):
                self._process.stdin.write(json.dumps(told).encode() + b"\n")
                self._process.stdin.writelines(parts)
                self._process.stdin.flush()
                header, body = self._answer()
        except (EOFError, OSError):
            self.stop()
            if time.monotonic() - started >= timeout:
                raise RenderingFailed(f"it takes longer than {timeout:g} seconds") from None
            raise _Died from None
        if header["state"] != "done":
            if header.get("end"):
                self.stop()
            raise RenderingFailed(header["reason"])
        return header, body

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _answer(self) -> tuple[dict[str, Any], bytes]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        header: dict[str, Any] = json.loads(line)
        body = self._process.stdout.read(header["size"])
        if len(body) != header["size"]:
            raise EOFError
        return header, body

    @contextlib.contextmanager
    def _at_most(self, seconds: float) -> Iterator[None]:
        """Kill the process when the block takes longer; the reading end then sees the end of the pipe."""
        timer = threading.Timer(seconds, self._process.kill)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _environment() -> dict[str, str]:
    """What the process needs of ours: where fonts and libraries lie, nothing secret."""
    kept = (
        "PATH",
        "HOME",
        "LANG",
        "LC_ALL",
        "LD_LIBRARY_PATH",
        "XDG_CACHE_HOME",
        "FONTCONFIG_FILE",
        "TMPDIR",
    )
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    return environment | {"SOURCE_DATE_EPOCH": _EPOCH}
