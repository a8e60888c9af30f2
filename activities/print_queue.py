"""The days of the print queue: closing one makes a single PDF of its letters, once, for whoever prints and posts.

A day is the seller's: letters are printed where the seller is, in one pile, whatever the customers' time zones.
It is closed by the first look at a later one. A letter that still comes for a closed day gets a file of its own
(`2026-12-07-late2.pdf`), so that none is lost and none is printed twice.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from activities.adapters.files import write_synced
from activities.adapters.letters import CLOSED, folder_name
from activities.paper.rendering import PdfRenderer
from activities.rulebook import Rulebook

#: A file for the printer holds at most this many bytes of letters and so many pages; a larger day gets several.
MOST_BYTES, MOST_PAGES = 64 * 1024 * 1024, 20_000
CLOSE_TIMEOUT_S = 300.0
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PrintDay:
    """One day of a seller, or what came late for it. `files` are for the printer; an open day has none."""

    seller: str
    day: date
    closed: bool
    letters: tuple[Path, ...]
    files: tuple[Path, ...]


class PrintQueue:
    """The queue that `LetterQueue` fills, seen from the printer's side."""

    def __init__(self, folder: Path, day_of: Callable[[str, datetime], date]) -> None:
        self._folder = folder
        self._day_of = day_of

    def days(self, sellers: Sequence[str]) -> list[PrintDay]:
        """Every day that has letters, the oldest first."""
        found = [
            PrintDay(
                seller,
                date.fromisoformat(path.name[:10]),
                path.name.endswith(CLOSED),
                tuple(_letters(path)),
                tuple(_files(path)),
            )
            for seller, path in self._folders(sellers)
        ]
        return sorted(
            (day for day in found if day.letters), key=lambda each: (each.day, each.seller, each.files)
        )

    def close_before(self, sellers: Sequence[str], now: datetime, renderer: PdfRenderer) -> list[Path]:
        """Close every day before the sellers' present one; what a crash left half closed is finished.

        Returns the files this made. Raises RenderingFailed and PdfUnavailable, OSError; the letters stay then.
        """
        made: list[Path] = []
        for seller, path in list(self._folders(sellers)):
            if path.name.endswith(CLOSED):
                made += _bind_day(path, renderer)
            elif date.fromisoformat(path.name) < self._day_of(seller, now):
                made += _bind_day(_closed(path), renderer)
        return made

    def _folders(self, sellers: Sequence[str]) -> Iterator[tuple[str, Path]]:
        for seller in sellers:
            folder = self._folder / folder_name(seller)
            for path in sorted(folder.glob("[0-9]*")):
                name = path.name.removesuffix(CLOSED).partition("-late")[0]
                if path.is_dir() and _DAY.fullmatch(name):
                    yield seller, path


def days_of(rulebook: Rulebook) -> Callable[[str, datetime], date]:
    """The date at an instant where a seller prints and posts."""

    def day_of(seller: str, at: datetime) -> date:
        return at.astimezone(ZoneInfo(rulebook.seller(seller).timezone)).date()

    return day_of


def _letters(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.pdf"))


def _files(folder: Path) -> list[Path]:
    """The printer's files of a closed day; the first one is made last, so that it stands for all."""
    stem = folder.name.removesuffix(CLOSED)
    first = folder.with_name(f"{stem}.pdf")
    return [first, *sorted(folder.parent.glob(f"{stem}-part*.pdf"))] if first.exists() else []


def _closed(folder: Path) -> Path:
    """The day's folder under its closed name, which no letter is put into; late letters get a further one."""
    for number in range(1, 10_000):
        late = f"-late{number}" if number > 1 else ""
        closed = folder.with_name(f"{folder.name}{late}{CLOSED}")
        if not closed.exists():
            return folder.rename(closed)
    raise OSError(f"{folder} cannot be closed")


def _bind_day(folder: Path, renderer: PdfRenderer) -> list[Path]:
    """The PDFs of a closed day, where they are missing: letters in the order of their names, each on a front."""
    letters = _letters(folder)
    if not letters or _files(folder):
        return []
    stem = folder.name.removesuffix(CLOSED)
    parts: list[list[Path]] = [[]]
    size = 0
    for letter in letters:
        size += letter.stat().st_size
        if parts[-1] and size > MOST_BYTES:
            parts.append([])
            size = letter.stat().st_size
        parts[-1].append(letter)
    made = []
    for number, part in reversed([*enumerate(parts, start=1)]):
        path = folder.with_name(f"{stem}.pdf" if number == 1 else f"{stem}-part{number}.pdf")
        body = renderer.collect(
            [(letter.stem, letter.read_bytes()) for letter in part],
            title=path.stem,
            on_fronts=True,
            most_pages=MOST_PAGES,
            timeout=CLOSE_TIMEOUT_S,
        )
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        write_synced(draft, body)
        draft.rename(path)
        made.append(path)
    return made[::-1]
