"""Record the histories anew: `python -m tests.replay.record [LIFE…]`, deliberately, when the commands changed.

Drives the lives of `tests/replay/lives.py` on servers of its own and writes one file for each run into
`tests/replay/histories/`, in place of what was there; with names, those lives alone.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from activities.adapters.maildir import MaildirTransport
from activities.rulebook import load_rulebook
from deploy.local_postgres import LocalPostgres
from deploy.local_temporal import LocalTemporal
from settings import ROOT
from store.migrate import upgrade
from tests.premises import Premises, connect, failed_tasks
from tests.replay.lives import LIVES, Stage

#: A process as the SDK names it in identities and sticky queues: `4711@host-…`.
_PROCESS = re.compile(r"^\d+@.*$")
HISTORIES = Path(__file__).parent / "histories"


async def record(folder: Path, names: Collection[str] = ()) -> list[Path]:
    """Live every life, or those named, and write down its histories."""
    written: list[Path] = []
    with (
        LocalPostgres(folder / "pg", durable=False, own=True) as postgres,
        LocalTemporal(folder / "t", time_skipping=True, durable=False, headless=True) as temporal,
    ):
        upgrade(postgres.url)
        premises = Premises(postgres.url, await connect(temporal.address))
        mail = MaildirTransport(folder / "mail")
        async with premises.working(premises.parts(mail)):
            for name, life in LIVES.items():
                if names and name not in names:
                    continue
                print(f"{name} …", flush=True)
                for number, handle in enumerate(await life(Stage(premises))):
                    assert await failed_tasks(handle) == [], handle.id
                    written.append(await _write(name if number == 0 else f"{name}-{number + 1}", handle))
        if names:
            return written
        rulebook = load_rulebook(ROOT / "deploy", continue_as_new_every=1)
        async with premises.working(premises.parts(mail, rulebook=rulebook)):
            print("continued …", flush=True)
            await _continued(premises)
            runs = [
                each.run_id
                async for each in premises.client.list_workflows("WorkflowId = 'invoice-CONTINUED'")
            ]
            for number, run_id in enumerate(reversed(runs)):
                handle = premises.client.get_workflow_handle("invoice-CONTINUED", run_id=run_id)
                written.append(await _write(f"continued-{number + 1}", handle))
    return written


async def _continued(premises: Premises) -> None:
    stage = Stage(premises)
    handle = await stage.begin("CONTINUED")
    await stage.until_sent("CONTINUED")
    await stage.pay(handle, "P-1", "625.00")
    await stage.quiet("CONTINUED")
    await stage.pay(handle, "P-2", "625.00")
    while True:
        await asyncio.sleep(1)
        listed = [
            each.status async for each in premises.client.list_workflows("WorkflowId = 'invoice-CONTINUED'")
        ]
        if listed and all(status is not None and status.name != "RUNNING" for status in listed):
            return


async def _write(name: str, handle: Any) -> Path:
    history = json.loads((await handle.fetch_history()).to_json())
    path = HISTORIES / f"{name}.json"
    lines = ",\n".join(json.dumps(_without_machine(event), ensure_ascii=False) for event in history["events"])
    path.write_text('{"events": [\n' + lines + "\n]}\n", "utf-8")
    return path


def _without_machine(value: Any) -> Any:
    """Without the names of the machine and process it was recorded on."""
    if isinstance(value, dict):
        return {key: _without_machine(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_machine(each) for each in value]
    return _PROCESS.sub("recorded", value) if isinstance(value, str) else value


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="duecourse-record-"))
    try:
        before = set(HISTORIES.glob("*.json"))
        names = sys.argv[1:]
        written = asyncio.run(record(folder, names))
        for path in () if names else before - set(written):
            path.unlink()
        print(f"{len(written)} histories in {HISTORIES}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
