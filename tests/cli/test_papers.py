"""The papers of a case are written as files from the database alone."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

import starter
from tests.activities.conftest import Office, Post
from tests.premises import fresh_database


def test_papers_of_a_case(
    postgres_url: str,
    database_template: str,
    worker_id: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with fresh_database(postgres_url, database_template, f"papers_{worker_id}") as url:
        engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        office = Office(engine, Post())
        office.open()
        message_id = office.contact()
        engine.dispose()
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("DATABASE_URL", url)
        monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
        monkeypatch.delenv("DUECOURSE_STATE", raising=False)
        capsys.readouterr()
        assert starter.main(["papers", "INV-1", "-o", "out", "--json"]) == 0
        written = {Path(name).name for name in json.loads(capsys.readouterr().out)}
        assert written == {path.name for path in (tmp_path / "out").iterdir()}
        assert f"{message_id}-statement-2026-12-07.pdf" in written
        assert {name.split("-20")[0] for name in written} >= {"call-sheet", "referral-pack"}
        for path in (tmp_path / "out").iterdir():
            assert path.read_bytes().startswith(b"%PDF-")
        assert starter.main(["papers", "INV-9", "-o", "out"]) == 2
        (tmp_path / "file").write_text("")
        assert starter.main(["papers", "INV-1", "-o", "file"]) == 2
        assert starter.main(["show", "INV-1"]) == 0
        assert "starter.py papers INV-1 -o FOLDER" in " ".join(capsys.readouterr().out.split())
