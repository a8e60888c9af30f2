"""SendGrid on the loopback: takes mail as its v3 API does, misbehaves as told, and says what it knows."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit


@dataclass
class Call:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    handler: BaseHTTPRequestHandler

    def answer(self, status: int, body: object = None, **headers: str) -> None:
        told = b"" if body is None else json.dumps(body).encode()
        self.handler.send_response(status)
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.send_header("Content-Length", str(len(told)))
        with contextlib.suppress(ConnectionError):  # nobody listens any more
            self.handler.end_headers()
            self.handler.wfile.write(told)

    def reset(self) -> None:
        """Hang up rudely."""
        connection = self.handler.connection
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.handler.close_connection = True
        self.handler.rfile.close()
        connection.close()

    @property
    def category(self) -> str:
        """The message id that a mail goes out under."""
        return str(self.body["categories"][0])


@dataclass
class SendGridServer:
    """By the local part of the recipient: `late…` is taken and answered after `late_s` seconds, `busy…` is
    answered 429 as often as `busy_for` says, `nobody…` is refused for good, `drop…` is taken and hung up on,
    `error…` is taken and answered 500, `lost…` is answered 500 and not taken. `script` replaces all that."""

    late_s: float = 3.0
    busy_for: int = 2
    script: Callable[[Call], None] | None = None
    activity: bool = True
    """Whether the account has bought the activity feed."""
    calls: list[Call] = field(default_factory=list)
    taken: list[Call] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        ours = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                ours._serve(self, {})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                ours._serve(self, json.loads(body))

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def copies_to(self, address: str) -> int:
        """How many mails to an address were taken."""
        with self._lock:
            return sum(call.body["personalizations"][0]["to"][0]["email"] == address for call in self.taken)

    def _serve(self, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        call = Call(handler.command, handler.path, dict(handler.headers), body, handler)
        with self._lock:
            self.calls.append(call)
        if self.script is not None:
            self.script(call)
        elif call.method == "POST":
            self._take(call)
        else:
            self._tell(call)

    def _take(self, call: Call) -> None:
        to = call.body["personalizations"][0]["to"][0]["email"]
        with self._lock:
            tries = sum(
                other.method == "POST" and other.body["personalizations"][0]["to"][0]["email"] == to
                for other in self.calls
            )
        if to.startswith("nobody"):
            error = {"field": "personalizations.0.to.0.email", "message": f"Does not contain {to}"}
            return call.answer(400, {"errors": [error]})
        if to.startswith("busy") and tries <= self.busy_for:
            return call.answer(429, {"errors": [{"message": "too many requests"}]})
        if to.startswith("lost"):
            return call.answer(500)
        with self._lock:
            self.taken.append(call)
        if to.startswith("late"):
            time.sleep(self.late_s)
        if to.startswith("drop"):
            return call.reset()
        if to.startswith("error"):
            return call.answer(500, {"errors": [{"message": "internal"}]})
        return call.answer(202, X_Message_Id=f"sg-{len(self.taken)}")

    def _tell(self, call: Call) -> None:
        """What is known of a category: from the activity feed or the statistics."""
        asked = urlsplit(call.path)
        parameters = {name: values[0] for name, values in parse_qs(asked.query).items()}
        with self._lock:
            known = [each.category for each in self.taken]
        if asked.path == "/v3/scopes":
            return call.answer(200, {"scopes": ["mail.send", "messages.read"]})
        if asked.path == "/v3/messages":
            if not self.activity:
                return call.answer(403, {"errors": [{"message": "access forbidden"}]})
            category = parameters["query"].removeprefix('(Contains(categories,"').removesuffix('"))')
            found = [{"msg_id": f"sg-{category}", "status": "delivered"}] if category in known else []
            return call.answer(200, {"messages": found})
        metrics = {"metrics": {"requests": known.count(parameters["categories"])}}
        return call.answer(200, [{"date": parameters["start_date"], "stats": [metrics]}])
