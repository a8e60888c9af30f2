"""What somebody who hears a PDF read out needs: a title, a language, tags, headers of tables, pictures in words."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pikepdf


def elements(pdf: pikepdf.Pdf) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every structure element with the types above it."""

    def walk(node: Any, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
        if isinstance(node, pikepdf.Array):
            for each in node:
                yield from walk(each, above)
        elif isinstance(node, pikepdf.Dictionary) and "/S" in node:
            yield above, node
            yield from walk(node.get("/K", pikepdf.Array()), (*above, str(node.S)))

    if "/StructTreeRoot" in pdf.Root:
        yield from walk(pdf.Root.StructTreeRoot.K, ())


def faults(body: bytes, language: str = "en") -> list[str]:
    """What a PDF lacks, in words; nothing where it can be read out (PDF/UA-1, 7.1, 7.2, 7.3 and 7.5)."""
    found: list[str] = []
    with pikepdf.open(io.BytesIO(body)) as pdf:
        root = pdf.Root
        if not str(pdf.docinfo.get("/Title", "")).strip():
            found.append("it has no title")
        if not bool(root.get("/ViewerPreferences", {}).get("/DisplayDocTitle", False)):
            found.append("its window shows the file's name")
        if not str(root.get("/Lang", "")).startswith(language):
            found.append(f"its language is {root.get('/Lang')}")
        if not bool(root.get("/MarkInfo", {}).get("/Marked", False)):
            found.append("it has no tags")
        tree = list(elements(pdf))
        kinds = [str(node.S) for _, node in tree]
        if not {"/H1", "/P"} & set(kinds):
            found.append("nothing in it is a heading or a paragraph")
        for _, node in tree:
            if node.S == "/Figure" and not str(node.get("/Alt", "")).strip():
                found.append("a picture has no words")
            if node.S == "/Table" and not any(str(each.S) == "/TH" for _, each in _inside(node)):
                found.append("a table has no headers")
            if node.S == "/TD" and node.get("/K") and not list(node.get("/A", {}).get("/Headers", [])):
                found.append("a cell belongs to no header")
    return found


def _inside(node: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    stack = [node.get("/K", pikepdf.Array())]
    while stack:
        each = stack.pop()
        if isinstance(each, pikepdf.Array):
            stack += list(each)
        elif isinstance(each, pikepdf.Dictionary) and "/S" in each:
            yield (), each
            stack.append(each.get("/K", pikepdf.Array()))
