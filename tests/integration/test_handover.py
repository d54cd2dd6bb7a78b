"""Two workers of a role share its partitions, and hand them over whatever happens to either."""

from __future__ import annotations

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer

from infra.settings import Settings
from projections import schema
from streams.runtime.provision import create_topics
from tests.integration.counting import Feed, Worker, check_all_is_said_once, eventually

PARTITIONS = 4
SESSION_S = 6.0
"""The least that a broker takes."""


@pytest.fixture
async def settings(make_settings: Callable[..., Settings]) -> Settings:
    """A venue of each test's own."""
    settings = make_settings(
        venue=f"t{secrets.token_hex(8)}",
        account_partitions=PARTITIONS,
        checkpoint_records=300,
        session_s=SESSION_S,
    )
    await asyncio.to_thread(schema.create, settings)
    await create_topics(settings)
    return settings


@pytest.fixture
async def one(settings: Settings) -> AsyncIterator[Worker]:
    worker = Worker(settings, "one")
    await worker.start()
    yield worker
    await worker.kill()


@pytest.fixture
async def other(settings: Settings) -> AsyncIterator[Worker]:
    worker = Worker(settings, "other")
    await worker.start()
    yield worker
    await worker.kill()


@pytest.fixture
async def feed(settings: Settings) -> AsyncIterator[Feed]:
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka, acks="all")
    await producer.start()
    yield Feed(settings, producer)
    await producer.stop()


@asynccontextmanager
async def flowing(feed: Feed) -> AsyncIterator[None]:
    """Records come without a pause until the end of the block."""
    writing = asyncio.create_task(feed.flow())
    yield
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing


async def share(one: Worker, other: Worker) -> None:
    """Return once each has half, and both have caught up."""

    async def is_shared() -> bool:
        halves = [await one.holds() or [], await other.holds() or []]
        return [len(half) for half in halves] == [2, 2] and len({*halves[0], *halves[1]}) == 4

    await eventually(is_shared)


async def has_all(worker: Worker) -> None:
    async def holds_all() -> bool:
        return await worker.holds() == list(range(PARTITIONS))

    await eventually(holds_all)


async def test_who_joins_gets_half_of_the_partitions(
    settings: Settings, one: Worker, feed: Feed
) -> None:
    other = Worker(settings, "other")
    try:
        async with flowing(feed):
            await has_all(one)
            await other.start()
            await share(one, other)
            await feed_more(feed)
        said = await check_all_is_said_once(settings, feed)
        digests = await one.digests() | await other.digests()
        assert digests == feed.chains
        assert {p: opened[-1].account for p, opened in said.items()} == digests
    finally:
        await other.kill()


async def feed_more(feed: Feed) -> None:
    """Let some more records flow."""
    enough = feed.answers + 100

    async def has_grown() -> bool:
        return feed.answers >= enough

    await eventually(has_grown)


async def test_who_stops_hands_its_partitions_over(
    settings: Settings, one: Worker, other: Worker, feed: Feed
) -> None:
    async with flowing(feed):
        await share(one, other)
        assert await one.stop() == 0
        await has_all(other)
        await feed_more(feed)
        await one.start()
        await share(one, other)
        await feed_more(feed)
    await check_all_is_said_once(settings, feed)


async def test_who_dies_loses_its_partitions(
    settings: Settings, one: Worker, other: Worker, feed: Feed
) -> None:
    async with flowing(feed):
        await share(one, other)
        await one.kill()
        await has_all(other)
        await feed_more(feed)
        await one.start()
        await share(one, other)
        await feed_more(feed)
    await check_all_is_said_once(settings, feed)
    assert await one.digests() | await other.digests() == feed.chains


async def test_who_was_paused_while_its_partitions_moved_does_no_harm(
    settings: Settings, one: Worker, other: Worker, feed: Feed
) -> None:
    async with flowing(feed):
        await share(one, other)
        one.signal(signal.SIGSTOP)
        await has_all(other)
        await feed_more(feed)
        one.signal(signal.SIGCONT)
        assert await one.ended() == 1
        await feed_more(feed)
        await one.start()
        await share(one, other)
        await feed_more(feed)
    await check_all_is_said_once(settings, feed)
    assert await one.digests() | await other.digests() == feed.chains


async def test_who_computes_for_longer_than_its_session_keeps_its_partitions(
    settings: Settings, one: Worker, other: Worker, feed: Feed
) -> None:
    await share(one, other)
    before = await one.holds()
    assert before
    await feed.keep_busy(before[0], SESSION_S + 2)
    await feed.write(200)
    await check_all_is_said_once(settings, feed)
    await share(one, other)
    assert await one.holds() == before
