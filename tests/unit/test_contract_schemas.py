"""The JSON Schemas in docs/contract are those of the models."""

from __future__ import annotations

from docs.generate_schemas import FOLDER, documents


def test_published_schemas_are_those_of_the_models() -> None:
    published = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.schema.json")}
    assert published == documents(), "docs/contract is behind: run `python -m docs.generate_schemas`"
