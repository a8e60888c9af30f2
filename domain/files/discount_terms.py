"""Early-payment terms in the words of an invoice: `2 % Skonto innerhalb 10 Tagen`, `2/10 net 30`."""

from __future__ import annotations

import re
from datetime import date, timedelta

_PERCENT = r"(?P<percent>\d{1,2}(?:[.,]\d{1,3})?)\s?(?:%|prozent|percent|per\s?cent)"
_DAYS = r"(?P<days>\d{1,3})[\s-]?(?:kalender)?(?:tag|day|jour|d[ií]a|giorn|dag|dni|Tg)"
#: Within `30 Tage netto`, `30 days without deduction` all of it is due.
_DAYS += r"(?!\w*\s+(?:rein\s+)?(?:net|ohne|without|sans|sin|sem|senza))"
#: What lies between the two: no other number, no end of a clause, and no term for the whole.
_BETWEEN = r"(?:(?!\bnett?o?\b)[^\d%;\n]){0,60}?"
_IN_WORDS = (
    re.compile(_PERCENT + _BETWEEN + _DAYS, re.IGNORECASE),
    re.compile(_DAYS + _BETWEEN + _PERCENT, re.IGNORECASE),
)
#: `2/10 net 30`, `2/10, n/30`.
_SHORT = re.compile(
    r"\b(?P<percent>\d{1,2}(?:\.\d{1,3})?)\s?/\s?(?P<days>\d{1,3})\b,?\s+n(?:et)?\b", re.IGNORECASE
)
#: How German e-invoices write it for machines.
_TAGGED = re.compile(
    r"#SKONTO#TAGE=(?P<days>\d{1,3})#PROZENT=(?P<percent>\d{1,2}(?:\.\d{1,3})?)#(?!BASISBETRAG)"
)
_DISCOUNT = re.compile(
    r"s[ck]onto|discount|escompte|descuento|desconto|korting|rabat|remise|abzug", re.IGNORECASE
)
_LATE = re.compile(
    r"zins|verzug|interest|penal|late|überfällig|overdue|intérêt|retard|mora\b|interés", re.IGNORECASE
)
#: `kein Skonto`, `no early payment discount`; `ohne Abzug` ends the term that stands before it.
_NONE = re.compile(
    r"\b(?:kein\w*|no|not|without|ohne|sans|aucune?|pas\s+d\W?|sin|sem|senza|geen)\s*(?:(?!abzug)[^\W\d]+\s+){0,2}"
    r"(?:s[ck]onto|discount|escompte|descuento|desconto|korting|rabat|remise)|\bkein\w*\s+abzug",
    re.IGNORECASE,
)
#: On a part of the invoice, which nobody knows: `auf den Warenwert`, `on freight only`.
_PART = re.compile(
    r"\b(?:nur|only|lediglich|uniquement|seulement|s[oó]lo|solamente|apenas|somente)\b|warenwert|warenanteil|"
    r"dienstleistung|arbeitslohn|lohnanteil|material|fracht|freight|shipping|on\s+(?:goods|labou?r|services|parts)\b",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[;\n]|[.,](?=\s|$)")


def discounts_of(terms: str, issued_on: date | None) -> list[dict[str, str]]:
    """The discounts that the terms of an invoice name, as a start tells of them, the earliest first. Only what is
    called a discount on the whole invoice counts, within days of the issue."""
    if issued_on is None:
        return []
    found: set[tuple[date, str]] = set()
    for match in [*_TAGGED.finditer(terms), *_SHORT.finditer(terms)]:
        found.add(_told(match, issued_on))
    for clause in _CLAUSE.split(terms):
        if _DISCOUNT.search(clause) and not any(each.search(clause) for each in (_LATE, _NONE, _PART)):
            matches = next((some for each in _IN_WORDS if (some := list(each.finditer(clause)))), [])
            found.update(_told(match, issued_on) for match in matches)
    return [
        {"percent": percent, "until": until.isoformat()} for until, percent in sorted(found) if float(percent)
    ]


def _told(match: re.Match[str], issued_on: date) -> tuple[date, str]:
    return issued_on + timedelta(days=int(match["days"])), match["percent"].replace(",", ".")
