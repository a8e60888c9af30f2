"""Filling the slots of a draft from the facts, and its place in the layout that every letter has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from activities.writing.phrasing import Habits, Labels
from domain.letters.draft import TABLE, Draft, filled
from domain.letters.letter import NoticeFacts


def drafted_parts(
    draft: Draft,
    facts: NoticeFacts,
    habits: Habits,
    say: Labels,
    total: str,
    ours: Mapping[str, Sequence[str]],
) -> dict[str, list[str]]:
    """The parts of a letter with the draft's words in them.

    What comes before the table opens, the paragraph after it asks, the rest offers. Consequences, clauses,
    contact, the date the message takes account of and the signature stay `ours`.
    """
    values = _values(facts, habits, say, total)

    def said(text: str) -> str:
        text_ = filled(text, values)
        return text_[:1].upper() + text_[1:] if text.startswith("{") else text_

    table = draft.paragraphs.index(f"{{{TABLE}}}")
    after = [said(paragraph) for paragraph in draft.paragraphs[table + 1 :]]
    return {
        **{name: list(paragraphs) for name, paragraphs in ours.items()},
        "subject": [said(draft.subject)],
        "greeting": [said(draft.greeting)],
        "opening": [said(paragraph) for paragraph in draft.paragraphs[:table]],
        "request": after[:1],
        "offer": after[1:],
        "closing": [*ours["closing"], *([said(draft.closing)] if draft.closing else [])],
    }


def _values(facts: NoticeFacts, habits: Habits, say: Labels, total: str) -> dict[str, str]:
    items = facts.subjects
    values: dict[str, str | None] = {
        "recipient": facts.contact_name or facts.customer.name,
        "invoices": say.these_short(items),
        "amount_due": total,
        "due_date": habits.day(items[0].due_on),
        "answer_by": habits.weekday(facts.answer_by) if facts.answer_by else None,
        "block_date": habits.weekday(facts.block_on) if facts.block_on else None,
        "usual_day": str(facts.usual_day) if facts.usual_day else None,
        "account_manager": facts.account_manager.name if facts.account_manager else None,
        "referral_partner": facts.referral_partner.name if facts.referral_partner else None,
        "instalments": say.instalments_named(facts.plan) if facts.plan else None,
        "seller": facts.seller.name,
    }
    return {name: value for name, value in values.items() if value is not None}
