"""What tests of the projections work with: topics to write to, rows to wait for, a gate to shut."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition

from infra.ports import free_port, host_and_port
from infra.settings import Settings
from streams.messages import Update, encode_event
from streams.messages.events import PublicEvent
from streams.topics import Topic

LIMIT_S = 30.0

Message = Update | PublicEvent
Result = TypeVar("Result")


class Log:
    """The topics, to write to as machines do."""

    def __init__(self, settings: Settings, producer: Any) -> None:
        self._venue = settings.venue
        self._producer = producer

    async def write(self, topic: Topic, *messages: Message | bytes, partition: int = 0) -> int:
        """Append messages; the offset of the last."""
        acks = []
        for message in messages:
            value = message if isinstance(message, bytes) else encode_event(message)
            key = message.market.encode() if isinstance(message, PublicEvent) else b"any"
            name = topic.name(self._venue)
            acks.append(await self._producer.send(name, value, key=key, partition=partition))
        async with asyncio.timeout(LIMIT_S):
            return int((await asyncio.gather(*acks))[-1].offset)


async def eventually(
    read: Callable[[], Awaitable[Result]], expected: Callable[[Result], bool]
) -> Result:
    """What a read gives once it is as expected; fails showing what it gave last."""
    deadline = time.monotonic() + LIMIT_S
    while not expected(result := await read()):
        assert time.monotonic() < deadline, f"still {result!r}"
        await asyncio.sleep(0.02)
    return result


async def becomes(read: Callable[[], Awaitable[object]], expected: object) -> None:
    await eventually(read, lambda result: result == expected)


async def read_all(settings: Settings, topic: Topic) -> list[Any]:
    """All records of a topic's first partition."""
    place = TopicPartition(topic.name(settings.venue), 0)
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([place])
        end = (await consumer.end_offsets([place]))[place]
        found: list[Any] = []
        async with asyncio.timeout(LIMIT_S):
            while len(found) < end:
                found += (await consumer.getmany(timeout_ms=500)).get(place, [])
        return found
    finally:
        await consumer.stop()


class Gate:
    """A port that leads to a server while it is open, and to nothing while it is closed."""

    def __init__(self, address: str) -> None:
        self._target = host_and_port(address)
        self._port = free_port()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", self._port)

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await self._server.wait_closed()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while chunk := await reader.read(65536):
                writer.write(chunk)
                await writer.drain()
        except ConnectionError:
            pass  # the gate has closed
        finally:
            self._writers.discard(writer)
            writer.close()
