"""Files that customers send: what they are, their first bytes say. They are kept as they came and never opened."""

from __future__ import annotations

import re
from collections.abc import Sequence

from starlette.datastructures import UploadFile

from activities.portal_answers import File
from domain.seller import one_line
from web.portal.words import Words

MOST_FILES = 3
MOST_BYTES = 5 * 1024 * 1024
#: First bytes of what is taken. No archive, no picture made of text, nothing that a browser would run.
_KINDS = {
    b"%PDF-": "application/pdf",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
}
_ENDINGS = {"application/pdf": ".pdf", "image/png": ".png", "image/jpeg": ".jpg"}


def kind_of(body: bytes) -> str | None:
    """The media type by the first bytes; None for anything that is not taken."""
    return next((kind for magic, kind in _KINDS.items() if body.startswith(magic)), None)


async def taken(files: Sequence[UploadFile], words: Words) -> tuple[list[File], list[str]]:
    """The files, or what is wrong with them in the customer's words."""
    sent = [file for file in files if file.filename]
    if len(sent) > MOST_FILES:
        return [], [words("file_count")]
    found: list[File] = []
    problems: list[str] = []
    for file in sent:
        name = named(file.filename or "")
        body = await file.read(MOST_BYTES + 1)
        kind = kind_of(body)
        if not body:
            problems.append(words("file_empty", name=name))
        elif len(body) > MOST_BYTES:
            problems.append(words("file_size", name=name))
        elif kind is None:
            problems.append(words("file_kind", name=name))
        else:
            found.append(File(with_ending(name, kind), kind, body))
    return found, problems


def named(name: str) -> str:
    """What the customer calls a file, as one line without a path."""
    line = one_line(name.encode("utf-8", "replace").decode())
    return re.split(r"[/\\]", line)[-1][-100:].lstrip(".") or "file"


def with_ending(name: str, kind: str) -> str:
    """The name with the ending of what the file is: `invoice.html` that is a PDF is not opened as a page."""
    ending = _ENDINGS[kind]
    known = (ending, ".jpeg") if kind == "image/jpeg" else (ending,)
    return name if name.lower().endswith(known) else name + ending
