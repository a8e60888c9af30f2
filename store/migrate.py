"""Bring a database to the newest schema. Safe to run from several processes at once.

`DATABASE_URL=… python -m store.migrate`
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from store import database

#: Any constant will do, as long as nothing else in the database locks it.
_UPGRADE_LOCK = 0x64756563


def upgrade(url: str) -> None:
    """Apply the migrations that are missing, all in one transaction; wait for whoever is at it already."""
    engine = database.create_engine(url, pool_size=1, statement_timeout_s=0, lock_timeout_s=0)
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
        command.upgrade(_config(connection), "head")
    engine.dispose()


def current(url: str) -> str | None:
    """The revision that the database is at; None when it is empty."""
    engine = database.create_engine(url, pool_size=1)
    with engine.connect() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
    engine.dispose()
    return revision


def is_current(url: str) -> bool:
    """Whether the database has exactly the schema that this code expects."""
    return current(url) == ScriptDirectory.from_config(_config()).get_current_head()


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


if __name__ == "__main__":
    if not os.environ.get("DATABASE_URL"):
        sys.exit(
            "DATABASE_URL is not set: name the database to migrate, such as postgresql://owner@host/name"
        )
    upgrade(os.environ["DATABASE_URL"])
    print(f"The schema is at {current(os.environ['DATABASE_URL'])}")
