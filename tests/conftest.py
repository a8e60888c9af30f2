"""Real servers for the tests: one PostgreSQL and one Temporal for each pytest-xdist worker."""

import itertools
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis
import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from deploy.local_postgres import LocalPostgres
from deploy.local_temporal import LocalTemporal
from tests import clock

# Nothing is judged by the machine's load. What `make test` tries is the same each time, so that it fails for a change
# and not by luck; `make test-all` looks further (`--hypothesis-profile explore`).
_UNHURRIED = hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.register_profile("explore", _UNHURRIED)
hypothesis.settings.register_profile("repeatable", _UNHURRIED, derandomize=True, database=None)
hypothesis.settings.load_profile("repeatable")

_numbers = itertools.count(1)
_TEMPORAL_SERVERS = {"temporal_server", "temporal"}
#: What takes long first, so that the workers, which take file after file in this order (`--no-loadscope-reorder`),
#: end at the same time. Folders that are not named come last.
_LONGEST_FIRST = ("faults", "workflow", "portal", "erp", "deploy", "replay", "cli", "activities", "store")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a Temporal server, and hand out what takes long first."""
    for item in items:
        if _TEMPORAL_SERVERS.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("temporal")
    place = {folder: number for number, folder in enumerate(_LONGEST_FIRST)}
    items.sort(key=lambda item: place.get(item.path.parent.name, len(place)))


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A short-named folder for this worker's servers, gone afterwards."""
    with TemporaryDirectory(prefix="duecourse-test-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres_url(server_folder: Path) -> Iterator[str]:
    """The SQLAlchemy URL of an empty database on a running server."""
    with LocalPostgres(server_folder / "postgres", durable=False) as server:
        yield server.url


@pytest.fixture(scope="session")
def database_template(postgres_url: str, worker_id: str) -> Iterator[str]:
    """The name of a migrated, empty database that `database` copies."""
    name = f"template_{worker_id}"
    url = _create_database(postgres_url, name)
    if find_spec("store.migrate"):
        import_module("store.migrate").upgrade(url)
    yield name
    _drop_database(postgres_url, name)


@pytest.fixture
def database(postgres_url: str, database_template: str, worker_id: str) -> Iterator[str]:
    """The SQLAlchemy URL of a migrated database that this test has for itself."""
    name = f"test_{worker_id}_{next(_numbers)}"
    yield _create_database(postgres_url, name, template=database_template)
    _drop_database(postgres_url, name)


@pytest.fixture(scope="session")
def temporal_server(server_folder: Path) -> Iterator[LocalTemporal]:
    """A Temporal server that can skip time, workflow by workflow."""
    with LocalTemporal(
        server_folder / "temporal", time_skipping=True, durable=False, headless=True
    ) as server:
        yield server


@pytest.fixture
async def temporal_client(temporal_server: LocalTemporal) -> Client:
    """A client of that server, with the converter that Duecourse's own processes use."""
    converter = pydantic_data_converter
    if find_spec("workflows.converter"):
        converter = import_module("workflows.converter").data_converter
    return clock.at_present(await Client.connect(temporal_server.address, data_converter=converter))


def _create_database(server: str, name: str, template: str = "template1") -> str:
    _drop_database(server, name)
    # The other way of copying goes page by page through the write-ahead log, which takes four times as long.
    _administer(server, sql.SQL("create database {} template {} strategy file_copy"), name, template)
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def _drop_database(server: str, name: str) -> None:
    _administer(server, sql.SQL("drop database if exists {} with (force)"), name)


def _administer(server: str, statement: sql.SQL, *names: str) -> None:
    address = make_url(server).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(statement.format(*(sql.Identifier(name) for name in names)))
