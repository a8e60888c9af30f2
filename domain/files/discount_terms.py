"""Early-payment terms in the words of an invoice: `2 % Skonto innerhalb 10 Tagen`, `2/10 net 30`."""

from __future__ import annotations

import re
from datetime import date, timedelta

_PERCENT = r"(?P<percent>\d{1,2}(?:[.,]\d{1,3})?)\s?(?:%|prozent|percent|per\s?cent)"
_DAYS = r"(?P<days>\d{1,3})[\s-]?(?:kalender)?(?:tag|day|jour|d[ií]a|giorn|dag|dni|Tg)"
#: What lies between the two: no other number, and no end of a clause.
_BETWEEN = r"[^\d%;\n]{0,60}?"
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
_CLAUSE = re.compile(r"[;\n]|[.,](?=\s|$)")


def discounts_of(terms: str, issued_on: date | None) -> list[dict[str, str]]:
    """The discounts that the terms of an invoice name, as a start tells of them, the earliest first. Only what is
    called a discount counts, within days of the issue."""
    if issued_on is None:
        return []
    found: set[tuple[date, str]] = set()
    for match in [*_TAGGED.finditer(terms), *_SHORT.finditer(terms)]:
        found.add(_told(match, issued_on))
    for clause in _CLAUSE.split(terms):
        if _DISCOUNT.search(clause) and not _LATE.search(clause):
            matches = next((some for each in _IN_WORDS if (some := list(each.finditer(clause)))), [])
            found.update(_told(match, issued_on) for match in matches)
    return [
        {"percent": percent, "until": until.isoformat()} for until, percent in sorted(found) if float(percent)
    ]


def _told(match: re.Match[str], issued_on: date) -> tuple[date, str]:
    return issued_on + timedelta(days=int(match["days"])), match["percent"].replace(",", ".")
