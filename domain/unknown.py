"""Messages of which nobody knows whether they went out: when the provider is asked, and what may be sent again."""

from __future__ import annotations

from datetime import datetime, timedelta

from domain.vocabulary import Note, Step

#: When an unknown message is looked for, after it became unknown.
LOOKS = (timedelta(minutes=5), timedelta(hours=1), *(timedelta(days=day) for day in range(1, 6)))
#: It asks for nothing that a second copy makes worse; a demand is never sent on a guess.
_FRIENDLY: frozenset[Step | Note] = frozenset({Step.PRE_DUE, Step.PRE_DUE_2, Step.DUE, *Note})


def is_look_due(unknown_since: datetime, looks: int, now: datetime) -> bool:
    """Whether a message that was looked for `looks` times, and not found, is to be looked for again."""
    return looks < len(LOOKS) and now >= unknown_since + LOOKS[looks]


def may_write_again(step: Step | Note, looks: int, *, written_again: bool) -> bool:
    """Whether a message that no look has found may be written once more, without a person's word."""
    return looks >= len(LOOKS) and step in _FRIENDLY and not written_again
