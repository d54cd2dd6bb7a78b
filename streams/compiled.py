"""The machines compiled, where `make compile` has compiled the very source that is here.

`streams.matching`, `streams.ledger` and `streams.market_data` are ordinary Python. mypyc makes
extension modules of the same source, which say the same in less time; they lie in a folder that is
named after a hash of the source. Where the source has changed since, where nothing was compiled, or
where `VELOCITY_INTERPRETED` is set, Python runs the source itself.

What is busy is compiled. Modules that define messages are not: mypyc drops what msgspec is told of
a class besides its name, such as a tag.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from hashlib import blake2b
from importlib.abc import MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "machines"
MACHINES = ("streams/matching", "streams/ledger", "streams/market_data")
MODULES = (
    "streams.matching.book",
    "streams.matching.depth",
    "streams.matching.inbox",
    "streams.matching.market",
    "streams.matching.order_updates",
    "streams.matching.outbox",
    "streams.matching.partition",
    "streams.matching.public_events",
    "streams.matching.reports",
    "streams.matching.rules",
    "streams.matching.settlement",
    "streams.matching.trading",
    "streams.ledger.accounts",
    "streams.ledger.books",
    "streams.ledger.inbox",
    "streams.ledger.ledger",
    "streams.ledger.order_counts",
    "streams.ledger.outbox",
    "streams.ledger.partition",
    "streams.ledger.requests",
    "streams.ledger.standing",
    "streams.market_data.chart",
    "streams.market_data.market",
    "streams.market_data.partition",
    "streams.market_data.window",
)
IMPORTED = ("streams/messages", "streams/outputs.py", "streams/topics.py")
"""What the machines import: what they were compiled against is part of what they are."""

GROUP = "streams.machines"
SHARED = f"{GROUP}__mypyc"
"""The module that holds the code of all; each of the others is a door to its part of it."""

SUFFIX = EXTENSION_SUFFIXES[0]


def source(module: str) -> Path:
    """Where a module's source is."""
    return ROOT.joinpath(*module.split(".")).with_suffix(".py")


def folder() -> Path:
    """Where the compiled modules of the source that is here belong."""
    digest = blake2b(repr((SUFFIX, MODULES)).encode(), digest_size=12)
    for name in (*MACHINES, *IMPORTED):
        path = ROOT / name
        for file in sorted(path.glob("*.py")) if path.is_dir() else [path]:
            text = file.read_bytes()
            digest.update(f"{file.relative_to(ROOT)} {len(text)}\n".encode())
            digest.update(text)
    return FOLDER / digest.hexdigest()


def prefer() -> None:
    """Import the compiled modules, if they are there, rather than their source."""
    if os.environ.get("VELOCITY_INTERPRETED") or not FOLDER.is_dir():
        return
    compiled = folder()
    if compiled.is_dir():
        sys.meta_path.insert(0, _Finder(compiled))


def is_used() -> bool:
    """Whether this process runs the compiled machines."""
    return any(isinstance(finder, _Finder) for finder in sys.meta_path)


class _Finder(MetaPathFinder):
    """Finds the modules that were compiled, and no others."""

    def __init__(self, compiled: Path) -> None:
        self._files = {
            name: compiled.joinpath(*name.split(".")).with_suffix(SUFFIX)
            for name in (*MODULES, SHARED)
        }

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        file = self._files.get(name)
        return spec_from_file_location(name, file) if file is not None else None
