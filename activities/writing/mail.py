"""A message as a mail: RFC 5322 bytes with exactly the headers we set, equal for equal input.

Names and subjects come from an ERP and from customers. Python 3.11.7 turns `=?utf-8?q?hi=0ABcc:_x@evil?=`
in a name into a real Bcc header (CVE-2024-6923), so such text is refused before, and the finished header
block is read back and compared after.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.header import Header
from email.headerregistry import Address, AddressHeader
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.policy import EmailPolicy
from email.utils import format_datetime
from typing import Any

from activities.writing.words import Words
from domain.letters.letter import NoticeFacts
from domain.vocabulary import Note

_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", re.ASCII)
_TOKEN = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
#: RFC 5322, 2.1.1: the longest line there may be.
_LONGEST_LINE = 998
#: How many earlier messages a mail names.
LONGEST_THREAD = 10
#: Headers that programs read. They stay on one line as long as the standard allows.
_FOR_PROGRAMS = frozenset(
    {"message-id", "in-reply-to", "references", "x-duecourse-message", "x-duecourse-items"}
)


class UnsafeHeader(ValueError):
    """A name, address or subject that must not reach a mail header; the text names the field, not its value."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A paper that goes with a mail."""

    name: str
    media_type: str
    body: bytes
    for_customer: bool = True
    """Whether the customer may see it."""


class _MailPolicy(EmailPolicy):
    """7-bit mail with CRLF, which every server takes unchanged, and headers folded by ourselves.

    The library's own folding loses characters of names that mix scripts, quotes and commas.
    """

    def fold_binary(self, name: str, value: Any) -> bytes:
        if isinstance(value, AddressHeader):
            folded = ",\r\n ".join(_written(address) for address in value.addresses)
        elif name.lower() == "subject" and not str(value).isascii():
            folded = _encoded(str(value))
        elif name.lower() in _FOR_PROGRAMS:
            folded = _folded(str(value), _LONGEST_LINE - len(name) - 2)
        elif name.lower() == "subject":
            folded = _folded(str(value), 78 - len("Subject: "))
        else:
            return bytes(super().fold_binary(name, value))
        return f"{name}: {folded}\r\n".encode("ascii")


def _folded(text: str, width: int) -> str:
    """Folded at blanks; a longer word stays in one piece."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] += f" {word}" if lines[-1] else word
    return "\r\n ".join(lines)


def _encoded(text: str) -> str:
    """Encoded words of RFC 2047, none longer than its limit of 75 characters."""
    return Header(text, "utf-8", maxlinelen=75).encode(linesep="\r\n")


def _written(address: Address) -> str:
    """One mailbox: its name plain, quoted or encoded, as its characters need."""
    name = address.display_name
    if not name:
        return address.addr_spec
    if not name.isascii():
        name = _encoded(name)
    elif not re.fullmatch(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+", name):
        escaped = re.sub(r'([\\"])', r"\\\1", name)
        name = f'"{escaped}"'
    return f"{name} <{address.addr_spec}>"


_POLICY = _MailPolicy(linesep="\r\n", max_line_length=78, cte_type="7bit", utf8=False)


def build_mail(
    facts: NoticeFacts,
    words: Words,
    *,
    to: Sequence[Mapping[str, Any]],
    cc: Sequence[Mapping[str, Any]] = (),
    at: datetime,
    attachments: Sequence[Attachment] = (),
    thread: Sequence[str] = (),
) -> bytes:
    """The mail of one message. `to` and `cc` are contacts with `email` and, where known, `name`; `thread` are
    the ids of the messages that went before about the same invoices, oldest first.

    `at` is the business time, with its zone. Raises UnsafeHeader where a name, address, id or subject could
    break out of its header; nothing is cut or repaired, for a person has to look at such a contact.
    """
    sender = facts.seller.sender
    message = EmailMessage(policy=_POLICY)
    message["From"] = _mailbox("sender", sender.name, sender.email)
    message["To"] = [_contact("to", contact) for contact in to]
    if cc:
        message["Cc"] = [_contact("cc", contact) for contact in cc]
    # The oldest message of the thread names the case: random, so that nobody guesses the address of another.
    tag = _token("message_id", thread[0] if thread else facts.message_id).removeprefix("M-")
    reply_to = None if facts.for_staff else facts.seller.replies_about(tag)
    if reply_to or facts.seller.reply_to:
        message["Reply-To"] = _mailbox("reply_to", "", reply_to or facts.seller.replies_to)
    message["Date"] = format_datetime(at)
    message["Message-ID"] = message_id(facts.message_id, sender.email)
    if thread:
        before = [message_id(each, sender.email) for each in thread]
        message["In-Reply-To"] = before[-1]
        message["References"] = " ".join(before if len(before) <= LONGEST_THREAD else _ends(before))
    message["Subject"] = _safe("subject", words.subject)
    message["X-Duecourse-Message"] = _token("message_id", facts.message_id)
    if not facts.for_staff:
        message["X-Duecourse-Items"] = items_header(facts)
    message.set_content(words.text, cte=_encoding(words.text))
    message.add_alternative(words.html, subtype="html", cte="quoted-printable")
    for paper in attachments:
        maintype, _, subtype = paper.media_type.partition("/")
        name = _token("attachment", paper.name)
        message.add_attachment(paper.body, maintype=maintype, subtype=subtype, filename=name)
    _set_boundaries(message, facts.message_id)
    written = message.as_bytes()
    _check_headers(message, written)
    return written


def _ends(thread: Sequence[str]) -> list[str]:
    """The first and the newest of a long thread, as RFC 5322 readers shorten it themselves."""
    return [thread[0], *thread[1 - LONGEST_THREAD :]]


def message_id(message: str, sender: str) -> str:
    """The Message-ID: the same for every try of the same message."""
    return f"<{_token('message_id', message)}@{sender.rpartition('@')[2]}>"


def items_header(facts: NoticeFacts) -> str:
    """`INV-1001=overdue/0, INV-1002=due/0`: the invoices at a step; a note carries its own kind."""
    if isinstance(facts.step, Note):
        items = [(item.invoice_id, facts.kind or str(facts.step), item.cycle) for item in facts.items]
    else:
        items = [
            (item.invoice_id, str(item.step), item.cycle) for item in facts.items if item.step is not None
        ]
    return ", ".join(f"{_token('invoice_id', invoice)}={step}/{cycle}" for invoice, step, cycle in items)


def _safe(field: str, text: str) -> str:
    """The text as it is. Raises UnsafeHeader for control characters, encoded words and broken Unicode."""
    if any(character < " " or "\x7f" <= character <= "\x9f" for character in text) or "=?" in text:
        raise UnsafeHeader(f"{field} holds a control character or '=?'")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise UnsafeHeader(f"{field} is not valid Unicode") from None
    if "\u2028" in text or "\u2029" in text:
        raise UnsafeHeader(f"{field} holds a line separator")
    return text


def _token(field: str, text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise UnsafeHeader(f"{field} is not 1 to 64 of letters, digits, '.', '_' and '-'")
    return text


def _contact(field: str, contact: Mapping[str, Any]) -> Address:
    return _mailbox(field, contact.get("name") or "", contact["email"])


def _mailbox(field: str, name: str, email: str) -> Address:
    if not _ADDRESS.fullmatch(email):
        raise UnsafeHeader(f"{field} is not a mail address in ASCII")
    return Address(display_name=_safe(field, name), addr_spec=email)


def _encoding(text: str) -> str:
    """Plain 7-bit where the text allows it, so that a mail can be read as it lies on disk."""
    short = all(len(line) <= _LONGEST_LINE for line in text.splitlines())
    return "7bit" if text.isascii() and short else "quoted-printable"


def _set_boundaries(message: EmailMessage, name: str) -> None:
    """Boundaries that follow from the message: equal input gives equal bytes."""
    multiparts = [part for part in message.walk() if part.is_multipart()]
    for place, part in enumerate(multiparts):
        part.set_boundary("=_" + hashlib.sha256(f"{name}/{place}".encode()).hexdigest()[:40])


def _check_headers(message: EmailMessage, written: bytes) -> None:
    """Read the finished header block back: it must hold what was set, and not a line more.

    Its lines are told apart here and not by the library's parser, which says different things of a block
    without a body under different patch versions of Python.
    """
    block = written.partition(b"\r\n\r\n")[0]
    lines = block.split(b"\r\n")
    names = [
        line.partition(b":")[0].decode("latin-1") for line in lines if not line.startswith((b" ", b"\t"))
    ]
    if names != message.keys() or any(b"\r" in line or b"\n" in line for line in lines):
        raise UnsafeHeader("the header block does not hold exactly the headers that were set")
    read = BytesHeaderParser(policy=policy.default).parsebytes(block)
    for name, meant in message.items():
        if _told(meant) != _told(read[name]):
            raise UnsafeHeader(f"the header {name} does not read back as it was set")


def _told(value: Any) -> list[str]:
    """What a header says, without blanks: Python's reader puts some between long encoded words."""
    if isinstance(value, AddressHeader):
        said = [part for address in value.addresses for part in (address.display_name, address.addr_spec)]
    else:
        said = [str(value)]
    return ["".join(text.split()) for text in said]
