"""Reading what a stranger sent: one JSON object, or a list of what is wrong with it."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel

from activities.interface import RawInput
from domain.wire import FieldError, parse

M = TypeVar("M", bound=BaseModel)


def read_input(model: type[M], inputs: tuple[RawInput, ...]) -> M | list[FieldError]:
    """The one input of a message as the model, or what is wrong with it."""
    if len(inputs) != 1:
        count = "no input" if not inputs else "more than one input"
        return [FieldError("input", "", f"there is {count}: send exactly one JSON object")]
    if not inputs[0].complete:
        return [FieldError("input", f"{inputs[0].size} bytes", "is too long")]
    if inputs[0].encoding != "json/plain":
        return [FieldError("input", inputs[0].encoding, "is not of the encoding json/plain")]
    return parse(model, inputs[0].data)
