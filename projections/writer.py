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

from projections.binding import Binder
from projections.packing import Packer
from projections.series import bucket_of
from projections.session import Database
from projections.tables import Key, RowName, Table, Write

BATCH_ROWS = 100
BATCH_BYTES = 50 * 1024
"""A batch is one mutation to the database. Scylla warns of those above 128 KiB."""

ROW_OVERHEAD_BYTES = 32
REMEMBERED_MAX = 20_000
"""Buckets of series known to be listed. Forgetting one costs a write, nothing else."""


class Writer:
    """Stores what read models yield. For one task at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._packer = Packer(database)
        self._binders: dict[str, Binder] = {}
        self._listed: dict[RowName, int] = {}

    async def store(self, writes: Iterable[Write]) -> None:
        """Write rows; return when the database has them all. May be repeated.

        Raises `DatabaseUnavailable` when it has not, or does not say.
        """
        plain: list[Write] = []
        packed: list[Write] = []
        for write in newest_of_each(writes):
            (packed if write.table.numbers_per_row else plain).append(write)
        buckets = self._unlisted(plain)
        due = [*plain, *buckets, *await self._packer.pack(packed)]
        await self._prepare(due)
        await self._database.write(batches(self._rows(due)))
        self._packer.saved()
        self._remember(buckets)

    def forget(self) -> None:
        """Partitions have moved: another writer may have been at work on the same rows."""
        self._packer.forget()

    def _unlisted(self, entries: Iterable[Write]) -> list[Write]:
        """The buckets of these, but for those known to be listed from as early an entry on."""
        first: dict[tuple[Table, Key, Key], tuple[int, Write]] = {}
        for entry in entries:
            if entry.begins is not None:
                table, version = entry.table, entry.begins[1]
                bucket_of_its = (table, entry.partition, entry.row[: table.owners])
                if bucket_of_its not in first or first[bucket_of_its][0] < version:
                    first[bucket_of_its] = (version, entry)
        buckets = [bucket for _, entry in first.values() if (bucket := bucket_of(entry))]
        return [bucket for bucket in buckets if self._listed.get(bucket.name, 0) < bucket.version]

    def _remember(self, buckets: Iterable[Write]) -> None:
        for bucket in buckets:
            if len(self._listed) >= REMEMBERED_MAX:
                self._listed.clear()
            self._listed[bucket.name] = bucket.version

    async def _prepare(self, writes: Iterable[Write]) -> None:
        for cql in {write.cql for write in writes} - self._binders.keys():
            self._binders[cql] = Binder(await self._database.prepare(cql))

    def _rows(self, writes: Iterable[Write]) -> Iterator[Any]:
        """Bound one by one as they are sent: the database works on the first meanwhile."""
        # By key alone: the database applies rows of one key as one mutation, of whatever tables.
        partitions: dict[Key, list[Write]] = defaultdict(list)
        for write in writes:
            partitions[write.partition].append(write)
        for together in partitions.values():
            for write in together:
                yield self._binders[write.cql].bind(write.parameters)


def newest_of_each(writes: Iterable[Write]) -> list[Write]:
    """Of each row the write that stands after all of them."""
    newest: dict[RowName, Write] = {}
    for write in writes:
        name = write[:3]
        there = newest.get(name)
        if there is None or there.version <= write.version:
            newest[name] = write
    return list(newest.values())


def batches(rows: Iterable[Any]) -> Iterator[Any]:
    """Bound statements, in their order, as few statements of bounded size."""
    batch: list[Any] = []
    size = 0
    for row in rows:
        row_bytes = ROW_OVERHEAD_BYTES + sum(map(len, row.values))
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
