"""Lines of JSON that providers, workers and the weather write down as it happens, whoever is killed next."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any


def write(path: Path, **said: Any) -> None:
    """Append one line in one write, with the real time: several processes share the file."""
    line = json.dumps({"at": time.time(), **said}) + "\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def read(path: Path) -> list[dict[str, Any]]:
    """Every line, in the order written."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
