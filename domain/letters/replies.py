"""What a customer's written answer may mean: a suggestion for a person, resting on a sentence of the mail.

A suggestion never does anything. Whoever made it, words or a model, it counts only while its sentence stands
in the mail as quoted.
"""

from __future__ import annotations

import re
from datetime import date, timedelta

from pydantic import BaseModel, ConfigDict, Field

from domain.vocabulary import AnswerKind, DisputeReason

#: A date further ahead than this was misread.
_FURTHEST = timedelta(days=366)
LONGEST_SENTENCE = 400


class Suggestion(BaseModel):
    """What a mail may mean, and the sentence of it that says so."""

    model_config = ConfigDict(frozen=True)

    kind: AnswerKind = AnswerKind.UNCLEAR
    pay_by: date | None = None
    reason: DisputeReason | None = None
    sentence: str = Field(default="", max_length=LONGEST_SENTENCE)
    by: str = "words"
    """`words` for a list of phrases, else the model."""


def checked(suggestion: Suggestion, text: str, today: date) -> Suggestion:
    """The suggestion as far as the mail bears it out: without its sentence in there it says nothing, and a date
    of a promise lies ahead."""
    if suggestion.kind is AnswerKind.UNCLEAR:
        return Suggestion(by=suggestion.by)
    if not suggestion.sentence.strip() or suggestion.sentence not in text:
        return Suggestion(by=suggestion.by)
    pay_by = suggestion.pay_by if suggestion.kind is AnswerKind.PROMISE else None
    if pay_by is not None and not today <= pay_by <= today + _FURTHEST:
        pay_by = None
    reason = suggestion.reason if suggestion.kind is AnswerKind.DISPUTE else None
    if suggestion.kind is AnswerKind.DISPUTE and reason is None:
        reason = DisputeReason.OTHER
    return suggestion.model_copy(update={"pay_by": pay_by, "reason": reason})


def hint(text: str, today: date) -> Suggestion:
    """What phrases of our five languages point to: the first sentence that says something clear, the gravest
    meaning first. Unclear is an answer as well."""
    sentences = _sentences(text)
    for kind, reason, pattern in _PHRASES:
        for sentence in sentences:
            if not pattern.search(sentence):
                continue
            pay_by = date_in(sentence, today) if kind is AnswerKind.PROMISE else None
            if kind is AnswerKind.PROMISE and pay_by is None:
                continue
            return checked(
                Suggestion(kind=kind, pay_by=pay_by, reason=reason, sentence=sentence), text, today
            )
    for sentence in sentences:
        if sentence.endswith("?"):
            return checked(Suggestion(kind=AnswerKind.QUESTION, sentence=sentence), text, today)
    return Suggestion()


def _sentences(text: str) -> list[str]:
    """The sentences of a text, each as it stands there. A point after a number ends none: `18. Dezember`."""
    found = re.split(r"(?<=[!?])\s+|(?<=[^\d\s]\.)\s+|\n\s*\n|\n(?=[-*•])", text)
    return [sentence.strip() for sentence in found if 0 < len(sentence.strip()) <= LONGEST_SENTENCE][:200]


def _any(*phrases: str) -> re.Pattern[str]:
    return re.compile("|".join(rf"(?:{phrase})" for phrase in phrases), re.IGNORECASE | re.DOTALL)


_PHRASES: tuple[tuple[AnswerKind, DisputeReason | None, re.Pattern[str]], ...] = (
    (
        AnswerKind.WRONG_PERSON,
        None,
        _any(
            r"\b(?:no longer|not) (?:responsible|in charge|work(?:ing)? (?:here|for))",
            r"\bwrong (?:person|address|contact|department)",
            r"\bnicht (?:mehr )?(?:zuständig|der richtige)", r"\bfalsche[rn]? (?:ansprechpartner|adresse)",
            r"\bne suis (?:pas|plus) (?:le|la|responsable|en charge|chargé)",
            r"\bmauvais(?:e)? (?:adresse|interlocuteur)",
            r"\bno soy (?:el|la|responsable)", r"\bya no trabajo", r"\b(?:persona|dirección) equivocada",
            r"\bnão sou (?:o|a|responsável)", r"\bnão trabalho mais", r"\b(?:pessoa|endereço) errad[oa]",
        ),
    ),
    (
        AnswerKind.DISPUTE,
        DisputeReason.NOT_RECEIVED,
        _any(
            r"\b(?:never|not|n't) (?:yet )?receiv\w+ (?:the |your |any |this )?"
            r"(?:goods|order|delivery|service|invoice)",
            r"\b(?:ware|lieferung|rechnung|leistung)\w* .{0,30}(?:nie|nicht) (?:erhalten|bekommen|eingegangen)",
            r"\bn'avons (?:pas|jamais) reçu", r"\bno hemos recibido (?:la|el|los|las)", r"\bnunca recib",
            r"\bnão recebemos", r"\bnunca recebemos",
        ),
    ),
    (
        AnswerKind.DISPUTE,
        DisputeReason.WRONG_AMOUNT,
        _any(
            r"\b(?:amount|price|total|invoice|quantity) (?:is|are|was|seems) (?:wrong|incorrect|not correct|too high)",
            r"\b(?:wrong|incorrect) (?:amount|price|total|quantity)",
            r"\b(?:betrag|preis|summe|rechnung|menge)\w* (?:ist|sind|war) (?:falsch|nicht korrekt|zu hoch)",
            r"\bfalsche[rn]? (?:betrag|preis|menge)",
            r"\b(?:montant|prix|quantité|facture)\w* (?:est|sont) (?:faux|fausse|incorrect\w*|erron\w*)",
            r"\b(?:importe|precio|cantidad|factura)\w* (?:es|está|son) (?:incorrect\w*|equivocad\w*|errón\w*)",
            r"\b(?:valor|preço|quantidade|fatura)\w* (?:é|está|são) (?:incorret\w*|errad\w*)",
        ),
    ),
    (
        AnswerKind.DISPUTE,
        DisputeReason.QUALITY,
        _any(
            r"\b(?:defective|faulty|damaged|broken|poor quality)\b",
            r"\b(?:mangelhaft|defekt|beschädigt|reklam\w+)\b",
            r"\b(?:défectueu\w+|endommag\w+|mauvaise qualité)\b",
            r"\b(?:defectuos\w+|dañad\w+|mala calidad)\b",
            r"\b(?:defeituos\w+|danificad\w+|má qualidade)\b",
        ),
    ),
    (
        AnswerKind.DISPUTE,
        DisputeReason.OTHER,
        _any(
            r"\bwe (?:dispute|contest|do not accept|don't accept)\b", r"\bwidersprechen\b", r"\bbestreiten\b",
            r"\b(?:nous )?contestons\b", r"\bimpugnamos\b", r"\bdisputamos\b", r"\bcontestamos\b",
        ),
    ),
    (
        AnswerKind.PROMISE,
        None,
        _any(
            r"\b(?:will|'ll|going to|shall) (?:be )?(?:pay|paid|transfer\w*|settle\w*|sen[dt]|wire\w*|remit\w*)",
            r"\bpayment (?:will|is scheduled|is planned|goes out)",
            r"\b(?:you will have|expect) (?:the |your )?(?:payment|money)",
            r"\b(?:werden|wird|zahlen|überweisen|begleichen)\b",
            r"\b(?:paierons|payerons|réglerons|virerons|allons payer|allons régler|sera (?:payée|réglée|effectué))\b",
            r"\b(?:pagaremos|transferiremos|vamos a pagar|haremos el pago|se pagará)\b",
            r"\b(?:pagaremos|vamos pagar|transferiremos|faremos o pagamento|será pag[oa])\b",
        ),
    ),
    (
        AnswerKind.PAID,
        None,
        _any(
            r"\b(?:already|have|has been|was|were|we) (?:been )?(?:already )?(?:paid|transferred|settled|wired)\b",
            r"\b(?:bereits|schon) (?:gezahlt|bezahlt|überwiesen|beglichen)",
            r"\b(?:haben|wurde) .{0,60}(?:bezahlt|überwiesen|beglichen)",
            r"\b(?:avons|a été|déjà) (?:déjà )?(?:payé|réglé|viré)",
            r"\b(?:hemos|ya) (?:pagado|pagamos|transferido)",
            r"\b(?:já|foi) (?:pago|pagamos|paga|transferimos)", r"\bpagamos (?:ontem|no dia|em)",
        ),
    ),
)  # fmt: skip

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar janvier janv enero ene janeiro",
            "february feb februar février févr febrero fevereiro fev",
            "march mar märz mrz mars marzo março",
            "april apr avril avr abril abr",
            "may mai mayo maio",
            "june jun juni juin junio junho",
            "july jul juli juillet juil julio julho",
            "august aug août agosto ago",
            "september sep sept septembre septiembre setembro set",
            "october oct oktober okt octobre octubre outubro out",
            "november nov novembre noviembre novembro",
            "december dec dezember dez décembre déc diciembre dic dezembro",
        ),
        start=1,
    )
    for name in names.split()
}
_WEEKDAYS = {
    name: number
    for number, names in enumerate(
        (
            "monday montag lundi lunes segunda-feira",
            "tuesday dienstag mardi martes terça-feira",
            "wednesday mittwoch mercredi miércoles quarta-feira",
            "thursday donnerstag jeudi jueves quinta-feira",
            "friday freitag vendredi viernes sexta-feira",
        )
    )
    for name in names.split()
}
_MONTH = "|".join(sorted(map(re.escape, _MONTHS), key=len, reverse=True))
_YEAR = r"(?:,?\s+(?:de\s+)?(\d{4}))?"
_ISO = re.compile(r"\b(\d{4})-(\d\d)-(\d\d)\b")
_DAY_FIRST = re.compile(
    rf"\b(\d{{1,2}})(?:\.|st|nd|rd|th|er|º)?\s+(?:of\s+|de\s+)?({_MONTH})\b\.?{_YEAR}", re.IGNORECASE
)
_MONTH_FIRST = re.compile(rf"\b({_MONTH})\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?\b{_YEAR}", re.IGNORECASE)
_DOTTED = re.compile(r"\b(\d{1,2})\.(\d{1,2})\.(?:(\d{4})|(\d\d))?(?!\d)")
_SLASHED = re.compile(r"\b(\d{1,2})/(\d{1,2})(?:/(\d{4}|\d\d))?\b")
_WEEKDAY = re.compile(rf"\b({'|'.join(map(re.escape, _WEEKDAYS))})\b", re.IGNORECASE)


def date_in(sentence: str, today: date) -> date | None:
    """The first day that a sentence names; a year left out is the next such day. None where it could be two
    different days, as with 03/04."""
    if found := _ISO.search(sentence):
        return _date(int(found[1]), int(found[2]), int(found[3]))
    if found := _DAY_FIRST.search(sentence):
        return _near(found[3], _MONTHS[found[2].lower()], int(found[1]), today)
    if found := _MONTH_FIRST.search(sentence):
        return _near(found[3], _MONTHS[found[1].lower()], int(found[2]), today)
    if found := _DOTTED.search(sentence):
        year = found[3] or (f"20{found[4]}" if found[4] else None)
        return _near(year, int(found[2]), int(found[1]), today)
    if found := _SLASHED.search(sentence):
        first, second = int(found[1]), int(found[2])
        year = f"20{found[3]}" if found[3] and len(found[3]) == 2 else found[3]
        if first > 12 >= second or first == second:
            return _near(year, second, first, today)
        return _near(year, first, second, today) if second > 12 else None
    if found := _WEEKDAY.search(sentence):
        ahead = (_WEEKDAYS[found[1].lower()] - today.weekday()) % 7
        return today + timedelta(days=ahead or 7)
    return None


def _near(year: str | None, month: int, day: int, today: date) -> date | None:
    if year is not None:
        return _date(int(year), month, day)
    this = _date(today.year, month, day)
    return this if this is not None and this >= today else _date(today.year + 1, month, day)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
