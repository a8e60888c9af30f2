"""How letters and papers are put into words: the template environment and the customer's own habits.

Templates are ours and trusted; what they print is not. They run in Jinja's sandbox with undefined names as
errors, and a stored field is only ever a value: `{{7*7}}` in a company's name is printed as it stands.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Literal

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton
from babel.lists import format_list
from babel.numbers import format_decimal, format_percent
from jinja2 import FileSystemLoader, StrictUndefined, Template
from jinja2.sandbox import SandboxedEnvironment

from domain.envelope import envelope_of
from domain.letters.letter import AccountFacts
from domain.money import Money, exponent
from domain.vocabulary import Channel

TEMPLATES = Path(__file__).parents[1] / "templates"
#: The languages there are words in; each has a folder of its own below `templates/`.
LANGUAGES = ("en", "de", "fr", "es", "pt")
#: Languages whose words nobody has read yet whose mother tongue they are.
NOT_READ_BY_NATIVE_SPEAKERS = ("de", "fr", "es", "pt")

#: How a language writes the first day of a month, where not as a plain number.
_FIRST = {"fr": "1er", "pt": "1º"}
#: Countries that print on Letter; all others on A4 (Unicode CLDR, measurementData, paperSize US-Letter).
_LETTER = frozenset("BZ CA CL CO CR GT MX NI PA PH PR SV US VE".split())


@cache
def locale_of(name: str, country: str | None, language: str = "en") -> Locale:
    """The customer's habits for numbers and dates, in the language the letter is written in.

    A German customer who gets an English letter reads English month names and German number signs
    (`en_DE`). A locale nobody knows falls back to international English; it never raises.
    """
    try:
        wanted = Locale.parse(name.replace("-", "_"))
        territory = wanted.territory or country
        if territory is None and wanted.language == language:
            return wanted
    except (ValueError, UnknownLocaleError):
        territory = country
    for candidate in (f"{language}_{territory or '001'}", f"{language}_001"):
        try:
            return Locale.parse(candidate)
        except (ValueError, UnknownLocaleError):
            continue
    return Locale.parse(language)


def paper_for(country: str | None, default: Literal["A4", "Letter"]) -> Literal["A4", "Letter"]:
    """The paper that lies in the customer's printer; the seller's own where the country is not known."""
    if country is None:
        return default
    return "Letter" if country in _LETTER else "A4"


def paper_of(facts: AccountFacts) -> Literal["A4", "Letter"]:
    """What a paper is printed on: by the seller for a letter, else by the customer."""
    if facts.channel is Channel.LETTER:
        return envelope_of(facts.seller.address.country).paper
    return paper_for(facts.customer.country, facts.seller.paper)


def country_for_post(country: str) -> str:
    """The last line of an address abroad: the country in capitals, in a language that every post reads."""
    return str(Locale("en").territories.get(country, country)).upper()


class Habits:
    """Money, numbers and dates as the customer writes them; given to templates as plain functions."""

    def __init__(self, locale: Locale) -> None:
        self.locale = locale

    def money(self, amount: Money) -> str:
        """With currency sign, exact, with the currency's own number of decimals: `$1,250.00`, `84.000 JP¥`."""
        pattern = copy.copy(self.locale.currency_formats["standard"])
        decimals = exponent(amount.currency)
        pattern.frac_prec = (decimals, decimals)
        formatted: str = pattern.apply(
            amount.decimal, self.locale, currency=amount.currency, currency_digits=False
        )
        return formatted

    def number(self, amount: Money) -> str:
        """Without currency sign, for tables whose head names the currency; a true minus sign in front."""
        decimals = exponent(amount.currency)
        places = "." + "0" * decimals if decimals else ""
        text = format_decimal(abs(amount.decimal), format=f"#,##0{places}", locale=self.locale)
        return f"\N{MINUS SIGN}{text}" if amount.minor < 0 else text

    def percent(self, number: str) -> str:
        """Of a decimal text: `2%`, `2.5%`, in German `2,5 %`."""
        return format_percent(Decimal(number) / 100, locale=self.locale, decimal_quantization=False)

    def amounts(self, totals: Iterable[Money]) -> str:
        """Several amounts as one phrase: `$1,250.00, €300.00, and £20.00`."""
        return format_list([self.money(total) for total in totals], locale=self.locale)

    def day(self, on: date) -> str:
        """`December 1, 2026`."""
        return self._first(on, format_date(on, "long", locale=self.locale))

    def weekday(self, on: date) -> str:
        """`Tuesday, December 1, 2026`: for dates that somebody must meet."""
        return self._first(on, format_date(on, "full", locale=self.locale))

    def _first(self, on: date, text: str) -> str:
        """The first of a month as French and Brazilians say it (`1er décembre`), which Babel does not know."""
        said = _FIRST.get(self.locale.language) if self.locale.territory != "PT" else None
        return re.sub(r"\b1\b", said, text, count=1) if said and on.day == 1 else text

    def short_day(self, on: date) -> str:
        """`Dec 1, 2026`, for tables."""
        if self.locale.language == "pt":  # `1 de dez. de 2026` is too wide for one
            return format_skeleton("yMd", on, locale=self.locale)
        return format_date(on, "medium", locale=self.locale)

    def territory(self, country: str) -> str:
        """The country's name in the letter's language."""
        return str(self.locale.territories.get(country, country))

    def functions(self) -> dict[str, Callable[..., str]]:
        """What a template may call."""
        return {
            "money": self.money,
            "number": self.number,
            "percent": self.percent,
            "amounts": self.amounts,
            "day": self.day,
            "weekday": self.weekday,
            "short_day": self.short_day,
            "territory": self.territory,
            "count": self.count,
        }

    def count(self, number: int, one: str, other: str) -> str:
        """`1 invoice`, `2 invoices`, `0 invoices`, and in French `0 facture`, by the plural rules of Unicode."""
        return f"{number} {one if self.locale.plural_form(number) == 'one' else other}"


class Labels:
    """The small words of a language (`labels.jinja`) with the facts of one letter bound.

    Called through here and not as Jinja macros: a macro of a text template called from an HTML template
    would count as escaped already. What comes out is a plain text on one line, escaped where it is printed.
    """

    def __init__(self, language: str, values: Mapping[str, Any], file: str = "labels") -> None:
        self._language = language
        self._module = template(f"{language}/{file}.jinja").make_module(dict(values))
        self._english = None if language == "en" else Labels("en", values, file)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if self._english is not None and not hasattr(self._module, name):
            return getattr(self._english, name)  # a message with an English label is better than none
        said = getattr(self._module, name)
        if isinstance(said, str):
            return typeset(said, self._language)
        return lambda *arguments: typeset(one_line(str(said(*arguments))), self._language)


def one_line(text: str) -> str:
    """White space collapsed, but for the blanks that keep a number and its unit on one line."""
    return re.sub(r"[ \t\r\n]+", " ", text).strip(" ")


def typeset(text: str, language: str) -> str:
    """The blanks before French punctuation, kept with the word before them."""
    if language != "fr":
        return text
    return re.sub(r" (?=[:;?!»%])|(?<=«) ", "\N{NO-BREAK SPACE}", text)


def part_of(language: str, index: int, of: int) -> str:
    """Which of several due dates of one invoice, as it stands beside its number: `part 1 of 3`."""
    values = {**Habits(locale_of(language, None, language)).functions(), "total": ""}
    return str(Labels(language, values).part_of(index, of))


def habits_of(facts: AccountFacts) -> Habits:
    return Habits(locale_of(facts.locale, facts.customer.country, facts.language))


def paper_labels(facts: AccountFacts) -> Labels:
    """The words of papers (`papers.jinja`) in the letter's language."""
    return Labels(facts.language, habits_of(facts).functions(), "papers")


def use_folder(folder: Path | None) -> None:
    """From here on, in this process, the operator's own templates in `folder` win over ours of the same name.

    They are read as they are now: what is changed later counts from the next start, when it is checked again
    (`activities.paper.overrides`). None for ours alone.
    """
    global _folder
    _folder = folder
    _environment.cache_clear()


def template(name: str) -> Template:
    """A template by its path below `templates/`."""
    return environment().get_template(name)


def template_names() -> frozenset[str]:
    """Every template there is, by its path below `templates/`."""
    return frozenset(environment().list_templates(extensions=["jinja"]))


def environment() -> SandboxedEnvironment:
    """The environment in which templates run, with the operator's own where there are some."""
    return _environment(_folder)


_folder: Path | None = None


@cache
def _environment(folder: Path | None) -> SandboxedEnvironment:
    environment = SandboxedEnvironment(
        loader=FileSystemLoader(TEMPLATES if folder is None else [folder, TEMPLATES]),
        undefined=StrictUndefined,
        autoescape=lambda name: name is not None and name.endswith(".html.jinja"),
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    environment.filters["upper_first"] = lambda text: text[:1].upper() + text[1:]
    return environment
