"""What a customer in the sandbox reads and writes: mails that went out, taken apart, and answers as mail."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

_LINES = re.compile(r"\r\n?|\n")


@dataclass(frozen=True, slots=True)
class Paper:
    """An attachment."""

    name: str
    media_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """A mail as its reader sees it."""

    sender: str
    to: str
    cc: str
    subject: str
    mail_id: str
    replies_to: str
    text: str
    html: str
    papers: tuple[Paper, ...]


def open_mail(payload: bytes) -> Opened:
    """Take one of our own mails apart."""
    mail = message_from_bytes(payload, policy=policy.default)
    assert isinstance(mail, EmailMessage), "the default policy makes no other"
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    papers = []
    for part in mail.iter_attachments():
        body = part.get_payload(decode=True)
        if isinstance(body, bytes):
            papers.append(Paper(part.get_filename() or "attachment", part.get_content_type(), body))
    return Opened(
        sender=str(mail["From"]),
        to=str(mail["To"]),
        cc=str(mail["Cc"] or ""),
        subject=str(mail["Subject"]),
        mail_id=str(mail["Message-ID"]),
        replies_to=str(mail["Reply-To"] or mail["From"]),
        text=text.get_content() if text is not None else "",
        html=html.get_content() if html is not None else "",
        papers=tuple(papers),
    )


def answer(opened: Opened, *, sender: str, text: str, at: datetime, automatic: bool) -> bytes:
    """What a customer writes back, as their mail program would; `sender` is an address of the mail."""
    written = EmailMessage(policy=policy.SMTP)
    written["From"] = sender
    written["To"] = opened.replies_to
    written["Subject"] = ("Automatic reply: " if automatic else "Re: ") + opened.subject[:300]
    written["Date"] = format_datetime(at)
    written["Message-ID"] = _fresh_id()
    written["In-Reply-To"] = written["References"] = opened.mail_id
    if automatic:
        written["Auto-Submitted"] = "auto-replied"
    quoted = "\n".join(f"> {line}" for line in opened.text.splitlines()[:20])
    said = "\n".join(_LINES.split(text)).replace("\0", "")
    written.set_content(f"{said}\n\nOn {at:%d %B %Y} {opened.sender} wrote:\n{quoted}\n")
    return written.as_bytes()


def bounce(opened: Opened, *, recipient: str, at: datetime) -> bytes:
    """What a mail server reports of an address that does not exist (RFC 3464)."""
    domain = recipient.rpartition("@")[2]
    head = [
        f"From: Mail Delivery System <MAILER-DAEMON@{domain}>",
        f"To: {opened.sender.rpartition('<')[2].rstrip('>')}",
        "Subject: Undelivered Mail Returned to Sender",
        f"Date: {format_datetime(at)}",
        f"Message-ID: {_fresh_id()}",
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="report"',
        "",
        "--report",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        f"Your message could not be delivered to {recipient}: no such user.",
        "",
        "--report",
        "Content-Type: message/delivery-status",
        "",
        f"Reporting-MTA: dns; {domain}",
        "",
        f"Final-Recipient: rfc822; {recipient}",
        "Action: failed",
        "Status: 5.1.1",
        "Diagnostic-Code: smtp; 550 5.1.1 no such user",
        "",
        "--report",
        "Content-Type: text/rfc822-headers",
        "",
        f"Message-ID: {opened.mail_id}",
        "",
        "--report--",
        "",
    ]
    return "\r\n".join(head).encode("ascii", "replace")


def deliver(folder: Path, mail: bytes) -> None:
    """Put a mail into a Maildir, whole or not at all."""
    for part in ("tmp", "new", "cur"):
        (folder / part).mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"{secrets.token_hex(12)}.sandbox"
    draft = folder / "tmp" / name
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(mail)
    draft.rename(folder / "new" / name)


def addresses(people: Sequence[dict[str, object]]) -> list[str]:
    """The addresses of a message's recipients."""
    return [str(person["email"]) for person in people if person.get("email")]


def _fresh_id() -> str:
    return f"<{secrets.token_hex(12)}@sandbox.example>"
