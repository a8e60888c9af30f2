"""How Duecourse talks to PostgreSQL: the engine, its limits, and what text it can hold."""

from __future__ import annotations

import sqlalchemy as sa
from pydantic_core import from_json
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError
from sqlalchemy.orm import Session, sessionmaker

from store import canonical

#: Within an activity's time-out, and long enough for the largest report.
STATEMENT_TIMEOUT_S = 30
#: A lock is held for milliseconds; who waits longer waits for a process that hangs.
LOCK_TIMEOUT_S = 10
#: A process frozen inside a transaction loses its locks after this.
IDLE_IN_TRANSACTION_TIMEOUT_S = 30


def create_engine(
    url: str,
    pool_size: int = 5,
    *,
    statement_timeout_s: int = STATEMENT_TIMEOUT_S,
    lock_timeout_s: int = LOCK_TIMEOUT_S,
) -> sa.Engine:
    """An engine for `url` (`postgresql://…`, any driver name), with time-outs on everything."""
    settings = {
        "timezone": "UTC",
        "statement_timeout": f"{statement_timeout_s}s",
        "lock_timeout": f"{lock_timeout_s}s",
        "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_TIMEOUT_S}s",
    }
    return sa.create_engine(
        sa.make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_pre_ping=True,  # after a restart of the server the first query must not fail
        json_serializer=canonical.dumps,
        json_deserializer=from_json,  # facts, policies and decisions: two to four times as fast as json.loads
        hide_parameters=True,  # failures carry ids, never people
        connect_args={
            "connect_timeout": 5,
            "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
        },
    )


def can_never_succeed(problem: Exception) -> bool:
    """Whether it was what we wrote that was refused, not the moment: trying again would not help."""
    if isinstance(problem, DBAPIError):
        return isinstance(problem, DataError | IntegrityError)
    return isinstance(problem, StatementError | ValueError | TypeError | LookupError | ArithmeticError)


def session_factory(engine: sa.Engine) -> sessionmaker[Session]:
    """Sessions for `with sessions.begin() as session:`; rows stay readable after the commit."""
    return sessionmaker(engine, expire_on_commit=False)
