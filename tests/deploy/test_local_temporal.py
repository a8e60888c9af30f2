"""The launcher of our own Temporal server: what it keeps, skips, registers and refuses."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.testing import TimeSkipper, TimeSkippingConfig
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from deploy import local_temporal
from deploy.local_process import EndedAtOnce, LocalServerError, free_port, processes_in
from deploy.local_temporal import SEARCH_ATTRIBUTES, LocalTemporal, find_program

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.temporal


@workflow.defn
class Sleeper:
    """Sleeps for a month."""

    @workflow.run
    async def run(self) -> None:
        await workflow.sleep(timedelta(days=30))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LocalTemporal]:
    with LocalTemporal(tmp_path, time_skipping=True, headless=True) as running:
        yield running


async def test_keeps_workflows_when_killed_and_started_again(server: LocalTemporal) -> None:
    client = await Client.connect(server.address)
    await client.start_workflow(Sleeper.run, id="sleeper", task_queue="nobody")
    killed = server._process
    assert killed
    killed.send_signal(signal.SIGKILL)
    killed.wait()

    address = server.address
    assert server.start() == address, "clients know the address"
    described = await (await Client.connect(address)).get_workflow_handle("sleeper").describe()
    assert described.workflow_type == "Sleeper"


async def test_one_workflow_skips_a_month(server: LocalTemporal) -> None:
    skipper = TimeSkipper(await Client.connect(server.address), config=TimeSkippingConfig(enabled=False))
    runner = UnsandboxedWorkflowRunner()
    async with Worker(skipper.client, task_queue="q", workflows=[Sleeper], workflow_runner=runner):
        handle = await skipper.client.start_workflow(Sleeper.run, id="sleeper", task_queue="q")
        await skipper.fast_forward(handle, timedelta(days=31))
        await handle.result()
        closed = (await handle.describe()).close_time
    assert closed
    assert closed > datetime.now(UTC) + timedelta(days=29)


def test_registers_search_attributes_on_state_that_lacks_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(SEARCH_ATTRIBUTES) == {
        *("CustomerId", "Stage", "WaitingOn", "Tier", "Risk", "Currency", "DueOn", "NextStepAt", "BalanceDue")
    }
    with monkeypatch.context() as earlier:
        earlier.setattr(local_temporal, "SEARCH_ATTRIBUTES", {"CustomerId": "Keyword"})
        with LocalTemporal(tmp_path, headless=True) as server:
            assert set(registered(server)) & set(SEARCH_ATTRIBUTES) == {"CustomerId"}
    with LocalTemporal(tmp_path, headless=True) as server:
        assert registered(server).items() >= SEARCH_ATTRIBUTES.items()


def registered(server: LocalTemporal) -> dict[str, str]:
    lines = server._operate(find_program(), "search-attribute", "list").stdout.splitlines()
    return {words[0]: words[1] for line in lines if len(words := line.split()) == 2}


async def test_state_in_memory_is_gone_afterwards(tmp_path: Path) -> None:
    with LocalTemporal(tmp_path, durable=False, headless=True) as server:
        client = await Client.connect(server.address)
        await client.start_workflow("Sleeper", id="sleeper", task_queue="nobody")
    with LocalTemporal(tmp_path, durable=False, headless=True) as server:
        client = await Client.connect(server.address)
        with pytest.raises(RPCError, match="not found"):
            await client.get_workflow_handle("sleeper").describe()


def test_listens_on_this_machine_only(tmp_path: Path) -> None:
    with LocalTemporal(tmp_path, durable=False) as server:
        assert server.pid
        files = [os.readlink(file) for file in Path(f"/proc/{server.pid}/fd").iterdir()]
        rows = [
            row.split()
            for table in ("tcp", "tcp6")
            for row in Path("/proc/net", table).read_text().splitlines()[1:]
        ]
        listening = {row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in files}
        assert {int(address.rpartition(":")[2], 16) for address in listening} >= {server.port, server.ui_port}
        assert {address.partition(":")[0] for address in listening} == {"0100007F"}
        assert server.ui_url == f"http://127.0.0.1:{server.ui_port}"


def test_a_taken_port_names_who_holds_it(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(
            LocalServerError, match=rf"Port {port}, .* process {os.getpid()} \(.*--temporal-port"
        ):
            LocalTemporal(tmp_path, port).start()


def in_panic(folder: Path, times: int) -> str:
    """A `temporal` program whose server ends in a panic so many times, as where it loses a port of its own."""
    program = folder / "temporal"
    counted = folder / "panics"
    trace = "".join(f"\tcommands.server.go:{line}\n" for line in range(20))
    (folder / "panic.txt").write_text(f"panic: failed assigning ephemeral port\n\n{trace}")
    program.write_text(
        f"""#!/bin/sh
        if [ "$1" = server ] && [ "$(cat {counted} 2>/dev/null | wc -l)" -lt {times} ]; then
            echo panic >> {counted}; cat {folder}/panic.txt; exit 2
        fi
        exec {find_program()} "$@"
        """
    )
    program.chmod(0o700)
    return str(program)


@pytest.mark.parametrize("or_next", [False, True])
@pytest.mark.parametrize("ports", [0, "fixed"])
def test_a_server_that_lost_a_port_of_its_own_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ports: int | str, or_next: bool
) -> None:
    program = in_panic(tmp_path, times=2)
    monkeypatch.setattr(local_temporal, "find_program", lambda: program)
    port = free_port() if ports else 0
    with LocalTemporal(tmp_path / "state", port, headless=True, durable=False, or_next=or_next) as server:
        assert server.pid
        if port and not or_next:
            assert server.port == port


def test_a_panic_without_end_is_told_by_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = in_panic(tmp_path, times=100)
    monkeypatch.setattr(local_temporal, "find_program", lambda: program)
    with pytest.raises(EndedAtOnce, match=r"exit code 2.*\npanic: failed assigning ephemeral port"):
        LocalTemporal(tmp_path / "state", headless=True).start()
    assert (tmp_path / "panics").read_text().count("panic") == 3


def test_an_earlier_panic_is_not_told_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = in_panic(tmp_path, times=100)
    monkeypatch.setattr(local_temporal, "find_program", lambda: program)
    server = LocalTemporal(tmp_path / "state", headless=True)
    with pytest.raises(EndedAtOnce, match="panic: failed"):
        server.start()
    (tmp_path / "panic.txt").write_text("the disk is full\n")
    with pytest.raises(EndedAtOnce, match=r"exit code 2\):\nthe disk is full$"):
        server.start()


def test_a_killed_owner_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    script = (
        "import sys, time, pathlib; from deploy.local_temporal import LocalTemporal;"
        "server = LocalTemporal(pathlib.Path(sys.argv[1]), headless=True);"
        "server.start(); print(server.port, flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert owner.stdout
    port = int(owner.stdout.readline())
    owner.kill()
    owner.wait()
    owner.stdout.close()

    with LocalTemporal(tmp_path, port, headless=True) as server:
        assert processes_in(tmp_path, "temporal") == [server.pid]


def test_an_orphan_is_ended_where_no_death_signal_can_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_temporal, "dying_with_us", lambda how: [])
    first = LocalTemporal(tmp_path, headless=True)
    first.start()
    orphan = first._process
    assert orphan
    first._lock.release()  # as the kernel does when the owner is killed

    with LocalTemporal(tmp_path, first.port, headless=True):
        assert orphan.wait(5) is not None
