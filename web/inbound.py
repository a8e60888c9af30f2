"""SendGrid's Inbound Parse: customers' answers, posted as raw mail. It signs nothing, so its address is a secret."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import SecretStr
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import Message

from activities.inbound.replies import Replies
from activities.inbound.sender_proof import Vouched, of_inbound_parse
from store.database import can_never_succeed
from web.parts import Parts
from web.webhooks import body_of, wake

#: SendGrid takes mails up to 30 MB and posts them with some fields beside.
MOST_BYTES = 32_000_000
#: A shorter token could be tried out.
SHORTEST_TOKEN = 24
_log = logging.getLogger(__name__)


def inbound(token: SecretStr, made_of: Parts) -> APIRouter:
    """`POST /webhooks/inbound/<token>`, with "post the raw, full MIME message" switched on.

    200 once the mail is kept and the workflows are woken; 404 for another token; 503 where it is to be posted
    again. A mail that comes again is known and changes nothing. Raises ValueError for a token that is too short.
    """
    secret = token.get_secret_value()
    if len(secret) < SHORTEST_TOKEN:
        raise ValueError(
            f"DUECOURSE_INBOUND_TOKEN is shorter than {SHORTEST_TOKEN} characters: make it longer"
        )
    expected = hashlib.sha256(secret.encode()).digest()
    router = APIRouter()
    replies = Replies(made_of.sessions, made_of.rulebook, made_of.reader)

    @router.post("/webhooks/inbound/{told}")
    async def take(told: str, request: Request) -> Response:
        if not hmac.compare_digest(hashlib.sha256(told.encode("utf-8", "replace")).digest(), expected):
            return Response(status_code=404)
        body = await body_of(request, MOST_BYTES)
        if body is None:
            return Response(status_code=413)
        posted = await _fields(request, body)
        if posted is None or not posted[0]:
            return Response(status_code=400)
        raw, envelope, vouched = posted
        try:
            taken = await run_in_threadpool(replies.take, raw, made_of.now(), envelope, vouched)
        except Exception as problem:
            _log.warning("an inbound mail cannot be kept: %s", type(problem).__name__)
            return Response(status_code=400 if can_never_succeed(problem) else 503)
        return Response(status_code=200 if await wake(made_of.nudge, taken.nudge) else 503)

    return router


async def _fields(request: Request, body: bytes) -> tuple[bytes, list[str], Vouched] | None:
    """The raw mail, the recipients of the envelope, and the domains that SendGrid found good; None for a form that
    cannot be read."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        async with Request(request.scope, receive).form(
            max_files=20, max_fields=100, max_part_size=MOST_BYTES
        ) as form:
            raw = await _bytes(form.get("email"), body)
            envelope = _envelope(await _bytes(form.get("envelope"), body))
            spf, dkim = [
                (await _bytes(form.get(name), body)).decode("utf-8", "replace") for name in ("SPF", "dkim")
            ]
    except (HTTPException, ValueError, AssertionError, KeyError):
        return None
    named, sender = envelope.get("to"), envelope.get("from")
    recipients = [each for each in named if isinstance(each, str)][:50] if isinstance(named, list) else []
    return raw, recipients, of_inbound_parse(spf, dkim, sender if isinstance(sender, str) else "")


async def _bytes(field: Any, body: bytes) -> bytes:
    """A field of a form as it was posted, as text or as a file: a mail need not be UTF-8, though a form is read
    as such where it can be, and as Latin 1 where not."""
    if field is None:
        return b""
    if isinstance(field, str):
        posted = field.encode("utf-8", "replace")
        return posted if posted in body else field.encode("latin-1", "replace")
    content = await field.read()
    return content if isinstance(content, bytes) else b""


def _envelope(told: bytes) -> dict[str, Any]:
    try:
        envelope = json.loads(told[:100_000])
    except (ValueError, RecursionError):
        return {}
    return envelope if isinstance(envelope, dict) else {}
