"""Signed requests to the operator's own systems: HMAC-SHA256 over the time and the raw body."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from urllib.parse import urlsplit

TIMESTAMP, SIGNATURE, IDEMPOTENCY_KEY = "Duecourse-Timestamp", "Duecourse-Signature", "Idempotency-Key"


def check_door(url: str, secret: str, setting: str) -> None:
    """Raises ValueError for an address that anybody on the way could read, and for a secret too short."""
    parts = urlsplit(url)
    at_home = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if parts.scheme != "https" and not (parts.scheme == "http" and at_home):
        raise ValueError(f"{setting}_URL does not begin with https://: write one that does")
    if len(secret) < 16:
        raise ValueError(f"{setting}_SECRET is not 16 characters long: make one of 32 at random")


def signed_headers(secret: bytes, key: str, body: bytes, now: datetime) -> dict[str, str]:
    """The headers of a POST of JSON that nobody else could have made; `key` tells repeats apart."""
    timestamp = str(int(now.timestamp()))
    return {
        "Content-Type": "application/json",
        TIMESTAMP: timestamp,
        SIGNATURE: f"v1={signature(secret, timestamp, body)}",
        IDEMPOTENCY_KEY: key,
    }


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """Hexadecimal HMAC-SHA256 over `timestamp.body`."""
    return hmac.new(secret, f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
