"""SendGrid's Event Webhook in the storm: what became of each mail it took, told late, twice and in any order to a
web process that is killed now and then, until it says that it has written it down."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from settings import ROOT
from tests.sendgrid_events import Signer, body_of, event

#: Seconds between a mail and the first report of it.
_LATEST_S = 4.0
_TWICE = 0.2
_PATIENCE_S = 15.0
#: Reports of one request; what is not answered in time is told again whole.
_AT_ONCE = 40


@dataclass
class WebProcess:
    """`python -m web` with SendGrid's key, as an operator runs it."""

    database: str
    temporal: str
    port: int
    key: str
    log: Path

    def start(self) -> None:
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "web"],
                cwd=ROOT,
                env={
                    **os.environ,
                    "PYTHONPATH": str(ROOT),
                    "DATABASE_URL": self.database,
                    "TEMPORAL_ADDRESS": self.temporal,
                    "DUECOURSE_WEB_PORT": str(self.port),
                    "DUECOURSE_SENDGRID_WEBHOOK_KEY": self.key,
                },
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> None:
        """SIGKILL, whatever it is writing down."""
        self._process.kill()
        self._process.wait(10)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


@dataclass
class Reports:
    """Tells `port` of every mail; what is not answered 200 is told again, as SendGrid does."""

    signer: Signer
    port: int
    seed: int
    bounced: set[str] = field(default_factory=set)
    """Messages that were taken and then came back."""
    told: int = 0
    _waiting: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)

    def about(self, message_id: str, recipient: str, *, bounces: bool) -> None:
        """A mail was taken: it is delivered, or it bounces."""
        fate = event("delivered", message_id, recipient)
        if bounces:
            fate = event("bounce", message_id, recipient, type="bounce", status="5.1.1")
        with self._lock:
            if bounces:
                self.bounced.add(message_id)
            for said in (event("processed", message_id, recipient), fate):
                for _ in range(2 if self._dice.random() < _TWICE else 1):
                    self._waiting.append((time.monotonic() + self._dice.uniform(0, _LATEST_S), said))

    def wait_until_told(self) -> None:
        """Until the web process has written down all there is. Raises TimeoutError."""
        for _ in range(600):
            with self._lock:
                if not self._waiting:
                    return
            time.sleep(0.2)
        raise TimeoutError(f"{len(self._waiting)} reports were never taken")

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._tell, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(_PATIENCE_S)

    def _tell(self) -> None:
        while not self._stop.wait(0.2):
            with self._lock:
                due = [each for each in self._waiting if each[0] <= time.monotonic()]
            self._dice.shuffle(due)
            due = due[:_AT_ONCE]
            if due and self._is_taken(body_of(*(said for _, said in due))):
                with self._lock:
                    self._waiting = [each for each in self._waiting if all(each is not one for one in due)]
                self.told += len(due)

    def _is_taken(self, body: bytes) -> bool:
        headers = self.signer.headers(body, datetime.now(UTC))
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/webhooks/sendgrid", body, headers)
        with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=_PATIENCE_S) as answer:
            return bool(answer.status == 200)
        return False
