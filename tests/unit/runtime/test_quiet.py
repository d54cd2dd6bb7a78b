"""A quiet partition is told that time passes, through its own log; a busy one knows."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable, Mapping

from infra.health import Health
from infra.settings import Settings
from streams.messages import Tick, market_frames
from streams.runtime import matching_worker, partitions
from streams.runtime.checkpoints import Held
from streams.runtime.cql_store import CqlStore
from streams.runtime.partitions import Partitions
from streams.runtime.ports import Kept, Place, Record
from streams.runtime.role import Role
from streams.topics import ORDERS
from tests.integration.counting_worker import ROLE as COUNTING


class Appended:
    """A log that remembers what was appended."""

    def __init__(self) -> None:
        self.records: dict[Place, list[Record]] = {}

    async def append(self, records: Mapping[Place, list[Record]]) -> dict[Place, int]:
        self.records.update(records)
        return dict.fromkeys(records, 1)

    def read(self, starts: Mapping[Place, int]) -> AsyncIterator[tuple[Place, list[Kept]]]:
        raise AssertionError("a tick reads nothing")

    async def bounds(self, places: Iterable[Place]) -> dict[Place, tuple[int, int]]:
        raise AssertionError("a tick asks for no bounds")


def holding(role: Role, log: Appended, quiet_s: float) -> Partitions:
    """Partition 3 of a role, with its last record so long ago."""
    settings = Settings()
    holder = Partitions(role, settings, log, CqlStore(settings), Health())
    moved = time.monotonic() - quiet_s
    holder.held[3] = Held(role.new(3, settings), 0, {}, 0, moved=moved)
    return holder


async def test_after_a_quiet_hour_a_market_partition_gets_a_tick() -> None:
    log = Appended()
    await holding(matching_worker.ROLE, log, partitions.QUIET_S + 1).tick_if_quiet()
    (record,) = log.records[ORDERS, 3]
    frame = market_frames.decode(record.value)
    assert (frame.source, frame.commands) == ("", [Tick()])


async def test_a_partition_that_moves_needs_none() -> None:
    log = Appended()
    await holding(matching_worker.ROLE, log, partitions.QUIET_S - 10).tick_if_quiet()
    assert not log.records


async def test_a_machine_that_does_nothing_by_time_gets_none() -> None:
    log = Appended()
    await holding(COUNTING, log, partitions.QUIET_S + 1).tick_if_quiet()
    assert not log.records
