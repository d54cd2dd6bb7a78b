"""Tables as those who write them see them, and what is written to them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

INT_MAX = 2**63 - 1
KEY_CHARS_MAX = 1024
"""Longest text in a key. The database's own limit is 64 KiB for all of a key."""

Value = str | bytes | int | tuple[str, ...]
Key = tuple[Value, ...]


class Unwritable(ValueError):
    """A message that decodes, yet holds what no row can: an empty or endless name, a number that
    does not fit 64 bits. It is as malformed as one that does not decode.
    """


@dataclass(frozen=True)
class Table:
    """A table, by the columns that find a partition, a row in it, and what the row says.

    Of a `once` table every write of a row says nearly the same, so a writer may leave out those
    that follow its first.
    """

    name: str
    partition: tuple[str, ...]
    row: tuple[str, ...]
    values: tuple[str, ...] = ()
    once: bool = False

    @cached_property
    def insert(self) -> str:
        """CQL; its parameters are the partition's, the row's, the values, the version."""
        columns = (*self.partition, *self.row, *self.values)
        marks = ", ".join("?" * len(columns))
        return f"INSERT INTO {self.name} ({', '.join(columns)}) VALUES ({marks}) USING TIMESTAMP ?"

    @cached_property
    def delete(self) -> str:
        """CQL; its parameters are the version, the partition's, the row's."""
        where = " AND ".join(f"{column} = ?" for column in (*self.partition, *self.row))
        return f"DELETE FROM {self.name} USING TIMESTAMP ? WHERE {where}"


class Write(NamedTuple):
    """What a row is to say from now on; with `values` None, that it is gone.

    The highest `version` stands, in whatever order and however often writes arrive. It is the
    sequence number of the event, and one row's events all come from one source: so a record that
    is read twice, or that a writer awoken too late has appended again, changes nothing.
    """

    table: Table
    partition: Key
    row: Key
    values: Key | None
    version: int

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
        for part in (*self.partition, *self.row):
            if isinstance(part, str) and not 0 < len(part) <= KEY_CHARS_MAX:
                raise Unwritable(f"{self.table.name}: a name of {len(part)} characters")
        for parameter in self.parameters:
            if isinstance(parameter, int) and not -INT_MAX <= parameter <= INT_MAX:
                raise Unwritable(f"{self.table.name}: {parameter} does not fit 64 bits")
