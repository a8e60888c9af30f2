"""The figures as Markdown, ready for the README."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from benchmarks.known import Delays
from benchmarks.life import Comparison, Spent
from benchmarks.pages import Pages
from benchmarks.papers import Papers
from benchmarks.scale import CUSTOMERS, OPEN, SETTLED, Scale
from deploy.local_temporal import find_program

_LARGEST = 6


def machine() -> str:
    """When and on what this was measured."""
    today = datetime.now(UTC)
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    shown = subprocess.run([find_program(), "--version"], capture_output=True, text=True, check=False)
    return (
        f"{today.day} {today:%B %Y}, {os.cpu_count()} cores of {model}, load {os.getloadavg()[0]:.1f} at the start, "
        f"Python {platform.python_version()}, {shown.stdout.strip()}"
    )


def life(comparisons: Sequence[Comparison]) -> str:
    """What a life costs, beside a bare one."""
    lines = [
        "| life | events | kB | actions | server ms | worker ms | CPU ms | × bare | database ms |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for each in comparisons:
        title = f"{each.title} (n = {each.lives})"
        lines.append(_life_row(title, each.ours, f"**{each.ratio:.2f}**"))
        lines.append(_life_row("the same, bare", each.bare, "1"))
    for each in comparisons:
        largest = ", ".join(f"{name} {size}" for name, size in each.sizes.most_common(_LARGEST))
        lines += ["", f"Bytes of {each.title} by event: {largest}."]
    return "\n".join(lines)


def _life_row(title: str, spent: Sequence[Spent], ratio: str) -> str:
    def middle(of: Callable[[Spent], float]) -> float:
        return median(map(of, spent))

    return (
        f"| {title} | {middle(lambda s: s.history.events):.0f} | {middle(lambda s: s.history.size) / 1000:.1f} "
        f"| {middle(lambda s: s.history.actions):.0f} | {middle(lambda s: s.server):.0f} "
        f"| {middle(lambda s: s.worker):.0f} | {middle(lambda s: s.cpu):.0f} | {ratio} "
        f"| {middle(lambda s: s.database):.0f} |"
    )


def known(delays: Sequence[Delays]) -> str:
    """How soon a payment is known."""
    lines = ["| payment known, ms | n | p50 | p99 |", "|---|---|---|---|"]
    lines += [
        f"| {each.situation} | {len(each.each)} | {each.percentile(50):.0f} | {each.percentile(99):.0f} |"
        for each in delays
    ]
    return "\n".join(lines)


def papers(found: Papers) -> str:
    """What a statement with exhibits costs, beside bare WeasyPrint and a bare merge."""
    ours, bare, before = (median(each) * 1000 for each in (found.ours, found.bare, found.exhibits))
    what = f"statement of {found.lines} lines, 3 exhibits, {found.pages} pages (n = {len(found.ours)})"
    return "\n".join(
        [
            f"| {what} | ms | × bare | MB |",
            "|---|---|---|---|",
            f"| laid out, tagged, bound | {ours:.0f} | **{found.ratio:.2f}** | {found.memory_mb:.0f} |",
            f"| bare WeasyPrint of the same HTML, and the merge | {bare:.0f} | 1 | |",
            f"| preparing the exhibits before | {before:.0f} | | |",
        ]
    )


def pages(found: Sequence[Pages]) -> str:
    """What a page of the portal costs, beside a bare one."""
    lines = [
        f"| portal page, {found[0].invoices:,} invoices (n = {len(found[0].ours)}) | ms p50 | ms p95 | kB | × bare |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {each.title} | {median(each.ours):.1f} | {sorted(each.ours)[len(each.ours) * 95 // 100]:.1f} "
        f"| {each.bytes / 1000:.1f} | **{each.ratio:.1f}** |"
        for each in found
    ]
    bare = found[0]
    lines.append(
        f"| bare FastAPI and Jinja2 | {median(bare.bare):.1f} | {sorted(bare.bare)[len(bare.bare) * 95 // 100]:.1f} "
        f"| {bare.bare_bytes / 1000:.1f} | 1 |"
    )
    return "\n".join(lines)


def scale(found: Scale) -> str:
    """What the figures of a million invoices take, beside the bare sum over both tables; and the import."""
    lines = [
        f"| {SETTLED + OPEN:,} invoices, {OPEN:,} open, {CUSTOMERS:,} customers (n = {len(found.timed[0].whole)}) "
        "| database ms | aim | × bare | its CPU ms | whole ms |",
        "|---|---|---|---|---|---|",
    ]
    for each in found.timed:
        ratio = median(ours / bare for ours, bare in zip(each.database, each.bare, strict=True))
        aim = "" if each.aim_ms is None else f"≤ {each.aim_ms:,}"
        lines.append(
            f"| {each.title} | {median(each.database) * 1000:.0f} | {aim} | **{ratio:.1f}** "
            f"| {each.cpu * 1000:.0f} | {median(each.whole) * 1000:.0f} |"
        )
    bare = median(each for timed in found.timed for each in timed.bare) * 1000
    lines.append(f"| the sum of all amounts, bare | {bare:.0f} | | 1 | | |")
    told = found.foretold
    lines += [
        "",
        f"| expected cash of {told.invoices:,} open invoices | seconds | × bare |",
        "|---|---|---|",
        f"| every case with its facts | {told.whole:.1f} | {told.whole / told.fetching:.1f} |",
        f"| fetching the rows of cases and facts | {told.fetching:.1f} | 1.0 |",
    ]
    done = found.imported
    lines += ["", f"| import of {done.rows:,} settled invoices | rows a second | × bare |", "|---|---|---|"]
    for title, seconds in (
        ("reading and checking the file", done.reading),
        ("storing", done.storing),
        ("both", done.reading + done.storing),
        ("plain COPY into a table without keys", done.copying),
    ):
        lines.append(f"| {title} | {done.rows / seconds:,.0f} | {seconds / done.copying:.1f} |")
    return "\n".join(lines)
