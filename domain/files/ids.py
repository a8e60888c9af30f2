"""Ids made of what a file says, and what an id stands for: two invoices never share one."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from domain.wire import shown

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_NOT_OF_AN_ID = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)
_READABLE = 40
_HASHED = 12


def is_id(text: str) -> bool:
    """Whether the text can be an id as it stands (`contract.md`)."""
    return _ID.fullmatch(text) is not None


def customer_id_of(name: str, whole: str | None = None) -> str:
    """The id of a customer who has none: the name as far as an id can hold it, and a hash of the whole name, so
    that `Müller GmbH` and `Möller GmbH` are two; or of all that is known of them (`whole`)."""
    name = " ".join(unicodedata.normalize("NFC", name).split())
    plain = "".join(char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char))
    readable = _NOT_OF_AN_ID.sub("-", plain).strip("-.")[:_READABLE].rstrip("-.")
    hashed = hashlib.sha256((whole or name).encode("utf-8", "surrogatepass")).hexdigest()[:_HASHED]
    return f"{readable}-{hashed}" if readable else hashed


@dataclass(frozen=True, slots=True)
class Meant:
    """What an invoice id stands for; None where it is not known."""

    number: str | None
    customer_id: str | None
    currency: str | None = None
    seller: str | None = None
    number_is_told: bool = True
    """Where nobody said a number, it is the id itself."""


def contradiction(told: Meant, known: Meant, *, id_is_given: bool = False) -> str | None:
    """What sets two invoices of one id apart; None where they may be one and the same.

    An id that is `id_is_given`, not made of the number, says that it is the same invoice: one that had no number
    so far may then get one.
    """
    number = known.number if known.number_is_told or not id_is_given else None
    for what, one, other in (
        ("number", told.number, number),
        ("customer", told.customer_id, known.customer_id),
        ("currency", told.currency, known.currency),
        ("seller", told.seller, known.seller),
    ):
        if one is not None and other is not None and one != other:
            return f"{what} {shown(other)}"
    return None


#: What to do about it.
APART = "correct it, or give one of them an invoice_id of its own and its number in the column number"


def twins(customer_ids: Iterable[str]) -> list[str]:
    """A warning for customers whose ids are the same but for the case of their letters."""
    alike: defaultdict[str, set[str]] = defaultdict(set)
    for id_ in customer_ids:
        alike[id_.casefold()].add(id_)
    return [
        f"customers {' and '.join(sorted(each))} differ only in upper and lower case: each is written to by itself"
        for _, each in sorted(alike.items())
        if len(each) > 1
    ]
