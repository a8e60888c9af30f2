"""The demo as a stranger runs it: beside servers of their own, and where nothing can be sent."""

import contextlib
import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from activities import documents
from activities.writing.mail import UnsafeHeader
from commands.stack import demo as command
from commands.stack.day_by_day import first_day


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with TemporaryDirectory(prefix="duecourse-test-") as name:
        monkeypatch.setattr(command, "DEMO", Path(name) / "demo")
        yield Path(name) / "demo"


@pytest.fixture
def usual_ports_taken() -> Iterator[None]:
    with contextlib.ExitStack() as held:
        for port in (7233, 8234, 8080):
            holder = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):  # somebody else has it already
                holder.bind(("127.0.0.1", port))
                holder.listen()
        yield


def test_it_runs_where_temporal_already_does(
    state: Path, usual_ports_taken: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.demo(first_day(datetime.now(UTC).date()), exit=True, as_json=True) == 0
    said = capsys.readouterr()
    result = json.loads(said.out)
    assert result["messages"] == sum(result["messages_by_step"].values()) > 0
    assert len(list((state / "mail" / "new").iterdir())) >= result["messages"]
    assert "taken" not in said.err


def test_it_fails_where_no_message_can_be_written(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> bytes:
        raise UnsafeHeader("the header block does not hold exactly the headers that were set")

    monkeypatch.setattr(documents, "build_mail", refuse)
    assert command.demo(first_day(datetime.now(UTC).date()), exit=True, as_json=True) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["messages"] == 0
    said = " ".join(printed.err.split())
    assert "no message was sent" in said
    assert "cannot be written: UnsafeHeader: the header block does not hold" in said
