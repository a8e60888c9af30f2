"""SendGrid's Event Webhook: whether a request is SendGrid's, and what its events say of our messages.

SendGrid's own verifier takes a signature of any age; a year-old request must not be believed.
"""

from __future__ import annotations

import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sendgrid.helpers.eventwebhook import EventWebhook

from activities.adapters.port import Fate, Report

SIGNATURE, TIMESTAMP = "X-Twilio-Email-Event-Webhook-Signature", "X-Twilio-Email-Event-Webhook-Timestamp"
#: SendGrid tells again for 24 hours what it could not tell.
OLDEST = timedelta(hours=25)
#: How far its clock may be ahead of ours.
_AHEAD = timedelta(minutes=5)
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", re.ASCII)
_FATES = {
    "processed": Fate.PROCESSED,
    "delivered": Fate.DELIVERED,
    "deferred": Fate.DEFERRED,
    "bounce": Fate.BOUNCED,
    "dropped": Fate.DROPPED,
    "spamreport": Fate.SPAM_REPORT,
    "unsubscribe": Fate.UNSUBSCRIBED,
    "group_unsubscribe": Fate.UNSUBSCRIBED,
}
#: Enhanced status codes (RFC 3463) of an address that is right but does not take mail now.
_MAILBOX_TROUBLE = re.compile(r"4\.|5\.2\.[12]")


class SendGridWebhook:
    """Believes what is signed with the private key that belongs to `public_key` (base64, as SendGrid shows
    it). Raises ValueError for a key that is none."""

    def __init__(self, public_key: str) -> None:
        try:
            self._verifier = EventWebhook("".join(public_key.split()))
        except ValueError:
            raise ValueError(
                "DUECOURSE_SENDGRID_WEBHOOK_KEY is not a public key: copy the verification key of SendGrid's"
                " Signed Event Webhook"
            ) from None

    def is_genuine(self, body: bytes, signature: str, timestamp: str, now: datetime) -> bool:
        """Whether SendGrid signed exactly these bytes, no longer ago than `OLDEST`."""
        if not re.fullmatch(r"[0-9]{1,11}", timestamp, re.ASCII):
            return False
        signed_at = datetime.fromtimestamp(int(timestamp), UTC)
        if not now - OLDEST <= signed_at <= now + _AHEAD:
            return False
        try:
            genuine = self._verifier.verify_signature(body.decode("utf-8"), signature, timestamp)
        except (ValueError, binascii.Error):
            return False
        return bool(genuine)


def reports(body: bytes) -> list[Report]:
    """What the events say of messages that carry an id of ours. Raises ValueError for what is no list of
    events."""
    try:
        events = json.loads(body)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(events, list):
        raise ValueError("not a list of events")
    read = (_report(event) for event in events if isinstance(event, dict))
    return [report for report in read if report is not None]


def _report(event: Mapping[str, Any]) -> Report | None:
    message_id, recipient, name = event.get("message"), event.get("email"), event.get("event")
    if not (isinstance(message_id, str) and isinstance(recipient, str) and isinstance(name, str)):
        return None
    fate = _FATES.get(name)
    if fate is None or not _MESSAGE_ID.fullmatch(message_id) or not recipient.isprintable():
        return None
    status = str(event.get("status") or "")
    if fate is Fate.BOUNCED and (event.get("type") == "blocked" or _MAILBOX_TROUBLE.match(status)):
        fate = Fate.BLOCKED
    try:
        at = datetime.fromtimestamp(int(event["timestamp"]), UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None
    reason = " ".join(str(event.get(part) or "") for part in ("status", "reason", "response"))
    return Report(
        message_id=message_id,
        fate=fate,
        recipient=recipient,
        at=at,
        # `sg_event_id` may change when an event is told again, so it cannot tell events apart.
        key=_key(message_id, name, str(event.get("type") or ""), recipient, str(event["timestamp"])),
        reason=reason.strip(),
    )


def _key(*parts: str) -> str:
    told = "\n".join(parts).encode("utf-8", "replace")
    return f"sendgrid:{hashlib.sha256(told).hexdigest()}"
