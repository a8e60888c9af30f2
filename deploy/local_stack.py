"""The local stack of `demo` and `up`: PostgreSQL and Temporal with time skipping in one state folder.

One process owns the stack. Others find it through `StackAddress.of`.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from deploy.local_postgres import LocalPostgres
from deploy.local_process import FolderLock, WhileNeeded, free_port, is_locked, next_free_port, require_free
from deploy.local_temporal import LocalTemporal

TEMPORAL_PORT = 7233
UI_OFFSET = 1000  # the UI's port above Temporal's own, as everywhere in Temporal's world
WEB_PORT = 8080
ADDRESS_FILE = "stack.json"
LOCK_FILE = "stack.lock"


@dataclass(frozen=True)
class StackAddress:
    """Where the parts of a running stack are."""

    database_url: str
    temporal: str
    ui_url: str
    web_port: int

    @classmethod
    def of(cls, state_dir: Path) -> Self | None:
        """The stack that runs on this folder, or None when none does."""
        if not is_locked(state_dir / LOCK_FILE):
            return None
        try:
            return cls(**json.loads((state_dir / ADDRESS_FILE).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None  # it is just starting


class LocalStack(WhileNeeded):
    """PostgreSQL and Temporal over one state folder. A port of 0 is chosen when it starts; None
    is the usual one or, where that is taken, the next that is free.

    The web port is only checked to be free; whoever serves the pages opens it. With `own_database` the
    folder's own PostgreSQL is used even where `DATABASE_URL` is set.
    """

    def __init__(
        self,
        state_dir: Path,
        temporal_port: int | None = TEMPORAL_PORT,
        web_port: int | None = WEB_PORT,
        *,
        durable: bool = True,
        own_database: bool = False,
    ) -> None:
        self.state_dir = state_dir.absolute()
        self.postgres = LocalPostgres(self.state_dir / "postgres", durable=durable, own=own_database)
        wanted = TEMPORAL_PORT if temporal_port is None else temporal_port
        self.temporal = LocalTemporal(
            self.state_dir / "temporal",
            wanted,
            wanted + UI_OFFSET if wanted else 0,
            or_next=temporal_port is None,
            time_skipping=True,
            durable=True,  # a demo too may be stopped and looked at again
        )
        self._wanted_web_port = web_port
        self._web_port = 0
        self._lock = FolderLock(self.state_dir / LOCK_FILE)
        self._address_file = self.state_dir / ADDRESS_FILE

    def start(self) -> StackAddress:
        """Start what does not run yet, each with everything it held before, and say where it all is.

        Called again, it restarts a server that has died. Raises `LocalServerError` when the folder or a port
        is taken, or a server cannot be had.
        """
        first = self._lock.acquire()
        try:
            if first:
                self._address_file.unlink(missing_ok=True)
                self._web_port = self._choose_web_port()
            address = StackAddress(
                database_url=self.postgres.start(),
                temporal=self.temporal.start(),
                ui_url=self.temporal.ui_url or "",
                web_port=self._web_port,
            )
            self._address_file.write_text(json.dumps(asdict(address), indent=2) + "\n", encoding="utf-8")
        except BaseException:
            self.stop()
            raise
        return address

    def _choose_web_port(self) -> int:
        if self._wanted_web_port is None:
            return next_free_port(WEB_PORT)
        if self._wanted_web_port:
            require_free(self._wanted_web_port, purpose="the web pages", option="--web-port")
        return self._wanted_web_port or free_port()

    def stop(self) -> None:
        """End both servers, keeping everything they hold; harmless when they do not run."""
        self._address_file.unlink(missing_ok=True)
        self.temporal.stop()
        self.postgres.stop()
        self._lock.release()
