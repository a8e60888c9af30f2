"""Both servers together over one state folder."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from deploy.local_process import LocalServerError
from deploy.local_stack import LocalStack, StackAddress

pytestmark = pytest.mark.temporal


@pytest.fixture
def state() -> Iterator[Path]:
    with TemporaryDirectory(prefix="duecourse-test-") as name:
        yield Path(name) / "up"


def stack_over(state: Path, temporal_port: int = 0, web_port: int = 0) -> LocalStack:
    return LocalStack(state, temporal_port, web_port, durable=False, own_database=True)


def test_one_stack_at_a_time_which_others_find(state: Path) -> None:
    assert StackAddress.of(state) is None
    stack = stack_over(state)
    address = stack.start()
    try:
        assert StackAddress.of(state) == address
        assert str(state) in address.database_url.replace("%2F", "/")
        with pytest.raises(LocalServerError, match=rf"in use by process {os.getpid()}"):
            stack_over(state).start()
        assert StackAddress.of(state) == address, "the refused one disturbs nothing"

        died = stack.temporal._process
        assert died
        died.kill()
        died.wait()
        assert stack.start() == address, "a server that died comes back where it was"
    finally:
        stack.stop()
    assert StackAddress.of(state) is None


@pytest.mark.parametrize("which", ["--temporal-port", "--web-port"])
def test_a_taken_port_stops_everything(state: Path, which: str) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        stack = stack_over(state, port, 0) if which == "--temporal-port" else stack_over(state, 0, port)
        with pytest.raises(LocalServerError, match=rf"Port {port}, .*{which}"):
            stack.start()
    assert stack.postgres.pid is None
    assert StackAddress.of(state) is None
