"""The operator's telephony: one signed POST for each voice message, signed as the ERP's door is.

The receiver recomputes HMAC-SHA256 over `<Duecourse-Timestamp>.<raw body>`; `Idempotency-Key` is the message id.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit

from activities.adapters.hang_up import hang_up_after
from activities.adapters.port import Accepted, Outgoing, Proof, Refused, SendResult, Unknown
from activities.adapters.signed_post import check_door, signed_headers

#: What says that the request was not even looked at, or that it may be sent again.
_NOT_NOW = frozenset({401, 403, 404, 408, 425, 429})


class VoiceWebhook:
    """Hands the words of a message to telephony. Raises ValueError for an address that anybody on the way could
    read."""

    proof: Proof = "accepted"

    def __init__(
        self, url: str, secret: str, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        check_door(url, secret, "DUECOURSE_VOICE_WEBHOOK")
        parts = urlsplit(url)
        self._secure, self._host = parts.scheme == "https", parts.netloc
        self._path = parts.path + (f"?{parts.query}" if parts.query else "") or "/"
        self._secret = secret.encode()
        self._now = now

    def carry(self, message: Outgoing, *, timeout: float) -> SendResult:
        """Try once. 2xx: it will be spoken. 4xx: it will not; whether our key or the number is at fault, the code
        says. A redirect is not followed. Anything else may or may not be spoken."""
        at = self._now()
        connection = self._connect(timeout)
        try:
            with hang_up_after(timeout, lambda: connection.sock):
                connection.connect()
        except OSError as error:
            return Refused(f"the telephony cannot be reached ({type(error).__name__})", permanent=False)
        try:
            with hang_up_after(timeout, lambda: connection.sock):
                headers = signed_headers(self._secret, message.message_id, message.payload, at)
                connection.request("POST", self._path, message.payload, headers)
                status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            return Unknown(f"the telephony gave no answer ({type(error).__name__})")
        finally:
            connection.close()
        if 200 <= status < 300:
            return Accepted()
        if 300 <= status < 500:
            return Refused(
                f"the telephony answered {status}", permanent=status >= 400 and status not in _NOT_NOW
            )
        return Unknown(f"the telephony answered {status}")

    def _connect(self, timeout: float) -> http.client.HTTPConnection:
        """Half the time is for the connection, so that who is not there is found out in time."""
        if self._secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self._host, timeout=timeout / 2, context=context)
        return http.client.HTTPConnection(self._host, timeout=timeout / 2)
