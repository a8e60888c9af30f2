"""What a written answer may mean, in five languages: a hint with the sentence it rests on, or that it is unclear."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.letters.replies import Suggestion, checked, date_in, hint
from domain.vocabulary import AnswerKind

TODAY = date(2026, 12, 8)  # a Tuesday
P, D, PAID, Q, W, U = (
    AnswerKind.PROMISE,
    AnswerKind.DISPUTE,
    AnswerKind.PAID,
    AnswerKind.QUESTION,
    AnswerKind.WRONG_PERSON,
    AnswerKind.UNCLEAR,
)


@pytest.mark.parametrize(
    ("said", "kind", "more"),
    [
        ("Hi,\n\nWe will pay on 18 December. Sorry for the delay.", P, "2026-12-18"),
        ("Payment will go out on December 18th, 2026.", P, "2026-12-18"),
        ("We'll transfer it next Friday.", P, "2026-12-11"),
        ("Guten Tag, wir überweisen den Betrag am 18.12.2026. Viele Grüße", P, "2026-12-18"),
        ("Wir werden am 18. Dezember zahlen.", P, "2026-12-18"),
        ("Nous réglerons la facture le 18 décembre 2026.", P, "2026-12-18"),
        ("Pagaremos el 18 de diciembre de 2026.", P, "2026-12-18"),
        ("Faremos o pagamento em 18 de dezembro.", P, "2026-12-18"),
        ("We will pay as soon as possible.", U, None),
        ("We never received the goods.", D, "not_received"),
        ("Die Lieferung haben wir nie erhalten.", D, "not_received"),
        ("Nous n'avons jamais reçu la commande.", D, "not_received"),
        ("The amount is wrong. We will pay on 18 December once it is right.", D, "wrong_amount"),
        ("Der Betrag ist falsch.", D, "wrong_amount"),
        ("El importe es incorrecto.", D, "wrong_amount"),
        ("O valor está errado.", D, "wrong_amount"),
        ("Two of the units were damaged.", D, "quality"),
        ("We dispute this invoice.", D, "other"),
        ("We have already paid this last week.", PAID, None),
        ("Das haben wir bereits überwiesen.", PAID, None),
        ("La facture a été payée hier.", PAID, None),
        ("Já pagamos a fatura.", PAID, None),
        ("Can you send me the invoice again?", Q, None),
        ("I am no longer responsible for invoices.", W, None),
        ("Ich bin dafür nicht mehr zuständig.", W, None),
        ("Ya no trabajo en la empresa.", W, None),
        ("Thanks, noted.", U, None),
        ("", U, None),
    ],
)
def test_what_is_said_is_seen(said: str, kind: AnswerKind, more: str | None) -> None:
    found = hint(said, TODAY)
    assert found.kind is kind
    assert str(found.pay_by or found.reason or "") == (more or "")
    assert found.sentence in said
    assert bool(found.sentence) == (kind is not U)


@pytest.mark.parametrize(
    ("named", "day"),
    [
        ("on 2026-12-18", date(2026, 12, 18)),
        ("by 12/18", date(2026, 12, 18)),
        ("by 18/12/26", date(2026, 12, 18)),
        ("by 03/04", None),
        ("on 5 January", date(2027, 1, 5)),
        ("on Tuesday", date(2026, 12, 15)),
        ("on 31 February", None),
        ("at 10.30", None),
        ("soon", None),
    ],
)
def test_a_day_is_read_where_it_can_only_be_one(named: str, day: date | None) -> None:
    assert date_in(named, TODAY) == day


@pytest.mark.parametrize(
    "told",
    [
        Suggestion(kind=P, pay_by=date(2026, 12, 18), sentence="We will pay on 18 December!"),
        Suggestion(kind=P, pay_by=date(2026, 12, 18), sentence="  "),
        Suggestion(kind=D, sentence="We never said that"),
    ],
)
def test_a_sentence_that_does_not_stand_in_the_mail_counts_for_nothing(told: Suggestion) -> None:
    assert checked(told, "We will pay on 18 December.", TODAY).kind is U


def test_a_promised_day_lies_ahead_and_not_beyond_all_measure() -> None:
    text = "We will pay then."
    for day in (date(2026, 12, 7), date(2028, 1, 1)):
        assert checked(Suggestion(kind=P, pay_by=day, sentence=text), text, TODAY).pay_by is None
    assert checked(Suggestion(kind=PAID, pay_by=TODAY, sentence=text), text, TODAY).pay_by is None


@given(st.text(max_size=2_000))
def test_any_text_has_some_hint_that_rests_on_it(text: str) -> None:
    found = hint(text, TODAY)
    assert found.sentence in text
    assert checked(found, text, TODAY) == found
