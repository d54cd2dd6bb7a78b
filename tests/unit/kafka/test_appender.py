"""Who sends while an append is under way goes with the next; each learns where its record lies."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import MessageSizeTooLargeError

from infra.kafka.appender import Appender
from infra.kafka.produce import Ack, Batch
from infra.kafka.writer import Writer

A, B, C = (TopicPartition("commands", number) for number in range(3))


class Slow(Writer):
    """Appends when the test says so."""

    def __init__(self) -> None:
        self.appended: list[list[TopicPartition]] = []
        self.done: list[asyncio.Future[None]] = []
        self.is_stopped = False

    async def append(self, batches: Mapping[TopicPartition, Batch]) -> dict[TopicPartition, Ack]:
        number = len(self.appended)
        self.appended.append(list(batches))
        self.done.append(asyncio.get_running_loop().create_future())
        await self.done[number]
        return {place: Ack(place, 0, number, 1_000) for place in batches}

    async def stop(self) -> None:
        self.is_stopped = True


@pytest.fixture
async def writer() -> Slow:
    return Slow()


@pytest.fixture
async def log(writer: Slow) -> Appender:
    log = Appender(limit_s=1.0, bootstrap_servers="nowhere")
    log._writer = writer
    return log


async def send(log: Appender, place: TopicPartition) -> asyncio.Future[Ack]:
    return await log.send(place.topic, b"value", key=b"key", partition=place.partition)


async def turns() -> None:
    """Let everything happen that can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_comes_while_an_append_is_under_way_goes_with_the_next(
    log: Appender, writer: Slow
) -> None:
    first = await send(log, A)
    await turns()
    rest = [await send(log, place) for place in (B, C)]
    await turns()
    assert writer.appended == [[A]]
    writer.done[0].set_result(None)
    assert await first == Ack(A, 0, 0, 1_000)
    await turns()
    assert writer.appended == [[A], [B, C]]
    writer.done[1].set_result(None)
    assert [await each for each in rest] == [Ack(B, 0, 1, 1_000), Ack(C, 0, 1, 1_000)]
    again = await send(log, A)
    await turns()
    writer.done[2].set_result(None)
    assert (await again).offset == 2


async def test_a_partition_has_one_record_waiting(log: Appender) -> None:
    await send(log, A)
    with pytest.raises(ValueError, match="not sent yet"):
        await send(log, A)


async def test_a_refusal_is_told_to_all_that_wait(log: Appender, writer: Slow) -> None:
    sent = [await send(log, A)]
    await turns()
    sent.append(await send(log, B))
    task = log._task
    assert task is not None
    writer.done[0].set_exception(MessageSizeTooLargeError())
    for each in sent:
        with pytest.raises(MessageSizeTooLargeError):
            await each
    with pytest.raises(MessageSizeTooLargeError):
        await task


async def test_it_stops_once_nothing_is_under_way(log: Appender, writer: Slow) -> None:
    sent = await send(log, A)
    await turns()
    stopping = asyncio.create_task(log.stop())
    await turns()
    assert not writer.is_stopped
    writer.done[0].set_result(None)
    await stopping
    assert (await sent).offset == 0
    assert writer.is_stopped
