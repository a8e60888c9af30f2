"""The print queue: a letter is there once and whole, a day becomes one file once, and nothing is ever lost."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from activities import print_queue
from activities.adapters import letters as adapter
from activities.adapters.letters import LetterQueue
from activities.adapters.port import Accepted, Carrier, LooksUp, Outgoing, Refused, SendResult
from activities.paper.rendering import PdfRenderer
from activities.print_queue import PrintQueue
from tests.activities.conftest import NoPaper

NOON = datetime(2026, 12, 7, 12, tzinfo=UTC)
LETTER = b"%PDF-1.7 letter"


def day_of(seller: str, at: datetime) -> date:
    return at.date()


class Together(NoPaper):
    """Stands in for the PDF processes: what is collected shows what it is made of."""

    def collect(self, parts: Any, **_: Any) -> bytes:
        self.pages.append(",".join(name for name, _ in parts))
        return b"%PDF " + b" ".join(body for _, body in parts)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "letters"


@pytest.fixture
def queue(folder: Path) -> LetterQueue:
    return LetterQueue(folder, day_of)


def put(
    queue: LetterQueue, name: str = "M-1", at: datetime = NOON, seller: str = "default", timeout: float = 5
) -> SendResult:
    letter = Outgoing(message_id=name, payload=LETTER + name.encode(), seller=seller, at=at)
    return queue.carry(letter, timeout=timeout)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def close(folder: Path, at: datetime) -> list[str]:
    made = PrintQueue(folder, day_of).close_before(["default"], at, Together())
    return [path.name for path in made]


def test_a_letter_is_put_there_byte_for_byte_and_once(folder: Path, queue: LetterQueue) -> None:
    ports: tuple[Carrier, LooksUp] = (queue, queue)
    assert ports[0].proof == "accepted"
    assert queue.lookup("M-1") is None
    accepted = Accepted("default/2026-12-07/M-1.pdf")
    assert put(queue) == put(queue) == queue.lookup("M-1") == accepted
    assert put(queue, at=NOON + timedelta(days=1)) == accepted, "whatever the day"
    assert files(folder) == ["default/2026-12-07/M-1.pdf"]
    assert (folder / files(folder)[0]).read_bytes() == LETTER + b"M-1"
    assert oct((folder / files(folder)[0]).stat().st_mode & 0o777) == "0o600"


def test_many_threads_put_one_letter_each(folder: Path, queue: LetterQueue) -> None:
    threads = [threading.Thread(target=put, args=(queue, f"M-{number % 5}")) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert files(folder) == [f"default/2026-12-07/M-{number}.pdf" for number in range(5)]


def test_who_was_frozen_past_the_time_puts_nothing(folder: Path, queue: LetterQueue) -> None:
    assert put(queue, timeout=-1) == Refused("writing took longer than -1 seconds", permanent=False)
    assert files(folder) == []


def test_a_folder_that_cannot_be_written_refuses_for_now(folder: Path, queue: LetterQueue) -> None:
    folder.write_text("in the way")
    result = put(queue)
    assert isinstance(result, Refused)
    assert not result.permanent


def test_no_name_leads_out_of_the_queue(folder: Path, queue: LetterQueue) -> None:
    put(queue, seller="..")
    assert files(folder) == ["_../2026-12-07/M-1.pdf"]
    for name in ("../M-1", ".M", "", "a/b", "x" * 70):
        with pytest.raises(ValueError, match="message id"):
            put(queue, name)


def test_a_day_becomes_one_file_by_the_first_look_at_the_next(folder: Path, queue: LetterQueue) -> None:
    put(queue, "M-2")
    put(queue, "M-1")
    put(queue, "M-3", at=NOON + timedelta(days=1))
    assert close(folder, NOON) == []
    assert close(folder, NOON + timedelta(days=1)) == ["2026-12-07.pdf"]
    assert (folder / "default/2026-12-07.pdf").read_bytes() == b"%PDF %PDF-1.7 letterM-1 %PDF-1.7 letterM-2"
    assert close(folder, NOON + timedelta(days=1)) == [], "once"
    assert queue.lookup("M-1") == Accepted("default/2026-12-07/M-1.pdf"), (
        "still found, and not put there again"
    )
    assert put(queue, "M-1") == queue.lookup("M-1")
    days = PrintQueue(folder, day_of).days(["default"])
    assert [(d.day.day, d.closed, len(d.letters), len(d.files)) for d in days] == [
        (7, True, 2, 1),
        (8, False, 1, 0),
    ]


def test_what_comes_late_for_a_closed_day_gets_a_file_of_its_own(folder: Path, queue: LetterQueue) -> None:
    put(queue)
    close(folder, NOON + timedelta(days=1))
    put(queue, "M-2")
    assert close(folder, NOON + timedelta(days=1)) == ["2026-12-07-late2.pdf"]
    put(queue, "M-3")
    assert close(folder, NOON + timedelta(days=1)) == ["2026-12-07-late3.pdf"]
    letters = [path for day in PrintQueue(folder, day_of).days(["default"]) for path in day.letters]
    assert sorted(path.stem for path in letters) == ["M-1", "M-2", "M-3"]


@pytest.mark.parametrize("moment", ["before the letter is there", "after it is there"])
def test_a_day_closed_while_a_letter_is_put_there_loses_and_doubles_nothing(
    folder: Path, queue: LetterQueue, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    put(queue, "M-0")
    name = "write_synced" if moment.startswith("before") else "sync_folder"
    real = getattr(adapter, name)
    closings: list[list[str]] = []

    def meanwhile(*given: Any) -> None:
        if name == "write_synced":
            real(*given)
        if not closings:
            closings.append(close(folder, NOON + timedelta(days=1)))
        if name == "sync_folder":
            real(*given)

    monkeypatch.setattr(adapter, name, meanwhile)
    result = put(queue)
    assert closings == [["2026-12-07.pdf"]]
    bound = (folder / "default/2026-12-07.pdf").read_bytes().count(b"M-1")
    if name == "write_synced":
        assert isinstance(result, Refused), "its folder is gone: it is put into the next one"
        assert not result.permanent
        assert bound == 0
        put(queue)
        assert close(folder, NOON + timedelta(days=1)) == ["2026-12-07-late2.pdf"]
    else:
        assert isinstance(result, Accepted)
        assert bound == 1
    assert [path for path in files(folder) if path.endswith("M-1.pdf")] != []
    assert len([path for path in files(folder) if path.endswith("M-1.pdf")]) == 1


def test_a_closing_that_was_cut_short_is_finished(folder: Path, queue: LetterQueue) -> None:
    put(queue)
    (folder / "default/2026-12-07").rename(folder / "default/2026-12-07.closed")
    assert close(folder, NOON) == ["2026-12-07.pdf"]


def test_a_large_day_comes_in_parts(
    folder: Path, queue: LetterQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(print_queue, "MOST_BYTES", 40)
    for number in range(5):
        put(queue, f"M-{number}")
    made = close(folder, NOON + timedelta(days=1))
    assert made == ["2026-12-07.pdf", "2026-12-07-part2.pdf", "2026-12-07-part3.pdf"]
    bodies = b" ".join((folder / "default" / name).read_bytes() for name in made)
    assert [bodies.count(f"M-{number}".encode()) for number in range(5)] == [1] * 5


def test_the_file_for_the_printer_begins_each_letter_on_a_front(folder: Path, queue: LetterQueue) -> None:
    with PdfRenderer() as renderer:
        one, two = (
            renderer.render("<p>page</p>" + "<p style='break-before: page'>x</p>" * more, timeout=30)
            for more in (0, 1)
        )
        for name, pdf in (("M-1", one), ("M-2", two), ("M-3", one)):
            queue.carry(Outgoing(message_id=name, payload=pdf, seller="default", at=NOON), timeout=5)
        days = PrintQueue(folder, day_of)
        (path,) = days.close_before(["default"], NOON + timedelta(days=1), renderer)
        first = path.read_bytes()
        path.unlink()
        days.close_before(["default"], NOON + timedelta(days=1), renderer)
        assert path.read_bytes() == first, "equal letters give equal bytes"
    reader = PdfReader(BytesIO(first))
    assert len(reader.pages) == 5, "one, its empty back, two, three"
    begins = {mark.title: reader.get_destination_page_number(mark) for mark in reader.outline}  # type: ignore[union-attr, arg-type]
    assert begins == {"M-1": 0, "M-2": 2, "M-3": 4}
    assert [bool(page.extract_text().strip()) for page in reader.pages] == [True, False, True, True, True]
