"""Who has let go of its partitions writes nothing more, whatever was still under way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from streams.runtime import partitions as runtime
from streams.runtime.ports import Checkpoint, Kept, StoreUnavailable
from streams.topics import Topic
from tests.unit.runtime.test_coming_back import Log, Store, opening, worker


class SlowStore(Store):
    """A database whose archive is not read before it is told to."""

    def __init__(self, first: int, end: int) -> None:
        super().__init__(first, end)
        self.asked, self.go_on = asyncio.Event(), asyncio.Event()

    async def archived(self, topic: Topic, partition: int, start: int) -> AsyncIterator[Kept]:
        self.asked.set()
        await self.go_on.wait()
        async for record in super().archived(topic, partition, start):
            yield record


class AbsentStore(Store):
    """A database that is away."""

    def __init__(self) -> None:
        super().__init__(0, 0)
        self.asked = asyncio.Event()

    async def checkpoints(self, role: str, partition: int) -> list[Checkpoint]:
        self.asked.set()
        raise StoreUnavailable("away")


async def test_an_assignment_that_comes_after_the_next_revocation_is_not_taken() -> None:
    """Faust tells of it from a task of its own, which may be late by a rebalance. Another has the
    partitions then: what is written now would be written twice.
    """
    log = Log(0, 3)
    late, _ = worker(log, Store(0, 3))
    late.grant()
    await late.release()
    assert await late.assign([0]) == {}
    await late.process(0, [opening(0)])
    assert (log.appended, late.held) == (0, {})


async def test_the_next_assignment_is_taken() -> None:
    partitions, _ = worker(Log(0, 3), Store(0, 3))
    await partitions.release()
    partitions.grant()
    assert await partitions.assign([0]) == {0: 3}


async def test_a_revocation_waits_for_what_is_being_replayed_and_stays_in_force() -> None:
    log, store = Log(0, 3), SlowStore(0, 2)
    partitions, _ = worker(log, store)
    assigning = asyncio.create_task(partitions.assign([0]))
    await store.asked.wait()
    releasing = asyncio.create_task(partitions.release())
    await asyncio.sleep(0)
    assert not releasing.done()
    store.go_on.set()
    await releasing
    assert await assigning == {0: 2}
    replayed = log.appended
    await partitions.process(0, [opening(2)])
    assert (log.appended, partitions.held[0].position) == (replayed, 2)


async def test_a_revocation_does_not_wait_for_a_database_that_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The group waits for a member less long than a member waits for the database."""
    monkeypatch.setattr(runtime, "STORE_RETRY_S", 0)
    store = AbsentStore()
    partitions, _ = worker(Log(0, 3), store)
    assigning = asyncio.create_task(partitions.assign([0]))
    await store.asked.wait()
    async with asyncio.timeout(5):
        await partitions.release()
    assert await assigning == {}
