"""The mails of a maildir as outside tools see them: whom they reached, and which steps of which invoices they hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from domain.vocabulary import Note, Step

_ORDER: dict[str, int] = {step: place for place, step in enumerate([*Note, *Step])}


@dataclass(frozen=True)
class Mail:
    """One mail file. `items` are (invoice id, step, cycle); mail to staff has none."""

    path: Path
    message_id: str
    at: datetime
    to: str
    cc: str
    subject: str
    items: tuple[tuple[str, str, int], ...]

    @property
    def for_customer(self) -> bool:
        return bool(self.items)

    @property
    def step(self) -> str:
        """The harshest step of its items: the one that set its words."""
        return max((step for _, step, _ in self.items), key=lambda step: _ORDER.get(step, -1))

    @property
    def text(self) -> str:
        return self._part("plain")

    @property
    def html(self) -> str:
        return self._part("html")

    @cached_property
    def _body(self) -> EmailMessage:
        body = message_from_bytes(self.path.read_bytes(), policy=policy.default)
        assert isinstance(body, EmailMessage)
        return body

    def _part(self, subtype: str) -> str:
        part = self._body.get_body((subtype,))
        return "" if part is None else str(part.get_content())


def read_mailbox(folder: Path) -> list[Mail]:
    """Every mail of a Maildir, in the order of their dates."""
    paths = [path for part in ("new", "cur") for path in (folder / part).glob("*")]
    return sorted((_read(path) for path in paths), key=lambda mail: (mail.at, mail.message_id))


def _read(path: Path) -> Mail:
    """The headers alone: a mail may carry megabytes of paper."""
    with path.open("rb") as file:
        headers = BytesHeaderParser(policy=policy.default).parsebytes(b"".join(_block(file)))
    return Mail(
        path=path,
        message_id=str(headers["X-Duecourse-Message"]),
        at=headers["Date"].datetime,
        to=str(headers["To"]),
        cc=str(headers["Cc"] or ""),
        subject=str(headers["Subject"]),
        items=tuple(
            _item(item) for item in str(headers["X-Duecourse-Items"] or "").split(",") if item.strip()
        ),
    )


def _block(file: BinaryIO) -> Iterator[bytes]:
    for line in file:
        yield line
        if not line.strip():
            return


def _item(text: str) -> tuple[str, str, int]:
    """`INV-1001=overdue/0`."""
    invoice_id, _, rung = text.strip().partition("=")
    step, _, cycle = rung.partition("/")
    return invoice_id, step, int(cycle)


def duplicates(mails: Iterable[Mail]) -> int:
    """Mails beyond the first that hold the same invoice, step and cycle for the same recipient.

    Confirmations answer a promise or a call each, of which a cycle may have several.
    """
    keys = Counter((*item, mail.to) for mail in mails for item in mail.items if item[1] not in list(Note))
    return sum(count - 1 for count in keys.values())
