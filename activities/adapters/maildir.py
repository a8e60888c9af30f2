"""Mail as files: the embedded default, and what the sandbox inbox shows.

A Maildir: written and synced in `tmp`, renamed into `new`, so that a reader sees a whole mail or none. The
file is named after the message, so that it can be found again and one message can only ever be one file.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Sequence
from pathlib import Path

from activities.adapters.files import file_name, sync_folder, write_synced
from activities.adapters.port import Accepted, Proof, Refused, SendResult, Unknown


class MaildirTransport:
    """Delivers into the Maildir at `folder`, which is made when it is not there."""

    proof: Proof = "delivered"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(
        self, message_id: str, mail: bytes, *, sender: str, recipients: Sequence[str], timeout: float
    ) -> SendResult:
        """Put the mail into `new`. A message that is there already is accepted and not written again."""
        deadline = time.monotonic() + timeout
        name = file_name(message_id, "duecourse")
        draft = self._folder / "tmp" / f"{name}.{secrets.token_hex(8)}"
        try:
            if self.lookup(message_id):
                return Accepted(name)
            for part in ("tmp", "new", "cur"):
                (self._folder / part).mkdir(mode=0o700, parents=True, exist_ok=True)
            write_synced(draft, mail)
            if time.monotonic() > deadline:
                return Refused(f"writing took longer than {timeout:g} seconds", permanent=False)
            draft.rename(self._folder / "new" / name)
        except OSError as error:
            return Refused(f"the maildir cannot be written: {error.strerror or error}", permanent=False)
        finally:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
        try:
            sync_folder(self._folder / "new")
        except OSError as error:
            return Unknown(f"the mail may not survive a power cut: {error.strerror or error}")
        return Accepted(name)

    def lookup(self, message_id: str) -> Accepted | None:
        """The message, whether still in `new` or read and moved to `cur`."""
        name = file_name(message_id, "duecourse")
        if (self._folder / "new" / name).exists() or (self._folder / "cur" / name).exists():
            return Accepted(name)
        return Accepted(name) if any((self._folder / "cur").glob(f"{name}:*")) else None
