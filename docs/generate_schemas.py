"""Write the wire contract as JSON Schema into docs/contract: `python -m docs.generate_schemas`."""

from __future__ import annotations

import json
from pathlib import Path

from domain.contract import json_schemas

FOLDER = Path(__file__).parent / "contract"


def documents() -> dict[str, str]:
    """Every schema file's text by its name."""
    return {
        f"{name}.schema.json": json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        for name, schema in json_schemas().items()
    }


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    wanted = documents()
    for stale in FOLDER.glob("*.schema.json"):
        if stale.name not in wanted:
            stale.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
