"""What feeds say of customers: read, proposed as notes of a risk, and noted once a person has confirmed it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from activities.adapters.feeds import FeedUnusable
from activities.inbound.feed_notes import PROPOSED, Proposal, entries_of, names_of_debtors, propose
from commands.failures import BadInput, Failed
from commands.place import Place, find
from commands.starting import Starter
from commands.telling.tell import os_user
from commands.terminal import clean, count, note, print_json
from domain.contract import RiskNoted
from settings import Settings
from store import worklist
from store.schema import TaskState

#: As long as the contract lets the source of a note be.
_LONGEST_SOURCE = 200


def read_feeds(sources: Sequence[str], *, state: Path | None, as_json: bool) -> None:
    """Read feeds (those of DUECOURSE_FEEDS, where none is named) and list what names a customer who owes.

    A feed that cannot be read is said and left out; then the command ends with 1.
    """
    named = list(sources) or Settings().feeds.split()
    if not named:
        raise BadInput("FEED: name files or https addresses, or set DUECOURSE_FEEDS to some, by blanks")
    place = find(state)
    with place.reading() as session:
        names, at = names_of_debtors(session), place.now(session)
    told: list[dict[str, Any]] = []
    for source in named:
        try:
            entries = entries_of(source)
        except FeedUnusable as problem:
            note(clean(f"{source}: {problem}"))
            told.append({"feed": source, "entries": 0, "proposed": [], "error": str(problem)})
            continue
        with place.writing() as session:
            proposed = propose(session, names, entries, at)
        told.append({"feed": source, "entries": len(entries), "proposed": proposed, "error": None})
    if as_json:
        print_json(told)
    else:
        for each in told:
            if each["error"] is None:
                items = f": {', '.join(each['proposed'])}" if each["proposed"] else ""
                read = count(each["entries"], "entry", "entries")
                print(
                    clean(f"{each['feed']}: {read}, {count(len(each['proposed']), 'note')} proposed{items}")
                )
    failed = [each["feed"] for each in told if each["error"] is not None]
    if failed:
        raise Failed(f"{count(len(failed), 'feed')} could not be read")


def decide_note(state: Path | None, item: str, accept: bool, by: str | None, *, as_json: bool) -> None:
    """Note the risk that was proposed for its customer's whole account, or dismiss it."""
    place, who = find(state), by or os_user()
    with place.reading() as session:
        task = worklist.get(session, item)
        if task is None or task.kind != PROPOSED or task.customer_id is None:
            raise BadInput(
                f"ITEM: no note was proposed as {item!r}: see starter.py worklist --kind {PROPOSED}"
            )
        if task.state is not TaskState.OPEN:
            raise BadInput(f"ITEM: {item} is decided already: {task.outcome}")
        proposal, customer_id, at = Proposal.of(task), task.customer_id, place.now(session)
        fact: dict[str, Any] = {"note_id": f"feed-{task.ref[:32]}", "text": proposal.text}
        if 0 < len(proposal.link) <= _LONGEST_SOURCE:
            fact["source"] = proposal.link
    if accept:
        RiskNoted.model_validate(fact)  # what was proposed fits the contract
        asyncio.run(_tell(place, customer_id, fact))
    outcome = "noted" if accept else "dismissed"
    with place.writing() as session:
        worklist.close_task(session, item, at=at, by=who, outcome=outcome)
    if as_json:
        print_json(
            {"item_id": item, "customer_id": customer_id, "outcome": outcome, "note_id": fact["note_id"]}
        )
    else:
        print(clean(f"{customer_id}: {outcome}: {proposal.text}"))


async def _tell(place: Place, customer_id: str, fact: Mapping[str, Any]) -> None:
    starter = await Starter.at(place)
    await starter.signal_account(customer_id, RiskNoted.fact_kind, fact)
