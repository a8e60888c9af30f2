"""Serving the pages: alone (`python -m web`) or beside the local stack. TLS is the proxy's in front of it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from functools import partial

import uvicorn
from sqlalchemy import Engine
from temporalio.client import Client

from activities.adapters.sendgrid_events import SendGridWebhook
from activities.inbound.reading import MailReader
from activities.portal_links import PortalLinks, portal_links
from activities.rulebook import Rulebook
from settings import Settings, language_model
from store.database import session_factory
from web.app import create_app
from web.inbox.pages import Sandbox
from web.parts import Parts, Portal
from web.portal.workflows import TemporalWorkflows
from workflows import telling


def parts(settings: Settings, engine: Engine, rulebook: Rulebook, client: Client) -> Parts:
    """What the settings make of it. Raises ValueError with the setting and the fix."""
    links = portal_links(settings.portal_url, settings.portal_key, settings.portal_days)
    key = settings.sendgrid_webhook_key
    model = language_model(settings) if settings.openai_reads_replies else None
    return replace(
        local_parts(engine, rulebook, client, links),
        sendgrid=SendGridWebhook(key) if key else None,
        inbound=settings.inbound_token,
        reader=None if model is None else MailReader(model),
    )


def local_parts(engine: Engine, rulebook: Rulebook, client: Client, links: PortalLinks | None) -> Parts:
    """What a stack without settings has: the customers' pages, and nothing for providers."""

    return Parts(
        sessions=session_factory(engine),
        rulebook=rulebook,
        nudge=partial(telling.wake, client),
        portal=Portal(links, TemporalWorkflows(client)) if links is not None else None,
    )


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(
    made_of: Parts, host: str, port: int, *, proxies: str = "", sandbox: Sandbox | None = None
) -> AsyncIterator[int]:
    """Serve in the background, on the port that is yielded (0 lets the kernel choose). Raises OSError where
    the port is taken; requests that are under way are answered at the end. `proxies` are the addresses that
    are believed when they say where a request came from."""
    with socket.create_server((host, port)) as listening:
        config = uvicorn.Config(
            create_app(made_of, sandbox),
            log_level="warning",
            access_log=False,  # a path holds the token of a link
            server_header=False,
            proxy_headers=bool(proxies),
            forwarded_allow_ips=proxies or None,
        )
        server = _Server(config)
        task = asyncio.create_task(server.serve([listening]))
        while not server.started:  # else nobody would hear that it could not begin
            if task.done():
                await task
                raise RuntimeError("the web server ended before it began")
            await asyncio.sleep(0.01)
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            await task
