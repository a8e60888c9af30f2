"""What a mail provider, or whoever carries messages of another channel, is to us: one try to send, with an
answer that says what is certain.

Expected outcomes are returned, never raised. What they mean to the outbox: `Accepted` makes a message SENT;
`Refused` says it is provably not accepted and may be tried again or given up; after `Unknown` it may or may
not have gone out, and nobody ever sends it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol, runtime_checkable

#: What an acceptance proves: that the mail lies in the recipient's box, that somebody took it on, or nothing.
Proof = Literal["delivered", "accepted", "none"]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider has the mail. `refused` are copies (never the first recipient) that it would not take."""

    provider_ref: str | None = None
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider provably does not have the mail.

    `permanent` when it will never take this mail for this recipient. A provider that cannot be reached, does
    not let us in or is busy refuses for now: the same mail goes through once that is put right.
    """

    reason: str
    permanent: bool


@dataclass(frozen=True, slots=True)
class Unknown:
    """The provider may or may not have the mail."""

    reason: str


class Fate(StrEnum):
    """What a provider may say later about a mail to one recipient."""

    PROCESSED = "processed"
    """Taken on, nothing more."""
    DELIVERED = "delivered"
    """The recipient's server accepted it; whether anybody reads it nobody knows."""
    DEFERRED = "deferred"
    """The recipient's server does not take it now; the provider goes on trying."""
    BLOCKED = "blocked"
    """Given up, though the address may be right: mailbox full, server down, a filter."""
    BOUNCED = "bounced"
    """The address takes no mail."""
    DROPPED = "dropped"
    """The provider did not even try: the address bounced or complained before."""
    SPAM_REPORT = "spam_report"
    UNSUBSCRIBED = "unsubscribed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One thing a provider said. `key` tells it apart from every other, however often it is told; `reason`
    is hostile text, for people to read."""

    message_id: str
    fate: Fate
    recipient: str
    at: datetime
    key: str
    reason: str = ""


SendResult = Accepted | Refused | Unknown


class MailTransport(Protocol):
    """Sends one mail, once. Safe to share between threads."""

    @property
    def proof(self) -> Proof:
        """What `Accepted` proves."""

    def send(
        self, message_id: str, mail: bytes, *, sender: str, recipients: Sequence[str], timeout: float
    ) -> SendResult:
        """Try once, for at most `timeout` seconds. The first recipient is the one written to, the others
        get copies. Nothing is retried in here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One frozen message on its way by another channel than mail. `at` is the business time of its claim."""

    message_id: str
    payload: bytes
    seller: str
    at: datetime


class Carrier(Protocol):
    """Takes one message of a channel, once. Safe to share between threads."""

    @property
    def proof(self) -> Proof:
        """What `Accepted` proves."""

    def carry(self, message: Outgoing, *, timeout: float) -> SendResult:
        """Try once, for at most `timeout` seconds. Nothing is retried in here."""


class LookupFailed(Exception):
    """The provider could not be asked: nothing follows for the message."""


@runtime_checkable
class LooksUp(Protocol):
    """A transport or carrier that can say later whether it has a message: how unknown ones are found out about."""

    def lookup(self, message_id: str) -> Accepted | None:
        """The acceptance of a message, None where there is no trace of it. Raises LookupFailed."""
