"""News about customers: what feeds say of them is proposed to a person as a risk to be noted, and never noted by
itself.

The same entry is proposed once for a customer, whatever was decided about it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity

from activities.adapters.feeds import LARGEST_FEED, Entry, FeedUnusable, fetch_feed, read_feed
from activities.interface import FeedsRead, OnDay
from domain.behaviour.names import Names
from store import worklist
from store.portfolio import profile_of
from store.schema import CaseRow, CustomerRow, TaskRow

#: The worklist item of an entry that names a customer, and of a feed that cannot be read.
PROPOSED, UNREADABLE = "risk_note_proposed", "feed_unreadable"
_LONGEST_WHY = 300


@dataclass(frozen=True)
class Proposal:
    """What a person is asked to confirm; kept as the raw text of its worklist item."""

    text: str
    name: str
    """The customer's name as it is known here."""
    title: str
    link: str
    published: str

    @classmethod
    def of(cls, task: TaskRow) -> Proposal:
        """What a worklist item proposes. Raises ValueError where it is none."""
        if task.kind != PROPOSED or task.raw is None:
            raise ValueError(f"{task.item_id} proposes no note")
        return cls(**json.loads(task.raw))


def names_of_debtors(session: Session) -> Names:
    """The names of all customers with an open case."""
    owing = select(CaseRow.owner_id).where(CaseRow.closed_at.is_(None))
    billed = select(CaseRow.customer_id).where(CaseRow.closed_at.is_(None))
    rows = session.scalars(select(CustomerRow).where(CustomerRow.customer_id.in_(owing.union(billed))))
    profiles = (profile_of(row) for row in rows)
    return Names(
        {each.customer_id: [name for name in (each.name, each.legal_name) if name] for each in profiles}
    )


def propose(session: Session, names: Names, entries: Iterable[Entry], at: datetime) -> list[str]:
    """List each entry that names a customer, once; returns the items that were not there before."""
    proposed = []
    for entry in entries:
        for mention in names.mentioned(f"{entry.title}\n{entry.summary}"):
            known = select(TaskRow.item_id).where(
                TaskRow.kind == PROPOSED,
                TaskRow.ref == entry.entry_id,
                TaskRow.customer_id == mention.customer_id,
            )
            if session.scalars(known.limit(1)).first() is not None:
                continue
            note = Proposal(mention.sentence, mention.name, entry.title, entry.link, entry.published)
            proposed.append(
                worklist.open_task(
                    session,
                    kind=PROPOSED,
                    why=f"a feed says: {mention.sentence[:_LONGEST_WHY]} {entry.link}".rstrip(),
                    at=at,
                    customer_id=mention.customer_id,
                    ref=entry.entry_id,
                    raw=json.dumps(vars(note), ensure_ascii=False).encode("utf-8", "replace"),
                )
            )
    return proposed


def entries_of(source: str) -> list[Entry]:
    """The entries of a file or an address. Raises FeedUnusable, also for a file that cannot be opened."""
    if "://" in source:
        return read_feed(fetch_feed(source))
    try:
        with Path(source).open("rb") as file:
            return read_feed(file.read(LARGEST_FEED + 1))
    except OSError as problem:
        raise FeedUnusable(f"cannot be opened: {problem.strerror}") from None


class FeedWatch:
    """Reads the feeds that the operator named."""

    def __init__(self, sessions: sessionmaker[Session], sources: Sequence[str]) -> None:
        self._sessions = sessions
        self._sources = sources

    @activity.defn
    def read_feeds(self, on: OnDay) -> FeedsRead:
        """Propose what names a customer. One feed that cannot be read keeps no other from being read; it is
        listed, once a month."""
        with self._sessions() as session:
            names = names_of_debtors(session)
        entries = proposed = failed = 0
        for source in self._sources:
            try:
                found = entries_of(source)
            except FeedUnusable as problem:
                failed += 1
                self._list(source, str(problem), on.at)
                continue
            with self._sessions.begin() as session:
                proposed += len(propose(session, names, found, on.at))
            entries += len(found)
        return FeedsRead(entries=entries, proposed=proposed, failed=failed)

    def _list(self, source: str, problem: str, at: datetime) -> None:
        ref = f"{hashlib.sha256(source.encode()).hexdigest()[:16]}-{at:%Y-%m}"
        with self._sessions.begin() as session:
            worklist.open_task(session, kind=UNREADABLE, why=f"{source} {problem}", at=at, ref=ref)
