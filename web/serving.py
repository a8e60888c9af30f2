"""Serving the pages: alone (`python -m web`) or beside the local stack. TLS is the proxy's in front of it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from sqlalchemy import Engine
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.adapters.sendgrid_events import SendGridWebhook
from activities.rulebook import Rulebook
from settings import Settings
from store.database import session_factory
from web.app import create_app
from web.parts import Parts
from workflows.invoice_collection import NUDGE, workflow_id


def parts(settings: Settings, engine: Engine, rulebook: Rulebook, client: Client) -> Parts:
    """What the settings make of it. Raises ValueError with the setting and the fix."""
    key = settings.sendgrid_webhook_key

    async def nudge(invoice_id: str) -> None:
        try:
            await client.get_workflow_handle(workflow_id(invoice_id)).signal(NUDGE)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

    return Parts(
        sessions=session_factory(engine),
        rulebook=rulebook,
        nudge=nudge,
        sendgrid=SendGridWebhook(key) if key else None,
    )


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(made_of: Parts, host: str, port: int) -> AsyncIterator[int]:
    """Serve in the background, on the port that is yielded (0 lets the kernel choose). Raises OSError where
    the port is taken; requests that are under way are answered at the end."""
    with socket.create_server((host, port)) as listening:
        config = uvicorn.Config(
            create_app(made_of), log_level="warning", server_header=False, proxy_headers=False
        )
        server = _Server(config)
        task = asyncio.create_task(server.serve([listening]))
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            await task
