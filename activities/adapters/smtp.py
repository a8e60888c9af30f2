"""Mail over SMTP, with the one thing smtplib does not tell: on which side of the final dot a connection broke.

Until the dot has been sent the server cannot have the mail, whatever happens: `Refused`. From then on only
an explicit answer counts; silence, a drop or nonsense is `Unknown` (RFC 5321, 4.5.3.2.6 and 6.1).
"""

from __future__ import annotations

import contextlib
import re
import select
import smtplib
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BufferedReader

from activities.adapters.hang_up import hang_up_after
from activities.adapters.port import Accepted, Proof, Refused, SendResult, Unknown

#: How long a good-bye may take; the mail is settled by then.
_QUIT_SECONDS = 2.0


@dataclass
class _Attempt:
    """How far one conversation has come."""

    dot_sent: bool = False


class _No(Exception):
    """The server said no."""

    def __init__(self, code: int, text: bytes, during: str, *, permanent: bool | None = None) -> None:
        super().__init__(f"{during}: {_text(code, text)}")
        self.permanent = code // 100 == 5 if permanent is None else permanent


class _WholeLines:
    """The server's answers, line by line. A line that was cut off says nothing, not even its code."""

    def __init__(self, answers: BufferedReader) -> None:
        self._answers = answers

    def readline(self, size: int) -> bytes:
        line = self._answers.readline(size)
        return line if line.endswith(b"\n") or len(line) >= size else b""

    def peek(self) -> bytes:
        return self._answers.peek()

    def close(self) -> None:
        self._answers.close()


class _Client(smtplib.SMTP):
    """smtplib's client that reads whole answers only."""

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = _WholeLines(self.sock.makefile("rb"))
        return super().getreply()


class SmtpTransport:
    """Sends through one server. With `starttls` a server that does not offer it gets no mail at all."""

    proof: Proof = "accepted"

    def __init__(
        self,
        host: str,
        port: int = 25,
        *,
        starttls: bool = False,
        user: str | None = None,
        password: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._starttls = starttls
        self._user = user
        self._password = password
        self._tls = tls

    @cached_property
    def _own_name(self) -> str:
        """How we introduce ourselves; asked once, for a name server may be slow."""
        name = socket.getfqdn()
        return name if "." in name else "[127.0.0.1]"

    def send(
        self, message_id: str, mail: bytes, *, sender: str, recipients: Sequence[str], timeout: float
    ) -> SendResult:
        """Hold one conversation. `timeout` bounds the whole of it, not each answer."""
        attempt = _Attempt()
        deadline = time.monotonic() + timeout
        smtp = _Client(local_hostname=self._own_name, timeout=timeout)
        try:
            with hang_up_after(timeout, lambda: smtp.sock):
                return self._converse(smtp, attempt, mail, sender, recipients, deadline)
        except _No as no:
            return Refused(str(no), permanent=no.permanent)
        except (OSError, smtplib.SMTPException) as error:
            late = time.monotonic() >= deadline
            reason = f"no answer within {timeout:g} seconds" if late else _described(error)
            if attempt.dot_sent:
                return Unknown(f"after the final dot: {reason}")
            return Refused(f"before the final dot: {reason}", permanent=False)
        finally:
            smtp.close()

    def _converse(
        self,
        smtp: _Client,
        attempt: _Attempt,
        mail: bytes,
        sender: str,
        recipients: Sequence[str],
        deadline: float,
    ) -> Accepted | Unknown:
        self._log_in(smtp)
        _expect(smtp.mail(sender), 2, "sender", permanent=False)
        refused = _address(smtp, recipients)
        _expect(smtp.docmd("DATA"), 3, "DATA")
        smtp.send(_stuffed(mail))
        if _has_spoken(smtp):
            raise _No(*smtp.getreply(), "before the final dot")
        if time.monotonic() >= deadline:
            raise TimeoutError
        attempt.dot_sent = True
        smtp.send(b".\r\n")
        code, text = smtp.getreply()
        match code // 100:
            case 2:
                _say_goodbye(smtp)
                return Accepted(_text(code, text), refused)
            case 4 | 5:
                raise _No(code, text, "mail")
        return Unknown(f"after the final dot: {_text(code, text)}")

    def _log_in(self, smtp: _Client) -> None:
        """What goes wrong here concerns us and our settings, not the mail: never permanent."""
        _expect(smtp.connect(self._host, self._port), 2, "greeting", permanent=False)
        smtp.ehlo_or_helo_if_needed()
        if self._starttls:
            context = self._tls or ssl.create_default_context()
            smtp._host = self._host  # type: ignore[attr-defined]  # what the certificate is checked against
            _expect(smtp.starttls(context=context), 2, "STARTTLS", permanent=False)
            smtp.ehlo_or_helo_if_needed()
        if self._user is not None and self._password is not None:
            smtp.login(self._user, self._password)


def _address(smtp: _Client, recipients: Sequence[str]) -> tuple[str, ...]:
    """Name the recipients; the first must be taken, copies that are not are returned."""
    to, *copies = recipients
    _expect(smtp.rcpt(to), 2, "recipient")
    return tuple(copy for copy in copies if smtp.rcpt(copy)[0] // 100 != 2)


def _expect(reply: tuple[int, bytes], kind: int, during: str, *, permanent: bool | None = None) -> None:
    code, text = reply
    if code // 100 != kind:
        raise _No(code, text, during, permanent=permanent)


def _stuffed(mail: bytes) -> bytes:
    """The mail as it goes over the wire: CRLF, leading dots doubled (RFC 5321, 4.5.2), a CRLF at the end."""
    lines = re.sub(rb"\r\n|\r|\n", b"\r\n", mail)
    return re.sub(rb"(?m)^\.", b"..", lines.removesuffix(b"\r\n") + b"\r\n")


def _has_spoken(smtp: _Client) -> bool:
    """Whether the server said something, or hung up, before we finished.

    Also what came in one packet with its last answer counts: read later, it would pass for the answer to
    the dot.
    """
    sock, answers = smtp.sock, smtp.file
    assert sock is not None
    assert isinstance(answers, _WholeLines)
    patience = sock.gettimeout()
    sock.settimeout(0)
    try:
        if answers.peek():
            return True
    except (BlockingIOError, ssl.SSLWantReadError):
        pass
    finally:
        sock.settimeout(patience)
    return bool(select.select([sock], [], [], 0)[0])


def _say_goodbye(smtp: _Client) -> None:
    with contextlib.suppress(OSError, smtplib.SMTPException):
        assert smtp.sock is not None
        smtp.sock.settimeout(_QUIT_SECONDS)
        smtp.quit()


def _text(code: int, text: bytes) -> str:
    said = " ".join(text.decode("utf-8", "replace").split())
    return f"{code} {said}"[:200]


def _described(error: Exception) -> str:
    """Without the addresses that some of smtplib's errors carry."""
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error if isinstance(error.smtp_error, bytes) else str(error.smtp_error).encode()
        return _text(error.smtp_code, said)
    return f"{type(error).__name__}: {error}"[:200]
