"""Which language a customer is written to in: their own where the seller offers it."""

import pytest

from domain.letters.letter import language_for

WRITTEN = ("en", "de", "fr", "es", "pt")


@pytest.mark.parametrize(
    ("wanted", "offered", "chosen"),
    [
        (("fr-CA", "de-DE"), ("en", "de", "fr"), "fr"),  # the contact's own comes first
        (("it-IT", "de-DE"), ("en", "de", "fr"), "de"),  # then the customer's
        ((None, "PT_br"), ("en", "pt"), "pt"),
        ((None, "de-DE"), ("fr", "en"), "fr"),  # not offered: what the seller offers first
        ((None, None), ("de", "en"), "de"),
        ((), ("es",), "es"),
        (("it", "it-IT"), ("it",), "en"),  # offered, but there are no words in it
        (("deu",), ("de",), "de"),
        (("dex-DE",), ("en", "de"), "en"),
    ],
)
def test_language(wanted: tuple[str | None, ...], offered: tuple[str, ...], chosen: str) -> None:
    assert language_for(wanted, offered, WRITTEN) == chosen
