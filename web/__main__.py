"""The web process: `python -m web`. Listens on 127.0.0.1 unless told otherwise."""

from __future__ import annotations

import asyncio
import signal
import sys

from activities.rulebook import load_rulebook
from settings import Settings, connect
from store.database import create_engine
from web.serving import parts, serving


async def run(settings: Settings) -> None:
    """Serve until told to stop (SIGINT or SIGTERM)."""
    url = settings.database_url.get_secret_value()
    if not url:
        raise ValueError(
            "DATABASE_URL is not set: name a PostgreSQL database, such as postgresql://user@host/name"
        )
    rulebook = load_rulebook(settings.config_folder, exhibits=settings.exhibit_folder, offers=settings.offers)
    engine = create_engine(url, pool_size=settings.activity_threads)
    made_of = parts(settings, engine, rulebook, await connect(lazy=True))
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serving(made_of, settings.web_host, settings.web_port, proxies=settings.web_proxies) as port:
        print(f"listening on {settings.web_host}:{port}", file=sys.stderr, flush=True)
        await stop.wait()
    engine.dispose()


def main() -> int:
    """Read the settings and serve."""
    try:
        asyncio.run(run(Settings()))
    except ValueError as problem:
        print(problem, file=sys.stderr)
        return 2
    except OSError as problem:
        print(f"cannot listen: {problem}; set DUECOURSE_WEB_HOST or DUECOURSE_WEB_PORT", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
