"""Customers' names in news: whole words, legal forms aside, and nothing that could mean anything else."""

from __future__ import annotations

import pytest

from domain.behaviour.names import Names, name_words

NAMES = Names(
    {
        "C-1": ["Hölder & Söhne GmbH"],
        "C-2": ["Brightwater Foods Ltd.", "Brightwater Foods Holdings PLC"],
        "C-3": ["Nordvik A/S"],
        "C-4": ["First National Trust Inc"],
        "C-5": ["Ox Ltd"],
        "C-6": ["A.B.C. Ceramics S.A."],
    }
)


def found(text: str) -> set[str]:
    return {mention.customer_id for mention in NAMES.mentioned(text)}


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("Insolvenzverfahren über die HOELDER", set()),
        ("Insolvenz: Holder & Sohne", {"C-1"}),
        ("Hölder und Söhne meldet Insolvenz an", set()),
        ("hölder & söhne gesellschaft mbH insolvent", {"C-1"}),
        ("Brightwater Foods, maker of soups, files for chapter 11", {"C-2"}),
        ("Brightwaters Foods", set()),
        ("Brightwater plans a new plant", set()),
        ("Superbrightwater Foods closes", set()),
        ("Nordvik A/S stops payments", {"C-3"}),
        ("The first national trust is trust among nations", set()),
        ("An ox ltd of words", set()),
        ("ABC Ceramics closes its plant", {"C-6"}),
        ("A.B.C. Ceramics closes its plant", {"C-6"}),
        ("Nordvik and Brightwater Foods merge", {"C-2", "C-3"}),
    ],
)
def test_names_are_found_as_whole_words(text: str, who: set[str]) -> None:
    assert found(text) == who


def test_the_sentence_that_names_a_customer_is_told() -> None:
    (mention,) = NAMES.mentioned(
        "Markets fell. Court papers show that Nordvik owes 3 million. Shares closed lower.\nNordvik said nothing."
    )
    assert (mention.name, mention.sentence) == (
        "Nordvik A/S",
        "Court papers show that Nordvik owes 3 million.",
    )


@pytest.mark.parametrize(
    "name", ["", "Ltd", "GmbH & Co. KG", "AB", "Global Services Inc", "The Company", "Uno", "Star"]
)
def test_names_that_are_short_or_common_are_not_looked_for(name: str) -> None:
    assert name_words(name) == ()


@pytest.mark.parametrize("text", ["", "\x00\ud800" * 50, "(" * 20_000, "a." * 20_000, "Nordvik " * 5_000])
def test_hostile_text_is_only_text(text: str) -> None:
    assert len(NAMES.mentioned(text)) <= 1
