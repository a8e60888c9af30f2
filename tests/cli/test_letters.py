"""The print queue on the command line: the days with their letters, and the file of each that is over."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from pypdf import PdfReader

import starter
from activities.adapters.letters import LetterQueue
from activities.paper.rendering import PdfRenderer
from activities.print_queue import days_of
from domain.vocabulary import Channel
from tests.activities.conftest import Office, Post
from tests.premises import fresh_database

ADDRESS = {
    "lines": ["1 Main St"],
    "city": "New York",
    "region": "NY",
    "postal_code": "10001",
    "country": "US",
}
#: A Monday long past: its day of the queue is over, whenever this test runs.
LONG_AGO = datetime(2020, 12, 7, 15, tzinfo=UTC)


def test_letters_are_listed_and_their_day_is_closed_by_looking(
    postgres_url: str,
    database_template: str,
    worker_id: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    queue = tmp_path / "letters"
    with (
        fresh_database(postgres_url, database_template, f"letters_{worker_id}") as url,
        PdfRenderer() as renderer,
    ):
        engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        office = Office(engine, Post())
        office.now = LONG_AGO
        office.renderer = renderer  # type: ignore[assignment]  real paper, as it is printed
        office.carriers = {Channel.LETTER: LetterQueue(queue, days_of(office.rulebook))}
        office.use(office.rulebook)
        office.open(
            invoice={"issued_on": "2020-11-07", "due_on": "2020-12-07"},
            customer={"preferred_channel": "letter", "address": ADDRESS},
        )
        message_id = office.contact()
        engine.dispose()
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("DATABASE_URL", url)
        monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
        monkeypatch.setenv("DUECOURSE_LETTERS", str(queue))
        monkeypatch.delenv("DUECOURSE_STATE", raising=False)
        for _ in range(2):
            capsys.readouterr()
            assert starter.main(["letters", "--json"]) == 0
            (day,) = json.loads(capsys.readouterr().out)
            assert (day["seller"], day["day"], day["state"]) == ("default", "2020-12-07", "closed")
            (letter,) = day["letters"]
            assert (letter["message_id"], letter["customer"], letter["step"]) == (
                message_id,
                "Acme Ltd",
                "due",
            )
            assert day["files"] == [str(queue / "default" / "2020-12-07.pdf")]
        text = " ".join("".join(page.extract_text() for page in PdfReader(day["files"][0]).pages).split())
        assert "1 Main St" in text
        assert "Account statement" in text
        assert starter.main(["letters"]) == 0
        said = capsys.readouterr().out
        assert f"Print: {day['files'][0]} (1 letter)" in said
        assert starter.main(["letters", "--day", "2020-12-08", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == []
        assert starter.main(["letters", "--seller", "nobody"]) == 2
        assert starter.main(["show", "INV-1"]) == 0
        assert "by letter" in " ".join(capsys.readouterr().out.split())
