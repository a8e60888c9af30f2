"""A message as a model or a person drafts it: prose with named slots, and what the slots may be for a letter.

A draft never states a fact. Where one belongs it names a slot such as `{amount_due}`, which code fills.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from domain.letters.letter import NoticeFacts
from domain.vocabulary import Channel, Note, Step, Tone

#: Stands for the table of invoices, as a paragraph of its own; what comes before opens, what comes after asks.
TABLE = "invoice_table"
SLOT = re.compile(r"\{([a-z_]+)\}")

#: What each slot is filled with, as the model is told.
MEANING: Mapping[str, str] = {
    "recipient": "whom the message is addressed to",
    "invoices": "the invoices it is about, such as: invoice INV-0 / the invoices named below",
    "amount_due": "the amount asked for, with its currency",
    "due_date": "the date on which the invoices were or are due",
    "answer_by": "the date by which payment or an answer is asked for",
    "block_date": "the date from which new orders are blocked",
    "usual_day": "the day after the invoice date around which this customer's payments usually arrive",
    "account_manager": "the name of the customer's account manager",
    "referral_partner": "who recovers the invoices if nothing is paid",
    "instalments": "the instalments we offer, each with amount and date; how to accept them is told below",
    "seller": "our own name",
    TABLE: "the table of the invoices",
}


class Draft(BaseModel):
    """What is drafted. Table, bank details, contact, legal clauses and signature are not: they are ours."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    subject: Annotated[str, Field(max_length=2_000)]
    greeting: Annotated[str, Field(max_length=2_000)]
    paragraphs: Annotated[list[str], Field(max_length=50)]
    closing: Annotated[str, Field(max_length=5_000)]

    @property
    def texts(self) -> list[tuple[str, str]]:
        """Every text with the name of its place."""
        numbered = [(f"paragraph {place}", text) for place, text in enumerate(self.paragraphs, 1)]
        return [("subject", self.subject), ("greeting", self.greeting), *numbered, ("closing", self.closing)]


@dataclass(frozen=True)
class Brief:
    """What a draft must keep to: follows from the facts of the letter."""

    step: Step
    tone: Tone
    language: str
    slots: frozenset[str]
    """Those that the facts can fill."""
    required: frozenset[str]
    past_due: bool
    referral: bool
    """A partner, an enabled step and a date exist: only then agencies and the law are spoken of."""


def brief_of(facts: NoticeFacts) -> Brief | None:
    """The brief of a letter to a customer; None for answers, mails to staff and what is spoken, which stay with
    their phrases."""
    items = facts.subjects
    spoken = facts.channel in (Channel.CALL, Channel.VOICE)
    if isinstance(facts.step, Note) or facts.for_staff or spoken or not items:
        return None
    if any(item.whole_due_on is not None for item in items):
        return None  # why it is due before its due date is told in our own words
    fillable = {
        "due_date": len({item.due_on for item in items}) == 1,
        "answer_by": facts.answer_by is not None,
        "block_date": facts.block_on is not None,
        "usual_day": facts.usual_day is not None,
        "account_manager": facts.account_manager is not None,
        "instalments": facts.plan is not None,
    }
    referral = facts.referral_partner is not None and (
        facts.step is Step.REFERRAL or (facts.step is Step.DEMAND and facts.answer_by is not None)
    )
    there = {name for name, is_there in fillable.items() if is_there}
    if referral:
        there.add("referral_partner")
    needed = {"recipient", "amount_due", TABLE} | (there & {"answer_by", "block_date", "usual_day"})
    return Brief(
        step=facts.step,
        tone=facts.tone,
        language=facts.language,
        slots=frozenset(there | {"recipient", "invoices", "amount_due", "seller", TABLE}),
        required=frozenset(needed),
        past_due=any(item.days_past_due > 0 for item in items),
        referral=referral,
    )


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with its slots filled, in one pass: what a value holds is never read as a slot."""
    return SLOT.sub(lambda slot: values[slot[1]], text)
