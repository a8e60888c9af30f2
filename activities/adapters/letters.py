"""Letters as files: the print queue, one folder for each seller and day, one PDF for each letter.

A letter is written and synced in `tmp`, renamed into its day's folder, so that a day holds a letter whole or not at
all. The file is named after the message: one message can only ever be one letter. Closing a day renames its
folder: who comes late finds no folder, and his letter goes into the next one; see `activities/print_queue.py`.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

from activities.adapters.files import file_name, sync_folder, write_synced
from activities.adapters.port import Accepted, Outgoing, Proof, Refused, SendResult, Unknown

#: A closed day's folder is named like this; its PDF lies beside it.
CLOSED = ".closed"


class LetterQueue:
    """Puts letters into the print queue at `folder`. `day_of` is the date at an instant where a seller posts."""

    proof: Proof = "accepted"

    def __init__(self, folder: Path, day_of: Callable[[str, datetime], date]) -> None:
        self._folder = folder
        self._day_of = day_of

    def carry(self, message: Outgoing, *, timeout: float) -> SendResult:
        """Put the letter into the seller's present day. One that is there already, whatever the day, is
        accepted and not put there again."""
        deadline = time.monotonic() + timeout
        name, seller = file_name(message.message_id, "pdf"), self._folder / folder_name(message.seller)
        day = seller / self._day_of(message.seller, message.at).isoformat()
        draft = seller / "tmp" / f"{name}.{secrets.token_hex(8)}"
        try:
            if (found := self.lookup(message.message_id)) is not None:
                return found
            for part in (draft.parent, day):
                part.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_synced(draft, message.payload)
            if time.monotonic() > deadline:
                return Refused(f"writing took longer than {timeout:g} seconds", permanent=False)
            draft.rename(day / name)
        except OSError as error:
            return Refused(f"the print queue cannot be written: {error.strerror or error}", permanent=False)
        finally:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
        try:
            sync_folder(day)
        except FileNotFoundError:  # the day was closed in this moment, with this letter in it
            with contextlib.suppress(OSError):
                sync_folder(day.with_name(day.name + CLOSED))
        except OSError as error:
            return Unknown(f"the letter may not survive a power cut: {error.strerror or error}")
        return Accepted(f"{day.parent.name}/{day.name}/{name}")

    def lookup(self, message_id: str) -> Accepted | None:
        """The letter, in whatever day of whatever seller, open or closed."""
        for found in self._folder.glob(f"*/[0-9]*/{file_name(message_id, 'pdf')}"):
            day = found.parent.name.partition(".")[0]
            return Accepted(f"{found.parent.parent.name}/{day}/{found.name}")
        return None


def folder_name(seller: str) -> str:
    """The folder of a seller's days: its id, which must not be hidden or lead upwards."""
    return f"_{seller}" if seller.startswith(".") else seller
