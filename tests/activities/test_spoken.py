"""What a voice message says can be heard: nothing stands below it, nothing is attached, and nobody can reply to it."""

import itertools
import re

import pytest

from activities.writing.phrasing import LANGUAGES
from activities.writing.words import Words, write_notice
from domain.letters.draft import brief_of
from domain.vocabulary import Channel, Step, Tone
from tests.activities.test_languages import (
    BANKING,
    FAMILIAR,
    FORMAL,
    SHARED,
    THREATS,
    english_words,
    own_words,
    samples,
    word_set,
)
from tests.letters import invoice, notice

#: The steps that may be spoken; the others go in writing.
STEPS = (Step.PRE_DUE, Step.PRE_DUE_2, Step.DUE, Step.OVERDUE, Step.OVERDUE_2, Step.AT_RISK)
#: What only a page can show, or only a mail can be asked for.
ON_A_PAGE = {
    "en": r"below|above|attached|enclosed|shown|listed|this message[^.]*repl|repl(?:y|ies)\b|link|one line is enough",
    "de": r"unten|oben|anbei|beigefügt|liegt bei|aufgeführt|angegeben|antworten sie|link",
    "fr": r"ci-dessous|ci-dessus|ci-joint|indiqué|répond\w+ à ce|lien",
    "es": r"\babajo|\barriba|a continuación|adjunt|indicad|responda a|enlace",
    "pt": r"abaixo|acima|a seguir|em anexo|indicad|responda a|link",
}


def spoken(facts: object) -> Words:
    return write_notice(facts.model_copy(update={"channel": Channel.VOICE}))  # type: ignore[attr-defined]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("step", STEPS)
def test_nothing_is_said_that_only_a_page_can_show(language: str, step: Step) -> None:
    for tone in (Tone.PROFESSIONAL, Tone.PARTNER):
        for facts in samples(language, step, tone):
            words = spoken(facts)
            assert not re.findall(ON_A_PAGE[language], words.text, re.IGNORECASE), words.text
            assert "DE89" not in words.text.replace(" ", "")
            assert facts.seller.phone is not None
            assert facts.seller.phone in words.text, "whoever hears it can call back"
            if language == "en":
                continue
            own = own_words(facts, Words("", words.text, ""))
            assert not (word_set(own) & english_words()) - SHARED[language] - BANKING
            assert not re.findall(rf"\b(?:{FAMILIAR[language]})\b", own, re.IGNORECASE)
            assert re.search(rf"\b(?:{FORMAL[language]})(?!\w)", own)
            assert not re.findall(THREATS[language], own, re.IGNORECASE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_same_words_on_a_page_would_be_found(language: str) -> None:
    """The list of such words is no dead letter: the mail has some of them."""
    mails = [
        write_notice(facts).text for step in STEPS for facts in samples(language, step, Tone.PROFESSIONAL)
    ]
    assert re.search(ON_A_PAGE[language], " ".join(" ".join(mails).split()), re.IGNORECASE)


def test_each_kind_of_step_asks_in_its_own_way() -> None:
    asked = {
        (step, tone): spoken(notice(step, tone, [invoice(days=9)])).text
        for step, tone in itertools.product(STEPS, (Tone.PROFESSIONAL, Tone.PARTNER))
    }
    assert "Please pay $1,250.00 now, or call us" in asked[Step.OVERDUE, Tone.PROFESSIONAL]
    assert "Could you arrange the payment of $1,250.00" in asked[Step.OVERDUE, Tone.PARTNER]
    assert "Please call us in the next few days" in asked[Step.AT_RISK, Tone.PROFESSIONAL]
    assert "reaches us in time" in asked[Step.PRE_DUE, Tone.PROFESSIONAL]


def test_no_model_words_what_is_spoken() -> None:
    facts = notice(Step.OVERDUE)
    assert brief_of(facts) is not None
    for channel in (Channel.VOICE, Channel.CALL):
        assert brief_of(facts.model_copy(update={"channel": channel})) is None
