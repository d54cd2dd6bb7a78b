"""Rows that come and go, kept many to a row.

A table like that of open orders, a row for each, would hold more traces of rows deleted than rows:
the database keeps a tombstone of each for days, readers step over all of them, and beyond 100,000
it refuses. So the numbers of many share a row, which is written whole. That takes knowing what is
in it already: all rows of an account are read when it is first met, and remembered. Many accounts
are read at once: a service that starts meets all of them.

Reading, changing and writing back is safe here because of two things. Each row has one writer, the
owner of its account's partition of `updates`. And who takes a partition over reads again all that
its predecessor had not committed: what it then reads from the database may lack changes that were
under way, but makes them itself. `forget` must be called then.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable

from projections.session import Database
from projections.tables import Key, RowName, Table, Write

REMEMBERED_MAX = 20_000
"""Accounts whose rows are remembered; those met first are forgotten first."""

PARTITIONS_PER_READ = 50
"""A hundred is what Scylla allows in one statement."""

PartitionName = tuple[Table, Key]
"""A table and a partition of it."""


class Packer:
    """Turns writes to packed tables into writes to the rows the database keeps of them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._partitions: dict[PartitionName, dict[Key, set[int]]] = {}
        self._unsaved: dict[RowName, Write] = {}

    async def pack(self, writes: Iterable[Write]) -> list[Write]:
        """What to write, in all: it stays due until `saved` is called. Nothing where all is as is.

        Raises `DatabaseUnavailable`, having changed nothing.
        """
        changes: dict[RowName, list[Write]] = defaultdict(list)
        for write in writes:
            changes[_row_of(write)].append(write)
        await self._load(together[0] for together in changes.values())
        for name, together in changes.items():
            self._change(name, together)
        return list(self._unsaved.values())

    def saved(self) -> None:
        """The database has all that is due."""
        self._unsaved.clear()
        while len(self._partitions) > REMEMBERED_MAX:
            del self._partitions[next(iter(self._partitions))]

    def forget(self) -> None:
        """Somebody else may have written meanwhile."""
        self._partitions.clear()

    async def _load(self, writes: Iterable[Write]) -> None:
        missing: dict[Table, dict[Key, None]] = defaultdict(dict)
        for write in writes:
            if (write.table, write.partition) not in self._partitions:
                missing[write.table][write.partition] = None
        reads = [
            self._read(table, list(partitions)[at : at + PARTITIONS_PER_READ])
            for table, partitions in missing.items()
            for at in range(0, len(partitions), PARTITIONS_PER_READ)
        ]
        await asyncio.gather(*reads)

    async def _read(self, table: Table, partitions: list[Key]) -> None:
        found: dict[Key, dict[Key, set[int]]] = {partition: {} for partition in partitions}
        names = [partition[0] for partition in partitions]
        async for name, *row, numbers in self._database.rows(table.packed.select_many, (names,)):
            found[(name,)][tuple(row)] = set(numbers)
        for partition, rows in found.items():
            self._partitions[table, partition] = rows

    def _change(self, name: RowName, writes: list[Write]) -> None:
        table, partition, row = name
        rows = self._partitions[table, partition]
        numbers = rows.setdefault(row, set())
        changed = False
        for write in writes:
            number, wanted = _number(write), write.values is not None
            if wanted != (number in numbers):
                changed = True
                numbers ^= {number}
        if changed or name in self._unsaved:
            values = (tuple(sorted(numbers)),) if numbers else None
            version = max(write.version for write in writes)
            self._unsaved[name] = Write(table.packed, partition, row, values, version)
        if not numbers:
            del rows[row]


def _row_of(write: Write) -> RowName:
    chunk = _number(write) // write.table.numbers_per_row
    return write.table, write.partition, (*write.row[:-1], chunk)


def _number(write: Write) -> int:
    number = write.row[-1]
    assert isinstance(number, int)
    return number
