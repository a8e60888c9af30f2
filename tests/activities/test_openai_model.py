"""The real `openai` client against a model on the loopback: every way an answer can fail to come."""

import json
import time
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from activities.adapters.model import Answer, NoAnswer, Question
from activities.adapters.openai_model import OpenAIModel
from tests import openai_server as fake
from tests.openai_server import OpenAIServer

QUESTION = Question("Be brief.", "Say hello.", {"type": "object", "properties": {}})


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


def model(server: OpenAIServer, timeout: float = 10.0) -> OpenAIModel:
    key = SecretStr("sk-secret")
    return OpenAIModel(model="small", api_key=key, base_url=server.url, timeout=timeout, most_bytes=20_000)


def test_a_question_is_asked_once_with_its_schema_and_limits(server: OpenAIServer) -> None:
    server.then = fake.says("hello")
    assert model(server).ask(QUESTION) == Answer("hello", "fake-model-2026-11")
    (asked,) = server.asked
    assert asked["model"] == "small"
    assert [message["content"] for message in asked["messages"]] == ["Be brief.", "Say hello."]
    assert asked["response_format"]["json_schema"]["schema"] == QUESTION.schema
    assert asked["response_format"]["json_schema"]["strict"] is True
    assert asked["max_completion_tokens"] == 1_500
    assert server.keys == ["Bearer sk-secret"]


FAILURES = {
    "busy": (fake.fails(429), "429"),
    "broken": (fake.fails(500), "HTTP 500"),
    "not let in": (fake.fails(401), "HTTP 401"),
    "elsewhere": (fake.body(b"", 307, location="http://127.0.0.1:1/v1/chat/completions"), "HTTP 307"),
    "hung up": (fake.hangs_up, "cannot be reached"),
    "ten megabytes": (fake.says("x" * 10_000_000), "longer than"),
    "endless flood": (fake.floods_for_ever, "longer than"),
    "compressed": (fake.compressed(fake.completion("x" * 10_000_000)), "compressed"),
    "refusal": (fake.body(fake.completion(None, refusal="I will not")), "refused"),
    "cut off": (fake.body(fake.completion("{", finish="length")), "budget"),
    "filtered": (fake.body(fake.completion("x", finish="content_filter")), "budget"),
    "empty": (fake.body(fake.completion("")), "empty"),
    "no choice": (
        fake.body(b'{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[]}'),
        "choice",
    ),
    "not JSON": (fake.body(b"<html>busy</html>"), "not a chat completion"),
    "another shape": (fake.body(b"[1, 2]"), "not a chat completion"),
    "a tower of brackets": (fake.body(b"[" * 15_000), "not a chat completion"),
    "not UTF-8": (fake.body(b"\xff\xfe"), "not a chat completion"),
}


@pytest.mark.parametrize("way", FAILURES)
def test_no_answer_is_an_outcome_and_never_an_error(server: OpenAIServer, way: str) -> None:
    server.then, reason = FAILURES[way]
    began = time.monotonic()
    answer = model(server).ask(QUESTION)
    assert isinstance(answer, NoAnswer)
    assert reason in answer.reason
    assert "secret" not in answer.reason
    assert "Acme" not in answer.reason, "nothing the provider wrote is handed on"
    assert len(server.asked) == 1, "nothing is tried again in here"
    assert time.monotonic() - began < 8


@pytest.mark.parametrize("endless", [fake.drips_for_ever, fake.drips_headers_for_ever, fake.says_nothing])
def test_an_answer_that_never_ends_is_ended_in_time(server: OpenAIServer, endless: fake.Behaviour) -> None:
    server.then = endless
    began = time.monotonic()
    answer = model(server, timeout=0.6).ask(QUESTION)
    assert answer == NoAnswer("no answer within 0.6 seconds")
    assert time.monotonic() - began < 3


def test_a_model_that_is_not_there(server: OpenAIServer) -> None:
    absent = OpenAIModel(model="m", api_key=SecretStr("k"), base_url="http://127.0.0.1:9/v1")
    assert absent.ask(QUESTION) == NoAnswer("the model cannot be reached")


def test_the_name_a_provider_gives_is_made_storable(server: OpenAIServer) -> None:
    told = json.loads(fake.completion("x"))
    server.then = fake.body(json.dumps({**told, "model": "evil\x00\ud800\n" + "m" * 500}).encode())
    answer = model(server).ask(QUESTION)
    assert isinstance(answer, Answer)
    assert answer.model.startswith("evilm")
    assert len(answer.model) <= 200
