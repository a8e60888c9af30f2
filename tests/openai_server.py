"""A model on the loopback: speaks OpenAI's chat completions, says what it is told and misbehaves as told."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

#: What a test has the server do with one request.
Behaviour = Callable[[BaseHTTPRequestHandler], None]


def completion(content: str | None, *, refusal: str | None = None, finish: str = "stop") -> bytes:
    """A chat completion as it travels."""
    message = {"role": "assistant", "content": content, "refusal": refusal}
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "fake-model-2026-11",
            "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }
    ).encode()


def body(data: bytes, status: int = 200, **headers: str) -> Behaviour:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        with suppress(OSError):  # who has read enough hangs up
            request.wfile.write(data)

    return answer


def says(content: str | Mapping[str, Any]) -> Behaviour:
    """Answer with a text, or with a draft as JSON."""
    return body(completion(content if isinstance(content, str) else json.dumps(content)))


def fails(status: int) -> Behaviour:
    return body(b'{"error": {"message": "Bearer sk-secret for Acme Ltd", "type": "x"}}', status)


def compressed(data: bytes) -> Behaviour:
    return body(gzip.compress(data), content_encoding="gzip")


def hangs_up(request: BaseHTTPRequestHandler) -> None:
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.close_connection = True
    request.rfile.close()
    request.connection.close()


def drips_for_ever(request: BaseHTTPRequestHandler) -> None:
    """An answer that never ends, a byte at a time: no pause is long enough for a time-out between reads."""
    request.send_response(200)
    request.send_header("Content-Type", "application/json")
    request.end_headers()
    with suppress(OSError):
        while True:
            request.wfile.write(b" ")
            request.wfile.flush()
            time.sleep(0.02)


def drips_headers_for_ever(request: BaseHTTPRequestHandler) -> None:
    with suppress(OSError):
        request.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while True:
            request.wfile.write(b"x")
            request.wfile.flush()
            time.sleep(0.02)


def floods_for_ever(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    with suppress(OSError):
        while True:
            request.wfile.write(b"x" * 65536)


def says_nothing(request: BaseHTTPRequestHandler) -> None:
    """Take the question and stay silent until the asker hangs up."""
    request.connection.settimeout(30)
    with suppress(OSError):
        request.connection.recv(1)


@dataclass
class OpenAIServer:
    """Does what stands in `script`, one entry a request; then `then`."""

    then: Behaviour = field(default_factory=lambda: fails(500))
    script: list[Behaviour] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    """The requests' bodies, in order."""
    keys: list[str | None] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    @property
    def prompts(self) -> list[str]:
        """What was asked, whole."""
        return ["\n".join(message["content"] for message in asked["messages"]) for asked in self.asked]

    def __enter__(self) -> Self:
        told = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                question = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.path == "/v1/chat/completions"
                told.asked.append(json.loads(question))
                told.keys.append(self.headers["Authorization"])
                (told.script.pop(0) if told.script else told.then)(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
