"""Mails as customers and their servers send them, for tests."""

from __future__ import annotations

from email.message import EmailMessage

BOSS = "ann@acme.example"


def mail(
    text: str = "Thank you, we look into it.",
    *,
    sender: str = f"Ann Payne <{BOSS}>",
    to: str = "accounts@lindenmoor.example",
    subject: str = "Re: your invoice",
    mail_id: str = "<1@acme.example>",
    answers: str | None = None,
    html: str | None = None,
    **headers: str,
) -> bytes:
    """An answer. `answers` is the Message-ID that it answers; other headers by name, `_` for `-`."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message["Message-ID"] = mail_id
    message["Date"] = "Tue, 08 Dec 2026 10:00:00 -0500"
    if answers is not None:
        message["In-Reply-To"] = answers
        message["References"] = answers
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message.as_bytes()


def bounce(
    original: str,
    recipient: str = BOSS,
    *,
    action: str = "failed",
    status: str = "5.1.1",
    sender: str = "MAILER-DAEMON@mx.acme.example",
) -> bytes:
    """A delivery report of RFC 3464 about the mail with that Message-ID."""
    return f"""\
From: {sender}
To: accounts@lindenmoor.example
Subject: Undelivered Mail Returned to Sender
Message-ID: <{action}-{status}@mx.acme.example>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b1"

--b1
Content-Type: text/plain; charset=us-ascii

This is the mail system. I could not deliver your message.

--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.acme.example
Arrival-Date: Tue, 08 Dec 2026 10:00:00 -0500

Final-Recipient: rfc822; {recipient}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 5.1.1 no such user

--b1
Content-Type: text/rfc822-headers

From: accounts@lindenmoor.example
To: {recipient}
Message-ID: {original}
Subject: your invoice

--b1--
""".encode()
