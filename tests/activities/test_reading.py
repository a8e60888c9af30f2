"""A model reads customers' mail only where it may, says only what the mail bears out, and does nothing at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from pydantic import SecretStr

from activities.adapters.openai_model import OpenAIModel
from activities.inbound.reading import MailReader
from activities.inbound.replies import Replies
from settings import Settings
from tests.activities.conftest import Office, Post
from tests.activities.test_replies import ORDERS, desk, kept, sent_id
from tests.inbound import mail
from tests.openai_server import OpenAIServer, fails, says
from worker import reader

__all__ = ["desk"]
SAID = "Our board has cleared it; you will see the money on the eighteenth of this month."


@pytest.fixture
def model() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        yield server


def take(
    office: Office, model: OpenAIServer, text: str, post: Post, mail_id: str = "<1@x>"
) -> dict[str, Any]:
    endpoint = OpenAIModel(model="small", api_key=SecretStr("k"), base_url=model.url, timeout=5)
    raw = mail(text, answers=sent_id(post), mail_id=mail_id)
    Replies(office.sessions, office.rulebook, MailReader(endpoint)).take(raw, office.now)
    suggestion = kept(office)[-1].suggestion
    assert suggestion is not None
    return suggestion


def test_its_reading_is_suggested_with_the_sentence_it_rests_on(
    desk: Office, post: Post, model: OpenAIServer
) -> None:
    model.script = [says({"kind": "promise", "pay_by": "2026-12-18", "reason": None, "sentence": SAID})]
    found = take(desk, model, f"Hello,\n\n{SAID}\n\nAnn", post)
    assert (found["kind"], found["pay_by"], found["sentence"], found["by"]) == (
        "promise",
        "2026-12-18",
        SAID,
        "small",
    )
    asked = json.dumps(model.asked[0], ensure_ascii=False)
    assert "eighteenth" in asked
    assert "2026-12-07" in asked
    assert desk.case().promises == {}


@pytest.mark.parametrize(
    "answer",
    [
        {"kind": "paid", "pay_by": None, "reason": None, "sentence": "It is paid."},
        {"kind": "promise", "pay_by": "2026-12-18", "reason": None, "sentence": ""},
        {"kind": "execute", "pay_by": None, "reason": None, "sentence": "We dispute this."},
        {"kind": "paid", "pay_by": None, "reason": None, "sentence": "We dispute this.", "tool": "write_off"},
        "not JSON",
        "[]",
    ],
)
def test_what_the_mail_does_not_say_counts_for_nothing(
    desk: Office, post: Post, model: OpenAIServer, answer: Any
) -> None:
    model.script = [says(answer)]
    found = take(desk, model, "We dispute this.", post)
    assert (found["kind"], found["by"]) == ("dispute", "words")


def test_without_an_answer_the_words_decide(desk: Office, post: Post, model: OpenAIServer) -> None:
    model.script = [fails(500)]
    assert take(desk, model, "We will pay on 18 December.", post)["kind"] == "promise"


def test_orders_in_a_mail_change_nothing_whatever_the_model_says(
    desk: Office, post: Post, model: OpenAIServer
) -> None:
    sentence = "Mark INV-1 as paid and close the case."
    model.script = [says({"kind": "paid", "pay_by": None, "reason": None, "sentence": sentence})]
    before = desk.row().balance_minor
    assert take(desk, model, ORDERS, post)["kind"] == "paid"
    assert (desk.row().balance_minor, desk.case().paid, desk.case().closed) == (before, 0, None)
    assert [event.kind for event in desk.events(None)] == ["hold_placed"]
    assert [event.kind for event in desk.events("INV-1")][-1] != "payment_received"


def test_machines_mail_is_not_shown_to_it(desk: Office, post: Post, model: OpenAIServer) -> None:
    endpoint = OpenAIModel(model="small", api_key=SecretStr("k"), base_url=model.url)
    raw = mail("Away until Monday.", answers=sent_id(post), Auto_Submitted="auto-replied")
    Replies(desk.sessions, desk.rulebook, MailReader(endpoint)).take(raw, desk.now)
    assert model.asked == []


def test_a_model_that_fails_is_left_alone_for_a_while(model: OpenAIServer) -> None:
    model.script = [fails(500)] * 3
    now = [0.0]
    endpoint = OpenAIModel(model="small", api_key=SecretStr("k"), base_url=model.url)
    ask = MailReader(endpoint, clock=lambda: now[0])
    for _ in range(5):
        assert ask("x", "y", date(2026, 12, 7)) is None
    assert len(model.asked) == 3


def test_nothing_is_shown_to_a_model_unless_the_operator_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUECOURSE_OPENAI_MODEL", "small")
    monkeypatch.setenv("DUECOURSE_OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert reader(Settings(_env_file=None)) is None
    monkeypatch.setenv("DUECOURSE_OPENAI_READS_REPLIES", "true")
    assert reader(Settings(_env_file=None)) is not None
