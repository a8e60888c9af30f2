"""The guard: good drafts pass as they are, everything else is refused with the reason in words."""

from dataclasses import replace

import pytest

from domain.letters import guard_words
from domain.letters.draft import filled
from domain.letters.guard import examine
from domain.vocabulary import Step, Tone
from tests.hostile_drafts import (
    BAD_SENTENCES,
    CREDIT_HOLD,
    DEMAND,
    DEMAND_WITH_PARTNER,
    DUE,
    GOOD,
    GOOD_SENTENCES,
    HOSTILE,
    OVERDUE,
    PARTNER,
    PRE_DUE,
    draft,
    read,
    says,
)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_draft_passes(name: str) -> None:
    brief, told = GOOD[name]
    assert examine(read(told), brief) == ()


@pytest.mark.parametrize("name", [name for name, (told, why) in HOSTILE.items() if why != "JSON"])
def test_a_bad_draft_is_refused_for_its_own_reason(name: str) -> None:
    told, why = HOSTILE[name]
    assert isinstance(told, dict)
    reasons = examine(read(told), OVERDUE)
    assert any(why in reason for reason in reasons), reasons


@pytest.mark.parametrize("sentence", BAD_SENTENCES)
def test_a_bad_sentence_among_good_ones_is_found(sentence: str) -> None:
    assert examine(read(says(sentence)), OVERDUE)


@pytest.mark.parametrize("sentence", GOOD_SENTENCES)
def test_what_such_letters_usually_say_passes(sentence: str) -> None:
    assert examine(read(says(sentence)), OVERDUE) == ()


def test_the_language_of_the_guard_is_the_letters() -> None:
    for name, language in {"German": "de", "French": "fr", "Spanish": "es", "Portuguese": "pt"}.items():
        brief, told = GOOD[name]
        for other in guard_words.LANGUAGES:
            refused = examine(read(told), replace(brief, language=other))
            assert bool(refused) == (other != language), (name, other, refused)
    assert "does not read" in examine(read(draft()), replace(OVERDUE, language="ja"))[0]


THREATS = {
    "en": "Otherwise this may have consequences for you.",
    "de": "Sonst wird das für Sie Konsequenzen haben.",
    "fr": "Sans cela il y aura des conséquences pour vous.",
    "es": "De otro modo habrá consecuencias para usted.",
    "pt": "De outro modo haverá consequências para o senhor.",
}
LAW = {
    "en": "Then our lawyer will write to you.",
    "de": "Dann schreibt Ihnen unser Anwalt.",
    "fr": "Notre avocat vous écrira alors.",
    "es": "Entonces le escribirá nuestro abogado.",
    "pt": "Nesse caso o nosso advogado vai escrever para o senhor.",
}
IN = {"en": "overdue", "de": "German", "fr": "French", "es": "Spanish", "pt": "Portuguese"}


@pytest.mark.parametrize("language", guard_words.LANGUAGES)
def test_threats_wait_for_the_demand_and_never_meet_a_partner(language: str) -> None:
    told = dict(GOOD[IN[language]][1])
    told["paragraphs"] = [*told["paragraphs"], THREATS[language]]
    for step in (Step.PRE_DUE, Step.DUE, Step.OVERDUE, Step.OVERDUE_2, Step.AT_RISK, Step.CREDIT_HOLD):
        assert any(
            "threat" in why for why in examine(read(told), replace(OVERDUE, language=language, step=step))
        )
    demand = replace(DEMAND, language=language)
    assert examine(read(told), demand) == ()
    assert any("threat" in why for why in examine(read(told), replace(demand, tone=Tone.PARTNER)))


@pytest.mark.parametrize("language", guard_words.LANGUAGES)
def test_the_law_is_spoken_of_only_where_a_partner_a_step_and_a_date_exist(language: str) -> None:
    told = dict(GOOD[IN[language]][1])
    told["paragraphs"] = [*told["paragraphs"], LAW[language]]
    with_partner = replace(DEMAND_WITH_PARTNER, language=language)
    assert examine(read(told), with_partner) == ()
    for brief in (replace(DEMAND, language=language), replace(with_partner, tone=Tone.PARTNER)):
        assert any("agencies and the law" in why for why in examine(read(told), brief))


EARLY = {
    "en": "Our terms for early payment apply to it as well.",
    "de": "Gern können Sie dabei wie immer Skonto nutzen.",
    "fr": "Vous pouvez profiter de notre escompte habituel.",
    "es": "Puede aprovechar las condiciones de pronto pago.",
    "pt": "Pode aproveitar as condições de pagamento antecipado.",
}


@pytest.mark.parametrize("language", guard_words.LANGUAGES)
def test_terms_for_early_payment_are_told_by_our_own_sentence_alone(language: str) -> None:
    told = dict(GOOD[IN[language]][1])
    told["paragraphs"] = [*told["paragraphs"], EARLY[language]]
    reasons = examine(read(told), replace(OVERDUE, language=language))
    assert any("no fact says" in reason for reason in reasons), reasons


FAMILIAR = {
    "de": "Wenn du magst, ruf uns bitte an.",
    "fr": "Si tu veux, appelle notre service pour en parler.",
    "es": "Si te parece bien, hablamos por el teléfono de siempre.",
    "pt": "Se você quiser, fale com o nosso time.",
}
NUMBERS = {
    "de": "Es sind noch siebzehntausend offen.",
    "fr": "Il reste encore douze mille sur le compte.",
    "es": "Todavía quedan doscientos en la cuenta.",
    "pt": "Ainda faltam duzentos na sua conta.",
}
DATES = {
    "de": "Bitte zahlen Sie bis Freitag.",
    "fr": "Merci de payer avant vendredi.",
    "es": "Por favor pague antes del viernes.",
    "pt": "Por favor pague até amanhã.",
}
ACCOUNTS = {
    "de": "Bitte nutzen Sie die neue Bankverbindung.",
    "fr": "Merci de noter nos nouvelles coordonnées bancaires.",
    "es": "Por favor use la nueva cuenta para el pago.",
    "pt": "Por favor use a nova conta para o pagamento.",
}


@pytest.mark.parametrize("language", [language for language in guard_words.LANGUAGES if language != "en"])
@pytest.mark.parametrize(
    ("sentences", "why"),
    [(FAMILIAR, "familiar"), (NUMBERS, "number"), (DATES, "date or span"), (ACCOUNTS, "way to pay")],
)
def test_every_language_is_guarded(language: str, sentences: dict[str, str], why: str) -> None:
    told = dict(GOOD[IN[language]][1])
    told["paragraphs"] = [*told["paragraphs"], sentences[language]]
    reasons = examine(read(told), replace(OVERDUE, language=language))
    assert any(why in reason for reason in reasons), reasons


def test_orders_are_spoken_of_as_blocked_only_from_the_final_notice_on() -> None:
    told = says("New orders would be blocked until then.")
    for brief in (PRE_DUE, DUE, OVERDUE, PARTNER):
        assert any("block of orders" in why for why in examine(read(told), brief))
    final = dict(GOOD["final notice"][1])
    assert examine(read(final), CREDIT_HOLD) == ()
    final["paragraphs"] = [text.replace("{block_date}", "then") for text in final["paragraphs"]]
    assert "{block_date} is missing in the paragraphs" in examine(read(final), CREDIT_HOLD)


def test_the_usual_day_is_said_once_and_as_a_day() -> None:
    told = dict(GOOD["pre-due"][1])
    changed = [text.replace("day {usual_day}", "{usual_day}") for text in told["paragraphs"]]
    assert any("day" in why for why in examine(read({**told, "paragraphs": changed}), PRE_DUE))
    gone = [text for text in told["paragraphs"] if "usual_day" not in text]
    assert any(
        "{usual_day} is missing" in why for why in examine(read({**told, "paragraphs": gone}), PRE_DUE)
    )


def test_slots_are_filled_in_one_pass() -> None:
    """What a customer is called may look like a slot; it stays a name."""
    values = {"recipient": "{amount_due} {x.__class__} {{7*7}}", "amount_due": "$1.00"}
    assert (
        filled("Dear {recipient}, {amount_due}", values) == "Dear {amount_due} {x.__class__} {{7*7}}, $1.00"
    )
