"""The frames of `commands` and `orders` as they were: what recovery replays.

Kept for 48 hours, by offset, so that a reader walks them without guessing times. `buckets` says
for each partition which buckets there are and when they begin.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import NamedTuple

from projections.series import series_name
from projections.session import Database
from projections.tables import Table, Write

FRAMES_PER_BUCKET = 4096


class ArchivedFrame(NamedTuple):
    """A record as the log had it; `at` is the log's time in milliseconds."""

    offset: int
    at: int
    value: bytes


@dataclass(frozen=True)
class Log:
    """The archive of one topic."""

    table: Table

    def write(self, partition: int, offset: int, at: int, value: bytes) -> Write:
        """The frame. Its version is its time, in microseconds as the database counts: frames never
        change, and rows of one hour are to expire together.
        """
        bucket, place = divmod(offset, FRAMES_PER_BUCKET)
        begins = (at, FRAMES_PER_BUCKET - place)
        return Write(self.table, (partition, bucket), (offset,), (at, value), at * 1000, begins)

    async def end(self, database: Database, partition: int) -> int:
        """The offset after the newest frame kept; 0 if there is none."""
        newest = await database.execute(
            "SELECT bucket FROM {venue}.buckets WHERE series = ? ORDER BY bucket DESC LIMIT 1",
            (series_name(self.table, (partition,)),),
        )
        if not newest:
            return 0
        last = await database.execute(
            f"SELECT offset FROM {{venue}}.{self.table.name} WHERE partition = ? AND bucket = ?"
            " ORDER BY offset DESC LIMIT 1",
            (partition, newest[0][0]),
        )
        return int(last[0][0]) + 1 if last else 0

    async def frames(
        self, database: Database, partition: int, start: int
    ) -> AsyncIterator[ArchivedFrame]:
        """The frames from an offset on, in order, up to the end or the first one missing."""
        expected = start
        while True:
            bucket = expected // FRAMES_PER_BUCKET
            cql = (
                f"SELECT offset, at, frame FROM {{venue}}.{self.table.name}"
                " WHERE partition = ? AND bucket = ? AND offset >= ?"
            )
            async for row in database.rows(cql, (partition, bucket, expected)):
                frame = ArchivedFrame(*row)
                if frame.offset != expected:
                    return
                yield frame
                expected += 1
            if expected // FRAMES_PER_BUCKET == bucket:
                return


COMMAND_LOG = Log(Table("command_log", ("partition", "bucket"), ("offset",), ("at", "frame")))
ORDER_LOG = Log(Table("order_log", ("partition", "bucket"), ("offset",), ("at", "frame")))
