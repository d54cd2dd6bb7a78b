"""What a worker needs of the broker and of the database, and no more.

Behind these two ports stand Kafka (`kafka_log`) and CQL (`cql_store`); the simulation puts a
modelled log and store there, so that the code that is tested is the code that runs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import NamedTuple, Protocol

import msgspec

from streams.topics import Topic

Place = tuple[Topic, int]
"""A partition of a topic."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """A record to be appended."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


class Kept(NamedTuple):
    """A record as the log keeps it; `at` is the log's time in milliseconds."""

    offset: int
    at: int
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


class Log(Protocol):
    """The broker."""

    async def append(self, records: Mapping[Place, list[Record]]) -> dict[Place, int]:
        """Append in order at each place; return, once all replicas have it, the offsets after.

        The lists are the log's from then on: it may empty them. An error leaves unknown how much of
        it the log has.
        """
        ...

    def read(self, starts: Mapping[Place, int]) -> AsyncIterator[tuple[Place, list[Kept]]]:
        """What each place holds from its start offset up to where it ends now."""
        ...

    async def bounds(self, places: Iterable[Place]) -> dict[Place, tuple[int, int]]:
        """The first offset each place still holds, and that of its next record."""
        ...


class Checkpoint(msgspec.Struct, frozen=True):
    """A machine's state after every record before `position`, with all that followed from it sent.

    `outputs` says for each place written to an offset before which this machine wrote nothing
    that it would write again after the checkpoint. `at` is the log's time of the last record.
    """

    role: str
    partition: int
    position: int
    at: int
    digest: str
    chunks: int
    outputs: list[tuple[str, int, int]]


class Mark(msgspec.Struct, frozen=True):
    """That all which followed from the records before `position` had been published by then.

    `outputs` is as in `Checkpoint`: what follows from later records lies there or behind.
    """

    role: str
    partition: int
    position: int
    outputs: list[tuple[str, int, int]]


class Store(Protocol):
    """The database: checkpoints, marks, and the archive of the topics that have one."""

    async def checkpoints(self, role: str, partition: int) -> list[Checkpoint]:
        """Those kept, newest first."""
        ...

    async def chunks(self, checkpoint: Checkpoint) -> list[bytes]:
        """The state; fewer chunks than it says if some are missing."""
        ...

    async def save(self, checkpoint: Checkpoint, chunks: list[bytes]) -> None:
        """Keep a checkpoint: all of its chunks before the checkpoint itself."""
        ...

    async def forget(self, checkpoint: Checkpoint) -> None:
        """Delete a checkpoint and its chunks."""
        ...

    async def mark(self, mark: Mark) -> None:
        """Keep a mark instead of the partition's last one."""
        ...

    async def marked(self, role: str, partition: int) -> Mark | None:
        """The partition's last mark."""
        ...

    def archived(self, topic: Topic, partition: int, start: int) -> AsyncIterator[Kept]:
        """Archived records from an offset on, in order, up to the end or the first one missing."""
        ...


class StoreUnavailable(ConnectionError):
    """The database did not answer; asking again later may help."""
