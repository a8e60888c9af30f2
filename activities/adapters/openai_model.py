"""A model behind any endpoint that speaks OpenAI's chat completions: theirs, or a self-hosted one by `base_url`.

The time-out is total, over headers and body, and a body above the size cap is left unread. Redirects are not
followed and a compressed body is refused: neither the key nor our memory is the endpoint's to use.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TypeVar

import httpx2  # what the openai package is built on
from openai import (
    APIConnectionError,
    APIStatusError,
    AsyncOpenAI,
    DefaultAsyncHttpxClient,
    OpenAIError,
    RateLimitError,
)
from openai.types.chat import ChatCompletion
from pydantic import SecretStr, ValidationError

from activities.adapters.model import Answer, NoAnswer, Question

#: Said here, so that OPENAI_BASE_URL of some other program on the machine changes nothing.
OPENAI = "https://api.openai.com/v1"

T = TypeVar("T")

_UNREADABLE = NoAnswer("the model's answer is not a chat completion")
#: What costs next to nothing, in the form in which drafts are asked for.
_TINY = Question(
    instructions="Answer in JSON.",
    prompt="Say that it is fine.",
    schema={
        "type": "object",
        "properties": {"fine": {"type": "boolean"}},
        "required": ["fine"],
        "additionalProperties": False,
    },
)


def _completion(body: bytes) -> ChatCompletion | None:
    try:
        return ChatCompletion.model_validate(json.loads(body))
    except (ValueError, RecursionError, ValidationError):
        return None


class OpenAIModel:
    """Asks through the `openai` package, whose own retries are off."""

    def __init__(
        self,
        *,
        model: str,
        api_key: SecretStr,
        base_url: str = OPENAI,
        timeout: float = 20.0,
        most_tokens: int = 1_500,
        most_bytes: int = 64 * 1024,
    ) -> None:
        self.name = model
        self._api_key = api_key
        self._base_url = base_url
        self._timeout = timeout
        self._most_tokens = most_tokens
        self._most_bytes = most_bytes
        # Read once: it takes a tenth of a second. A plain endpoint on this machine needs none.
        self._certificates = httpx2.create_ssl_context() if base_url.startswith("https:") else False

    def refuses(self) -> str | None:
        """Why this model cannot draft, found out with one tiny question; None where it answers anything."""
        answer = self._try(_TINY, lambda body: _completion(body) or _UNREADABLE)
        return answer.reason if isinstance(answer, NoAnswer) else None

    def ask(self, question: Question) -> Answer | NoAnswer:
        """Ask once, in an event loop of its own, so that the time-out can end it at any point."""
        return self._try(question, self._read)

    def _try(self, question: Question, read: Callable[[bytes], T]) -> T | NoAnswer:
        try:
            body = asyncio.run(self._ask(question))
            return body if isinstance(body, NoAnswer) else read(body)
        except TimeoutError:
            return NoAnswer(f"no answer within {self._timeout:g} seconds")
        except RateLimitError:
            return NoAnswer("the model is busy or its budget is spent (HTTP 429)")
        except APIStatusError as problem:
            return NoAnswer(f"the model answered HTTP {problem.status_code}")
        except APIConnectionError:
            return NoAnswer("the model cannot be reached")
        except OpenAIError as problem:
            return NoAnswer(f"the model failed: {type(problem).__name__}")
        except Exception as problem:  # whatever an endpoint sends, a template stands ready
            return NoAnswer(f"the model's answer could not be read: {type(problem).__name__}")

    async def _ask(self, question: Question) -> bytes | NoAnswer:
        http = DefaultAsyncHttpxClient(
            verify=self._certificates, follow_redirects=False, headers={"Accept-Encoding": "identity"}
        )
        client = AsyncOpenAI(
            api_key=self._api_key.get_secret_value(),
            base_url=self._base_url,
            max_retries=0,
            timeout=self._timeout,
            http_client=http,
        )
        async with asyncio.timeout(self._timeout), client:
            asked = client.chat.completions.with_streaming_response.create(
                model=self.name,
                messages=[
                    {"role": "system", "content": question.instructions},
                    {"role": "user", "content": question.prompt},
                ],
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": "draft", "strict": True, "schema": dict(question.schema)},
                },
                max_completion_tokens=self._most_tokens,
            )
            async with asked as response:
                if response.headers.get("content-encoding", "identity") != "identity":
                    return NoAnswer("the model's answer is compressed, which was not asked for")
                body = bytearray()
                async for chunk in response.http_response.aiter_raw():
                    body += chunk
                    if len(body) > self._most_bytes:
                        return NoAnswer(f"the model's answer is longer than {self._most_bytes} bytes")
        return bytes(body)

    def _read(self, body: bytes) -> Answer | NoAnswer:
        completion = _completion(body)
        if completion is None:
            return _UNREADABLE
        if not completion.choices:
            return NoAnswer("the model's answer holds no choice")
        choice = completion.choices[0]
        if choice.message.refusal:
            return NoAnswer("the model refused")
        if choice.finish_reason != "stop":
            return NoAnswer("the model did not come to an end within its budget")
        if not choice.message.content:
            return NoAnswer("the model's answer is empty")
        named = "".join(sign for sign in completion.model[:200] if sign.isprintable())
        return Answer(choice.message.content, named)
