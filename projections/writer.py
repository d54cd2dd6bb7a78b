"""Rows into the database: the newest of each, in batches, rows of one partition side by side.

A request costs the database and the driver several times what one more row in it does, so what
arrived together is written together, also where many accounts trade a little each and every row
lies in a partition of its own. Measured on Cassandra: a row in a batch of 100 partitions costs it
0.43 of one in a batch of 10, and 0.11 of one that comes alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from cassandra.query import BatchStatement, BatchType

from projections.packing import Packer
from projections.session import Database
from projections.tables import Key, RowName, Write

BATCH_ROWS = 100
BATCH_BYTES = 50 * 1024
"""A batch is one mutation to the database. Scylla warns of those above 128 KiB."""

ROW_OVERHEAD_BYTES = 32
REMEMBERED_MAX = 20_000
"""Rows of `once` tables known to be written. Forgetting one costs a write, nothing else."""


class Writer:
    """Stores what read models yield. For one task at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._packer = Packer(database)
        self._written: dict[RowName, int] = {}

    async def store(self, writes: Iterable[Write]) -> None:
        """Write rows; return when the database has them all. May be repeated.

        Raises `DatabaseUnavailable` when it has not, or does not say.
        """
        newest = newest_of_each(writes)
        plain = [write for write in newest if not write.table.numbers_per_row]
        packed = [write for write in newest if write.table.numbers_per_row]
        due = [write for write in plain if not self._is_written(write)]
        due += await self._packer.pack(packed)
        await self._database.write(await self._statements(due))
        self._packer.saved()
        for write in due:
            if write.table.once:
                self._remember(write)

    def forget(self) -> None:
        """Partitions have moved: another writer may have been at work on the same rows."""
        self._packer.forget()

    async def _statements(self, writes: Iterable[Write]) -> list[Any]:
        # By key alone: the database applies rows of one key as one mutation, of whatever tables.
        partitions: dict[Key, list[Any]] = defaultdict(list)
        for write in writes:
            prepared = await self._database.prepare(write.cql)
            partitions[write.partition].append(prepared.bind(write.parameters))
        return list(batches(row for rows in partitions.values() for row in rows))

    def _is_written(self, write: Write) -> bool:
        if not write.table.once:
            return False
        version = self._written.get(write.name)
        return version is not None and version >= write.version

    def _remember(self, write: Write) -> None:
        if len(self._written) >= REMEMBERED_MAX:
            self._written.clear()
        self._written[write.name] = write.version


def newest_of_each(writes: Iterable[Write]) -> list[Write]:
    """Of each row the write that stands after all of them."""
    newest: dict[RowName, Write] = {}
    for write in writes:
        there = newest.get(write.name)
        if there is None or there.version <= write.version:
            newest[write.name] = write
    return list(newest.values())


def batches(rows: Iterable[Any]) -> Iterator[Any]:
    """Bound statements, in their order, as few statements of bounded size."""
    batch: list[Any] = []
    size = 0
    for row in rows:
        row_bytes = ROW_OVERHEAD_BYTES + sum(len(value) for value in row.values if value)
        if batch and (len(batch) == BATCH_ROWS or size + row_bytes > BATCH_BYTES):
            yield _together(batch)
            batch, size = [], 0
        batch.append(row)
        size += row_bytes
    if batch:
        yield _together(batch)


def _together(rows: list[Any]) -> Any:
    if len(rows) == 1:
        return rows[0]
    batch = BatchStatement(BatchType.UNLOGGED)
    for row in rows:
        batch.add(row)
    return batch
