"""Messages as files that survive a power cut, named after the message."""

from __future__ import annotations

import os
import re
from pathlib import Path

_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", re.ASCII)


def file_name(message_id: str, ending: str) -> str:
    """The one file of a message. Raises ValueError for an id that could name something else."""
    if not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError("a message id that names a file is 1 to 64 of letters, digits, '.', '_' and '-'")
    return f"{message_id}.{ending}"


def write_synced(path: Path, body: bytes) -> None:
    """Write a file that is not there yet, down to the disk."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make the names in a folder as durable as what they name."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
