"""Histories without an end, cut into partitions of bounded size, and read back across them.

A series is one account's orders on a market, a market's trades, its candles of an interval. Its
entries have rising numbers, and so many numbers make a *bucket*. An entry's bucket follows from its
number, so one entry is one read. A series need not have something in every bucket: the table
`buckets` lists those that hold anything, with the time they begin, so that a reader goes from one
to the next, however far apart they are.

A bucket is a partition of the database, and what a row costs is mostly its partition: rows of one
that arrive together are one mutation. So accounts share the buckets of a market, each with rows of
its own in them (decision 38).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Generic, TypeVar

from projections.session import Database
from projections.tables import INT_MAX, Table, Value, Write

BUCKETS = Table("buckets", ("series",), ("bucket",), ("first_at",))

READS_AT_ONCE = 16
NUMBERS_AT_ONCE = 100
DISORDER_MS = 600_000
"""How far an entry's time may lie behind that of one with a lower number.

An order that its ledger rejects is stamped by `commands`, one that reaches its market by `orders`;
the second may lag behind the first by what was queued between them.
"""

Entry = TypeVar("Entry")


def bucket_of(entry: Write) -> Write | None:
    """That its bucket holds something of its series, for an entry of one."""
    if entry.begins is None:
        return None
    table, (*shared, bucket) = entry.table, entry.partition
    at, version = entry.begins
    key = (*shared, *entry.row[: table.owners])
    return Write(BUCKETS, (series_name(table, key),), (bucket,), (at,), version)


def series_name(table: Table, key: Iterable[Value]) -> tuple[str, ...]:
    """By what `buckets` knows a series."""
    return (table.name, *map(str, key))


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which entries are asked for: numbers and times inclusive, and how many at most.

    From a first number or a start time on they are the oldest that fit, else the newest.
    """

    limit: int
    first: int | None = None
    last: int | None = None
    start: int | None = None
    end: int | None = None

    @property
    def from_oldest(self) -> bool:
        return self.first is not None or self.start is not None

    def within(self, start: int, end: int) -> Window:
        """This window, as far as it lies between two times."""
        return replace(
            self,
            start=start if self.start is None else max(self.start, start),
            end=end if self.end is None else min(self.end, end),
        )

    def holds(self, at: int) -> bool:
        """Whether an entry of this time is asked for."""
        return (self.start is None or self.start <= at) and (self.end is None or at <= self.end)


@dataclass(frozen=True)
class Series(Generic[Entry]):
    """A kind of series: its table, how many numbers make a bucket, how a row becomes an entry.

    The table's partition is what its series share and the bucket; a row begins with the series'
    owner, if they share anything, and its number; its only value is what `decode` reads. A series'
    key is what is shared, then the owner.
    """

    table: Table
    per_bucket: int
    decode: Callable[[str], Entry]
    time: Callable[[Entry], int]

    def write(
        self, key: tuple[str, ...], row: tuple[int, ...], at: int, event: str, version: int
    ) -> Write:
        """The entry; whoever writes it lists its bucket as well, by `bucket_of`."""
        bucket, place = divmod(row[0], self.per_bucket)
        shared, owner = self._split(key)
        # The first entry tells when a bucket begins: the lower its number, the higher the version.
        begins = (at, self.per_bucket - place)
        return Write(self.table, (*shared, bucket), (*owner, *row), (event,), version, begins)

    async def one(self, database: Database, key: tuple[str, ...], number: int) -> Entry | None:
        """The entry of this number, if there is one."""
        place = self._place(key, number // self.per_bucket)
        rows = await database.execute(self._select(f"{self._number} = ?"), (*place, number))
        return self.decode(str(rows[0][0])) if rows else None

    async def some(
        self, database: Database, key: tuple[str, ...], numbers: Sequence[int]
    ) -> list[Entry]:
        """The entries of these numbers, which rise, as far as there are any."""
        cql = self._select(f"{self._number} IN ?")
        reads: list[tuple[object, ...]] = []
        for bucket, members in groupby(numbers, lambda number: number // self.per_bucket):
            together, place = list(members), self._place(key, bucket)
            for at in range(0, len(together), NUMBERS_AT_ONCE):
                reads.append((*place, together[at : at + NUMBERS_AT_ONCE]))
        found: list[Entry] = []
        for at in range(0, len(reads), READS_AT_ONCE):
            side_by_side = [database.execute(cql, read) for read in reads[at : at + READS_AT_ONCE]]
            for rows in await asyncio.gather(*side_by_side):
                found += [self.decode(str(event)) for (event,) in rows]
        return found

    async def read(
        self,
        database: Database,
        key: tuple[str, ...],
        window: Window,
        keep: Callable[[Entry], bool] = lambda _: True,
    ) -> list[Entry]:
        """The entries that the window asks for and `keep` agrees to, in the order of their numbers.

        Buckets are read side by side, the more the longer it takes: mostly the first one will do.
        """
        found: list[Entry] = []
        together: list[int] = []
        wide = 1
        async for bucket in self._buckets(database, key, window):
            together.append(bucket)
            if len(together) == wide:
                found += await self._read_buckets(database, key, together, window, keep)
                together, wide = [], min(wide * 2, READS_AT_ONCE)
                if len(found) >= window.limit:
                    break
        found += await self._read_buckets(database, key, together, window, keep)
        found = found[: window.limit]
        return found if window.from_oldest else found[::-1]

    async def _read_buckets(
        self,
        database: Database,
        key: tuple[str, ...],
        buckets: Iterable[int],
        window: Window,
        keep: Callable[[Entry], bool],
    ) -> list[Entry]:
        reads = [
            self._read_bucket(database, self._place(key, bucket), window, keep)
            for bucket in buckets
        ]
        return [entry for entries in await asyncio.gather(*reads) for entry in entries]

    async def _read_bucket(
        self,
        database: Database,
        place: tuple[str | int, ...],
        window: Window,
        keep: Callable[[Entry], bool],
    ) -> list[Entry]:
        column = self._number
        cql = self._select(f"{column} >= ? AND {column} <= ?", window.from_oldest)
        numbers = (window.first or 0, INT_MAX if window.last is None else window.last)
        found: list[Entry] = []
        async for row in database.rows(cql, (*place, *numbers), window.limit):
            entry = self.decode(str(row[0]))
            if window.holds(self.time(entry)) and keep(entry):
                found.append(entry)
                if len(found) == window.limit:
                    break
        return found

    async def _buckets(
        self, database: Database, key: tuple[str, ...], window: Window
    ) -> AsyncIterator[int]:
        """The buckets that may hold what is asked for, in the order to read them."""
        name = series_name(self.table, key)
        lowest = (window.first or 0) // self.per_bucket
        highest = (INT_MAX if window.last is None else window.last) // self.per_bucket

        async def listed(low: int, high: int, order: str = "ASC") -> tuple[int, int] | None:
            rows = await database.execute(f"{_LIST} {order} LIMIT 1", (name, low, high))
            return (int(rows[0][0]), int(rows[0][1])) if rows else None

        if window.start is not None or window.end is not None:
            newest = await listed(lowest, highest, "DESC")
            if newest is None:
                return
            highest = newest[0]
        if window.start is not None:
            lowest = await last_begun(listed, window.start - DISORDER_MS - 1, lowest, highest)
        if window.end is not None:
            highest = await last_begun(listed, window.end + DISORDER_MS, lowest, highest)
        cql = f"{_LIST} {'ASC' if window.from_oldest else 'DESC'}"
        async for bucket, _ in database.rows(cql, (name, lowest, highest), window.limit):
            yield int(bucket)

    @property
    def _number(self) -> str:
        return self.table.row[self.table.owners]

    def _split(self, key: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What the series shares with others, and its owner."""
        shared = len(key) - self.table.owners
        return key[:shared], key[shared:]

    def _place(self, key: tuple[str, ...], bucket: int) -> tuple[str | int, ...]:
        """What a statement finds a bucket's rows of the series by."""
        shared, owner = self._split(key)
        return (*shared, bucket, *owner)

    def _select(self, numbers: str, ascending: bool = True) -> str:
        table, event = self.table, self.table.values[0]
        owner = table.row[: table.owners]
        place = " AND ".join(f"{column} = ?" for column in (*table.partition, *owner))
        direction = "ASC" if ascending else "DESC"
        order = ", ".join(f"{column} {direction}" for column in (*owner, self._number))
        return (
            f"SELECT {event} FROM {{venue}}.{table.name}"
            f" WHERE {place} AND {numbers} ORDER BY {order}"
        )


_LIST = (
    "SELECT bucket, first_at FROM {venue}.buckets"
    " WHERE series = ? AND bucket >= ? AND bucket <= ? ORDER BY bucket"
)


async def last_begun(
    listed: Callable[[int, int], Awaitable[tuple[int, int] | None]], at: int, low: int, high: int
) -> int:
    """The last bucket between two that is found to begin by a time; the low one where none is.

    `listed` gives the first listed bucket between two numbers, and when it begins. A search by
    halves: buckets begin one after the other, but for `DISORDER_MS`. Whatever it finds is right
    about its neighbours, as those who ask leave so much room: all before a bucket that begins so
    long before a time end before it, all from one on that begins so long after it are after it.
    """
    while low < high:
        middle = (low + high + 1) // 2
        found = await listed(middle, high)
        if found is not None and found[1] <= at:
            low = found[0]
        else:
            high = middle - 1
    return low
