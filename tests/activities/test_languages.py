"""Every language says the same as English: complete, formally addressed, untranslated nowhere, without threats."""

import itertools
import re
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from activities.paper.statement import statement_html
from activities.writing import phrasing
from activities.writing.phrasing import (
    LANGUAGES,
    NOT_READ_BY_NATIVE_SPEAKERS,
    TEMPLATES,
    Habits,
    Labels,
    locale_of,
)
from activities.writing.words import Words, phrases_of, tones_of, write_notice
from domain.letters.letter import FOR_STAFF, EntryKind, InvoiceFacts, NoticeFacts, StatementEntry
from domain.policy import load_policy
from domain.vocabulary import AFTER_THE_DEBT, Note, OfferKind, Step, Tone
from tests.activities.test_words import GENTLE, check, flat, seen
from tests.letters import AS_OF, ROOT, customer, invoice, money, notice, offer, seller

LOCALES = {"en": "en-US", "de": "de-DE", "fr": "fr-FR", "es": "es-ES", "pt": "pt-BR"}
OTHERS = [language for language in LANGUAGES if language != "en"]
WRITTEN = [(step, tone) for step in [*Step, *Note] for tone in sorted(tones_of(step))]
#: A subject is cut off on a phone long before this; mail programs on a desk show about as much.
LONGEST_SUBJECT = 120

#: Words of the familiar address, none of which a customer may read.
FAMILIAR = {
    "de": r"du|dich|dir|dein\w*|euch|euer|eure\w*",
    "fr": r"tu|te|toi|ton|ta|tes|tiens?|tiennes?|t'\w+",
    "es": r"tú|tu|tus|te|ti|contigo|vosotr\w+|vuestr\w+|os",
    "pt": r"você|vocês|tu|te|ti|teus?|tuas?|contigo|vós|vossos?|vossas?",
}
#: Words of the formal address: every message to a customer has one.
FORMAL = {
    "de": r"Sie|Ihnen|Ihre?[nmrs]?",
    "fr": r"vous|votre|vos",
    "es": r"usted|le rogamos|le damos|su|sus",
    "pt": r"senhora?|senhor\(a\)|senhores",
}
#: What threatens, as parts of words: in no message before the credit hold, nor in any to a partner.
THREATS = {
    "de": r"rechtlich|anwalt|anwält|gericht|klage|inkasso|vollstreck|\bmahn|sperr|letzte|konsequenz|sofort|"
    r"umgehend|unverzüglich|strafe|insolven|schufa|auskunftei|kündig|pfänd|droh|einzieh|förmliche zahlung",
    "fr": r"juridique|avocat|tribuna|en justice|huissier|recouvr|contentieux|poursui|mise en demeure|bloqu|blocage|"
    r"derni(?:er|ère) (?:avis|occasion|rappel)|saisie|pénal|conséquence|faute de|immédiat|suspen|résili|insolv",
    "es": r"\blegal|abogad|tribunal|juzgad|judicial|demanda|embarg|moros|cobr[ao]|agencia|bloque|últim[ao]|suspen|"
    r"penal|consecuencia|inmediat|rescin|requeri|insolv|ejecut",
    "pt": r"jurídic|\blegal|advogad|tribuna|judicial|protesto|cobran|recupera|penhor|bloque|últim[ao]|suspen|penal|"
    r"encaminhad|entregue a |consequência|imediat|rescis|negativa|serasa|insolv|execut",
}
#: Words that English shares with the language, looked at one by one, and the banks' own terms.
BANKING = {"iban", "bic", "swift", "usd", "eur", "chf", "exmpus", "exmpde", "beispielbank"}
SHARED = {
    "de": {"link", "stand", "mail", "bank", "online", "was", "also", "november", "moment", "person"},
    "fr": {"oct", "nov", "question", "questions", "message", "date", "dates", "total", "suit", "part", "document",
           "arrive", "simple", "possible", "moment", "solution", "contact", "interruption", "objections", "due",
           "pause", "place", "conversation", "page"},
    "es": {"ago", "oct", "nov", "total", "formal", "plan"},
    "pt": {"ago", "link", "for", "mail", "out", "nov", "set", "total", "formal", "decide"},
}  # fmt: skip
PERSONAL = {
    "en": "your payments usually arrive around day 45",
    "de": "Ihre Zahlungen meist um den 45. Tag nach dem Rechnungsdatum eintreffen",
    "fr": "vos paiements arrivent habituellement vers le 45e jour après la date de facture",
    "es": "sus pagos suelen llegar hacia el día 45 después de la fecha de factura",
    "pt": "os seus pagamentos costumam chegar por volta do dia 45 após a data da fatura",
}
THANKS = {
    "en": r"thank",
    "de": r"dank",
    "fr": r"merci|remerci",
    "es": r"gracias",
    "pt": r"agrade|obrigad",
}


def letter(
    language: str, step: Step | Note, tone: Tone, items: list[InvoiceFacts], **more: object
) -> NoticeFacts:
    return notice(step, tone, items, language=language, locale=LOCALES[language], **more)


@cache
def samples(language: str, step: Step | Note, tone: Tone) -> list[NoticeFacts]:
    """One message with every turn its phrases may take: one and several invoices, with and without a date."""
    partner = seller().referral_partner
    facts = [
        letter(language, step, tone, [invoice(days=40)]),
        letter(language, step, tone, [invoice(days=1)], usual_day=45, answer_by=date(2026, 12, 22)),
        letter(
            language, step, tone, [invoice(days=0)], usual_day=45, late_entry=True, referral_partner=partner
        ),
        letter(
            language, step, tone, [invoice("A", 0), invoice("B", 0)], account_manager=None, contact_name=None
        ),
        letter(
            language,
            step,
            tone,
            [
                invoice("A", 40, "1000.00", paid="250.00", purchase_order="4711", agreement_ref="R-7"),
                invoice("B", 2, "99.00", currency="EUR", asked="50.00", disputed=money("49.00", "EUR")),
                invoice("C", -3, "77.00", asked=None, promised=money("77.00")),
            ],
            usual_day=45,
            late_entry=True,
            referral_partner=partner,
            at_risk=True,
            contact_phone="+1 202 555 0123",
        ),
        letter(language, step, tone, [invoice("A", 9), invoice("B", 9)], contact_name="Sam Reed"),
    ]
    if step in (Step.PRE_DUE, Step.PRE_DUE_2):
        facts += [
            letter(language, step, tone, [invoice("A", -3), invoice("B", days, step=step)], usual_day=45)
            for days in (-3, -7)
        ]
    if isinstance(step, Note):
        facts.append(letter(language, step, tone, []))
    else:
        facts += [letter(language, step, tone, [invoice(days=40, offer=offer(kind))]) for kind in OfferKind]
    return [one.model_copy(update={"call": one.call.model_copy(update={"agreed": None})}) if one.call else one
            for one in facts]  # fmt: skip


@cache
def written(language: str, step: Step | Note, tone: Tone) -> list[tuple[NoticeFacts, Words]]:
    """The samples with their words: writing takes much longer than reading what several tests look for."""
    return [(facts, write_notice(facts)) for facts in samples(language, step, tone)]


def said(words: Words) -> str:
    return words.subject + "\n" + flat(words.text)


def own_words(facts: NoticeFacts, words: Words) -> str:
    """What the letter says without the names and addresses that the facts bring."""
    text = said(words)
    for name in (
        facts.seller.sender.name, facts.seller.legal_name, facts.seller.name, "48 Alder Wharf", "New York",
        "Acme Limited", "Acme Ltd", "Main St", "Ann Payne", "Sam Reed", "Bo Chen", "Harrowgate Receivables",
        "Example National Bank", "wire 77-A", "INV",
    ):  # fmt: skip
        text = text.replace(name, " ")
    return re.sub(r"\S+@\S+|https://\S+", " ", text)


def word_set(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]{3,}", text.lower()))


@cache
def english_words() -> set[str]:
    """Every word of every English message."""
    messages = itertools.chain.from_iterable(written("en", step, tone) for step, tone in WRITTEN)
    return set[str]().union(*(word_set(own_words(facts, words)) for facts, words in messages))


def test_languages_are_complete_and_marked() -> None:
    files = {path.name for path in (TEMPLATES / "en").iterdir()}
    for language in LANGUAGES:
        assert {path.name for path in (TEMPLATES / language).iterdir()} == files
        for file in ("labels", "papers"):
            names = [set(vars(phrasing.template(f"{of}/{file}.jinja").make_module({"total": ""}))) for of in
                     ("en", language)]  # fmt: skip
            assert {n for n in names[0] if not n.startswith("_")} - {"it", "be", "clause"} <= names[1]
    assert [*LANGUAGES] == ["en", *NOT_READ_BY_NATIVE_SPEAKERS]
    assert {path.name for path in TEMPLATES.iterdir() if path.is_dir()} == {*LANGUAGES, "steps"}
    told = (
        flat((ROOT / "README.md").read_text("utf-8")).partition("native speaker")[0].rpartition("come in ")[2]
    )
    names = {"de": "German", "fr": "French", "es": "Spanish", "pt": "Portuguese"}
    assert all(names[language] in told for language in NOT_READ_BY_NATIVE_SPEAKERS), "the README says so"


def test_what_is_shared_has_no_words() -> None:
    """Layout is written once: only a language's own folder may hold words."""
    for path in [
        TEMPLATES / "letter.jinja",
        TEMPLATES / "notice.txt.jinja",
        *(TEMPLATES / "steps").iterdir(),
    ]:
        code = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
        assert not re.search(r"\w", code.sub("", path.read_text(encoding="utf-8"))), path.name


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_pair_that_a_policy_uses_is_written(language: str) -> None:
    files = sorted((ROOT / "deploy" / "policies").glob("*.toml"))
    assert len(files) >= 4
    for file in files:
        for rung in load_policy(file.read_text(encoding="utf-8"), file.name).steps:
            assert rung.tone in tones_of(rung.step, language), (
                f"{file.name}: {rung.step} in a {rung.tone} tone"
            )
    for note in Note:
        assert tones_of(note, language) == set(Tone)
    for step in Step:
        assert tones_of(step, language) == tones_of(step)
    assert phrases_of(Step.OVERDUE, Tone.FIRM, language) == f"{language}/overdue.professional.jinja"
    assert phrases_of(Step.PRE_DUE, Tone.FORMAL, language) == f"{language}/pre_due.friendly.jinja"


@pytest.mark.parametrize(("step", "tone"), WRITTEN, ids=str)
@pytest.mark.parametrize("language", OTHERS)
def test_a_letter_is_in_its_language_and_formal(language: str, step: Step | Note, tone: Tone) -> None:
    for facts, words in written(language, step, tone):
        check(words)
        assert len(words.subject) <= LONGEST_SUBJECT
        own = own_words(facts, words)
        assert not (word_set(own) & english_words()) - SHARED[language] - BANKING
        assert not re.findall(rf"\b(?:{FAMILIAR[language]})\b", own, re.IGNORECASE)
        assert step in FOR_STAFF or re.search(rf"\b(?:{FORMAL[language]})(?!\w)", own)
        if step in GENTLE or (tone is Tone.PARTNER and step not in FOR_STAFF):
            assert not re.findall(THREATS[language], own, re.IGNORECASE)


@pytest.mark.parametrize("language", OTHERS)
def test_the_harsh_letters_are_seen_as_such(language: str) -> None:
    """The list of threats is no dead letter: it finds what credit hold, demand and referral may say."""
    for step in (Step.CREDIT_HOLD, Step.DEMAND, Step.REFERRAL):
        facts = letter(
            language, step, Tone.FORMAL, [invoice(days=50)], referral_partner=seller().referral_partner
        )
        assert re.search(THREATS[language], said(write_notice(facts)), re.IGNORECASE), step


@pytest.mark.parametrize(("step", "tone"), WRITTEN, ids=str)
@pytest.mark.parametrize("language", LANGUAGES)
def test_text_and_html_say_the_same_in_the_order_of_a_letter(
    language: str, step: Step | Note, tone: Tone
) -> None:
    for facts, words in written(language, step, tone):
        visible = flat(" ".join(seen(words.html).said))
        colon = Labels(language, {**Habits(locale_of("en", None)).functions(), "total": ""}).colon
        in_text, in_html = (
            {word.rstrip(":") for word in text.replace(colon + " ", " ").split()}
            for text in (words.text, visible)
        )
        assert {word for word in in_text if word.strip("-")} <= in_html
        assert f'<html lang="{language}">' in words.html
        if step in FOR_STAFF:
            continue
        say = Labels(language, {**Habits(locale_of("en", None)).functions(), "total": ""})
        marks = [say.pay_title, say.contact_title, facts.seller.sender.name]
        if facts.subjects:
            marks.insert(0, facts.subjects[0].name)
        if step in AFTER_THE_DEBT or not facts.subjects:
            marks.remove(say.pay_title)
        places = [words.text.index(mark) for mark in marks]
        assert places == sorted(places)
        opening = flat(words.text[: words.text.index(say.contact_title)])
        assert re.search(THANKS[language], opening, re.IGNORECASE), "it thanks"
        if facts.subjects and step is not Note.PROMISE_CONFIRMED:
            assert len(facts.subjects) == 1 or words.text.count("\n---") >= 1, "several are a table"


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_always_pays_late_is_told_why_it_is_early(language: str) -> None:
    for step in (Step.PRE_DUE, Step.PRE_DUE_2):
        for tone in (Tone.FRIENDLY, Tone.PARTNER):
            items = [invoice(days=-14, step=step, asked=None)]
            told = flat(write_notice(letter(language, step, tone, items, usual_day=45)).text)
            assert PERSONAL[language] in told
            assert "45" not in write_notice(letter(language, step, tone, items)).subject


PLURALS = {
    "de-DE": ("0 Rechnungen", "Rechnung A", "2 Rechnungen", "heute fällig", "1 Tag überfällig",
              "2 Tage überfällig", "in 1 Tag fällig", "in 2 Tagen fällig", "vor 1 Tag.", "vor 2 Tagen."),
    "fr-FR": ("0 facture", "facture A", "2 factures", "à régler aujourd'hui", "en retard de 1 jour",
              "en retard de 2 jours", "à régler dans 1 jour", "à régler dans 2 jours", "il y a 1 jour.",
              "il y a 2 jours."),
    "es-ES": ("0 facturas", "factura A", "2 facturas", "vence hoy", "1 día de retraso", "2 días de retraso",
              "vence en 1 día", "vence en 2 días", "hace 1 día.", "hace 2 días."),
    "pt-BR": ("0 fatura", "fatura A", "2 faturas", "vence hoje", "1 dia de atraso", "2 dias de atraso",
              "vence em 1 dia", "vence em 2 dias", "há 1 dia.", "há 2 dias."),
    "pt-PT": ("0 faturas", "fatura A", "2 faturas", "vence hoje", "1 dia de atraso", "2 dias de atraso",
              "vence em 1 dia", "vence em 2 dias", "há 1 dia.", "há 2 dias."),
    "en-US": ("0 invoices", "invoice A", "2 invoices", "due today", "1 day past due", "2 days past due",
              "due in 1 day", "due in 2 days", "1 day ago.", "2 days ago."),
}  # fmt: skip


@pytest.mark.parametrize("name", PLURALS)
def test_none_one_and_two(name: str) -> None:
    language = name[:2]
    amounts = {"total": "x", "open_total": "x"}
    say = Labels(language, {**Habits(locale_of(name, None, language)).functions(), **amounts})
    items = [invoice("A", 2), invoice("B", 2)]
    heard = (
        *(say.these_short(items[:many]) for many in (0, 1, 2)),
        *(say.lateness(days) for days in (0, 1, 2, -1, -2)),
        *(say.open_since([invoice("A", days), invoice("B", 1)]) for days in (1, 2)),
    )
    for expected, told in zip(PLURALS[name], heard, strict=True):
        assert told == expected or told.endswith(" " + expected)
    assert say.part_of(1, 3) == phrasing.part_of(language, 1, 3)


@pytest.mark.parametrize(
    ("name", "amount", "weekday", "short"),
    [
        ("en-US", "€1,250.00", "Tuesday, December 1, 2026", "Dec 1, 2026"),
        ("de-DE", "1.250,00 €", "Dienstag, 1. Dezember 2026", "01.12.2026"),
        ("de-CH", "EUR 1’250.00", "Dienstag, 1. Dezember 2026", "01.12.2026"),
        ("fr-FR", "1 250,00 €", "mardi 1er décembre 2026", "1 déc. 2026"),
        ("es-ES", "1.250,00 €", "martes, 1 de diciembre de 2026", "1 dic 2026"),
        ("pt-BR", "€ 1.250,00", "terça-feira, 1º de dezembro de 2026", "01/12/2026"),
        ("pt-PT", "1 250,00 €", "terça-feira, 1 de dezembro de 2026", "01/12/2026"),
    ],
)
def test_money_and_dates_as_the_customer_writes_them(
    name: str, amount: str, weekday: str, short: str
) -> None:
    items = [invoice(days=7, currency="EUR")]
    facts = notice(Step.OVERDUE, items=items, locale=name, language=name[:2], answer_by=date(2026, 12, 1))
    text = flat(write_notice(facts).text)
    assert amount in text
    assert weekday in text
    assert short in text


def test_french_marks_stay_with_the_word_before_them() -> None:
    for step, tone in WRITTEN:
        for _, words in written("fr", step, tone):
            page = seen(words.html.split("</title>")[1])
            for text in (words.text, " ".join(page.said)):
                assert not re.search(r"[^\s-] [:;?!]", text)


@pytest.mark.parametrize("language", OTHERS)
def test_a_statement_is_in_its_language(language: str) -> None:
    entries = tuple(
        StatementEntry(
            on=AS_OF, kind=kind, amount=money("1.00" if kind is not EntryKind.PAYMENT else "-1.00")
        )
        for kind in EntryKind
    )
    total = money(f"{len(entries) - 2}.00")
    items = [
        invoice(entries=entries, balance=total, amount="9.00", asked=None, disputed=money("1.00"),
                promised=money("1.00"), purchase_order="4711", agreement_ref="R-7"),
        invoice("B", -2, currency="EUR"),
        invoice("C", 100, currency="CHF"),
    ]  # fmt: skip
    silent = seller().model_copy(update={"pay_link": None})
    for of in (silent, seller()):
        facts = notice(Step.OVERDUE, items=items, language=language, locale=LOCALES[language],
                       unapplied=(money("5.00"),), seller=of, customer=customer(country="DE"))  # fmt: skip
        page = seen(re.sub(r"<style>.*?</style>", "", statement_html(facts), flags=re.DOTALL))
        text = own_words(facts, Words("", " ".join(page.said), ""))
        english = english_words() | word_set(
            "account statement page entry item received charge waived written credit fee"
        )
        assert not (word_set(text) & english) - SHARED[language] - BANKING
    assert "None" not in text


def test_a_folder_of_every_language_is_found_where_the_templates_lie() -> None:
    assert Path(phrasing.__file__).parents[1] == TEMPLATES.parent


def test_a_german_letter_goes_on_in_lower_case_after_its_salutation() -> None:
    """DIN 5008: the comma of the salutation ends no sentence; nouns, names and the formal address stay."""
    ours = {"Lindenmoor", "Acme"}
    for step, tone in itertools.product([*Step, *Note], Tone):
        if step in FOR_STAFF:
            continue
        for _, words in written("de", step, tone):
            greeting, opening, *_ = words.text.split("\n\n")
            first = opening.split()[0]
            assert greeting.endswith(",")
            assert first[0].islower() or first in ours, f"{step} {tone}: {opening}"
