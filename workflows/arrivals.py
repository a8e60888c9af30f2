"""What arrives at a workflow, as it came, in portions that one activity can carry.

The server refuses an activity argument above 2 MB, and the workflow task would then fail for ever; bytes
grow by a third on their way, since they travel as base64.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from temporalio.common import RawValue

from activities.interface import LONGEST_FACT, RawInput, SignalInput, UpdateInput

Arrived = TypeVar("Arrived", SignalInput, UpdateInput)

#: Messages recorded in one activity, which has seconds for them, and the bytes of their inputs together.
MOST_MESSAGES, MOST_BYTES = 50, 1_000_000
#: What a message weighs beside its inputs: names and ids may be a thousand bytes long.
_ENVELOPE = 2_000


def id_behind(prefix: str, workflow_id: str) -> str:
    """The id that a workflow id carries behind its prefix; empty where it is of another form."""
    return workflow_id.removeprefix(prefix) if workflow_id.startswith(prefix) else ""


def raw_inputs(args: Sequence[RawValue], longest: int = LONGEST_FACT) -> tuple[RawInput, ...]:
    """The inputs of a message as they came, `longest` bytes in all; a third one is enough to know that
    there are too many."""
    kept = args[:3]
    return tuple(
        RawInput.of(value.payload.metadata.get("encoding", b""), value.payload.data, longest // len(kept))
        for value in kept
    )


def portion(waiting: Sequence[Arrived], room: int = MOST_BYTES) -> list[Arrived]:
    """The messages at the head of the queue that fit into `room`; always one where there is any room."""
    taken: list[Arrived] = []
    for message in waiting[:MOST_MESSAGES]:
        room -= weight(message)
        if room < 0 and taken:
            break
        taken.append(message)
    return taken


def weight(message: SignalInput | UpdateInput) -> int:
    """Bytes of a message, roughly."""
    return _ENVELOPE + sum(len(each.data) for each in message.inputs)
