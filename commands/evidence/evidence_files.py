"""The files of an evidence bundle while they are gathered, and rows as they stand in them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from typing import Any

from sqlalchemy import inspect

from store.schema import Base


@dataclass
class Evidence:
    """The files of a bundle, and what its index says of them."""

    files: dict[str, bytes] = field(default_factory=dict)
    ledger: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    replies: list[dict[str, Any]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    plans: list[dict[str, Any]] = field(default_factory=list)
    links: list[dict[str, Any]] = field(default_factory=list)
    exhibits: list[dict[str, Any]] = field(default_factory=list)
    head: dict[str, Any] = field(default_factory=dict)
    software: dict[str, Any] = field(default_factory=dict)

    def add_json(self, name: str, document: Any) -> None:
        readable = json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True, default=_wire)
        self.files[name] = readable.encode() + b"\n"

    @property
    def live_links(self) -> list[str]:
        """The ids of links that open an account for whoever reads the bundle."""
        return [link["link_id"] for link in self.links if link["live"]]


def columns(row: Base, without: Iterable[str] = ()) -> dict[str, Any]:
    """A row by the names of its columns, without those."""
    left_out = set(without)
    names = [attribute.key for attribute in inspect(type(row)).column_attrs]
    return {name: getattr(row, name) for name in names if name not in left_out}


def file_name(name: str) -> str:
    """A name that is one file in one folder on every system."""
    return "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "_" for char in name)


def _wire(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value.value if isinstance(value, Enum) else value)
