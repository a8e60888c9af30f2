"""When a model drafts, and when a setting that is half given is refused with its fix."""

import json

import pytest
from pydantic import ValidationError

from commands.stack import doctor
from settings import Settings
from starter import main
from tests.openai_server import Behaviour, OpenAIServer, body, fails, hangs_up, says, says_nothing
from worker import drafter

ALL = ("MODEL", "API_KEY", "BASE_URL", "TIMEOUT_SECONDS", "READS_NOTES", "READS_CUSTOMER_TEXT")


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ALL:
        monkeypatch.delenv(f"DUECOURSE_OPENAI_{name}", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-program")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")


def given(monkeypatch: pytest.MonkeyPatch, **values: str) -> Settings:
    for name, value in values.items():
        monkeypatch.setenv(f"DUECOURSE_OPENAI_{name}", value)
    return Settings(_env_file=None)


def test_nothing_set_means_templates(monkeypatch: pytest.MonkeyPatch) -> None:
    assert drafter(given(monkeypatch)) is None


def test_a_key_and_a_model_draft_at_openai(monkeypatch: pytest.MonkeyPatch) -> None:
    made = drafter(given(monkeypatch, MODEL="small", API_KEY="sk-1"))
    assert made is not None
    assert (made.model.name, made.reads_notes, made.reads_customer_text) == ("small", True, False)
    assert vars(made.model)["_base_url"] == "https://api.openai.com/v1"
    assert "sk-1" not in repr(vars(made.model))


def test_an_endpoint_of_ones_own_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    made = drafter(given(monkeypatch, MODEL="m", BASE_URL="http://127.0.0.1:8000/v1", READS_NOTES="false"))
    assert made is not None
    assert not made.reads_notes


@pytest.mark.parametrize(
    ("values", "fix"),
    [
        ({"API_KEY": "sk-1"}, "DUECOURSE_OPENAI_MODEL"),
        ({"BASE_URL": "http://127.0.0.1:8000/v1"}, "DUECOURSE_OPENAI_MODEL"),
        ({"MODEL": "m"}, "DUECOURSE_OPENAI_API_KEY"),
    ],
)
def test_what_is_half_given_is_refused(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str], fix: str
) -> None:
    with pytest.raises(ValueError, match=fix):
        drafter(given(monkeypatch, **values))


def test_two_answers_fit_into_the_time_of_drafting(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError):
        given(monkeypatch, TIMEOUT_SECONDS="60")


def doctors_word(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """What `doctor` says of the model."""
    main(["doctor", "--json"])
    (finding,) = [each for each in json.loads(capsys.readouterr().out) if each["check"] == "model"]
    return dict(finding)


def test_the_doctor_tries_the_model(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctors_word(capsys)["detail"] == "none: every word is a template's"
    with OpenAIServer(then=says("{}")) as model:
        given(monkeypatch, MODEL="m", BASE_URL=model.url, API_KEY="sk-1")
        assert doctors_word(capsys)["ok"]
        (asked,) = model.asked
        assert len(json.dumps(asked["messages"])) < 200, "it costs next to nothing"


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [(fails(401), "HTTP 401"), (body(b"<html>"), "not a chat completion"), (hangs_up, "cannot be reached"),
     (says_nothing, "no answer within 0.5 seconds")],
)  # fmt: skip
def test_a_model_that_cannot_draft_is_named_with_its_fix(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], behaviour: Behaviour, said: str
) -> None:
    monkeypatch.setattr(doctor, "_MODEL_TIMEOUT_S", 0.5)
    with OpenAIServer(then=behaviour) as model:
        given(monkeypatch, MODEL="m", BASE_URL=model.url)
        found = doctors_word(capsys)
    assert not found["ok"]
    assert said in str(found["detail"])
    assert "DUECOURSE_OPENAI_BASE_URL" in str(found["fix"])


def test_the_doctor_names_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given(monkeypatch, MODEL="m")
    found = doctors_word(capsys)
    assert (found["ok"], found["detail"]) == (False, "DUECOURSE_OPENAI_API_KEY is not set")
    assert "give the key" in str(found["fix"])
