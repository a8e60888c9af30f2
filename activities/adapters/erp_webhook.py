"""The ERP's door for credit holds: one signed POST for each placing and release.

The receiver recomputes HMAC-SHA256 over `<Duecourse-Timestamp>.<raw body>` with the shared secret and looks at
the timestamp, so that nobody else can block or free a customer; `Idempotency-Key` tells repeats apart.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from activities.adapters.signed_post import check_door, signed_headers

#: How long one request may wait for each answer of the ERP.
TIMEOUT_S = 10.0


class NotTold(Exception):
    """The ERP did not confirm it: it is told again. The text holds no address and no answer."""


class Erp(Protocol):
    """Where orders are blocked."""

    def tell(self, key: str, event: Mapping[str, Any]) -> None:
        """Tell of one event, which `key` names. Raises NotTold."""


class ErpWebhook:
    """Posts events as JSON. Raises ValueError for an address that anybody on the way could read."""

    def __init__(
        self, url: str, secret: str, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        check_door(url, secret, "DUECOURSE_ERP_WEBHOOK")
        self._url = url
        self._secret = secret.encode()
        self._now = now

    def tell(self, key: str, event: Mapping[str, Any]) -> None:
        """Try once; only an answer of 2xx counts. No redirect is followed."""
        body = json.dumps(event, sort_keys=True, separators=(",", ":")).encode()
        headers = signed_headers(self._secret, key, body, self._now())
        request = Request(self._url, data=body, headers=headers, method="POST")
        try:
            with build_opener(_NoRedirect).open(request, timeout=TIMEOUT_S):
                return
        except HTTPError as answer:
            raise NotTold(f"the ERP answered {answer.code}") from None
        except (OSError, http.client.HTTPException) as error:
            cause = error.reason if isinstance(error, URLError) else error
            raise NotTold(f"the ERP cannot be reached ({type(cause).__name__})") from None


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None
