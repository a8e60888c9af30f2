"""An installation at work, reached only as an ERP reaches it: by the `temporal` program."""

from collections.abc import AsyncIterator, Iterator

import pytest
from temporalio.client import Client

from activities.adapters.maildir import MaildirTransport
from deploy.local_temporal import LocalTemporal
from tests.premises import Premises, fresh_database
from workflows.converter import data_converter


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
        # The page's commands take their dates from the shell and begin by the server's clock, and so does all here.
        place = Premises(url, await Client.connect(temporal.address, data_converter=data_converter))
        async with place.working(place.parts(MaildirTransport(tmp_path_factory.mktemp("mail")))):
            yield place
        place.engine.dispose()
