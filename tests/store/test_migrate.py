"""The migrations give exactly the schema that the code declares, however often and by whomever they run."""

from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from store import migrate
from store.database import create_engine
from store.schema import Base


def test_migrated_schema_equals_the_declared_one(database: str) -> None:
    engine = create_engine(database)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_upgrading_again_changes_nothing(database: str) -> None:
    before = migrate.current(database)
    migrate.upgrade(database)
    assert migrate.current(database) == before
    assert migrate.is_current(database)


def test_upgrade_by_four_processes_at_once(database: str) -> None:
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))
    engine.dispose()
    assert not migrate.is_current(database)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(migrate.upgrade, [database] * 4))

    assert migrate.is_current(database)
