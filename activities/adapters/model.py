"""What a language model is to us: one question, one answer of limited length within a limited time.

An answer is hostile text until the guard has read it. That there is none is an expected outcome, returned
and never raised: a template stands ready.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Question:
    """What a model is asked. `schema` is the JSON Schema that the answer is to follow."""

    instructions: str
    prompt: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """The text of an answer; `model` as the provider names it."""

    text: str
    model: str


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Why there is none, without anything the provider wrote."""

    reason: str


class DraftModel(Protocol):
    """Answers questions. Safe to share between threads."""

    @property
    def name(self) -> str:
        """The model as configured, for the record."""

    def ask(self, question: Question) -> Answer | NoAnswer:
        """Ask once. Comes back within the time-out it was made with, whatever the provider does; nothing is
        retried in here."""
