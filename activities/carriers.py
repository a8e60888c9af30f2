"""How a frozen message leaves by its channel: what carries it, and what its acceptance proves.

Messages in the portal and calls leave nothing: the row itself is what the portal shows, the task what a colleague
does. They are sent in the transaction of their claim, so nobody can be in doubt about them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from activities.adapters.port import Carrier, LooksUp, MailTransport, Outgoing, Proof, Refused, SendResult
from activities.writing.words import Words
from domain.vocabulary import Channel
from store.schema import MessageRow

#: What is sent by committing it, and what that proves: a stored message lies ready, nobody knows whether it is
#: read; a task proves nothing until the customer was reached.
IN_PLACE: Mapping[str, Proof] = {Channel.PORTAL: "accepted", Channel.CALL: "none"}


class Carriers:
    """The mail provider and what carries the other channels."""

    def __init__(self, mail: MailTransport, others: Mapping[Channel, Carrier] | None = None) -> None:
        self._mail = mail
        self._others: dict[str, Carrier] = {str(channel): each for channel, each in (others or {}).items()}

    def proof(self, channel: str) -> Proof:
        """What an acceptance by this channel proves."""
        if channel in IN_PLACE:
            return IN_PLACE[channel]
        carrier = self._others.get(channel)
        return self._mail.proof if carrier is None else carrier.proof

    def looks_up(self, channel: str) -> LooksUp | None:
        """Who can be asked later about a message of this channel."""
        asked: object = self._mail if channel == Channel.EMAIL else self._others.get(channel)
        return asked if isinstance(asked, LooksUp) else None

    def send(self, message: MessageRow, *, sender: str, at: datetime, timeout: float) -> SendResult:
        """Try once to send a claimed message."""
        assert message.payload is not None, "a claimed message is frozen"
        if message.channel == Channel.EMAIL:
            people = [str(contact["email"]) for contact in (*message.to, *message.cc)]
            return self._mail.send(
                message.message_id, message.payload, sender=sender, recipients=people, timeout=timeout
            )
        carrier = self._others.get(message.channel)
        if carrier is None:
            return Refused(f"nothing is set up that carries messages by {message.channel}", permanent=False)
        outgoing = Outgoing(
            message_id=message.message_id, payload=message.payload, seller=message.seller, at=at
        )
        return carrier.carry(outgoing, timeout=timeout)


def plain_payload(words: Words, message: MessageRow) -> bytes:
    """What is frozen of a message that is shown or spoken: its words and whom they are for, as JSON."""
    to = message.to[0]
    told = {
        "message_id": message.message_id,
        "channel": message.channel,
        "to": {name: to[name] for name in ("contact_id", "name", "phone", "email", "locale") if to.get(name)},
        "subject": words.subject,
        "text": words.text,
    }
    return json.dumps(told, sort_keys=True, separators=(",", ":")).encode()
