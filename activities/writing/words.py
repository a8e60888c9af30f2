"""The words of a message: subject, text and HTML, from the facts and the phrases of its step and tone.

Phrases (`templates/<language>/<step>.<tone>.jinja`) hold sentences only; which of them a letter is made of
stands in `templates/steps/`, for all languages. They are rendered once, as plain text in parts, and laid out
twice, so that the text and the HTML of a mail always say the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from activities.writing.blocks import (
    contact_fields,
    details_of,
    imprint,
    parties,
    table_of,
    table_of_received,
    title_of_the_rest,
    ways_to_pay,
)
from activities.writing.phrasing import (
    Habits,
    Labels,
    country_for_post,
    habits_of,
    one_line,
    paper_labels,
    template,
    template_names,
    typeset,
)
from activities.writing.plain_text import text_detail, text_fields, text_table, wrap
from activities.writing.slots import drafted_parts
from domain.envelope import envelope_of
from domain.letters.draft import Draft
from domain.letters.letter import (
    BEFORE_DUE,
    NoticeFacts,
    asked_totals,
    open_totals,
    received_totals,
)
from domain.seller import Seller
from domain.vocabulary import AFTER_THE_DEBT, Channel, Note, Step, Tone

#: Messages that lay out the whole claim: both parties, and every movement of every invoice.
DETAILED = frozenset({Step.DEMAND, Step.REFERRAL})
#: Parts that no message is sent without.
NEEDED = ("subject", "greeting", "opening", "contact")
#: From gentle to formal. A tone that a step has no phrases for takes the nearest of this list.
_SCALE = (Tone.FRIENDLY, Tone.PROFESSIONAL, Tone.FIRM, Tone.FORMAL)


@dataclass(frozen=True, slots=True)
class Words:
    """What one message says, ready to go out: `html` is the mail's page, or the page of a letter."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Phrased:
    """The phrases of a message by part, and what they were made with: a paper says the same as its mail."""

    habits: Habits
    say: Labels
    values: dict[str, Any]
    parts: dict[str, list[str]]


#: How German sentences begin that do not begin with a noun, a name or the formal address.
_GERMAN_SMALL_WORDS = frozenset(
    "Als Am An Auf Aus Bei Bis Bitte Da Damit Danke Das Dazu Der Des Deshalb Die Dies Diese Dieses Ein Eine "
    "Einige Es Für Gern Herzlichen Heute Hier Im In Leider Mit Nach Neue Noch Seit Um Unser Unsere Viele "
    "Vielen Von Vor Wenn Wie Wir Zu Zum Zur".split()
)


def phrased(facts: NoticeFacts) -> Phrased:
    """The phrases of `facts.step` in the nearest tone it has, in the customer's language."""
    habits = habits_of(facts)
    items = facts.subjects
    totals = asked_totals(items) or open_totals(items)
    values: dict[str, Any] = {
        **habits.functions(),
        "facts": facts,
        "items": items,
        "several": len(items) != 1,
        "total": habits.amounts(totals.values()),
        "open_total": habits.amounts(open_totals(items).values()),
        "total_count": len(totals),
        "received": habits.amounts(received_totals(items).values()),
        "same_due": len({item.due_on for item in items}) == 1,
        "all_today": bool(items) and all(item.days_past_due == 0 for item in items),
        "sender": _sender(facts.seller),
        "lang": facts.language,
        "partner": facts.tone is Tone.PARTNER,
        "for_manager": facts.account_manager is not None and facts.contact_name == facts.account_manager.name,
        "part": lambda name: f"\x1e{name}\x1f",
    }
    if items:
        values["it"] = items[0]
    say = Labels(facts.language, values)
    values["when"] = say.pay_when(facts.answer_by, values["all_today"])
    values["reply_when"] = say.reply_when(facts.answer_by)
    values["talk_when"] = say.talk_when(facts.answer_by)
    phrases = template(phrases_of(facts.step, facts.tone, facts.language))
    parts = _parts(phrases.render(values, say=say))
    if gaps := [name for name in NEEDED if not parts.get(name)]:
        raise ValueError(f"{phrases.name} leaves empty what every message needs: {', '.join(gaps)}")
    return Phrased(habits, say, values, _typeset(parts, facts.language))


def write_notice(facts: NoticeFacts, draft: Draft | None = None) -> Words:
    """Write the message of `facts.step` in `facts.tone`.

    A tone that the step has no phrases for speaks in the nearest one it has; `tones_of` says which those are.
    A draft that the guard has passed takes the place of the phrases, in the same layout.
    """
    said = phrased(facts)
    habits, say, values, parts, items = said.habits, said.say, said.values, said.parts, facts.subjects
    if draft is not None:
        parts = _typeset(drafted_parts(draft, facts, habits, say, values["total"], parts), facts.language)
    details = details_of(items, habits, say) if facts.step in DETAILED else ()
    asks = isinstance(facts.step, Step) and not facts.for_staff
    layout = {
        **values,
        "say": say,
        "parts": parts,
        "subject": " ".join(" ".join(parts["subject"]).split()),
        "table": table_of_received(items, habits, say)
        if facts.step in AFTER_THE_DEBT
        else table_of(items if len(details) != 1 else (), habits, say, asking=asks),
        "also_open": table_of(facts.also_open, habits, say, asking=False),
        "also_open_title": title_of_the_rest(facts, say),
        "details": details,
        "parties": parties(facts, habits, say) if facts.step in DETAILED else (),
        "accept_link": _accept_link(facts, parts),
        "contact_title": say.afterwards_title if facts.for_staff else say.contact_title,
        "contacts": contact_fields(facts, say),
        "pay": ()
        if facts.for_staff or facts.step in AFTER_THE_DEBT
        else ways_to_pay(facts.seller, items, say),
        "imprint": () if facts.for_staff else imprint(facts.seller, habits, say),
        "wrap": wrap,
        "text_table": lambda table: text_table(table, say),
        "text_detail": lambda detail: text_detail(detail, say),
        "text_fields": lambda fields: text_fields(fields, say),
    }
    text = template("notice.txt.jinja").render(layout)
    page = "notice.html.jinja"
    if facts.channel is Channel.LETTER:
        page, layout = "letter_page.html.jinja", {**layout, **_sheet(facts, habits)}
    elif facts.channel is Channel.VOICE:
        text = _spoken(facts, said)
    return Words(
        subject=str(layout["subject"]),
        text=re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+\n", "\n", text)).strip() + "\n",
        html=template(page).render(layout),
    )


def _spoken(facts: NoticeFacts, said: Phrased) -> str:
    """What is read out of a message: no table, no account number, nothing that only a page can show."""
    say = Labels(facts.language, said.values, "spoken")
    if facts.step in BEFORE_DUE:
        kind = "before"
    elif facts.step is Step.AT_RISK:
        kind = "talk"
    else:
        kind = "partner" if facts.tone is Tone.PARTNER else "late"
    parts = said.parts
    told = (*parts["greeting"], *parts["opening"], say.request(kind), say.contact(facts.seller.phone))
    return "\n\n".join((*told, *parts.get("closing", ())))


def _accept_link(facts: NoticeFacts, parts: Mapping[str, Sequence[str]]) -> str | None:
    """The page on which the reader looks at the instalments that the message offers, and confirms them."""
    if facts.portal_link is None or facts.for_staff:
        return None
    if facts.step is Note.PLAN_PROPOSED:
        return f"{facts.portal_link}/agree"
    return f"{facts.portal_link}/plan" if parts.get("instalments") else None


def _sheet(facts: NoticeFacts, habits: Habits) -> dict[str, Any]:
    """Where the letter's address stands, and what: by the envelopes that lie where the seller posts it."""
    seller = facts.seller
    home, abroad = seller.address.country, facts.customer.country
    foreign = (country_for_post(abroad),) if abroad is not None and abroad != home else ()
    return {
        "sheet": envelope_of(home),
        "words": paper_labels(facts),
        "return_line": " · ".join((seller.legal_name, *seller.address.lines)),
        "address": (*facts.window, *foreign),
    }


def tones_of(step: Step | Note, language: str = "en") -> frozenset[Tone]:
    """The tones a step has phrases for; all of them where one set of phrases serves every tone."""
    if f"{language}/{step}.jinja" in template_names():
        return frozenset(Tone)
    return frozenset(tone for tone in Tone if f"{language}/{step}.{tone}.jinja" in template_names())


@cache
def phrases_of(step: Step | Note, tone: Tone, language: str = "en") -> str:
    """The phrase file for a step and tone, by its path below `templates/`."""
    if f"{language}/{step}.jinja" in template_names():
        return f"{language}/{step}.jinja"
    written = tones_of(step, language)
    if tone in _SCALE:
        near = sorted(written & set(_SCALE), key=lambda other: abs(_SCALE.index(other) - _SCALE.index(tone)))
        tone = near[0]
    return f"{language}/{step}.{tone}.jinja"


def _parts(rendered: str) -> dict[str, list[str]]:
    """The parts of a letter by name, each as its paragraphs on one line."""
    parts = {}
    for chunk in rendered.split("\x1e")[1:]:
        name, _, body = chunk.partition("\x1f")
        paragraphs = (one_line(paragraph) for paragraph in re.split(r"\n[ \t]*\n", body))
        parts[name] = [paragraph for paragraph in paragraphs if paragraph]
    return parts


def _typeset(parts: dict[str, list[str]], language: str) -> dict[str, list[str]]:
    if language == "de":
        parts = parts | {"opening": _after_salutation(parts["greeting"], parts["opening"])}
    return {name: [typeset(paragraph, language) for paragraph in own] for name, own in parts.items()}


def _after_salutation(greeting: Sequence[str], opening: Sequence[str]) -> list[str]:
    """A German letter goes on in lower case after the comma of its salutation, unless with a noun or a name."""
    first, *others = opening
    word = re.match(r"\w+", first)
    if not greeting[-1].endswith(",") or word is None or word.group() not in _GERMAN_SMALL_WORDS:
        return list(opening)
    return [first[0].lower() + first[1:], *others]


def _sender(seller: Seller) -> str:
    """Who signs: the sender's name, with the seller's where it does not say it."""
    name = seller.sender.name
    return name if seller.name in name or seller.legal_name in name else f"{name}, {seller.name}"
