"""Sessions on a migrated database: one that all tests share and roll back, or one of the test's own."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session, sessionmaker

from store import migrate
from store.database import create_engine, session_factory


@pytest.fixture(scope="session")
def shared_engine(postgres_url: str, worker_id: str) -> Iterator[sa.Engine]:
    """An engine on a database in which nothing is ever committed."""
    name = f"store_{worker_id}"
    server = create_engine(postgres_url).execution_options(isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    url = sa.make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    migrate.upgrade(url)
    engine = create_engine(url)
    yield engine
    engine.dispose()
    with server.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    server.dispose()


@pytest.fixture
def session(shared_engine: sa.Engine) -> Iterator[Session]:
    """One transaction, rolled back at the end."""
    with session_factory(shared_engine)() as session:
        yield session


@pytest.fixture
def engine(database: str) -> Iterator[sa.Engine]:
    """An engine on a database of the test's own, wide enough for eight threads."""
    engine = create_engine(database, pool_size=12)
    yield engine
    engine.dispose()


@pytest.fixture
def sessions(engine: sa.Engine) -> sessionmaker[Session]:
    return session_factory(engine)
