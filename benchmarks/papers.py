"""What a statement with exhibits costs beside bare WeasyPrint and a bare merge of the same, and its memory."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter

from activities.paper.bound_statement import bound_statement
from activities.paper.exhibits import Exhibit, gather
from activities.paper.rendering import PdfRenderer
from activities.paper.statement import statement_html
from activities.rulebook import load_rulebook
from domain.letters.letter import (
    AccountFacts,
    CustomerFacts,
    EntryKind,
    ExhibitFacts,
    InvoiceFacts,
    LineFacts,
    StatementEntry,
)
from domain.money import Money
from settings import ROOT

INVOICES, LINES = 20, 10
ROUNDS = 7
_AS_OF = date(2026, 12, 8)


@dataclass(frozen=True)
class Papers:
    """Seconds of each round, ours and bare, for the same pages; the peak memory in MB of our process."""

    lines: int
    pages: int
    ours: list[float]
    bare: list[float]
    exhibits: list[float]
    memory_mb: float

    @property
    def ratio(self) -> float:
        """The median over the rounds of ours against the bare one beside it."""
        return median(mine / theirs for mine, theirs in zip(self.ours, self.bare, strict=True))


def measure() -> Papers:
    """Ours and bare, alternating, both in warm processes. Raises PdfUnavailable."""
    # Not recycled in between: the process whose memory is looked at has made them all.
    lasting = PdfRenderer(recycle_after=100_000)
    with tempfile.TemporaryDirectory() as folder, lasting as renderer, _bare() as bare:
        facts = _account(Path(folder))
        exhibits = gather(facts, Path(folder), renderer)
        problems = [exhibit.problem for exhibit in exhibits if exhibit.problem]
        assert not problems, problems
        ours: list[float] = []
        theirs: list[float] = []
        preparing: list[float] = []
        pdf = b""
        for _ in range(ROUNDS + 1):
            html = statement_html(facts, exhibits)
            started = perf_counter()
            theirs.append(_ask(bare, html, exhibits))
            between = perf_counter()
            pdf = bound_statement(facts, exhibits, renderer)
            made = perf_counter()
            gather(facts, Path(folder), renderer)
            ours.append(made - between)
            preparing.append(perf_counter() - made)
            assert between - started >= theirs[-1]
        memory = _peak_mb(renderer)
    # The first round warms both up.
    return Papers(INVOICES * LINES, _pages(pdf), ours[1:], theirs[1:], preparing[1:], memory)


def _account(folder: Path) -> AccountFacts:
    """Twenty invoices of ten lines, and three exhibits: a PDF, a picture and a text."""
    import pikepdf
    from PIL import Image

    pdf = pikepdf.new()
    for _ in range(5):
        pdf.add_blank_page()
    pdf.save(folder / "order.pdf")
    Image.effect_noise((1600, 1200), 40).convert("RGB").save(folder / "photo.jpg", quality=85)
    (folder / "log.txt").write_text("2026-10-01 09:00 on site, 2 hours\n" * 120)
    named = [ExhibitFacts(title=name, uri=name) for name in ("order.pdf", "photo.jpg", "log.txt")]
    items = []
    for number in range(INVOICES):
        due_on = _AS_OF - timedelta(days=number * 4)
        amount = Money(125_00 * LINES, "USD")
        line = LineFacts(
            description="Support, on site and by phone", quantity="1", amount=Money(125_00, "USD")
        )
        entry = StatementEntry(on=due_on - timedelta(days=30), kind=EntryKind.INVOICE, amount=amount)
        items.append(
            InvoiceFacts(
                invoice_id=f"INV-{number}",
                number=f"INV-{number}",
                issued_on=due_on - timedelta(days=30),
                due_on=due_on,
                days_past_due=number * 4,
                currency="USD",
                lines=(line,) * LINES,
                entries=(entry,),
                exhibits=tuple(named) if number == 0 else (),
                amount=amount,
                balance=amount,
            )
        )
    seller = load_rulebook(ROOT / "deploy").seller("default")
    return AccountFacts(
        seller=seller, customer=CustomerFacts(name="Acme Ltd", country="US"), as_of=_AS_OF, items=tuple(items)
    )


#: WeasyPrint and pikepdf with nothing of ours around them, warm: the same HTML, then the same pages behind it.
_BARE = """
import io, json, sys, time
import pikepdf, weasyprint
weasyprint.HTML(string="<p>1</p>").write_pdf()
for line in sys.stdin.buffer:
    sizes = json.loads(line)
    html, *others = [sys.stdin.buffer.read(size) for size in sizes]
    started = time.perf_counter()
    pdf = weasyprint.HTML(string=html.decode()).write_pdf()
    with pikepdf.open(io.BytesIO(pdf)) as book:
        for other in others:
            with pikepdf.open(io.BytesIO(other)) as exhibit:
                book.pages.extend(exhibit.pages)
        book.save(io.BytesIO())
    print(time.perf_counter() - started, flush=True)
"""


@contextmanager
def _bare() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", _BARE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _ask(process: subprocess.Popen[bytes], html: str, exhibits: tuple[Exhibit, ...]) -> float:
    """Seconds that the bare process takes for the same, by its own clock."""
    assert process.stdin is not None
    assert process.stdout is not None
    parts = [html.encode(), *(exhibit.pdf for exhibit in exhibits if exhibit.pdf is not None)]
    process.stdin.write(json.dumps([len(part) for part in parts]).encode() + b"\n" + b"".join(parts))
    process.stdin.flush()
    return float(process.stdout.readline())


def _peak_mb(renderer: PdfRenderer) -> float:
    """The most memory that the rendering process ever had resident, in MB."""
    process = renderer.process_id()
    assert process is not None, "it is warm"
    status = Path(f"/proc/{process}/status").read_text()
    (peak,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(peak.split()[1]) / 1024


def _pages(pdf: bytes) -> int:
    import pikepdf

    with pikepdf.open(io.BytesIO(pdf)) as book:
        return len(book.pages)
