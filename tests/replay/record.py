"""Records the histories anew: `python -m tests.replay.record`. Do it only when what a workflow did *before* a
change is no longer of interest to anybody, that is: never after the first release without keeping the old ones."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import create_engine, make_url, text
from temporalio.client import Client

from deploy.local_postgres import LocalPostgres
from deploy.local_temporal import LocalTemporal
from store.migrate import upgrade
from tests.replay.lives import LIVES
from tests.workflow.conftest import Builder
from workflows.converter import data_converter

HISTORIES = Path(__file__).parent / "histories"


async def record(temporal: str, database: str, folder: Path) -> None:
    """Live every life and keep its history."""
    client = await Client.connect(temporal, data_converter=data_converter)
    for name, life in LIVES.items():
        build = Builder(client, _own_database(database, name), folder / name, f"{name}-")
        async with build(calendar="weekdays") as house:
            workflow_id = await life(house)
            history = await client.get_workflow_handle(workflow_id).fetch_history()
        (HISTORIES / f"{name}.json").write_text(history.to_json() + "\n", encoding="utf-8")
        print(f"{name}: {len(history.events)} events")


def _own_database(server: str, name: str) -> str:
    """A migrated database for one life: the next one must not find its cases."""
    with create_engine(server, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text(f'create database "{name}"'))
    url = make_url(server).set(database=name).render_as_string(hide_password=False)
    upgrade(url)
    return url


def main() -> None:
    """Start the servers and record."""
    HISTORIES.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="duecourse-record-") as folder:
        place = Path(folder)
        with (
            LocalPostgres(place / "postgres", durable=False, own=True) as postgres,
            LocalTemporal(place / "temporal", time_skipping=True, durable=False, headless=True) as temporal,
        ):
            asyncio.run(record(temporal.address, postgres.url, place))


if __name__ == "__main__":
    main()
