"""What stands before every page of the portal: headers, the size of what is sent, and how often somebody asks."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from threading import Lock

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.portal.pages import HEADERS, STRICT_TRANSPORT

#: Three files of 5 MB with their envelope.
MOST_BYTES = 16 * 1024 * 1024
#: Addresses and links that are counted at once; the oldest are forgotten.
_MOST_COUNTED = 10_000


def client_address(request: Request) -> str:
    """The address a request came from, as the server sees it (behind a proxy: as the proxy says)."""
    return request.client.host if request.client is not None else "unknown"


class Throttle:
    """At most `most` in `seconds` for one key, in this process."""

    def __init__(self, most: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._seconds, self._clock = most, seconds, clock
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = Lock()

    def allows(self, key: str) -> bool:
        """Whether one more is in order; it counts."""
        now = self._clock()
        with self._lock:
            times = self._seen.setdefault(key, deque())
            self._seen.move_to_end(key)
            while len(self._seen) > _MOST_COUNTED:
                self._seen.popitem(last=False)
            while times and times[0] <= now - self._seconds:
                times.popleft()
            if len(times) >= self._most:
                return False
            times.append(now)
            return True

    def is_spent(self, key: str) -> bool:
        """Whether the key has had all it may have; nothing is counted."""
        now = self._clock()
        with self._lock:
            times = self._seen.get(key, deque())
            return sum(1 for at in times if at > now - self._seconds) >= self._most


class Guarded:
    """The application with the portal's headers on the portal's pages, and no request beyond the size."""

    def __init__(self, app: ASGIApp, *, path: str, secure: bool) -> None:
        self._app, self._path, self._secure = app, path, secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith((self._path, "/static/")):
            await self._app(scope, receive, send)
            return
        is_page = scope["path"].startswith(self._path)
        taken = 0

        async def limited() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > MOST_BYTES:
                raise HTTPException(413)
            return message

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)  # a file says itself what it may do: less than a page
                if not is_page:
                    headers["cache-control"] = "public, max-age=86400"
                if self._secure:
                    headers["strict-transport-security"] = STRICT_TRANSPORT
            await send(message)

        await self._app(scope, limited, dressed)
