"""An SMTP server and a SendGrid on the loopback that fail at random, and write down every mail they take."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from dataclasses import dataclass, field
from email import message_from_bytes
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as SmtpSession

from tests.chaos.log import write
from tests.chaos.reports import Reports
from tests.faults.post import PostOffice
from tests.sendgrid_server import Call

#: Longer than a worker waits for an answer.
LATE_S = 5.0
#: What a provider does with a mail, and how often out of a thousand; `late`, `lost` and `error` leave it unknown.
_ODDS = {
    "accept": 825,
    "slow": 60,  # accepted, but it takes a while
    "busy": 40,  # 451 or 429: come back later
    "hang_up": 30,  # before anything was taken: over SMTP that proves it was not, over HTTP it does not
    "bounce": 15,  # accepted, and reported as bounced a little later (SendGrid only)
    "late": 15,  # taken, and answered when nobody listens any more
    "drop": 10,  # taken, and hung up on
    "error": 5,  # taken, and answered 500 (SendGrid only)
}


@dataclass
class Providers:
    """What both share: the dice, whether they are calm, and the file of accepted mails."""

    accepted: Path
    seed: int
    calm: bool = False
    tally: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)

    def mood(self) -> str:
        """What happens to the next mail."""
        with self._lock:
            mood = "accept" if self.calm else self._dice.choices(list(_ODDS), list(_ODDS.values()))[0]
            self.tally[mood] = self.tally.get(mood, 0) + 1
            return mood

    def take(self, provider: str, message: str, items: str, recipient: str) -> None:
        """Write down a mail that a provider has taken."""
        about = [item.strip() for item in items.split(",") if item.strip()]
        write(self.accepted, provider=provider, message=message, items=about, recipient=recipient)


@dataclass
class Post(PostOffice):
    """Mail over SMTP."""

    providers: Providers = field(kw_only=True)

    async def handle_DATA(self, server: SMTP, session: SmtpSession, envelope: Envelope) -> str:
        mood = self.providers.mood()
        assert server.transport is not None
        if mood == "busy":
            return "451 4.7.1 come back later"
        if mood == "slow":
            await asyncio.sleep(1)
        mail = message_from_bytes(envelope.original_content or b"")
        self.providers.take(
            "smtp",
            str(mail["X-Duecourse-Message"]),
            str(mail["X-Duecourse-Items"] or ""),
            envelope.rcpt_tos[0],
        )
        if mood == "late":
            await asyncio.sleep(LATE_S)
        if mood in ("drop", "error", "hang_up"):
            server.transport.abort()
        return "250 2.0.0 accepted"


def sendgrid(providers: Providers, reports: Reports) -> Any:
    """The script of a SendGrid server with these moods."""

    def serve(call: Call) -> None:
        if call.method != "POST":
            return call.answer(503)
        mood = providers.mood()
        if mood == "busy":
            return call.answer(429, {"errors": [{"message": "too many requests"}]})
        if mood == "hang_up":
            return call.reset()
        if mood == "slow":
            time.sleep(1)
        to = call.body["personalizations"][0]["to"][0]["email"]
        items = call.body.get("headers", {}).get("X-Duecourse-Items", "")
        providers.take("sendgrid", call.category, items, to)
        reports.about(call.category, to, bounces=mood == "bounce")
        if mood == "late":
            time.sleep(LATE_S)
        if mood == "drop":
            return call.reset()
        if mood == "error":
            return call.answer(500, {"errors": [{"message": "internal"}]})
        return call.answer(202, X_Message_Id=f"sg-{call.category}")

    return serve
