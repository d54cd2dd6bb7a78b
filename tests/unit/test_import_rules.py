"""What each folder may import: the machines stay pure, and the doors never reach into them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = ("streams", "api", "projections", "infra", "tests")

MACHINE = ("streams.messages", "streams.topics", "streams.outputs")
RIM = (
    "streams.messages",
    "streams.topics",
    "infra.settings",
    "infra.health",
    "infra.signals",
    "infra.kafka",
)
RULES = {
    "streams/messages": (),
    "streams/topics.py": (),
    "streams/outputs.py": ("streams.messages", "streams.topics"),
    "streams/matching": MACHINE,
    "streams/ledger": MACHINE,
    "streams/market_data": MACHINE,
    "projections": RIM,
    "api": (*RIM, "projections.queries", "projections.identity"),
    "api/client": (),
}
"""What of the project each may import, besides itself."""


def modules(folder: str) -> Iterator[Path]:
    path = ROOT / folder
    yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def imported(tree: ast.AST, module: str, *, is_package: bool = False) -> Iterator[str]:
    """The project's modules that a module imports, wherever in it."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found = [alias.name for alias in names]
            case ast.ImportFrom(module=base, names=names, level=level):
                package = module.split(".") if is_package else module.split(".")[:-1]
                above = package[: len(package) - level + 1] if level else []
                source = ".".join([*above, *filter(None, [base])])
                inner = [f"{source}.{alias.name}" for alias in names]
                # `from streams import topics` imports a module, `from streams.topics import
                # TOPICS` a name of one.
                found = [name if is_module(name) else source for name in inner]
            case _:
                continue
        yield from (name for name in found if name.split(".")[0] in PROJECT)


def allowed(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


@pytest.mark.parametrize("folder", RULES)
def test_a_folder_imports_nothing_it_must_not_know(folder: str) -> None:
    itself = folder.removesuffix(".py").replace("/", ".")
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(folder)
        for name in imported(
            ast.parse(path.read_text()), name_of(path), is_package=path.stem == "__init__"
        )
        if not allowed(name, (itself, *RULES[folder]))
    ]
    assert not wrong


def test_the_rule_sees_every_way_of_importing() -> None:
    source = """
import asyncio, streams.ledger.books
from streams import topics
from streams.messages import Trade
from . import settings
from .local.kafka import Kafka
if True:
    def later():
        from api import rest
"""
    assert set(imported(ast.parse(source), "infra.health")) == {
        "streams.ledger.books",
        "streams.topics",
        "streams.messages",
        "infra.settings",
        "infra.local.kafka",
        "api.rest",
    }


@pytest.mark.parametrize("folder", ["streams/matching", "streams/ledger", "streams/market_data"])
def test_a_machine_knows_no_clock_no_chance_and_no_network(folder: str) -> None:
    forbidden = {"time", "random", "secrets", "uuid", "os", "socket", "asyncio", "faust"}
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(folder)
        for node in ast.walk(ast.parse(path.read_text()))
        for name in named(node)
        if name.split(".")[0] in forbidden
    ]
    assert not wrong


def named(node: ast.AST) -> list[str]:
    """The modules that a statement imports, or imports from."""
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=str(module), level=0):
            return [module]
        case _:
            return []
