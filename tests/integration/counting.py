"""Counting workers, what they are fed, and what they must say of it."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from infra.ports import free_port
from infra.settings import Settings
from streams.messages import AccountOpened, market_frames, updates
from streams.topics import COMMANDS, DEAD_LETTERS, ORDERS, UPDATES, Topic
from tests.integration.counting_worker import chained

LIMIT_S = 60.0


class Worker:
    """A counting worker in a process of its own."""

    def __init__(self, settings: Settings, name: str = "0") -> None:
        self.log = settings.home / f"counting-{name}.log"
        self._settings = settings.model_copy(update={"worker": name, "health_port": free_port(0)})
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.integration.counting_worker",
                self._settings.model_dump_json(),
                stderr=log,
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
        return await self.ended()

    async def ended(self, limit_s: float | None = LIMIT_S) -> int:
        """Its exit code, once it ends."""
        assert self._process is not None
        return await asyncio.wait_for(self._process.wait(), limit_s)

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def holds(self) -> list[int] | None:
        """The partitions it says it holds and has caught up with; None while it says nothing."""
        answer = await self._says()
        if answer is None or not answer.is_success:
            return None
        held: list[int] | None = answer.json().get("partitions")
        return held

    async def waits_for(self) -> list[str] | None:
        """The servers it says it waits for; None while it says nothing."""
        answer = await self._says()
        away: list[str] | None = None if answer is None else answer.json().get("waits_for")
        return away

    async def _says(self) -> httpx.Response | None:
        url = f"http://127.0.0.1:{self._settings.health_port}/ready"
        async with httpx.AsyncClient(timeout=2, verify=False) as http:
            try:
                return await http.get(url)
            except httpx.HTTPError:
                return None

    async def digests(self) -> dict[int, str]:
        """Those of the machines it holds, by partition."""
        url = f"http://127.0.0.1:{self._settings.health_port}/digests"
        async with httpx.AsyncClient(timeout=10, verify=False) as http:
            answer = (await http.get(url)).json()
        return {each["partition"]: each["digest"] for each in answer["partitions"]}


class Feed:
    """Writes records to `commands`, and knows what must be said of them.

    One in fifty is malformed. It is to be driven by one task at a time.
    """

    def __init__(self, settings: Settings, producer: AIOKafkaProducer) -> None:
        self._topic = COMMANDS.name(settings.venue)
        self._producer = producer
        self._partitions = settings.account_partitions
        self._number = 0
        self.malformed = 0
        self.chains = dict.fromkeys(range(settings.account_partitions), "")
        self.expected: dict[int, list[str]] = {p: [] for p in self.chains}

    @property
    def answers(self) -> int:
        """How many answers are due."""
        return sum(map(len, self.expected.values()))

    async def write(self, count: int) -> None:
        """Write so many records, spread over the partitions; return once the log has them."""
        for _ in range(count):
            self._number += 1
            partition = self._number % self._partitions
            value = b"!" if self._number % 50 == 7 else b"record %d" % self._number
            await self._send(partition, value)
        await self._producer.flush()

    async def keep_busy(self, partition: int, seconds: float) -> None:
        """Write a record that makes its worker compute for so long, without a pause."""
        await self._send(partition, b"~%g" % seconds)

    async def _send(self, partition: int, value: bytes) -> None:
        await self._producer.send(self._topic, value, partition=partition)
        if value == b"!":
            self.malformed += 1
        else:
            self.chains[partition] = chained(self.chains[partition], value)
            self.expected[partition].append(self.chains[partition])

    async def flow(self) -> None:
        """Write without an end, some hundred records a second."""
        while True:
            await self.write(20)
            await asyncio.sleep(0.1)


async def read(settings: Settings, topic: Topic, until: Callable[[list[Any]], bool]) -> list[Any]:
    """All records of a topic from its beginning, until enough are there and none is left."""
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka, enable_auto_commit=False)
    await consumer.start()
    try:
        count = topic.partitions(settings.account_partitions, settings.market_partitions)
        places = [TopicPartition(topic.name(settings.venue), p) for p in range(count)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        found: list[Any] = []
        async with asyncio.timeout(LIMIT_S):
            while await _behind(consumer, places) or not until(found):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += records
        return found
    finally:
        await consumer.stop()


async def _behind(consumer: AIOKafkaConsumer, places: Iterable[TopicPartition]) -> bool:
    ends = await consumer.end_offsets(list(places))
    return any([await consumer.position(place) < end for place, end in ends.items()])


def at_least(count: int) -> Callable[[list[Any]], bool]:
    return lambda found: len(found) >= count


def numbers_in(frames: Iterable[Any]) -> dict[str, list[int]]:
    """What a receiver counts, by source: the numbers in the frames."""
    numbers: dict[str, list[int]] = {}
    for record in frames:
        frame = market_frames.decode(record.value)
        first = frame.first_seq
        numbers.setdefault(frame.source, []).extend(range(first, first + len(frame.commands)))
    return numbers


async def check_all_is_said_once(settings: Settings, feed: Feed) -> dict[int, list[AccountOpened]]:
    """Every record was answered, once and in order, on each topic; returns what was said."""
    said: dict[int, list[AccountOpened]] = {partition: [] for partition in feed.expected}
    for record in await read(settings, UPDATES, at_least(feed.answers)):
        said[record.partition].append(updates.decode(record.value))
    for partition, expected in feed.expected.items():
        assert [update.seq for update in said[partition]] == list(range(1, len(expected) + 1))
        assert [update.account for update in said[partition]] == expected

    def enough(frames: list[Any]) -> bool:
        return sum(map(len, numbers_in(frames).values())) >= feed.answers

    numbers = numbers_in(await read(settings, ORDERS, enough))
    for partition, expected in feed.expected.items():
        assert numbers[f"counter:{partition}"] == list(range(1, len(expected) + 1))

    letters = await read(settings, DEAD_LETTERS, at_least(feed.malformed))
    places = {(record.key, dict(record.headers)["offset"]) for record in letters}
    assert len(letters) == len(places) == feed.malformed
    assert {record.value for record in letters} <= {b"!"}
    return said


async def eventually(read: Callable[[], Awaitable[bool]]) -> None:
    """Return once what is read is true."""
    deadline = time.monotonic() + LIMIT_S
    while not await read():
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.2)
