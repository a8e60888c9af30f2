"""What happens next to a case, and why. A decision travels into the workflow's history as it is."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from domain.vocabulary import Note, Outcome, Step, WaitingOn

#: Indefinite waits are looked at again after this time; a fact wakes them earlier.
LOOK_AGAIN = timedelta(days=30)


class Lean(BaseModel):
    """Base of what travels into histories: what says nothing (a default) is left out."""

    model_config = ConfigDict(frozen=True)

    @model_serializer(mode="wrap")
    def _without_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = type(self).model_fields
        written: dict[str, Any] = handler(self)
        return {
            name: value
            for name, value in written.items()
            if name == "kind" or getattr(self, name) != fields[name].default
        }


class TaskRequest(Lean):
    """Something a person must look at; opened once per (kind, ref)."""

    kind: str
    ref: str
    why: str


class NextStep(Lean):
    """The step that comes next if nothing happens before."""

    step: Step | Note
    at: datetime


class Wait(Lean):
    """Sleep until an instant, or until a fact is recorded."""

    kind: Literal["wait"] = "wait"
    until: datetime
    waiting_on: WaitingOn
    why: str
    rule: str
    next_step: NextStep | None = None
    tasks: tuple[TaskRequest, ...] = ()


class CarryOut(Lean):
    """Do this step: draft, render and send it, put it on the worklist, or block orders."""

    kind: Literal["carry_out"] = "carry_out"
    step: Step | Note
    cycle: int
    why: str
    rule: str
    ref: str = ""
    """Which promise or call a confirmation is about."""
    effect: Literal["contact", "block_orders"] = "contact"
    approval: Literal["none", "ask", "given"] = "none"
    rank: int = 0
    """How often this step's approval has expired."""
    catch_up: bool = False
    tasks: tuple[TaskRequest, ...] = ()


class AskApproval(Lean):
    """A drafted message waits for a person's decision."""

    kind: Literal["ask_approval"] = "ask_approval"
    message_id: str
    step: Step
    until: datetime
    why: str
    rule: str = "approval"
    tasks: tuple[TaskRequest, ...] = ()


class Close(Lean):
    """The case has ended."""

    kind: Literal["close"] = "close"
    outcome: Outcome
    why: str
    rule: str
    tasks: tuple[TaskRequest, ...] = ()


Decision = Annotated[Wait | CarryOut | AskApproval | Close, Field(discriminator="kind")]
