"""Customers' names in what others write: found as whole words, never by a part of one.

Only names that can hardly mean anything else are looked for. What is found is a hint for a person.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from domain.words import words_of

#: How companies say what they are in law; at the end of a name this tells nothing apart (ISO 20275 lists many more).
LEGAL_FORMS = frozenset(
    "ab ag aps as asa bhd bv bvba cv co company corp corporation cyf dac doo ee eg eirl ev gbr ges gesmbh gmbh hf "
    "holding holdings inc incorporated kft kg kgaa kk lda ldc limitada limited llc llp lp ltd ltda mbh me nv ohg oy "
    "oyj plc pllc pte pty pvt sa sab sae sapi sarl sas sasu sca scs se sgps sicav sl slu snc sp spa spk spol spzoo "
    "srl sro uab ug und".split()
)
#: Words that many names have, and many sentences.
_COMMON = frozenset(
    "agency alliance allgemeine american and associates atlantic bank best better british building business capital "
    "care center central centre china city classic clean club commercial consulting construction control digital "
    "direct east eastern electric energy engineering enterprise enterprises euro europe european evans express "
    "family federal finance financial first food foods für general german global gold golden great green group "
    "gruppe health house industrial industries information international investment investments kingdom london "
    "management marketing media medical metro modern motor motors national new north northern office online orange "
    "pacific partner partners power premier prime product products professional public quality red royal sales "
    "service services shop smart smith software solution solutions south southern standard star state store street "
    "supply system systems target team tech technical technologies technology the trade trading transport travel "
    "trust union united universal university water west western white wireless with work world young your".split()
)
#: A name of one word, and of several together, has so many letters at least.
_SHORTEST_WORD, _SHORTEST_NAME = 5, 7


class Mention(NamedTuple):
    """A customer's name in a text, and the sentence it stands in."""

    customer_id: str
    name: str
    sentence: str


def name_words(name: str) -> tuple[str, ...]:
    """The words by which a company is found; empty for a name that is too short or too common."""
    words = list(words_of(name))
    while len(words) > 1 and words[-1] in LEGAL_FORMS:
        words.pop()
    telling = [word for word in words if word not in _COMMON and word not in LEGAL_FORMS]
    letters = sum(len(word) for word in words)
    if len(words) == 1:
        return tuple(words) if telling and letters >= _SHORTEST_WORD else ()
    return tuple(words) if telling and letters >= _SHORTEST_NAME and max(map(len, telling)) > 2 else ()


class Names:
    """The names to look for."""

    def __init__(self, customers: Mapping[str, Iterable[str]]) -> None:
        """`customers` holds the names of each by its id."""
        self._by_first: defaultdict[str, set[tuple[tuple[str, ...], str, str]]] = defaultdict(set)
        for customer_id, names in customers.items():
            for name in names:
                words = name_words(name)
                if words:
                    self._by_first[words[0]].add((words, customer_id, name))

    def mentioned(self, text: str) -> list[Mention]:
        """The customers named in a text, each once, with the first sentence that names them."""
        found: dict[str, Mention] = {}
        for sentence in _sentences(text):
            words = words_of(sentence)
            for place, word in enumerate(words):
                for name_, customer_id, name in sorted(self._by_first.get(word, ())):
                    if customer_id not in found and words[place : place + len(name_)] == name_:
                        found[customer_id] = Mention(customer_id, name, sentence)
        return list(found.values())


def _sentences(text: str) -> list[str]:
    """Lines, and what ends in a full stop before a capital, but not after a single letter."""
    parts = re.split(r"\n+|(?<=\w\w[.!?])\s+(?=[^\W\d_a-zß-ÿ])", text)
    return [part.strip() for part in parts if part.strip()]
