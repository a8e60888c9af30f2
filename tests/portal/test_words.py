"""The words of the pages: each language says all that English says, with the same slots, and formally."""

from __future__ import annotations

import hashlib
import re

import pytest

from activities.writing.phrasing import LANGUAGES
from tests.activities.test_languages import FAMILIAR
from web.portal import pages
from web.portal.words import Words, browsers_language, catalog

OTHERS = [language for language in LANGUAGES if language != "en"]
#: What the languages share with English word for word.
SAME = {"invoice_line", "description", "contact_name", "contact_email", "channel_email", "dispute_said_note"}


def slots(said: object) -> set[str]:
    forms = said.values() if isinstance(said, dict) else [said]
    return {slot for form in forms for slot in re.findall(r"\{([a-z_]+)\}", str(form))}


@pytest.mark.parametrize("language", OTHERS)
def test_every_word_is_there_with_its_slots(language: str) -> None:
    english, other = catalog("en"), catalog(language)
    assert list(other) == list(english), "in the same order, so that they are easily compared"
    for name, said in english.items():
        assert slots(other[name]) == slots(said), name
        assert type(other[name]) is type(said), name
        assert other[name] != said or name in SAME, f"{name} is not translated"


@pytest.mark.parametrize("language", OTHERS)
def test_customers_are_addressed_formally(language: str) -> None:
    for name, said in catalog(language).items():
        text = str(said).replace("“", " ")
        assert not re.search(rf"\b({FAMILIAR[language]})\b", text, re.IGNORECASE), (name, said)


def test_plurals_follow_the_language() -> None:
    assert Words("en", "en-US")("dispute_said_files", 1) == "With 1 file."
    assert Words("fr", "fr-FR")("dispute_said_files", 0) == "Avec 0 fichier."
    assert Words("de", "de-DE")("dispute_said_files", 2) == "Mit 2 Dateien."


def test_a_filled_slot_is_only_text() -> None:
    words = Words("en", "en-US")
    assert words("account_of", name="{day} {0.__class__} {{7*7}}") == "Account of {day} {0.__class__} {{7*7}}"


@pytest.mark.parametrize(
    ("header", "language"),
    [("de-AT,de;q=0.9", "de"), ("ja,fr;q=0.5", "fr"), ("", "en"), ("*", "en"), ("\x00" * 500, "en")],
)
def test_the_browsers_language(header: str, language: str) -> None:
    assert browsers_language(header) == language


def test_what_is_vendored_is_as_it_was_published() -> None:
    note = (pages.STATIC / "README.md").read_text("utf-8")
    htmx = (pages.STATIC / "htmx-4.0.1.min.js").read_bytes()
    assert hashlib.sha256(htmx).hexdigest() in note
    assert "Zero-Clause BSD" in (pages.STATIC / "htmx-LICENSE.txt").read_text("utf-8")


def test_no_page_holds_a_script_or_a_style_of_its_own() -> None:
    for path in (pages.HERE / "templates").glob("*.html"):
        html = path.read_text("utf-8")
        assert not re.search(r"<style|style=|<script(?! src)|\son[a-z]+=|javascript:|\|safe", html), path.name
