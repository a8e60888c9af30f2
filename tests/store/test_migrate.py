"""The migrations give exactly the schema that the code declares, however often and by whomever they run."""

from concurrent.futures import ThreadPoolExecutor

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import make_url

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


def administer(database: str, *statements: str) -> None:
    engine = create_engine(database)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def test_upgrade_by_four_processes_at_once(database: str) -> None:
    administer(database, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    assert not migrate.is_current(database)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(migrate.upgrade, [database] * 4))

    assert migrate.is_current(database)


def test_an_owner_without_any_other_right_can_migrate(database: str, worker_id: str) -> None:
    name, owner = make_url(database).database, f"plain_owner_{worker_id}"
    administer(
        database,
        f"CREATE ROLE {owner}",
        "DROP SCHEMA public CASCADE",
        f"CREATE SCHEMA public AUTHORIZATION {owner}",
        f"ALTER DATABASE {name} SET role = '{owner}'",
    )
    migrate.upgrade(database)
    assert migrate.is_current(database)

    administer(
        database,
        "SET ROLE NONE",
        f"ALTER DATABASE {name} RESET role",
        f"DROP OWNED BY {owner} CASCADE",
        f"DROP ROLE {owner}",
    )
