"""An installation at work, reached only as an ERP reaches it: by the `temporal` program."""

from collections.abc import AsyncIterator, Iterator

import pytest

from activities.adapters.maildir import MaildirTransport
from deploy.local_temporal import LocalTemporal
from tests.premises import Premises, connect, fresh_database


@pytest.fixture(scope="module")
def temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTemporal]:
    with LocalTemporal(tmp_path_factory.mktemp("temporal"), durable=False, headless=True) as server:
        yield server


@pytest.fixture(scope="module")
async def premises(
    temporal: LocalTemporal,
    postgres_url: str,
    database_template: str,
    worker_id: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Premises]:
    with fresh_database(postgres_url, database_template, f"erp_{worker_id}") as url:
        place = Premises(url, await connect(temporal.address))
        async with place.working(place.parts(MaildirTransport(tmp_path_factory.mktemp("mail")))):
            yield place
        place.engine.dispose()
