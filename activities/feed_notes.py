"""News about customers: what feeds say of them is proposed to a person as a risk to be noted, and never noted by
itself.

The same entry is proposed once for a customer, whatever was decided about it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from activities.adapters.feeds import Entry
from domain.names import Names
from store import worklist
from store.portfolio import profile_of
from store.schema import CaseRow, CustomerRow, TaskRow

#: The worklist item of an entry that names a customer.
PROPOSED = "risk_note_proposed"
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
