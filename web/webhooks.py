"""What providers tell over HTTP. Nothing is stored of a request that is not proven to be the provider's."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from activities.adapters.sendgrid_events import SIGNATURE, TIMESTAMP, SendGridWebhook, reports
from activities.delivery import Deliveries
from web.parts import Parts

#: SendGrid posts at most 768 kB at once.
MOST_BYTES = 2_000_000
_log = logging.getLogger(__name__)


def sendgrid(webhook: SendGridWebhook, made_of: Parts) -> APIRouter:
    """`POST /webhooks/sendgrid`, SendGrid's signed Event Webhook.

    200 once everything is committed and the workflows are woken; 403 for what SendGrid did not sign in the
    last 25 hours; 503 where it is to tell again. What it tells again is known and changes nothing.
    """
    router = APIRouter()
    deliveries = Deliveries(made_of.sessions, made_of.rulebook)

    @router.post("/webhooks/sendgrid")
    async def take(request: Request) -> Response:
        body = await body_of(request, MOST_BYTES)
        if body is None:
            return Response(status_code=413)
        signature, timestamp = request.headers.get(SIGNATURE, ""), request.headers.get(TIMESTAMP, "")
        if not webhook.is_genuine(body, signature, timestamp, made_of.now()):
            return Response(status_code=403)
        try:
            told = reports(body)
        except ValueError:
            return Response(status_code=400)
        recorded = await run_in_threadpool(deliveries.record, told, made_of.now())
        woken = await wake(made_of.nudge, recorded.nudge)
        return Response(status_code=200 if woken and not recorded.unrecorded else 503)

    return router


async def body_of(request: Request, most: int) -> bytes | None:
    """The raw bytes, since only those are signed; None where they are too many."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            return None
    return bytes(body)


async def wake(nudge: Callable[[str], Awaitable[None]], invoice_ids: Iterable[str]) -> bool:
    """Whether every workflow that still runs knows that its case has changed."""
    try:
        for invoice_id in invoice_ids:
            await nudge(invoice_id)
    except Exception as problem:
        _log.warning("workflows cannot be woken: %s", type(problem).__name__)
        return False
    return True
