"""The launcher of our own PostgreSQL: what it keeps, survives and refuses."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from deploy import local_postgres
from deploy.local_postgres import LocalPostgres
from deploy.local_process import LocalServerError, processes_in

ROOT = Path(__file__).resolve().parents[2]
AS_ROOT = os.geteuid() == 0


@pytest.fixture(autouse=True)
def no_database_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)


@pytest.fixture(scope="module")
def prepared() -> Iterator[Path]:
    """An empty cluster to copy, which is faster than making one for each test."""
    with TemporaryDirectory(prefix="duecourse-test-") as name:
        folder = Path(name) / "postgres"
        with LocalPostgres(folder, durable=False, own=True):
            pass
        yield folder


@pytest.fixture
def empty() -> Iterator[Path]:
    """A folder with a short name that only its owner may enter, as a clone in root's home is."""
    with TemporaryDirectory(prefix="duecourse-test-") as name:
        yield Path(name) / "postgres"


@pytest.fixture
def folder(empty: Path, prepared: Path) -> Path:
    """The same, with a cluster in it."""
    return shutil.copytree(prepared, empty)


@pytest.fixture
def server(folder: Path) -> Iterator[LocalPostgres]:
    with LocalPostgres(folder, durable=False) as running:
        yield running


def run(server: LocalPostgres, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_keeps_rows_over_stop_and_start(server: LocalPostgres) -> None:
    run(server, "create table t as select 42 as n")
    server.stop()
    assert server.pid is None
    assert processes_in(server._cluster, "postgres") == []

    server.start()
    assert run(server, "select n from t") == [(42,)]


def test_comes_back_after_the_server_was_killed(server: LocalPostgres) -> None:
    run(server, "create table t as select 42 as n")
    killed = server._process
    assert killed
    killed.send_signal(signal.SIGKILL)
    killed.wait()

    server.start()
    assert server.pid not in (None, killed.pid)
    assert run(server, "select n from t") == [(42,)]


def test_a_pid_file_that_names_another_process_is_no_obstacle(server: LocalPostgres) -> None:
    killed = server._process
    assert killed
    pid_file = server._cluster / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))

    server.start()
    assert run(server, "select 1") == [(1,)]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_owner_leaves_nothing_in_the_way(folder: Path, how: signal.Signals) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert owner.stdout
    assert owner.stdout.readline() == "ready\n"
    owner.send_signal(how)
    owner.wait()
    owner.stdout.close()

    with LocalPostgres(folder, durable=False) as server:
        assert run(server, "select n from t") == [(42,)]


OWNER = """
import sys, time, pathlib, psycopg
from deploy.local_postgres import LocalPostgres
server = LocalPostgres(pathlib.Path(sys.argv[1]), durable=False)
with psycopg.connect(server.start().replace("+psycopg", ""), autocommit=True) as connection:
    connection.execute("create table t as select 42 as n")
print("ready", flush=True)
time.sleep(60)
"""


def test_an_orphan_is_ended_where_no_death_signal_can_be_had(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_postgres, "dying_with_us", lambda how: [])
    first = LocalPostgres(folder, durable=False)
    first.start()
    orphan = first._process
    assert orphan
    first._lock.release()  # as the kernel does when the owner is killed

    with LocalPostgres(folder, durable=False) as second:
        assert orphan.wait(5) == 0
        assert second.pid != orphan.pid


def test_a_folder_in_use_names_its_holder(server: LocalPostgres, folder: Path) -> None:
    with pytest.raises(LocalServerError, match=rf"in use by process {os.getpid()} \(.*python"):
        LocalPostgres(folder).start()
    assert run(server, "select 1") == [(1,)]


def test_works_in_a_folder_deeper_than_a_socket_path_may_be(folder: Path) -> None:
    deep = folder.parent.joinpath(*["a-folder-with-a-long-name"] * 6)
    shutil.copytree(folder, deep)
    with LocalPostgres(deep, durable=False) as server:
        assert run(server, "select 1") == [(1,)]
        assert server._socket_folder().stat().st_mode & 0o777 == 0o700
    server._socket_folder().rmdir()


def test_only_its_owner_may_enter(server: LocalPostgres, folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
    assert run(server, "show listen_addresses") == [("",)]


def test_text_and_time_are_kept_whatever_the_machine_says(server: LocalPostgres) -> None:
    assert run(server, "show server_encoding") == [("UTF8",)]
    assert run(server, "show timezone") == [("UTC",)]
    assert run(server, "select lower('ÄÉ'), char_length('é')") == [("äé", 1)]


@pytest.mark.skipif(not AS_ROOT, reason="only root becomes somebody else")
def test_root_without_user_namespaces(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in Docker with its default profile: the server runs as nobody, in root's private folder."""
    with LocalPostgres(folder, durable=False) as server:
        run(server, "create table t as select 42 as n")
    monkeypatch.setattr(local_postgres, "_namespace_works", lambda: False)
    with LocalPostgres(folder, durable=False) as server:
        assert Path(f"/proc/{server.pid}").stat().st_uid == pwd.getpwnam("nobody").pw_uid
        assert run(server, "select n from t") == [(42,)]
    monkeypatch.undo()
    with LocalPostgres(folder, durable=False) as server:
        assert run(server, "select n from t") == [(42,)]


@pytest.mark.skipif(not AS_ROOT, reason="the other tests run as this user already")
def test_not_as_root(empty: Path) -> None:
    """As nobody, who keeps the capability to read this clone and so nothing else of root's."""
    nobody = pwd.getpwnam("nobody")
    os.chown(empty.parent, nobody.pw_uid, nobody.pw_gid)
    become = [
        *("setpriv", "--securebits=+no_setuid_fixup"),
        *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
        *(f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"),
    ]
    if subprocess.run([*become, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this sandbox does not let root become nobody with a capability")
    script = OWNER.replace("time.sleep(60)", "server.stop()")
    done = subprocess.run(
        [*become, sys.executable, "-c", script, str(empty)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("ready\n", "")
    assert (empty / "cluster").stat().st_uid == nobody.pw_uid


def test_data_of_another_major_version_are_refused_untouched(server: LocalPostgres) -> None:
    server.stop()
    (server._cluster / "PG_VERSION").write_text("14\n")
    with pytest.raises(LocalServerError, match=r"written by PostgreSQL 14; .*pg_dump"):
        server.start()
    assert (server._cluster / "base").exists()


def test_a_first_start_cut_short_is_begun_anew(empty: Path) -> None:
    (empty / "cluster.new").mkdir(parents=True)
    (empty / "cluster.new" / "half").write_text("")
    (empty / "cluster").mkdir()
    with LocalPostgres(empty, durable=False) as server:
        assert run(server, "select 1") == [(1,)]


def test_database_url_comes_first(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://ann:secret@db.example/books")
    assert LocalPostgres(empty).start() == "postgresql+psycopg://ann:secret@db.example/books"
    assert not empty.exists()
    assert "db.example" not in LocalPostgres(empty, own=True).url


def test_a_machine_without_postgresql_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_postgres, "find_spec", lambda name: None)
    monkeypatch.setattr(local_postgres, "SYSTEM_PROGRAMS", Path("/nowhere"))
    with pytest.raises(LocalServerError, match=r"Set DATABASE_URL .* apt-get install postgresql"):
        local_postgres.find_programs()


def test_the_systems_newest_serves_where_the_wheel_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for version in (9, 14, 15, 17):
        program = tmp_path / str(version) / "bin" / "postgres"
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}.1 (Debian)'\n")
        program.chmod(0o755)
    monkeypatch.setattr(local_postgres, "find_spec", lambda name: None)
    monkeypatch.setattr(local_postgres, "SYSTEM_PROGRAMS", tmp_path)
    assert local_postgres.find_programs() == tmp_path / "17" / "bin"


def test_a_server_that_cannot_start_shows_its_log(server: LocalPostgres) -> None:
    server.stop()
    (server._cluster / "postgresql.conf").write_text("no such setting = 1\n")
    with pytest.raises(LocalServerError, match="syntax error"):
        server.start()
