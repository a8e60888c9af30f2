"""The operator's telephony is told once, signed, and every answer of it is taken for what it is."""

from __future__ import annotations

import hashlib
import hmac
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from activities.adapters.port import Accepted, Carrier, Outgoing, Refused, SendResult, Unknown
from activities.adapters.voice_webhook import VoiceWebhook

SECRET = "a secret of thirty-two characters"
NOW = datetime(2026, 12, 7, 15, tzinfo=UTC)
MESSAGE = Outgoing(message_id="M-1", payload=b'{"text":"Hello"}', seller="default", at=NOW)


class Telephony:
    """Answers as told, and keeps what it was told."""

    def __init__(self) -> None:
        self.status: int | str = 202
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        told = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                told.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                if told.status == "drip":
                    with suppress(OSError):
                        while True:
                            self.wfile.write(b"H")
                            time.sleep(0.02)
                if told.status == "hang up":
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                if told.status == "silence":
                    time.sleep(1)
                    return
                assert isinstance(told.status, int)
                self.send_response(told.status)
                self.send_header("Location", "http://127.0.0.1:9/")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/say?line=2"


@pytest.fixture
def telephony() -> Iterator[Telephony]:
    running = Telephony()
    yield running
    running.server.shutdown()
    running.server.server_close()


def carry(url: str, timeout: float = 5) -> SendResult:
    webhook: Carrier = VoiceWebhook(url, SECRET, now=lambda: NOW)
    assert webhook.proof == "accepted"
    return webhook.carry(MESSAGE, timeout=timeout)


def test_the_words_are_signed_and_named(telephony: Telephony) -> None:
    assert carry(telephony.url) == Accepted()
    ((path, headers, body),) = telephony.requests
    assert (path, body) == ("/say?line=2", MESSAGE.payload)
    assert headers["idempotency-key"] == "M-1"
    signed = f"{headers['duecourse-timestamp']}.".encode() + body
    expected = "v1=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["duecourse-signature"] == expected


@pytest.mark.parametrize(
    ("status", "certain", "permanent"),
    [(200, True, None), (204, True, None), (302, True, False), (401, True, False), (404, True, False),
     (429, True, False), (400, True, True), (422, True, True), (500, False, None), (503, False, None),
     ("hang up", False, None), ("silence", False, None), ("drip", False, None)],
)  # fmt: skip
def test_every_answer(
    telephony: Telephony, status: int | str, *, certain: bool, permanent: bool | None
) -> None:
    telephony.status = status
    begun = time.monotonic()
    result = carry(telephony.url, timeout=0.5)
    assert time.monotonic() - begun < 2, "the time is for the whole conversation"
    assert len(telephony.requests) == 1, "nothing is tried again in here"
    assert isinstance(result, Unknown) == (not certain)
    if permanent is not None:
        assert isinstance(result, Refused)
        assert result.permanent == permanent
    assert SECRET not in repr(result)


def test_telephony_that_is_not_there_refuses_for_now() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        result = carry(f"http://127.0.0.1:{taken.getsockname()[1]}/")
    assert isinstance(result, Refused)
    assert not result.permanent


@pytest.mark.parametrize(
    ("url", "secret", "fix"),
    [("http://telephony.example/", SECRET, "https://"), ("ftp://127.0.0.1/", SECRET, "https://"),
     ("https://telephony.example/", "short", "DUECOURSE_VOICE_WEBHOOK_SECRET")],
)  # fmt: skip
def test_an_open_door_is_refused_at_start(url: str, secret: str, fix: str) -> None:
    with pytest.raises(ValueError, match=fix):
        VoiceWebhook(url, secret)
