"""The web process: `python -m web`. Listens on 127.0.0.1 unless told otherwise; TLS is the proxy's."""

from __future__ import annotations

import asyncio
import sys

import uvicorn
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.adapters.sendgrid_events import SendGridWebhook
from activities.rulebook import load_rulebook
from settings import Settings, connect
from store.database import create_engine, session_factory
from web.app import Parts, create_app
from workflows.invoice_collection import NUDGE, workflow_id


def parts(settings: Settings, client: Client) -> Parts:
    """What the settings make of it. Raises ValueError with the setting and the fix."""
    url = settings.database_url.get_secret_value()
    if not url:
        raise ValueError(
            "DATABASE_URL is not set: name a PostgreSQL database, such as postgresql://user@host/name"
        )
    key = settings.sendgrid_webhook_key

    async def nudge(invoice_id: str) -> None:
        try:
            await client.get_workflow_handle(workflow_id(invoice_id)).signal(NUDGE)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

    return Parts(
        sessions=session_factory(create_engine(url, pool_size=settings.activity_threads)),
        rulebook=load_rulebook(settings.config_folder),
        nudge=nudge,
        sendgrid=SendGridWebhook(key) if key else None,
    )


def server(made_of: Parts, host: str, port: int) -> uvicorn.Server:
    """An HTTP server for the pages."""
    config = uvicorn.Config(
        create_app(made_of),
        host=host,
        port=port,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
    )
    return uvicorn.Server(config)


async def run(settings: Settings) -> None:
    """Serve until told to stop."""
    made_of = parts(settings, await connect())
    print(f"listening on {settings.web_host}:{settings.web_port}", file=sys.stderr, flush=True)
    await server(made_of, settings.web_host, settings.web_port).serve()


def main() -> int:
    """Read the settings and serve."""
    try:
        asyncio.run(run(Settings()))
    except ValueError as problem:
        print(problem, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
