"""What the runtime promises any machine: in order, nothing lost, nothing twice, through kill -9."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from infra.settings import Settings
from projections import schema
from streams.messages import AccountOpened, market_frames, updates
from streams.runtime.cql_store import CqlStore
from streams.runtime.provision import create_topics
from streams.topics import COMMANDS, DEAD_LETTERS, ORDERS, UPDATES, Topic
from tests.integration.counting_worker import chained

RECORDS = 3_000
PARTITIONS = 2
LIMIT_S = 60.0


class Worker:
    """A counting worker in a process of its own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.integration.counting_worker",
            self._settings.model_dump_json(),
            stderr=asyncio.subprocess.DEVNULL,
        )

    async def kill(self) -> None:
        """End it as SIGKILL does: at once, without a chance to finish anything."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        await asyncio.wait_for(self._process.wait(), 10)

    async def stop(self) -> int:
        """End it as SIGTERM does; returns its exit code."""
        assert self._process is not None
        self._process.terminate()
        return await asyncio.wait_for(self._process.wait(), 30)


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
async def producer(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka, acks="all")
    await producer.start()
    yield producer
    await producer.stop()


async def read(settings: Settings, topic: Topic, until: Callable[[list[Any]], bool]) -> list[Any]:
    """All records of a topic from its beginning, until enough are there."""
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka, enable_auto_commit=False)
    await consumer.start()
    try:
        count = topic.partitions(settings.account_partitions, settings.market_partitions)
        places = [TopicPartition(topic.name(settings.venue), p) for p in range(count)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        found: list[Any] = []
        async with asyncio.timeout(LIMIT_S):
            while not until(found):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += records
        return found
    finally:
        await consumer.stop()


def answered(least: int) -> Callable[[list[Any]], bool]:
    return lambda found: len(found) >= least


def seq_at(position: int, opened: list[AccountOpened]) -> int:
    """Which of a partition's answers is the last one before a position."""
    return max(i for i, update in enumerate(opened) if update.cause.offset < position)


async def test_every_record_is_answered_once_and_in_order_through_kill_9(
    settings: Settings, worker: Worker, producer: AIOKafkaProducer
) -> None:
    name = COMMANDS.name(settings.venue)
    expected: dict[int, list[str]] = {partition: [] for partition in range(PARTITIONS)}
    chains = dict.fromkeys(range(PARTITIONS), "")
    malformed = 0
    for number in range(RECORDS):
        partition = number % PARTITIONS
        value = b"!" if number % 500 == 7 else b"record %d" % number
        await producer.send(name, value, partition=partition)
        if value == b"!":
            malformed += 1
        else:
            chains[partition] = chained(chains[partition], value)
            expected[partition].append(chains[partition])
        if number % 1000 == 500:
            await producer.flush()
            await read(settings, UPDATES, answered(number // 4))
            await worker.kill()
            await worker.start()
    await producer.flush()

    answers = RECORDS - malformed
    found = await read(settings, UPDATES, lambda found: len(found) >= answers)
    by_partition: dict[int, list[AccountOpened]] = {p: [] for p in range(PARTITIONS)}
    for record in found:
        by_partition[record.partition].append(updates.decode(record.value))
    for partition, opened in by_partition.items():
        assert [update.seq for update in opened] == list(range(1, len(expected[partition]) + 1))
        assert [update.account for update in opened] == expected[partition]

    def cancels(records: list[Any]) -> dict[str, list[int]]:
        """What a receiver counts, by source: the numbers in the frames."""
        numbers: dict[str, list[int]] = {}
        for record in records:
            frame = market_frames.decode(record.value)
            first = frame.first_seq
            numbers.setdefault(frame.source, []).extend(range(first, first + len(frame.commands)))
        return numbers

    frames = await read(
        settings, ORDERS, lambda found: sum(map(len, cancels(found).values())) >= answers
    )
    for partition in range(PARTITIONS):
        assert cancels(frames)[f"counter:{partition}"] == [u.seq for u in by_partition[partition]]

    dead = await read(settings, DEAD_LETTERS, lambda found: len(found) >= malformed)
    assert len(dead) == malformed
    assert {record.value for record in dead} == {b"!"}
    headers = dict(dead[0].headers)
    assert headers["reason"] == b"it begins with an exclamation mark"
    assert headers["topic"] == b"commands"

    store = CqlStore(settings)
    kept = await store.checkpoints("counting", 0)
    await store.close()
    assert kept, "the kills were survived without a checkpoint"
    assert kept[0].digest == by_partition[0][seq_at(kept[0].position, by_partition[0])].account
    assert await worker.stop() == 0
