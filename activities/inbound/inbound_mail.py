"""Reading a mail that a stranger sent: who, about what, in which words, and whether a machine wrote it.

Everything here is total: no mail, however broken, raises. What would cost too much to take apart (too long, too
many parts) is kept whole and read by its headers alone.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses
from html import unescape

#: Mails above this are not taken apart.
LONGEST_MAIL = 10_000_000
#: Parts of a mail that is taken apart; each level of nesting costs the parser time for every line within.
_MOST_PARTS = 60
_MOST_HEADER_BYTES = 256_000
_LONGEST_HEADER = 2_000
#: Characters of a mail's words that are kept.
LONGEST_TEXT = 100_000
_LONGEST_HTML = 400_000
_MOST_REFERENCES = 50

_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,255}", re.ASCII)
_DAEMON = re.compile(r"(?:mailer-daemon|postmaster|mail-daemon|microsoftexchange)[^@]*@", re.IGNORECASE)
_MESSAGE_ID = re.compile(r"<([^<>\s]{1,400})>")
#: What mail programs write before an automatic answer, in our five languages.
_AUTOMATIC = re.compile(
    r"\s*(?:out of (?:the )?office|automatic reply|auto(?:matic)?[ -]?(?:reply|response)|autoreply"
    r"|abwesend|abwesenheits\w*|automatische antwort"
    r"|réponse automatique|absence du bureau|absent du bureau|message d'absence"
    r"|respuesta automática|fuera de la oficina|ausencia de la oficina"
    r"|resposta automática|fora do escritório|ausência do escritório|ausência temporária)\b",
    re.IGNORECASE,
)
#: Where the answer ends and the mail that is answered begins.
_QUOTED = re.compile(
    r"^[ \t]*(?:>|-{2,} ?(?:original message|ursprüngliche nachricht|message d'origine|mensaje original"
    r"|mensagem original)|_{10,}$|on .{0,200}wrote:[ \t]*$|am .{0,200}schrieb.{0,200}:[ \t]*$"
    r"|le .{0,200}a écrit ?:[ \t]*$|el .{0,200}escribió:[ \t]*$|em .{0,200}escreveu:[ \t]*$"
    r"|(?:from|von|de|da) ?: .{0,200}@)",
    re.IGNORECASE | re.MULTILINE,
)
_CODECS = re.compile(
    r"utf[_-]?8|utf[_-]?16(?:[_-]?[bl]e)?|ascii|iso8859-\d\d?|cp125\d|cp437|cp85\d|koi8-[ru]|gb18030|gbk|gb2312"
    r"|big5|shift_jis|euc_jp|iso2022_jp|euc_kr|mac-roman"
)
_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


@dataclass(frozen=True, slots=True)
class Bounce:
    """What a mail server says of one recipient of a mail of ours (RFC 3464)."""

    original_id: str
    """The Message-ID of the mail it is about, without its brackets."""
    recipient: str
    action: str
    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class InboundMail:
    """A mail as far as it could be read. All text is a stranger's."""

    sha256: bytes
    fingerprint: bytes
    """Equal for two deliveries of one mail, whatever the servers on its way wrote into its head."""
    sender: str
    sender_name: str
    recipients: tuple[str, ...]
    subject: str
    mail_id: str
    references: tuple[str, ...]
    """Message-IDs that it answers, the newest first."""
    text: str
    attachments: tuple[str, ...]
    automatic: bool
    """Whether a machine wrote it: an absence note, a receipt, a mailing list."""
    bounces: tuple[Bounce, ...]
    is_report: bool
    """Whether it is a delivery report, readable or not."""
    authentication: tuple[str, ...] = ()
    """Its `Authentication-Results` from the top, whoever wrote them."""
    problem: str = ""
    """Why it was not taken apart."""

    @property
    def of_a_server(self) -> bool:
        """Whether a mail server wrote it: about a mail of ours, in words of its own."""
        return _DAEMON.match(self.sender) is not None

    @property
    def answer(self) -> str:
        """The words of the mail above what it quotes."""
        found = _QUOTED.search(self.text)
        above = self.text[: found.start()].strip() if found is not None else self.text.strip()
        return above or self.text.strip()


def read_mail(raw: bytes, envelope: Iterable[str] = ()) -> InboundMail:
    """Read a mail; `envelope` are recipients that the server before us named beside it."""
    head, body = _split(raw)
    problem = ""
    if len(raw) > LONGEST_MAIL:
        problem = f"it has {len(raw) / 1_000_000:.0f} MB"
    elif len(head) > _MOST_HEADER_BYTES:
        problem = "its head is too long"
    elif _parts(raw) > _MOST_PARTS:
        problem = "it has too many parts"
    message = _parse(head[:_MOST_HEADER_BYTES] + b"\n\n")
    whole: Message | None = None
    if not problem:
        try:
            whole = message_from_bytes(raw, policy=policy.compat32)
        except (ValueError, LookupError, TypeError, RecursionError, AttributeError):
            problem = "it cannot be taken apart"
    leaves = _leaves(whole) if whole is not None else []
    senders = _addresses([_header(message, "From")])
    sender_name, sender = senders[0] if senders else ("", "")
    named = [_header(message, name) for name in ("Delivered-To", "X-Original-To", "To", "Cc")]
    recipients = [address for _, address in _addresses([*list(envelope)[:50], *named])]
    identity = [_header(message, name) for name in ("Message-ID", "Date", "From", "Subject")]
    digest = hashlib.sha256("\n".join(identity).encode("utf-8", "replace") + b"\n\n" + body)
    subject = _plain(_header(message, "Subject"))[:500]
    is_report = _is_report(message)
    return InboundMail(
        sha256=hashlib.sha256(raw).digest(),
        fingerprint=digest.digest(),
        sender=sender,
        sender_name=_plain(sender_name)[:200],
        recipients=tuple(dict.fromkeys(recipients)),
        subject=subject,
        mail_id=next(iter(_ids(_header(message, "Message-ID"))), ""),
        references=tuple(
            dict.fromkeys(
                [*_ids(_header(message, "In-Reply-To")), *reversed(_ids(_long(message, "References")))]
            )
        )[:_MOST_REFERENCES],
        text=_text(leaves),
        attachments=tuple(
            _plain(_decoded(leaf.get_filename() or ""))[:200] for leaf in leaves if leaf.get_filename()
        )[:50],
        automatic=is_report or _is_automatic(message, subject),
        bounces=tuple(_bounces(whole)) if whole is not None and is_report else (),
        is_report=is_report,
        authentication=tuple(_all(message, "Authentication-Results")),
        problem=problem,
    )


def _split(raw: bytes) -> tuple[bytes, bytes]:
    """Head and body of a mail, whatever its line ends."""
    found = re.search(rb"\r?\n\r?\n", raw)
    return (raw, b"") if found is None else (raw[: found.start()], raw[found.end() :])


def _parts(raw: bytes) -> int:
    """About how many parts a mail claims to have, counted without taking it apart."""
    lowered = raw.lower()
    return max(lowered.count(b"boundary"), lowered.count(b"content-type") // 4, lowered.count(b"\n--") // 40)


def _parse(head: bytes) -> Message:
    try:
        return message_from_bytes(head, policy=policy.compat32)
    except (ValueError, LookupError, TypeError, RecursionError, AttributeError):
        return Message()


def _leaves(message: Message) -> list[Message]:
    """The parts that hold something, in order; never more than are allowed, however they nest."""
    found: list[Message] = []
    ahead = [message]
    while ahead and len(found) < _MOST_PARTS:
        part = ahead.pop(0)
        inside = part.get_payload() if part.is_multipart() else None
        if isinstance(inside, list) and part.get_content_maintype() == "multipart":
            ahead = [each for each in inside if isinstance(each, Message)] + ahead
        elif not isinstance(inside, list):
            found.append(part)
    return found


# -- headers ------------------------------------------------------------------------------------------


def _raw(message: Message, name: str) -> str:
    try:
        value = message.get(name, "")
    except (ValueError, LookupError, TypeError):
        return ""
    return str(value)


def _header(message: Message, name: str) -> str:
    """A header on one line, decoded, of limited length."""
    return _decoded(_raw(message, name)[:_LONGEST_HEADER])


def _all(message: Message, name: str) -> list[str]:
    """Every header of a name on one line each, from the top."""
    try:
        return [
            " ".join(str(value)[: 2 * _LONGEST_HEADER].split()) for value in message.get_all(name, [])[:20]
        ]
    except (ValueError, LookupError, TypeError):
        return []


def _long(message: Message, name: str) -> str:
    return _raw(message, name)[: 20 * _LONGEST_HEADER]


def _decoded(value: str) -> str:
    value = " ".join(value.split())
    if "=?" not in value:
        return value
    try:
        pieces = decode_header(value)
    except (ValueError, LookupError, TypeError):
        return value
    return "".join(
        piece if isinstance(piece, str) else _text_of(piece, charset or "utf-8") for piece, charset in pieces
    )


def _addresses(values: Iterable[str]) -> list[tuple[str, str]]:
    """Names and addresses of a header, those that are addresses at all."""
    try:
        found = getaddresses([value[: 4 * _LONGEST_HEADER] for value in values if value])
    except (ValueError, TypeError, RecursionError, IndexError):
        return []
    return [(name, address.casefold()) for name, address in found if _ADDRESS.fullmatch(address)]


def _ids(value: str) -> list[str]:
    return _MESSAGE_ID.findall(value)


def _is_report(message: Message) -> bool:
    kind = _raw(message, "Content-Type")[:_LONGEST_HEADER].lower()
    return "multipart/report" in kind and "disposition-notification" not in kind


def _is_automatic(message: Message, subject: str) -> bool:
    submitted = _header(message, "Auto-Submitted").lower().split(";")[0].strip()
    if submitted not in ("", "no"):
        return True
    if _header(message, "Precedence").lower() in ("bulk", "junk", "list", "auto_reply"):
        return True
    if _raw(message, "Return-Path").strip() == "<>" or _raw(message, "List-Id"):
        return True
    named = ("X-Auto-Response-Suppress", "X-Autoreply", "X-Autorespond", "X-Autoresponder")
    if any(_header(message, name).lower() not in ("", "no", "none") for name in named):
        return True
    if "disposition-notification" in _raw(message, "Content-Type")[:_LONGEST_HEADER].lower():
        return True
    return _AUTOMATIC.match(subject) is not None


# -- words --------------------------------------------------------------------------------------------


def _text(leaves: list[Message]) -> str:
    """The first plain text, else the first HTML without its markup."""
    for wanted in ("text/plain", "text/html"):
        for leaf in leaves:
            if leaf.get_content_type() != wanted or _is_attached(leaf):
                continue
            read = _body(leaf)
            if wanted == "text/html":
                read = text_of_html(read)
            read = _plain(read.replace("\r\n", "\n").replace("\r", "\n")).strip()
            if read:
                return read[:LONGEST_TEXT]
    return ""


def _is_attached(leaf: Message) -> bool:
    return _raw(leaf, "Content-Disposition")[:_LONGEST_HEADER].lower().lstrip().startswith("attachment")


def _body(leaf: Message) -> str:
    try:
        payload = leaf.get_payload(decode=True)
        charset = leaf.get_content_charset() or "utf-8"
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""
    return _text_of(payload, charset) if isinstance(payload, bytes) else ""


def _text_of(data: bytes, charset: str) -> str:
    """The bytes as text, whatever charset they claim: one that is none is read as UTF-8."""
    data = data[: 4 * _LONGEST_HTML]
    try:
        name = codecs.lookup(charset[:40]).name
    except (LookupError, ValueError, TypeError):
        name = "utf-8"
    if not _CODECS.fullmatch(name):
        name = "utf-8"
    try:
        return data.decode(name, "replace")
    except (ValueError, LookupError):
        return data.decode("utf-8", "replace")


def _plain(text: str) -> str:
    """Text that a terminal, a page and PostgreSQL can hold: no control, hidden or broken characters."""
    return _UNSEEN.sub("", text).encode("utf-8", "replace").decode("utf-8")


_TAG = re.compile(r"</?([a-zA-Z][a-zA-Z0-9]{0,15})")
_SILENT = frozenset({"script", "style", "head", "title", "template", "noscript", "textarea"})
_BLOCKS = frozenset({"p", "div", "br", "tr", "li", "table", "h1", "h2", "h3", "blockquote", "hr"})


def text_of_html(html: str) -> str:
    """The words of an HTML mail, without markup, scripts and styles, a line for each block.

    Goes over it once: the library's parser takes minutes for what is made to make it.
    """
    html = html[:_LONGEST_HTML]
    said: list[str] = []
    at = 0
    while at < len(html):
        opens = html.find("<", at)
        said.append(_words(html[at : opens if opens >= 0 else None]))
        if opens < 0:
            break
        tag = _TAG.match(html, opens)
        if tag is None and html[opens + 1 : opens + 2] not in ("/", "!", "?"):
            said.append("<")
            at = opens + 1
            continue
        comment = html.startswith("<!--", opens)
        closes = html.find("-->" if comment else ">", opens)
        if closes < 0:
            break
        at = closes + (3 if comment else 1)
        name = tag[1].lower() if tag is not None else ""
        if name in _BLOCKS:
            said.append("\n> " if name == "blockquote" and html[opens + 1] != "/" else "\n")
        elif name in _SILENT and html[opens + 1] != "/":
            ends = re.compile(rf"</{name}", re.IGNORECASE).search(html, at)
            if ends is None:
                break
            at = ends.start()
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]*\n[ \t]*", "\n", "".join(said)))


def _words(text: str) -> str:
    """Text between tags: blanks in a row are one, as a browser shows them."""
    return re.sub(r"[ \t\r\n\f]+", " ", unescape(text))


# -- delivery reports ---------------------------------------------------------------------------------


def _bounces(report: Message) -> list[Bounce]:
    """What a delivery report says, recipient by recipient."""
    original, reason, groups = "", "", []
    ahead = [report]
    looked = 0
    while ahead and looked < _MOST_PARTS:
        part = ahead.pop(0)
        looked += 1
        kind = part.get_content_type()
        inside = part.get_payload()
        if kind in ("message/rfc822", "message/global", "text/rfc822-headers") and not original:
            original = _original_id(part, inside)
        elif kind in ("message/delivery-status", "message/global-delivery-status"):
            blocks = (
                [each for each in inside if isinstance(each, Message)] if isinstance(inside, list) else []
            )
            groups += [block for block in blocks if _raw(block, "Action")]
        elif kind == "text/plain" and not reason:
            reason = _plain(_body(part))[:500]
        elif isinstance(inside, list):
            ahead += [each for each in inside if isinstance(each, Message)]
    found = []
    for group in groups[:_MOST_PARTS]:
        final = _header(group, "Original-Recipient") or _header(group, "Final-Recipient")
        address = final.partition(";")[2].strip() or final
        diagnosis = _plain(_header(group, "Diagnostic-Code"))[:500]
        found.append(
            Bounce(
                original_id=original,
                recipient=address.casefold()[:320],
                action=_header(group, "Action").lower()[:32],
                status=_header(group, "Status")[:16],
                reason=diagnosis or reason,
            )
        )
    return found


def _original_id(part: Message, inside: object) -> str:
    head: Message | None = None
    if isinstance(inside, list) and inside and isinstance(inside[0], Message):
        head = inside[0]
    else:
        head = _parse(_body(part).encode("utf-8", "replace")[:_MOST_HEADER_BYTES])
    return next(iter(_ids(_header(head, "Message-ID"))), "")
