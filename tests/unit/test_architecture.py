"""Imports point one way, from worker.py, starter.py and commands/ down to domain/; and domain/ is pure."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYERS = {
    "domain": 0,
    "store": 1,
    "activities": 2,
    "workflows": 3,
    "worker": 4,
    "web": 4,
    "commands": 5,
    "starter": 6,
}
DOMAIN_MAY_IMPORT = sys.stdlib_module_names | {"pydantic", "pydantic_core", "domain"}

# What would make a rule depend on the moment or the machine it runs on.
IMPURE_MODULES = {
    "os",
    "time",
    "random",
    "secrets",
    "socket",
    "subprocess",
    "threading",
    "asyncio",
    "logging",
}
IMPURE_CALLS = {"open", "input", "print", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
IMPURE_METHODS = {
    "now",
    "utcnow",
    "today",
    "read_text",
    "read_bytes",
    "write_text",
    "write_bytes",
    "uuid1",
    "uuid4",
}


def sources(package: str) -> list[Path]:
    """The Python files of a package, or the one file of a module."""
    module = ROOT / f"{package}.py"
    return [module] if module.exists() else sorted((ROOT / package).rglob("*.py"))


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module a source imports, wherever in the file the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                yield "." * node.level
            else:
                yield f"{node.module}"
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def upward_imports(package: str, source: str) -> list[str]:
    """Imports of a layer above, or of a neighbour on the same level."""
    found = []
    for module in imported(ast.parse(source)):
        target = module.partition(".")[0]
        if target != package and target in LAYERS and LAYERS[target] >= LAYERS[package]:
            found.append(module)
    return found


def foreign_imports(source: str) -> list[str]:
    """What the domain imports beyond the standard library and pydantic."""
    return [name for name in imported(ast.parse(source)) if name.partition(".")[0] not in DOMAIN_MAY_IMPORT]


def impurities(source: str) -> list[str]:
    """Where a source reads a clock, a file, the environment or chance."""
    tree = ast.parse(source)
    found = [f"import {name}" for name in imported(tree) if name.partition(".")[0] in IMPURE_MODULES]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            method = isinstance(node.func, ast.Attribute) and node.func.attr in IMPURE_METHODS
            if called in IMPURE_CALLS or method:
                found.append(f"line {node.lineno}: {called}()")
    return found


def test_every_layer_is_looked_at() -> None:
    """A check that finds no files proves nothing."""
    assert sources("domain"), "domain/ has no sources: these tests would pass on nothing"
    assert not {name for name in LAYERS if name not in {"worker", "starter"} and not sources(name)}


@pytest.mark.parametrize("package", LAYERS)
def test_imports_point_down(package: str) -> None:
    found = {
        str(path.relative_to(ROOT)): up
        for path in sources(package)
        if (up := upward_imports(package, path.read_text(encoding="utf-8")))
    }
    assert not found, f"{package} may import only what lies below it"


@pytest.mark.parametrize("path", sources("domain"), ids=lambda path: path.name)
def test_domain_is_pure(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert not foreign_imports(source), "domain/ imports only the standard library and pydantic"
    assert not impurities(source), "domain/ never reads a clock, a file or the environment: pass the value in"


def folder_imports(package: str) -> dict[str, set[str]]:
    """Which folders of a package each of its folders imports; the modules beside them are the folder `.`."""
    found: dict[str, set[str]] = {}
    for path in sources(package):
        own, *below = path.relative_to(ROOT / package).parts
        folder = own if below else "."
        for module in imported(ast.parse(path.read_text(encoding="utf-8"))):
            top, _, rest = module.partition(".")
            name = rest.partition(".")[0]
            if top == package and name:
                found.setdefault(folder, set()).add(name if (ROOT / package / name).is_dir() else ".")
    return {folder: others - {folder} for folder, others in found.items()}


def reached(folder: str, imports: dict[str, set[str]]) -> set[str]:
    """Every folder that importing one loads in the end."""
    found: set[str] = set()
    left = [folder]
    while left:
        fresh = imports.get(left.pop(), set()) - found
        found |= fresh
        left += fresh
    return found


@pytest.mark.parametrize("package", ["domain", "activities", "commands"])
def test_folders_do_not_import_each_other_in_circles(package: str) -> None:
    imports = folder_imports(package)
    assert len(imports) > 4, "there are folders to look at"
    assert not {folder for folder in imports if folder in reached(folder, imports)}


def test_what_decides_about_a_case_knows_no_capability_around_it() -> None:
    """Figures, scores and bank files are made of cases; nothing that happens to a case depends on them."""
    assert folder_imports("domain")["."] == set()


def test_circles_are_seen() -> None:
    assert "a" in reached("a", {"a": {"b"}, "b": {"c"}, "c": {"a"}})
    assert "a" not in reached("a", {"a": {"b"}, "b": {"c"}, "c": {"b"}})


def test_workflows_do_not_load_adapters() -> None:
    found = [
        (path.name, name)
        for path in sources("workflows")
        for name in imported(ast.parse(path.read_text(encoding="utf-8")))
        if name.startswith("activities.adapters")
    ]
    assert not found


@pytest.mark.parametrize(
    "bad",
    [
        "from datetime import datetime\nnow = datetime.now()",
        "import datetime as dt\nx = dt.datetime.now(dt.UTC)",
        "from datetime import date\nx = date.today()",
        "import datetime\nx = datetime.datetime.utcnow()",
        "import time\nx = time.time()",
        "from time import monotonic",
        "import os\nx = os.environ['HOME']",
        "def f():\n    from os import environ",
        "x = open('policy.toml').read()",
        "from pathlib import Path\nx = Path('a').read_text()",
        "import uuid\nx = uuid.uuid4()",
        "import random",
    ],
)
def test_impurity_is_seen(bad: str) -> None:
    assert impurities(bad)


def test_pure_source_passes() -> None:
    good = (
        "from datetime import datetime\ndef later(now: datetime) -> datetime:\n    return now.replace(hour=9)"
    )
    assert not impurities(good)
    assert not foreign_imports("import re\nfrom pydantic import BaseModel\nfrom domain.money import Money")


def test_foreign_and_upward_imports_are_seen() -> None:
    assert foreign_imports("import sqlalchemy") == ["sqlalchemy"]
    assert foreign_imports("from . import money") == ["."]
    assert upward_imports("domain", "def f():\n    from store import cases") == ["store", "store.cases"]
    assert upward_imports("store", "import activities.delivery") == ["activities.delivery"]
    assert upward_imports("worker", "import starter") == ["starter"]
    assert not upward_imports("workflows", "from activities import delivery\nimport domain.money")
