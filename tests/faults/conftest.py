"""Servers of their own for the fault tests, so that nothing they leave behind reaches anybody else."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deploy.local_temporal import LocalTemporal
from tests.faults.post import PostOffice
from tests.premises import Premises, connect, fresh_database


@pytest.fixture(scope="module")
def temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTemporal]:
    folder = tmp_path_factory.mktemp("temporal")
    with LocalTemporal(folder, time_skipping=True, durable=False, headless=True) as server:
        yield server


@pytest.fixture(scope="module")
async def premises(
    temporal: LocalTemporal,
    postgres_url: str,
    database_template: str,
    worker_id: str,
    request: pytest.FixtureRequest,
) -> AsyncIterator[Premises]:
    """Servers without a worker: each test brings its own."""
    name = f"{request.module.__name__.rsplit('.')[-1]}_{worker_id}"
    with fresh_database(postgres_url, database_template, name) as url:
        place = Premises(url, await connect(temporal.address))
        yield place
        place.engine.dispose()


@pytest.fixture
def post() -> Iterator[PostOffice]:
    """A mail server on the loopback that counts what it takes."""
    with PostOffice() as office:
        yield office


@pytest.fixture
def gates(tmp_path: Path) -> Path:
    """Where worker processes are told to stop."""
    folder = tmp_path / "gates"
    folder.mkdir()
    return folder
