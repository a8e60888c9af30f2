"""The words of a text as they are compared, whoever wrote it."""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+")
#: S.A., G.m.b.H., A/S: what stands between single letters joins them.
_INITIALS = re.compile(r"\b(\w)[./](?=\w\b)")


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text without case, accents and punctuation: `Müller & Söhne` is `muller sohne`."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    return tuple(_WORD.findall(_INITIALS.sub(r"\1", plain)))
