"""The web application: put together from what it needs, so that tests bring their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from fastapi import FastAPI, Response
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker
from starlette.concurrency import run_in_threadpool

from activities.adapters.sendgrid_events import SendGridWebhook
from activities.rulebook import Rulebook
from web import webhooks


@dataclass(frozen=True)
class Parts:
    """What the pages are made of."""

    sessions: sessionmaker[Session]
    rulebook: Rulebook
    nudge: Callable[[str], Awaitable[None]]
    """Wakes the workflow of an invoice; one that has ended needs no waking."""
    sendgrid: SendGridWebhook | None = None
    """None: SendGrid's reports are not taken."""
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))


def create_app(made_of: Parts) -> FastAPI:
    """The application. It describes itself to nobody."""
    app = FastAPI(title="Duecourse", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/healthz")
    def healthz() -> Response:
        return Response("ok\n", media_type="text/plain")

    @app.get("/readyz")
    async def readyz() -> Response:
        try:
            await run_in_threadpool(_database_answers, made_of.sessions)
        except Exception:
            return Response("not ready\n", 503, media_type="text/plain")
        return Response("ok\n", media_type="text/plain")

    if made_of.sendgrid is not None:
        app.include_router(webhooks.sendgrid(made_of.sendgrid, made_of))
    return app


def _database_answers(sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        session.execute(text("select 1"))
