"""Rows that come and go, kept many to a row.

A table like that of open orders, a row for each, would hold more traces of rows deleted than rows:
the database keeps a tombstone of each for days, readers step over all of them, and beyond 100,000
it refuses. So the numbers of many share a row, which is written whole. That takes knowing what is
in it already: it is read when first touched, and remembered.

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
from projections.tables import RowName, Table, Write

REMEMBERED_MAX = 20_000
READS_AT_ONCE = 32


class Packer:
    """Turns writes to packed tables into writes to the rows the database keeps of them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows: dict[RowName, set[int]] = {}
        self._unsaved: dict[RowName, Write] = {}

    async def pack(self, writes: Iterable[Write]) -> list[Write]:
        """What to write, in all: it stays due until `saved` is called. Nothing where all is as is.

        Raises `DatabaseUnavailable`, having changed nothing.
        """
        changes: dict[RowName, list[Write]] = defaultdict(list)
        for write in writes:
            changes[_row_of(write)].append(write)
        await self._load({name: together[0].table for name, together in changes.items()})
        for name, together in changes.items():
            self._change(name, together)
        return list(self._unsaved.values())

    def saved(self) -> None:
        """The database has all that is due."""
        self._unsaved.clear()
        if len(self._rows) > REMEMBERED_MAX:
            self._rows.clear()

    def forget(self) -> None:
        """Somebody else may have written meanwhile."""
        self._rows.clear()

    async def _load(self, wanted: dict[RowName, Table]) -> None:
        missing = [(name, table) for name, table in wanted.items() if name not in self._rows]
        for at in range(0, len(missing), READS_AT_ONCE):
            part = missing[at : at + READS_AT_ONCE]
            found = await asyncio.gather(*(self._read(name, table) for name, table in part))
            self._rows.update(zip((name for name, _ in part), found, strict=True))

    async def _read(self, name: RowName, table: Table) -> set[int]:
        _, partition, row = name
        rows = await self._database.execute(table.packed.select, (*partition, *row))
        return set(rows[0][0]) if rows else set()

    def _change(self, name: RowName, writes: list[Write]) -> None:
        numbers = self._rows[name]
        changed = False
        for write in writes:
            number, wanted = _number(write), write.values is not None
            if wanted != (number in numbers):
                changed = True
                numbers ^= {number}
        if changed or name in self._unsaved:
            _, partition, row = name
            values = (tuple(sorted(numbers)),) if numbers else None
            version = max(write.version for write in writes)
            self._unsaved[name] = Write(writes[0].table.packed, partition, row, values, version)


def _row_of(write: Write) -> RowName:
    chunk = _number(write) // write.table.numbers_per_row
    return write.table.name, write.partition, (*write.row[:-1], chunk)


def _number(write: Write) -> int:
    number = write.row[-1]
    assert isinstance(number, int)
    return number
