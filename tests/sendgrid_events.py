"""SendGrid's side of the Event Webhook: events signed as it signs them."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from activities.adapters.sendgrid_events import SIGNATURE, TIMESTAMP


class Signer:
    """Whoever holds the private key."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def public_key(self) -> str:
        """As SendGrid shows it."""
        der = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(der).decode()

    def headers(self, body: bytes, at: datetime) -> dict[str, str]:
        timestamp = str(int(at.timestamp()))
        signature = self._key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return {SIGNATURE: base64.b64encode(signature).decode(), TIMESTAMP: timestamp}


def event(name: str, message_id: str, email: str = "ann@acme.example", **more: Any) -> dict[str, Any]:
    """One event about a message, as the documentation of the Event Webhook shows them."""
    return {
        "email": email,
        "timestamp": 1_796_000_000,
        "event": name,
        "category": [message_id],
        "message": message_id,
        "sg_event_id": f"ev-{name}-{email}",
        "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
        "smtp-id": "<M@seller.example>",
    } | more


def body_of(*events: dict[str, Any]) -> bytes:
    return json.dumps(list(events), indent=1).encode()
