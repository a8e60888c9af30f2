"""Reading what a stranger sent: one JSON object, or a list of what is wrong with it."""

from __future__ import annotations

import hashlib
from typing import NamedTuple, TypeVar

from pydantic import BaseModel

from activities.interface import RawInput
from domain.wire import FieldError, parse

M = TypeVar("M", bound=BaseModel)


class AsItCame(NamedTuple):
    """A message as the worklist keeps it: its bytes, of a long one the first 4 kB and the hash of all."""

    raw: bytes
    raw_sha256: bytes
    ref: str
    """What tells it from other messages."""


def as_it_came(name: str, inputs: tuple[RawInput, ...]) -> AsItCame:
    """Several inputs are joined by line ends; the hash is then that of what is kept of them."""
    raw = b"\n".join(part.data for part in inputs)
    sha256 = bytes.fromhex(inputs[0].sha256) if len(inputs) == 1 else hashlib.sha256(raw).digest()
    ref = f"{name[:64]}:" + "+".join(part.sha256[:16] for part in inputs)
    return AsItCame(raw, sha256, ref)


def read_input(model: type[M], inputs: tuple[RawInput, ...]) -> M | list[FieldError]:
    """The one input of a message as the model, or what is wrong with it."""
    if len(inputs) != 1:
        count = "no input" if not inputs else "more than one input"
        return [FieldError("input", "", f"there is {count}: send exactly one JSON object")]
    if inputs[0].cut_from is not None:
        return [FieldError("input", f"{inputs[0].cut_from.size} bytes", "is too long")]
    if inputs[0].encoding != "json/plain":
        return [FieldError("input", inputs[0].encoding, "is not of the encoding json/plain")]
    return parse(model, inputs[0].data)
