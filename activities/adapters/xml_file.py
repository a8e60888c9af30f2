"""XML that strangers wrote: parsed with nothing declared, nothing fetched and a size that can be held."""

from __future__ import annotations

from lxml import etree

MEGABYTE = 2**20
#: More than this is no document that a person looks after.
LARGEST_FILE = 64 * MEGABYTE


class NotReadable(ValueError):
    """The file is not what it should be; says what is wrong, where, and what to do."""

    form: str | None = None
    """What the file says it is, where it says that much."""


def parse(data: bytes) -> etree._Element:
    """The root of a document. Raises NotReadable for what is too large, not well-formed, or declares a type:
    entities are how small files grow large and how they reach for other files."""
    if len(data) > LARGEST_FILE:
        raise NotReadable(f"has more than {LARGEST_FILE // MEGABYTE} MB: ask for it in parts")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as problem:
        raise NotReadable(f"is no well-formed XML: {problem}") from None
    if root.getroottree().docinfo.doctype:
        raise NotReadable("has a document type declaration, which such files never need: it is not read")
    return root
