"""When a model drafts, and when a setting that is half given is refused with its fix."""

import pytest
from pydantic import ValidationError

from settings import Settings
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
