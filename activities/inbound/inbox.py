"""Fetching mail that waits for us: from a Maildir, as a mail server or the sandbox fills it, or by IMAP."""

from __future__ import annotations

import contextlib
import imaplib
import os
import re
import ssl
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from temporalio import activity

from activities.inbound.inbound_mail import LONGEST_MAIL
from activities.inbound.replies import Replies
from activities.interface import OnDay, Polled

#: Mails fetched in one go, so that it ends in its time even where a model is asked about each and is slow.
MOST_MAILS = 20
_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Waiting:
    """A mail, and what is to be done once it is kept."""

    raw: bytes
    done: Callable[[], None]


class Source(Protocol):
    """Where mail waits."""

    def waiting(self, most: int) -> Iterator[Waiting]:
        """At most so many mails, the oldest first; each is left where it is until it is `done`. Raises OSError
        where the source cannot be reached."""


class MaildirSource:
    """The `new` folder of a Maildir; what is done moves to `cur`, marked as seen."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def waiting(self, most: int) -> Iterator[Waiting]:
        new = self._folder / "new"
        if not new.is_dir():
            return
        for path in sorted(new.iterdir())[:most]:
            raw = _read(path)
            if raw is not None:
                yield Waiting(raw, lambda path=path: self._file(path))  # type: ignore[misc]

    def _file(self, path: Path) -> None:
        (self._folder / "cur").mkdir(mode=0o700, exist_ok=True)
        name = path.name.partition(":")[0]
        with contextlib.suppress(FileNotFoundError):  # somebody else was faster: it is known
            path.rename(self._folder / "cur" / f"{name}:2,S")


def _read(path: Path) -> bytes | None:
    """A mail's bytes, no more than matter of one that is too long; None for what is no plain file."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        return None
    with os.fdopen(handle, "rb") as file:
        return file.read(LONGEST_MAIL + 1)


class ImapSource:
    """The unseen mails of one IMAP mailbox, over TLS. What is done is marked as seen."""

    def __init__(
        self,
        host: str,
        user: str,
        password: str,
        *,
        port: int = 993,
        mailbox: str = "INBOX",
        tls: bool = True,
    ) -> None:
        self._host, self._port, self._tls = host, port, tls
        self._user, self._password, self._mailbox = user, password, mailbox

    def waiting(self, most: int) -> Iterator[Waiting]:
        try:
            with self._connected() as server:
                found = server.uid("search", "UNSEEN")[1][0] or b""
                for uid in found.split()[:most]:
                    raw = self._fetch(server, uid)
                    if raw is not None:
                        yield Waiting(raw, lambda uid=uid: self._seen(server, uid))  # type: ignore[misc]
        except imaplib.IMAP4.error as problem:
            raise OSError(f"the IMAP server refused: {type(problem).__name__}") from None

    @contextlib.contextmanager
    def _connected(self) -> Iterator[imaplib.IMAP4]:
        server: imaplib.IMAP4
        if self._tls:
            context = ssl.create_default_context()
            server = imaplib.IMAP4_SSL(self._host, self._port, ssl_context=context, timeout=_TIMEOUT_S)
        else:
            server = imaplib.IMAP4(self._host, self._port, timeout=_TIMEOUT_S)
        try:
            server.login(self._user, self._password)
            server.select(self._mailbox)
            yield server
        finally:
            with contextlib.suppress(OSError, imaplib.IMAP4.error):
                server.logout()

    def _fetch(self, server: imaplib.IMAP4, uid: bytes) -> bytes | None:
        """The mail without marking it; of one that is too long its head, which says whose it is."""
        name = uid.decode("ascii", "replace")
        size = re.search(rb"RFC822\.SIZE (\d+)", _joined(server.uid("fetch", name, "(RFC822.SIZE)")[1]))
        whole = size is not None and int(size[1]) <= LONGEST_MAIL
        wanted = "(BODY.PEEK[])" if whole else f"(BODY.PEEK[]<0.{LONGEST_MAIL + 1}>)"
        for part in server.uid("fetch", name, wanted)[1]:
            if isinstance(part, tuple) and len(part) > 1 and isinstance(part[1], bytes):
                return part[1]
        return None

    def _seen(self, server: imaplib.IMAP4, uid: bytes) -> None:
        server.uid("store", uid.decode("ascii", "replace"), "+FLAGS", "(\\Seen)")


def _joined(parts: Sequence[object]) -> bytes:
    pieces = [each for part in parts for each in (part if isinstance(part, tuple) else (part,))]
    return b" ".join(piece for piece in pieces if isinstance(piece, bytes))


class Inbox:
    """Takes in what waits at every source."""

    def __init__(self, replies: Replies, sources: Sequence[Source]) -> None:
        self._replies = replies
        self._sources = sources

    @activity.defn
    def poll_inbox(self, on: OnDay) -> Polled:
        """Take in a portion of what waits. A mail is only marked once it is kept, so a crash loses none, and
        what is fetched twice is known."""
        taken = 0
        nudge: set[str] = set()
        for source in self._sources:
            for waiting in source.waiting(MOST_MAILS):
                nudge.update(self._replies.take(waiting.raw, on.at).nudge)
                waiting.done()
                taken += 1
        return Polled(taken=taken, nudge=tuple(sorted(nudge)))
