"""The web application: put together from what it needs, so that tests bring their own."""

from __future__ import annotations

from fastapi import FastAPI, Response
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker
from starlette.concurrency import run_in_threadpool

from web import inbound, webhooks
from web.inbox import pages as inbox
from web.inbox.pages import Sandbox
from web.parts import Parts
from web.portal import routes as portal


def create_app(made_of: Parts, sandbox: Sandbox | None = None) -> FastAPI:
    """The application. It describes itself to nobody. `sandbox` only where a local stack's mails are files."""
    app = FastAPI(title="Duecourse", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)

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
    if made_of.inbound is not None:
        app.include_router(inbound.inbound(made_of.inbound, made_of))
    if sandbox is not None:
        inbox.add_to(app, made_of, sandbox)
    if made_of.portal is not None:
        portal.add_to(app, made_of, made_of.portal)
    return app


def _database_answers(sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        session.execute(text("select 1"))
