"""`python -m tests.simulation.keep SEED FILE`: a venue's archive, kept for tomorrow's code.

Keeps what one seed left on the log: the records that the machines took, what followed from them,
and a checkpoint from the middle of each partition. `tests/unit/runtime/test_stored_archives.py`
replays every file in `tests/golden/archives`. A new one is added when messages or machines have
changed; those that are there are never made again, for they stand for venues that are running.
"""

from __future__ import annotations

import argparse
import gzip
import logging
from pathlib import Path
from typing import Any

import msgspec

from streams.outputs import Output, Processor
from streams.runtime import checkpoints, ledger_worker, matching_worker
from streams.runtime.checkpoints import Held
from streams.runtime.role import Role
from tests.simulation.checks import check
from tests.simulation.exchange import Exchange, simulate
from tests.simulation.reference import go_on, replay

ARCHIVED = (ledger_worker.ROLE, matching_worker.ROLE)


class StoredOutput(msgspec.Struct, frozen=True):
    """What followed from a record: where to, under which name, and what it said."""

    topic: str
    partition: int
    key: str
    source: str
    seq: int
    message: Any


class StoredPartition(msgspec.Struct, frozen=True):
    """One machine's partition: its records, and itself in the middle and at the end of them."""

    role: str
    partition: int
    records: list[tuple[int, int, bytes]]
    outputs: list[StoredOutput]
    middle: int
    chunks: list[bytes]
    middle_digest: str
    outputs_before_middle: int
    digest: str


class StoredArchive(msgspec.Struct, frozen=True):
    """All that one venue had archived."""

    account_partitions: int
    market_partitions: int
    partitions: list[StoredPartition]


def stored(output: Output) -> StoredOutput:
    """An output as it is kept."""
    plain = msgspec.json.decode(msgspec.json.encode(output.message))
    return StoredOutput(
        output.topic.short, output.partition, output.key, output.source, output.seq, plain
    )


def read(path: Path) -> StoredArchive:
    """An archive that was kept."""
    return msgspec.json.decode(gzip.decompress(path.read_bytes()), type=StoredArchive)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.keep", description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    archive = _archive(simulate(options.seed, check))
    options.file.write_bytes(gzip.compress(msgspec.json.encode(archive), mtime=0))


def _archive(exchange: Exchange) -> StoredArchive:
    return StoredArchive(
        exchange.settings.account_partitions,
        exchange.settings.market_partitions,
        [
            _partition(exchange, role, partition)
            for role in ARCHIVED
            for partition in range(role.partitions(exchange.settings))
        ],
    )


def _partition(exchange: Exchange, role: Role, partition: int) -> StoredPartition:
    records = exchange.broker.records((role.source, partition))
    half = len(records) // 2
    found = replay(role, exchange.settings, partition, records[:half])
    chunks, middle_digest = _checkpoint(role, partition, found.machine, half)
    before = len(found.outputs)
    go_on(found, records[half:])
    return StoredPartition(
        role.name,
        partition,
        [(record.offset, record.at, record.value) for record in records],
        [stored(output) for output in found.outputs],
        half,
        chunks,
        middle_digest,
        before,
        found.machine.digest(),
    )


def _checkpoint(
    role: Role, partition: int, machine: Processor, position: int
) -> tuple[list[bytes], str]:
    checkpoint, chunks = checkpoints.take(role, partition, Held(machine, position, {}, 0))
    return chunks, checkpoint.digest


if __name__ == "__main__":
    main()
