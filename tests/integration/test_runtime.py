"""What the runtime promises any machine: in order, nothing lost, nothing twice, through kill -9."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from aiokafka import AIOKafkaProducer

from infra.settings import Settings
from projections import schema
from streams.messages import AccountOpened
from streams.runtime.cql_store import CqlStore
from streams.runtime.provision import create_topics
from streams.topics import DEAD_LETTERS, UPDATES
from tests.integration.counting import (
    Feed,
    Worker,
    at_least,
    check_all_is_said_once,
    eventually,
    read,
)

PARTITIONS = 2


@pytest.fixture
async def settings(make_settings: Callable[..., Settings]) -> Settings:
    settings = make_settings(account_partitions=PARTITIONS, checkpoint_records=400)
    await asyncio.to_thread(schema.create, settings)
    await create_topics(settings)
    return settings


@pytest.fixture
async def worker(settings: Settings) -> AsyncIterator[Worker]:
    worker = Worker(settings)
    await worker.start()
    yield worker
    await worker.kill()


@pytest.fixture
async def feed(settings: Settings) -> AsyncIterator[Feed]:
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka, acks="all")
    await producer.start()
    yield Feed(settings, producer)
    await producer.stop()


def said_before(position: int, opened: list[AccountOpened]) -> AccountOpened:
    """The last of a partition's answers to what lies before a position."""
    return [update for update in opened if update.cause.offset < position][-1]


async def test_every_record_is_answered_once_and_in_order_through_kill_9(
    settings: Settings, worker: Worker, feed: Feed
) -> None:
    async def is_up() -> bool:
        return await worker.holds() == list(range(PARTITIONS))

    for _ in range(3):
        await eventually(is_up)
        some = feed.answers + 300
        await feed.write(1_000)
        await read(settings, UPDATES, at_least(some))
        await worker.kill()
        await worker.start()
    await eventually(is_up)
    # A checkpoint is due with the first records that come when all is caught up.
    await feed.write(100)
    said = await check_all_is_said_once(settings, feed)

    (letter, *_) = await read(settings, DEAD_LETTERS, at_least(1))
    headers = dict(letter.headers)
    assert headers["reason"] == b"it begins with an exclamation mark"
    assert headers["topic"] == b"commands"

    assert await worker.stop() == 0
    store = CqlStore(settings)
    kept = await store.checkpoints("counting", 0)
    assert kept, "the kills were survived without a checkpoint"
    state, _ = await store.chunks(kept[0])
    await store.close()
    assert state.decode().split()[1] == said_before(kept[0].position, said[0]).account
