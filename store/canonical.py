"""JSON in one canonical form: what is stored in `jsonb` columns and what hashes are taken of."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

_ESCAPED_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class UnstorableText(ValueError):
    """Text with NUL or a lone surrogate, or nested too deep: JSON allows it, PostgreSQL or Python does not."""


def dumps(value: Any) -> str:
    """Sorted keys, no blanks, no NaN; raises UnstorableText for what PostgreSQL cannot hold."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
    except RecursionError:
        raise UnstorableText("value is nested too deep") from None
    if _ESCAPED_NUL.search(text):
        raise UnstorableText("text contains NUL")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UnstorableText("text contains a lone surrogate") from None
    return text


def digest(value: Any) -> bytes:
    """SHA-256 of the canonical form."""
    return hashlib.sha256(dumps(value).encode()).digest()
