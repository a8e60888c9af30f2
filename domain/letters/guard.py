"""The guard before every drafted word: what is wrong with a draft, in words; nothing where it may go out.

A draft is prose around slots. It passes only if all it could say of its own is harmless: no figure, date, way
to pay or address, no term or threat the stage does not allow, in the letter's language, with every slot in its
place. What is not known to be harmless is refused: a template stands ready, so a refusal costs nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

from domain.letters import guard_words as words
from domain.letters.draft import MEANING, SLOT, TABLE, Brief, Draft
from domain.vocabulary import Step, Tone

_PUNCTUATION = frozenset(".,;:!?'’‘\"“”„‚«»‹›-–—‑()¿¡… \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}")
#: The last letter of Latin Extended-A: all that the languages of letters are written in.
_LAST_LETTER = "\u017f"
_ABBREVIATIONS = re.compile(r"\b(?:i\.e|e\.g|z\.\s?B|d\.\s?h|p\.\s?ex|p\.\s?ej)\b", re.IGNORECASE)
#: Shortest and longest: characters of a subject, greeting, paragraph and closing; words and paragraphs in all.
_SUBJECT, _GREETING, _PARAGRAPH, _CLOSING = (8, 120), (4, 80), (10, 900), (0, 400)
_WORDS, _PARAGRAPHS = (20, 320), (3, 10)
#: A slot may be said again, but a letter that repeats itself is none.
_MOST_OF_ONE_SLOT = 2
_ONCE = frozenset({TABLE, "usual_day", "referral_partner", "account_manager"})
#: Fewer words tell no language; so many without one small word of it are of another.
_FEW, _TELLING = 3, 8
_SHOWN = 40


def examine(draft: Draft, brief: Brief, *, by_person: bool = False) -> tuple[str, ...]:
    """Why the draft may not go out, each reason with its place; empty where it may.

    A person who edits a draft is held to the facts and to what a stage may say; what was talked about, whom to
    ask for, language and length are theirs to know.
    """
    if brief.language not in words.LANGUAGES:
        return (f"the guard does not read the language {brief.language!r}",)
    found = [
        f"{place}: {reason}" for place, text in draft.texts for reason in _of_text(text, brief, by_person)
    ]
    if brief.language != "de" and not by_person:  # where every noun has a capital, none of them tells a name
        found += [f"{place}: {reason}" for place, text in draft.texts[1:] for reason in _names(text)]
    found += [*_of_shape(draft), *_of_slots(draft, brief)]
    if not by_person:
        found += _of_language(draft, brief)
    return tuple(dict.fromkeys(found))


# -- every text ---------------------------------------------------------------------------------------


def _of_text(text: str, brief: Brief, by_person: bool) -> Iterator[str]:
    prose = SLOT.sub(" \N{OBJECT REPLACEMENT CHARACTER} ", text)
    yield from _characters(prose.replace("\N{OBJECT REPLACEMENT CHARACTER}", " "))
    plain = _ABBREVIATIONS.sub("", prose)
    for runs in re.finditer(r"(?=(\w[.,:;?!'’\"“”„‚«»‹›()¿¡…]\w))", plain.replace("(s)", "")):
        if not re.fullmatch(r"[^\W\d_]['’][^\W\d_]", runs[1]):
            yield f"letters run together over a sign, as in an address or a figure: {runs[1]!r}"
            break
    if hit := re.search(r"\s[.,](?:\s|\w|$)", prose.replace("\N{OBJECT REPLACEMENT CHARACTER} ", "x")):
        yield f"a sign stands apart, as in a hidden address: {_shown(prose, hit)}"
    if hit := re.search(r"(?<!\w)(?:[^\W\d_][\s.,'’-]+){3,}[^\W\d_](?!\w)", plain):
        yield f"spaced letters: {_shown(plain, hit)}"
    for word in re.findall(r"[^\W\d_]+", plain):
        if len(word) > 1 and word.isupper() and word not in words.ACRONYMS:
            yield f"a word in capitals: {word[:_SHOWN]!r}"
        elif not word.isupper() and not word.islower() and not word.istitle() and word != "PDFs":
            yield f"capitals inside a word: {word[:_SHOWN]!r}"
    folded = words.fold(plain).replace("\N{OBJECT REPLACEMENT CHARACTER}", "")
    whole = re.sub(r"(?<=\w)[-\N{HYPHEN}](?=\w)", "", folded)  # a word may be hidden in two halves
    for what, listed in _refused_words(brief, by_person):
        closed = words.pattern(listed)
        if hit := closed.search(folded) or closed.search(whole):
            yield f"{what}: {hit[0][:_SHOWN]!r}"
    if hit := words.NUMBER_PARTS.search(whole):
        yield f"a number in words: {hit[0][:_SHOWN]!r}"
    if not by_person:
        yield from _claims(folded, brief)


def _names(text: str) -> Iterator[str]:
    """A capital inside a sentence: a person, company or street that nobody told us of."""
    for sentence in re.split(r"[.!?:…]\s", SLOT.sub("x", text)):
        for word in re.findall(r"[^\W\d_]+", sentence)[1:]:
            if word.istitle() and len(word) > 1 and word not in words.HONORIFICS:
                yield f"a name of its own: {word[:_SHOWN]!r}"


def _characters(prose: str) -> Iterator[str]:
    """Letters of the Latin script and the signs of a sentence; everything else is refused by name."""
    seen: set[str] = set()
    for sign in prose:
        if sign in _PUNCTUATION or sign in seen:
            continue
        seen.add(sign)
        category = unicodedata.category(sign)
        code = f"U+{ord(sign):04X}"
        if category.startswith("N") or unicodedata.numeric(sign, None) is not None:
            yield f"a digit or figure of its own ({code})"
        elif category == "Sc":
            yield f"a currency sign ({code})"
        elif sign in "{}":
            yield "a brace that belongs to no slot"
        elif category.startswith("L") and sign <= _LAST_LETTER and sign not in "ªºıſŉ":
            continue
        elif category.startswith("L"):
            yield f"a letter of another script or shape ({code})"
        elif category.startswith(("C", "Z")):
            yield f"a control, line break or invisible character ({code})"
        else:
            yield f"a sign that letters do without ({code})"


def _refused_words(brief: Brief, by_person: bool) -> Iterator[tuple[str, str]]:
    """The lists that a brief closes, each with what to call a hit."""
    own = brief.language
    for language in words.LANGUAGES:
        yield (
            "a number in words",
            _without(words.NUMBERS[language], words.HARMLESS[own] if language != own else ""),
        )
    yield "a currency in words", words.MONEY[own]
    yield "a date or span of its own", words.DATES[own]
    yield "a way to pay, to write or to click of its own", words.WAYS[own]
    yield "a phrase that no stage allows", words.NEVER[own]
    if not by_person:
        yield "a term or claim that no fact says", words.TERMS[own]
        yield "promotion", words.PROMOTION[own]
        yield "what a model says of itself or was told by somebody else", words.MACHINE[own]
        yield "familiar address or first person", words.FAMILIAR[own]
    partner = brief.tone is Tone.PARTNER
    if partner or not brief.referral:
        yield "agencies and the law, without a partner and a date or to a partner of ours", words.LEGAL[own]
    if partner or brief.step not in (Step.DEMAND, Step.REFERRAL):
        yield "a threat, which no stage before the demand and no partner hears", words.THREATS[own]
    if brief.step not in (Step.CREDIT_HOLD, Step.DEMAND, Step.REFERRAL):
        yield "a block of orders before the final notice", words.BLOCKS[own]
    if partner:
        yield "pressing words to a partner", words.PRESSING[own]


def _without(listed: str, harmless: str) -> str:
    out = {entry.strip() for entry in harmless.split(",")}
    return ",".join(entry for entry in listed.split(",") if words.fold(entry.strip()) not in out)


def _claims(folded: str, brief: Brief) -> Iterator[str]:
    """Statements about payments: only as a condition."""
    paid = {
        "en": r"already paid|been (?:paid|settled|received)|was received|received your|arrived|(?:has|have) paid|ignore"
        r"|disregard",
        "de": r"bereits (?:be|ge|uber)\w+|eingegangen|haben bezahlt|erhalten haben",
        "fr": r"deja (?:paye|regle|verse)\w*|avons recu|avez paye|avez regle",
        "es": r"ya (?:ha |han )?pag\w+|hemos recibido|ha pagado|han pagado",
        "pt": r"ja (?:foi |foram )?pag\w+|recebemos|ja pagou",
    }[brief.language]
    conditional = words.pattern(words.IF_WORDS[brief.language])
    for sentence in re.split(r"[.!?…]", folded):
        if (hit := re.search(rf"\b(?:{paid})\b", sentence)) and not conditional.search(sentence):
            yield f"a payment stated as a fact: {hit[0][:_SHOWN]!r}"


# -- the whole ----------------------------------------------------------------------------------------


def _of_shape(draft: Draft) -> Iterator[str]:
    """Lengths, and that there is a table with something before and after it."""
    limits = {"subject": _SUBJECT, "greeting": _GREETING, "closing": _CLOSING}
    for place, text in draft.texts:
        least, most = limits.get(place, _PARAGRAPH)
        if text.strip() != text:
            yield f"{place}: blanks at its ends"
        if text != f"{{{TABLE}}}" and not least <= len(text) <= most:
            yield f"{place}: {len(text)} characters, {least} to {most} are meant"
    count = sum(len(text.split()) for _, text in draft.texts)
    if not _WORDS[0] <= count <= _WORDS[1]:
        yield f"{count} words in all, {_WORDS[0]} to {_WORDS[1]} are meant"
    if not _PARAGRAPHS[0] <= len(draft.paragraphs) <= _PARAGRAPHS[1]:
        yield f"{len(draft.paragraphs)} paragraphs, {_PARAGRAPHS[0]} to {_PARAGRAPHS[1]} are meant"
    table = f"{{{TABLE}}}"
    if draft.paragraphs.count(table) != 1:
        yield f"{table} must be a paragraph of its own, once"
    elif table in (draft.paragraphs[0], draft.paragraphs[-1]):
        yield f"{table} needs a paragraph before it and the request after it"


def _of_slots(draft: Draft, brief: Brief) -> Iterator[str]:
    body = [*draft.paragraphs, draft.closing]
    said = {
        "subject": SLOT.findall(draft.subject),
        "body": [name for text in body for name in SLOT.findall(text)],
    }
    everywhere = [*said["subject"], *SLOT.findall(draft.greeting), *said["body"]]
    for name in dict.fromkeys(everywhere):
        if name not in MEANING:
            yield f"no slot is called {{{name[:_SHOWN]}}}"
        elif name not in brief.slots:
            yield f"nothing is known that {{{name}}} could be filled with"
    if SLOT.findall(draft.greeting) != ["recipient"]:
        yield "greeting: {recipient} must stand in it once, and no other slot"
    for name in sorted(brief.required - {"recipient", TABLE}):
        if name not in said["body"]:
            yield f"{{{name}}} is missing in the paragraphs"
    if not {"amount_due", "invoices", "due_date"} & set(said["subject"]):
        yield "subject: none of {amount_due}, {invoices} and {due_date} stands in it"
    for place, names in said.items():
        for name in dict.fromkeys(names):
            most = 1 if name in _ONCE or place == "subject" else _MOST_OF_ONE_SLOT
            if names.count(name) > most:
                yield f"{place}: {{{name}}} stands {names.count(name)} times, {most} at most is meant"
    if {TABLE, "usual_day", "recipient"} & set(said["subject"]) or "recipient" in said["body"]:
        yield "{recipient} belongs into the greeting, {usual_day} and {invoice_table} into the paragraphs"
    for place, text in draft.texts:
        for reason in _around_slots(place, text, brief):
            yield f"{place}: {reason}"


def _around_slots(place: str, text: str, brief: Brief) -> Iterator[str]:
    """A slot stands free, between words that leave its meaning alone."""
    folded = words.fold(text)
    if text != f"{{{TABLE}}}" and f"{{{TABLE}}}" in text:
        yield f"{{{TABLE}}} inside a paragraph"
    for slot in SLOT.finditer(folded):
        before, after = folded[: slot.start()], folded[slot.end() :]
        if re.search(r"[\w}’'.-]$", before) or re.match(r"[\w{-]", after):
            yield f"{slot[0]} is joined to something"
        elif re.search(r"\}\s*$" if place == "subject" else r"\}[\s,]*$", before):
            yield f"{slot[0]} follows a slot without a word between them"
        if slot[1] == "usual_day" and not re.search(rf"\b(?:{words.DAY_WORDS})\s$", before):
            yield "{usual_day} must follow the word 'day'"
        if (
            slot[1] == "due_date"
            and brief.past_due
            and re.search(rf"\b(?:{words.DEADLINE_WORDS})\s(?:the |den |zum |le |el |o )?$", before)
        ):
            yield "{due_date} is past and cannot be a deadline"
        if slot[1] == "amount_due" and re.search(
            r"\b(?:not|more than|less than|at least|up to|minus|plus|over|below|under|besides|beyond|part of|nicht"
            r"|instead of|except|portion of|fraction of|most of|rest of|all but|on top of|in addition to|short of|each"
            r"|mehr als|weniger als|mindestens|plus de|moins de|mas de|menos de|mais de|nao|no|pas)\s$",
            before,
        ):
            yield "{amount_due} is the whole amount, not more or less than it"


def _of_language(draft: Draft, brief: Brief) -> Iterator[str]:
    """Small words tell the language, of the whole and of every sentence."""
    whole = " ".join(text for _, text in draft.texts)
    if _hits(whole, brief.language) * 8 < len(_tokens(whole)):
        yield f"it is not written in the language {brief.language!r}"
    for place, text in draft.texts:
        for sentence in re.split(r"[.!?;:…]", text):
            count, own = len(_tokens(sentence)), _hits(sentence, brief.language)
            strange = max(_hits(sentence, language) for language in words.SMALL_WORDS) > own
            if (count >= _FEW and strange) or (count >= _TELLING and own == 0):
                yield f"{place}: a sentence is not written in the language {brief.language!r}"
                break
    if not words.pattern(words.GREETINGS[brief.language]).match(words.fold(draft.greeting)):
        yield f"greeting: it does not begin as letters in the language {brief.language!r} do"


def _tokens(text: str) -> list[str]:
    return re.findall(r"[a-z]+", words.fold(SLOT.sub(" ", text)))


def _hits(text: str, language: str) -> int:
    known = _small_words(language)
    return sum(token in known for token in _tokens(text))


@cache
def _small_words(language: str) -> frozenset[str]:
    return frozenset(words.fold(words.SMALL_WORDS[language]).replace(" ", "").split(","))


def _shown(text: str, hit: re.Match[str]) -> str:
    """The place of a hit with a little around it."""
    return repr(
        text[max(0, hit.start() - 8) : hit.end() + 8].replace("\N{OBJECT REPLACEMENT CHARACTER}", "{}")
    )
