"""What the hold-out shows: customers collected by the policies against customers collected as before."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from activities.reports.hold_out_report import METHOD, arms_in_words, hold_out_document, hold_out_rows
from commands.failures import BadInput
from commands.place import find
from commands.terminal import out, print_json, table, words
from domain.hold_out import held_against
from store.hold_out import tallies


def print_hold_out(as_of: date | None, *, state: Path | None, as_json: bool) -> None:
    """Print both arms as of a day, today unless named. Raises BadInput where there is nothing to compare."""
    place = find(state)
    with place.reading() as session:
        told = held_against(tallies(session, as_of or place.now(session).date()))
    if told is None:
        raise BadInput(
            "There is no hold-out, or nothing of it fell due 60 days ago: docs/hold-out.md says how to begin one"
        )
    if as_json:
        print_json(hold_out_document(told))
        return
    rows = table(
        ["Figure", "Usual", "Held out", "Effect", "95 % interval"],
        right=["Usual", "Held out", "Effect"],
        wide=["Figure", "95 % interval"],
    )
    for row in hold_out_rows(told):
        rows.add_row(*map(words, row))
    out().print(rows)
    out().print(words(arms_in_words(told)), soft_wrap=True)
    out().print(words(METHOD), soft_wrap=True)
