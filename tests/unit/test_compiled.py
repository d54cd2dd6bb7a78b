"""The machines compiled say what their source says, and only if it is the source that is here."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from hashlib import blake2b
from pathlib import Path

import msgspec
import pytest

from streams import compiled
from streams.ledger import LedgerPartition
from streams.market_data import MarketDataPartition
from streams.matching import MatchingPartition
from streams.messages import Trade, encode_event
from streams.outputs import Processor
from tests.benchmarks.traffic import ACCOUNT_PARTITIONS, Traffic

REQUESTS = 5_000
AT = 1_700_000_000_000
LIMIT_S = 60.0


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the source, which the functions under test go by."""
    shutil.copytree(compiled.ROOT / "streams", tmp_path / "streams")
    monkeypatch.setattr(compiled, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "changed",
    ["matching/book.py", "ledger/snapshot.py", "messages/events.py", "outputs.py"],
)
def test_what_was_compiled_of_other_source_is_not_used(checkout: Path, changed: str) -> None:
    before = compiled.folder()
    assert before == compiled.folder()
    with (checkout / "streams" / changed).open("a") as source:
        source.write("# changed\n")
    assert compiled.folder() != before


def test_it_is_not_compiled_anew_for_what_the_machines_do_not_import(checkout: Path) -> None:
    before = compiled.folder()
    with (checkout / "streams" / "runtime" / "worker.py").open("a") as source:
        source.write("# changed\n")
    assert compiled.folder() == before


@pytest.mark.parametrize("module", compiled.MODULES)
def test_no_message_is_defined_in_what_is_compiled(module: str) -> None:
    """Their classes' keywords would be lost without a word."""
    for node in ast.walk(ast.parse(compiled.source(module).read_text())):
        if isinstance(node, ast.ClassDef):
            assert not node.keywords
            assert not any("Struct" in ast.unparse(base) for base in node.bases)


@pytest.mark.skipif(not compiled.is_used(), reason="nothing is compiled: make compile")
def test_compiled_and_interpreted_say_the_same_bytes() -> None:
    files = [sys.modules[name].__file__ or "" for name in compiled.MODULES]
    assert not [file for file in files if file.endswith(".py")]
    assert _said_by({"VELOCITY_INTERPRETED": "1"}) == _said_by({})


def _said_by(environment: dict[str, str]) -> str:
    """A hash of all that a process of its own says to the same requests."""
    command = [sys.executable, "-c", f"from {__name__} import say; say()"]
    environment = {**os.environ, "VELOCITY_INTERPRETED": "", **environment}
    ran = subprocess.run(
        command,
        env=environment,
        cwd=compiled.ROOT,
        capture_output=True,
        check=True,
        text=True,
        timeout=LIMIT_S,
    )
    return ran.stdout


def say() -> None:
    """Print hashes of what the machines say to made traffic, and of the states they end in."""
    traffic = Traffic(REQUESTS, 16)
    market = MatchingPartition(0, ACCOUNT_PARTITIONS)
    said = _said(market, [value for value, _ in traffic.orders])
    _print(market, said)
    trades = [encode_event(message) for message in said if isinstance(message, Trade)]
    charts = MarketDataPartition(0)
    _print(charts, _said(charts, trades))
    for partition, filled in enumerate(traffic.commands):
        ledger = LedgerPartition(partition, market_partitions=1)
        _print(ledger, _said(ledger, [value for value, _ in filled]))


def _said(machine: Processor, records: list[bytes]) -> list[object]:
    return [
        output.message
        for offset, record in enumerate(records)
        for output in machine.apply(offset, AT + offset, record)
    ]


def _print(machine: Processor, said: list[object]) -> None:
    encoded = blake2b(b"".join(map(msgspec.msgpack.encode, said)))
    print(len(said), encoded.hexdigest(), machine.digest())
