"""A worker takes what is polled batch by batch, and never waits for what nobody will do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord
from faust.types import TP

from infra.kafka.reader import Reader
from infra.settings import Settings
from streams.runtime.ledger_worker import ROLE
from streams.runtime.market_data_worker import ROLE as MARKET_DATA
from streams.runtime.role import Role
from streams.runtime.transport import Consumer, Polled
from streams.runtime.worker import build

LIMIT_S = 5.0


class Source(Reader):
    """Stands for the broker's client: each poll gives what there is next."""

    def __init__(self, topic: str) -> None:
        super().__init__(wait_ms=0, records_max=0, bootstrap_servers="nowhere")
        self.topic = topic
        self.polls = 0
        self.next: asyncio.Queue[dict[int, list[int]]] = asyncio.Queue()

    async def poll(self, timeout_s: float) -> dict[TopicPartition, list[Any]]:
        self.polls += 1
        polled = await self.next.get()
        return {
            TopicPartition(self.topic, partition): [
                ConsumerRecord(self.topic, partition, at, 0, 0, b"", b"", 0, 0, 0, ())
                for at in offsets
            ]
            for partition, offsets in polled.items()
        }


class Desk:
    """Where a consumer hands its batches over, in place of Faust's conductor."""

    def __init__(self, settings: Settings, role: Role = ROLE) -> None:
        self.handed: asyncio.Queue[tuple[int, list[int]]] = asyncio.Queue()
        app = build(role, settings)
        consumer: Consumer = app.transport.create_consumer(
            callback=self.take, on_partitions_revoked=None, on_partitions_assigned=None
        )
        self.consumer = consumer
        self.source = consumer._records = Source(app.source_name)
        consumer._thread.polls = lambda: None
        consumer._set_active_tps({TP(app.source_name, 0), TP(app.source_name, 1)})
        consumer.resume_flow()

    async def take(self, message: Any) -> None:
        polled = message.value
        if not isinstance(polled, Polled):
            return  # a table's record
        self.handed.put_nowait((message.partition, [record.offset for record in polled.records]))

    async def is_handed(self, partition: int, offsets: list[int]) -> None:
        """Wait for a batch, and say that it is worked on."""
        assert await asyncio.wait_for(self.handed.get(), LIMIT_S) == (partition, offsets)
        self.consumer.worked_off()


@pytest.fixture
async def desk(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    settings = Settings().model_copy(update={"home": tmp_path, "kafka": "127.0.0.1:9"})
    desk = Desk(settings, getattr(request, "param", ROLE))
    task = asyncio.create_task(desk.consumer._drain_messages(desk.consumer))
    yield desk
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    desk.consumer._thread.thread_loop.close()


async def turns() -> None:
    """Let everything happen that can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_nothing_is_polled_before_all_that_was_polled_is_worked_on(desk: Desk) -> None:
    desk.source.next.put_nowait({0: [4, 5], 1: [7]})
    assert await desk.handed.get() == (0, [4, 5])
    await turns()
    assert desk.handed.empty()
    desk.consumer.worked_off()
    assert await desk.handed.get() == (1, [7])
    await turns()
    assert desk.source.polls == 1
    desk.consumer.worked_off()
    await turns()
    assert desk.source.polls == 2


async def test_what_is_polled_when_the_flow_stops_is_not_handed_over(desk: Desk) -> None:
    desk.source.next.put_nowait({0: [4, 5], 1: [7]})
    await desk.handed.get()
    desk.consumer.stop_flow()
    await turns()
    assert desk.handed.empty()


async def test_a_batch_that_was_dropped_in_a_rebalance_holds_up_nobody(desk: Desk) -> None:
    desk.source.next.put_nowait({0: [4, 5]})
    await desk.handed.get()
    desk.consumer.stop_flow()
    desk.consumer.resume_flow()
    desk.source.next.put_nowait({0: [4, 5, 6]})
    assert await desk.handed.get() == (0, [4, 5, 6])


async def test_a_table_that_comes_back_is_not_waited_for(desk: Desk) -> None:
    changelog = TP("changelog", 0)
    for at in range(2):
        record = ConsumerRecord(*changelog, at, 0, 0, b"key", b"value", 0, 0, 0, ())
        await asyncio.wait_for(desk.consumer._hand_over(changelog, record), LIMIT_S)


async def test_offsets_are_committed_although_batches_leave_gaps_between_them(desk: Desk) -> None:
    place = TP(desk.source.topic, 0)
    desk.consumer._acked[place] += [17, 40]
    assert desk.consumer._new_offset(place) == 41
    assert desk.consumer._new_offset(place) is None


@pytest.mark.parametrize("desk", [MARKET_DATA], indirect=True)
async def test_what_comes_behind_a_few_trades_gathers_a_while(desk: Desk) -> None:
    desk.source.next.put_nowait({0: [4]})
    await desk.is_handed(0, [4])
    began = asyncio.get_running_loop().time()
    desk.source.next.put_nowait({0: [5, 6]})
    await desk.is_handed(0, [5, 6])
    assert asyncio.get_running_loop().time() - began > MARKET_DATA.gather_s / 2


@pytest.mark.parametrize("desk", [MARKET_DATA], indirect=True)
async def test_a_backlog_of_trades_is_taken_without_a_pause(desk: Desk) -> None:
    began = asyncio.get_running_loop().time()
    for first in range(0, 10_000, 200):
        offsets = list(range(first, first + 200))
        desk.source.next.put_nowait({0: offsets})
        await desk.is_handed(0, offsets)
    assert asyncio.get_running_loop().time() - began < 40 * MARKET_DATA.gather_s
