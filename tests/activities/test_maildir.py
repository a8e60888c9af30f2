"""A mail in the Maildir is whole, there once, and can be found again."""

import mailbox
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from activities.adapters.maildir import MaildirTransport
from activities.adapters.port import Accepted, LooksUp, MailTransport, Refused, Unknown

MAIL = b"From: a@b.example\r\nTo: c@d.example\r\nMessage-ID: <m-1@b.example>\r\n\r\nHello\r\n"
ADDRESSED: dict[str, Any] = {"sender": "a@b.example", "recipients": ["c@d.example"], "timeout": 5.0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "mail"


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_mail_arrives_byte_for_byte(folder: Path) -> None:
    transport = MaildirTransport(folder)
    ports: tuple[MailTransport, LooksUp] = (transport, transport)
    assert ports[0].proof == "delivered"
    assert transport.lookup("m-1") is None
    assert transport.send("m-1", MAIL, **ADDRESSED) == Accepted("m-1.duecourse")
    assert files(folder) == [folder / "new" / "m-1.duecourse"]
    assert files(folder)[0].read_bytes() == MAIL
    assert transport.lookup("m-1") == Accepted("m-1.duecourse")
    assert [message["To"] for message in mailbox.Maildir(folder)] == ["c@d.example"]
    assert oct(files(folder)[0].stat().st_mode & 0o777) == "0o600"


def test_a_message_is_there_once_also_after_it_was_read(folder: Path) -> None:
    transport = MaildirTransport(folder)
    transport.send("m-1", MAIL, **ADDRESSED)
    transport.send("m-1", MAIL, **ADDRESSED)
    assert len(files(folder)) == 1
    read = folder / "cur" / "m-1.duecourse:2,S"
    files(folder)[0].rename(read)
    assert transport.lookup("m-1") == Accepted("m-1.duecourse")
    assert transport.send("m-1", MAIL, **ADDRESSED) == Accepted("m-1.duecourse")
    assert files(folder) == [read]
    assert transport.lookup("m-10") is None


def test_many_threads_one_file_each(folder: Path) -> None:
    transport = MaildirTransport(folder)
    threads = [
        threading.Thread(target=transport.send, args=(f"m-{number % 5}", MAIL), kwargs=ADDRESSED)
        for number in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path.name for path in files(folder)] == [f"m-{number}.duecourse" for number in range(5)]


def test_a_disk_that_refuses_is_a_refusal_and_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport = MaildirTransport(folder)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        result = transport.send("m-1", MAIL, **ADDRESSED)
    assert result == Refused("the maildir cannot be written: No space left on device", permanent=False)
    assert files(folder) == []
    assert transport.lookup("m-1") is None


def test_a_file_in_the_way_is_a_refusal(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("not a folder")
    result = MaildirTransport(tmp_path / "mail").send("m-1", MAIL, **ADDRESSED)
    assert isinstance(result, Refused)
    assert not result.permanent


def test_a_name_that_was_not_made_durable_is_unknown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def second_fails(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 2:
            raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", second_fails)
        result = MaildirTransport(folder).send("m-1", MAIL, **ADDRESSED)
    assert isinstance(result, Unknown)


def test_too_late_writes_nothing(folder: Path) -> None:
    result = MaildirTransport(folder).send("m-1", MAIL, **(ADDRESSED | {"timeout": -1.0}))
    assert isinstance(result, Refused)
    assert not result.permanent
    assert files(folder) == []


@pytest.mark.parametrize("name", ["../m-1", "a/b", ".hidden", "", "m 1", "m:2,S", "x" * 65])
def test_an_id_that_is_no_file_name_is_an_error(folder: Path, name: str) -> None:
    with pytest.raises(ValueError, match="names a file"):
        MaildirTransport(folder).send(name, MAIL, **ADDRESSED)
