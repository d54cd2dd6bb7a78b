"""Tables as those who write them see them, and what is written to them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

INT_MAX = 2**63 - 1
KEY_CHARS_MAX = 1024
"""Longest text in a key. The database's own limit is 64 KiB for all of a key."""

PARTITIONS_KNOWN_MAX = 10_000
"""Partitions whose names are known to be sound."""

Value = str | bytes | int | tuple[str, ...] | tuple[int, ...]
Key = tuple[Value, ...]


class Unwritable(ValueError):
    """A message that decodes, yet holds what no row can: an empty or endless name, a number that
    does not fit 64 bits. It is as malformed as one that does not decode.
    """


@dataclass(frozen=True, eq=False)
class Table:
    """A table, by the columns that find a partition, a row in it, and what the row says.

    Where histories of many share a partition, so many `owners` among a row's first columns say
    whose the row is (see `series`). Of a packed table, whose rows say nothing but that they are
    there, so many numbers share one row of the database (see `packing`). A table equals itself
    alone: rows are looked up by it.
    """

    name: str
    partition: tuple[str, ...]
    row: tuple[str, ...]
    values: tuple[str, ...] = ()
    owners: int = 0
    numbers_per_row: int = 0

    @cached_property
    def insert(self) -> str:
        """CQL; its parameters are the partition's, the row's, the values, the version."""
        columns = (*self.partition, *self.row, *self.values)
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        into = f"INSERT INTO {{venue}}.{self.name} ({names})"
        return f"{into} VALUES ({marks}) USING TIMESTAMP ?"

    @cached_property
    def packed(self) -> Table:
        """The table in which the database keeps a packed one."""
        *prefix, number = self.row
        return Table(self.name, self.partition, (*prefix, "chunk"), values=(f"{number}s",))

    @cached_property
    def delete(self) -> str:
        """CQL; its parameters are the version, the partition's, the row's."""
        return f"DELETE FROM {{venue}}.{self.name} USING TIMESTAMP ? WHERE {self._this_row}"

    @cached_property
    def select_many(self) -> str:
        """CQL for all rows, each with its key, of several partitions of a one-column key; its
        parameter is the list of them.
        """
        (partition,) = self.partition
        columns = ", ".join((partition, *self.row, *self.values))
        return f"SELECT {columns} FROM {{venue}}.{self.name} WHERE {partition} IN ?"

    @property
    def _this_row(self) -> str:
        return " AND ".join(f"{column} = ?" for column in (*self.partition, *self.row))


RowName = tuple[Table, Key, Key]
"""A table, a partition and a row of it."""


class Write(NamedTuple):
    """What a row is to say from now on; with `values` None, that it is gone.

    The highest `version` stands, in whatever order and however often writes arrive. It is the
    sequence number of the event, and one row's events all come from one source: so a record that
    is read twice, or that a writer awoken too late has appended again, changes nothing.

    `begins` is there for an entry of a series: the time at which its bucket begins, if none comes
    before this one, and the version of that; the lower the entry's number, the higher.
    """

    table: Table
    partition: Key
    row: Key
    values: Key | None
    version: int
    begins: tuple[int, int] | None = None

    @property
    def name(self) -> RowName:
        """Which row this is about."""
        return self[:3]

    @property
    def cql(self) -> str:
        return self.table.delete if self.values is None else self.table.insert

    @property
    def parameters(self) -> Key:
        if self.values is None:
            return (self.version, *self.partition, *self.row)
        return (*self.partition, *self.row, *self.values, self.version)

    def check(self) -> None:
        """Raise `Unwritable` where the database would refuse this, now and ever after."""
        _, partition, row, values, version, begins = self
        _check_partition(partition)
        for part in row:
            if type(part) is str and not 0 < len(part) <= KEY_CHARS_MAX:
                raise Unwritable(f"{self.table.name}: a name of {len(part)} characters")
        for number in (*row, *(values or ()), version, *(begins or ())):
            if type(number) is int and not -INT_MAX <= number <= INT_MAX:
                raise Unwritable(f"{self.table.name}: {number} does not fit 64 bits")


@lru_cache(PARTITIONS_KNOWN_MAX)
def _check_partition(key: Key) -> None:
    """Remembers what is sound: most writes are to a partition that was written to before."""
    for part in key:
        if type(part) is str and not 0 < len(part) <= KEY_CHARS_MAX:
            raise Unwritable(f"a name of {len(part)} characters")
        if type(part) is int and not -INT_MAX <= part <= INT_MAX:
            raise Unwritable(f"{part} does not fit 64 bits")
