"""A mail server on the loopback that counts every mail it takes, and misbehaves as the address says."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from dataclasses import dataclass, field
from email import message_from_bytes
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as SmtpSession


class _AnyPort(Controller):
    """Listens on a port that the kernel chooses."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@dataclass
class PostOffice:
    """Takes mail for anybody. By the local part of the first recipient:

    `late…` is answered after `late_s` seconds (and taken at once), `busy…` is refused for now as often as
    `busy_for` says, `nobody…` is refused for good, `drop…` is taken and then hung up on.
    """

    late_s: float = 3.0
    busy_for: int = 2
    taken: list[bytes] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        self._controller = _AnyPort(self, hostname="127.0.0.1", port=0, ready_timeout=10)
        self._controller.start()
        return self

    @property
    def port(self) -> int:
        return self._controller.port

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._controller.stop(no_assert=True)

    # -- asked by tests ---------------------------------------------------------------------------

    def copies(self) -> Counter[str]:
        """How often each message was taken, by its message id."""
        with self._lock:
            return Counter(str(message_from_bytes(mail)["X-Duecourse-Message"]) for mail in self.taken)

    def copies_to(self, address: str) -> int:
        """How many mails to an address were taken."""
        with self._lock:
            return sum(address in str(message_from_bytes(mail)["To"]) for mail in self.taken)

    # -- called by aiosmtpd -----------------------------------------------------------------------

    async def handle_RCPT(
        self, server: SMTP, session: SmtpSession, envelope: Envelope, address: str, options: list[Any]
    ) -> str:
        if address.startswith("nobody"):
            self.refusals[address] += 1
            return "550 5.1.1 no such mailbox"
        if address.startswith("busy") and self.refusals[address] < self.busy_for:
            self.refusals[address] += 1
            return "451 4.7.1 come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: SmtpSession, envelope: Envelope) -> str:
        content = envelope.original_content
        assert content is not None
        with self._lock:
            self.taken.append(content)
        if envelope.rcpt_tos[0].startswith("late"):
            await asyncio.sleep(self.late_s)
        if envelope.rcpt_tos[0].startswith("drop"):
            assert server.transport is not None
            server.transport.abort()
        return "250 2.0.0 accepted"
