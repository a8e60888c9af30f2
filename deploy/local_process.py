"""Server processes that belong to one folder: started, found again after a crash, ended, never shared.

Each server runs with its folder as working directory, which is how one whose owner was killed is recognised.
"""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

PROC = Path("/proc")
LISTENING = "0A"  # the state column of /proc/net/tcp
LOG_LIMIT = 10_000_000  # bytes, after which a log is set aside at the next start

# The kernel ties a child's death signal to the *thread* that started it, so one thread that lives as long as
# this process starts them all.
_starter_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="server-starter")


class LocalServerError(RuntimeError):
    """A local server cannot be had; the message says what to do about it."""


class EndedAtOnce(LocalServerError):
    """A server was gone before it was ready."""


class WhileNeeded(ABC):
    """Servers that run for the length of a `with` block."""

    @abstractmethod
    def start(self) -> object:
        """Start them; harmless when they run."""

    @abstractmethod
    def stop(self) -> None:
        """End them; harmless when they do not run."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class FolderLock:
    """Keeps a second process from running servers on one folder; the kernel frees it when the owner dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def acquire(self) -> bool:
        """Take the lock, or raise `LocalServerError` naming its holder. False when we held it already."""
        if self._file is not None:
            return False
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(file, 32).decode(errors="replace").strip()
            os.close(file)
            what = describe(int(holder)) if holder.isdigit() else "another process"
            raise LocalServerError(f"{self._path.parent} is in use by {what}. Stop that first.") from None
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
        self._file = file
        return True

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def is_locked(path: Path) -> bool:
    """Whether a process holds the `FolderLock` of this path."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@cache
def _setpriv() -> str | None:
    """The util-linux `setpriv`, where it can set a death signal (busybox's cannot)."""
    program = shutil.which("setpriv")
    if program is None:
        return None
    shown = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
    return program if "--pdeathsig" in shown.stdout else None


def dying_with_us(how: signal.Signals) -> list[str]:
    """The command prefix that makes a child receive this signal when we are killed, where that can be had."""
    program = _setpriv()
    return [program, "--pdeathsig", how.name.removeprefix("SIG"), "--"] if program else []


def next_part(log: Path) -> int:
    """The byte at which what is appended to a log next begins; one that has grown long is set aside."""
    if not log.exists():
        return 0
    size = log.stat().st_size
    if size <= LOG_LIMIT:
        return size
    log.replace(log.with_suffix(".log.1"))
    return 0


def spawn(
    command: Sequence[str], *, folder: Path, log: Path, env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a server in its folder, its output appended to `log`, out of reach of the terminal's Ctrl-C."""
    with log.open("ab") as output:
        return _starter_thread.submit(
            subprocess.Popen,
            list(command),
            cwd=folder,
            env=None if env is None else dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ).result()


def wait_until(
    ready: Callable[[], bool],
    process: subprocess.Popen[bytes],
    *,
    name: str,
    log: Path,
    since: int,
    seconds: float,
) -> None:
    """Wait for a started server to be ready.

    Raises `EndedAtOnce` when its process ended, `LocalServerError` when it takes longer than the given seconds,
    both with the end of what its log says from byte `since` on.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        code = process.poll()
        if code is not None:
            raise EndedAtOnce(f"{name} ended at once (exit code {code}):\n{tail(log, since)}")
        if time.monotonic() > deadline:
            raise LocalServerError(f"{name} was not ready after {seconds:.0f} s:\n{tail(log, since)}")
        time.sleep(0.02)


def end(process: subprocess.Popen[bytes], how: signal.Signals, *, seconds: float = 30) -> None:
    """Ask a child to end, wait for it, and kill it when it does not."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def processes_in(folder: Path, program: str) -> list[int]:
    """The running processes of this program whose working directory is this folder; none without /proc."""
    home = str(folder.resolve())
    found = []
    for entry in PROC.glob("[0-9]*"):
        try:
            if os.readlink(entry / "cwd") == home and (entry / "comm").read_text().strip() == program:
                found.append(int(entry.name))
        except OSError:
            continue  # it ended meanwhile, or is not ours to look at
    return sorted(found)


def end_orphans(folder: Path, program: str, how: signal.Signals, *, seconds: float = 30) -> None:
    """End what a killed owner left running in this folder. Call it only while holding the folder's lock."""
    left = processes_in(folder, program)
    for pid in left[:1]:  # the parent started first; its children end with it
        _send(pid, how)
    deadline = time.monotonic() + seconds
    while left := processes_in(folder, program):
        if time.monotonic() > deadline:
            for pid in left:
                _send(pid, signal.SIGKILL)
            deadline += 5
        time.sleep(0.02)


def _send(pid: int, how: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # it ended by itself
        os.kill(pid, how)


def describe(pid: int) -> str:
    """A process as a person would look for it: its id and command line."""
    try:
        words = (PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return f"process {pid}"
    return f"process {pid} ({' '.join(words).strip()[:120]})"


def port_is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1 at this port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port(preferred: int = 0) -> int:
    """A port of 127.0.0.1 that nobody listens on: the preferred one where that is free."""
    if preferred and port_is_free(preferred):
        return preferred
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def next_free_port(first: int, *, beside: int = 0) -> int:
    """The first port of 127.0.0.1 from `first` on that nobody listens on; with `beside`, one where the port so
    many above it is free as well. Raises `LocalServerError` where there is none."""
    for port in range(first, 65_536 - beside):
        if port_is_free(port) and (not beside or port_is_free(port + beside)):
            return port
    raise LocalServerError(
        f"No port from {first} on is free on 127.0.0.1. Stop a server, or name a lower port."
    )


def require_free(port: int, *, purpose: str, option: str) -> None:
    """Raise `LocalServerError` naming who listens on the port and the option that chooses another."""
    deadline = time.monotonic() + 1
    while not port_is_free(port):
        holder = port_holder(port)
        if holder is None and time.monotonic() < deadline:
            time.sleep(
                0.02
            )  # a process that was killed may close its ports a moment after it is gone from /proc
            continue
        by = describe(holder) if holder else "another process"
        raise LocalServerError(
            f"Port {port}, wanted for {purpose}, is taken by {by}. Stop it, or choose another with {option}."
        )


def port_holder(port: int) -> int | None:
    """The process listening on a TCP port, where /proc shows it."""
    sockets = set()
    for table in ("tcp", "tcp6"):
        try:
            rows = (PROC / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            columns = row.split()
            if columns[3] == LISTENING and int(columns[1].rpartition(":")[2], 16) == port:
                sockets.add(f"socket:[{columns[9]}]")
    for entry in PROC.glob("[0-9]*"):
        try:
            if any(os.readlink(file) in sockets for file in (entry / "fd").iterdir()):
                return int(entry.name)
        except OSError:
            continue
    return None


def tail(log: Path, since: int, lines: int = 15) -> str:
    """The end of what a log holds from byte `since` on; where that is a panic of a Go program, what the panic says,
    not the end of its trace."""
    try:
        with log.open("rb") as file:
            file.seek(since)
            told = file.read().decode(errors="replace").splitlines()
    except OSError:
        return f"(no log at {log})"
    panics = [number for number, line in enumerate(told) if line.startswith("panic:")]
    begin = panics[-1] if panics else len(told)
    return "\n".join(told[min(begin, max(len(told) - lines, 0)) :][:lines])
