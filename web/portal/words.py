"""The words of the customers' pages, a file for each language, and how a customer writes dates and money.

A word never holds markup, and what is filled into it is only ever text: the templates escape both.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from babel.lists import format_list

from activities.writing.phrasing import LANGUAGES, Habits, Labels, locale_of, one_line, typeset
from domain.letters.letter import language_for

FOLDER = Path(__file__).parent / "words"
_SLOT = re.compile(r"\{([a-z_]+)\}")


@cache
def catalog(language: str) -> Mapping[str, Any]:
    """Every word of a language by its name; one with a number in it is a table of `one` and `other`."""
    return tomllib.loads((FOLDER / f"{language}.toml").read_text("utf-8"))


class Words:
    """The words of one language with the habits of one customer."""

    def __init__(self, language: str, locale: str, country: str | None = None) -> None:
        self.language = language
        self.habits = Habits(locale_of(locale, country, language))
        self.labels = Labels(language, {**self.habits.functions(), "total": ""})
        self._catalog = catalog(language)

    def __call__(self, name: str, number: int | None = None, /, **values: object) -> str:
        """The words called `name`, with its slots filled; `number` chooses the plural and fills `{number}`."""
        said = self._catalog[name]
        if isinstance(said, dict):
            assert number is not None, f"{name} is about a number"
            said = said["one" if self.habits.locale.plural_form(number) == "one" else "other"]
            values = {"number": number, **values}
        filled = _SLOT.sub(lambda slot: str(values[slot[1]]), said)
        return typeset(filled.strip(), self.language)

    def has(self, name: str) -> bool:
        """Whether there are words of that name."""
        return name in self._catalog

    def listed(self, texts: Iterable[str]) -> str:
        """Several things as one phrase: `A, B and C`."""
        return format_list([one_line(text) for text in texts], locale=self.habits.locale)


def chosen_language(asked: str | None, wanted: Iterable[str | None], offered: Iterable[str]) -> str:
    """The language of a page: the one asked for where the seller offers it, else as letters choose theirs."""
    return language_for((asked, *wanted), offered, LANGUAGES)


def browsers_language(header: str) -> str:
    """The first language of an Accept-Language header that there are words in; English else."""
    for part in header[:200].split(","):
        language = part.split(";")[0].strip().split("-")[0].lower()
        if language in LANGUAGES:
            return language
    return "en"
