"""A time limit for a whole conversation with a provider, where libraries only limit each read of it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def hang_up_after(seconds: float, connection: Callable[[], socket.socket | None]) -> Iterator[None]:
    """Hang up when the time is over, also on a server that drips one byte after the other."""

    def hang_up() -> None:
        with contextlib.suppress(OSError):
            if (open_one := connection()) is not None:
                socket.socket.shutdown(open_one, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
