"""Where a command works: the stack that runs on this machine, or the servers that the environment names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from commands.failures import BadInput
from deploy.local_stack import StackAddress
from settings import ROOT, Settings, connect
from store.database import create_engine, session_factory
from store.schema import CustomerRow

if TYPE_CHECKING:
    from temporalio.client import Client

UP, DEMO = ROOT / "var" / "up", ROOT / "var" / "demo"
#: The folder of exhibits in the state of a local stack.
EXHIBITS = "exhibits"


@dataclass(frozen=True)
class Place:
    """A database and a Temporal that belong together; `state` is the folder of a local stack."""

    database_url: str
    temporal: str | None = None
    """Left out: Temporal's own variables and profile file say it."""
    ui_url: str | None = None
    state: Path | None = None

    @cached_property
    def engine(self) -> Engine:
        return create_engine(self.database_url, pool_size=2)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees one moment and changes nothing."""
        with session_factory(self.engine)() as session:
            session.connection(
                execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
            )
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction."""
        with session_factory(self.engine).begin() as session:
            yield session

    async def client(self) -> Client:
        """A connected Temporal client."""
        return await connect(self.temporal)

    def now(self, session: Session) -> datetime:
        """The business time: in a local stack its virtual time where that is ahead of the clock."""
        real = datetime.now(UTC)
        if self.state is None:
            return real
        newest = session.scalar(select(func.max(CustomerRow.latest_at)))
        return real if newest is None else max(real, newest)

    def today(self, session: Session, zone: str) -> date:
        """The business day in a zone."""
        return self.now(session).astimezone(ZoneInfo(zone)).date()


def find(state: Path | None) -> Place:
    """The place a command works at. Raises BadInput naming every way to say it.

    A folder that is given (or stands in DUECOURSE_STATE) counts; else an environment that names both
    servers, else the stack that runs on `var/up` or `var/demo`, else what the environment names.
    """
    if state is None and os.environ.get("DUECOURSE_STATE"):
        state = Path(os.environ["DUECOURSE_STATE"])
    if state is not None:
        address = StackAddress.of(state)
        if address is None:
            raise BadInput(
                f"--state: nothing runs on {state}: start it there (python starter.py up), or leave --state out"
            )
        return _of_stack(state, address)
    named = Settings().database_url.get_secret_value()
    both = named and (os.environ.get("TEMPORAL_ADDRESS") or os.environ.get("TEMPORAL_PROFILE"))
    for folder in () if both else (UP, DEMO):
        address = StackAddress.of(folder)
        if address is not None:
            return _of_stack(folder, address)
    if not named:
        raise BadInput(
            "Nothing to work with: start a stack (python starter.py up, or make demo), name a running one with"
            " --state, or set DATABASE_URL and TEMPORAL_ADDRESS"
        )
    return Place(named)


def exhibit_folder(place: Place) -> Path | None:
    """Where exhibits lie: the configured folder, else that of a stack on this machine."""
    folder = Settings().exhibit_folder
    if folder is None and place.state is not None:
        folder = place.state / EXHIBITS
        folder.mkdir(exist_ok=True)
    return folder


def _of_stack(state: Path, address: StackAddress) -> Place:
    return Place(address.database_url, address.temporal, address.ui_url, state)
