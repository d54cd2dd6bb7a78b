"""What a topic said before: a partition read again, from a place on, beside whoever follows it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from api.feeds.tail import Record
from infra.kafka.consumer import consuming
from infra.settings import Settings
from streams.messages import Depth, MarketId, depths
from streams.topics import DEPTH, Topic

POLL_MS = 250
RECORDS_PER_POLL = 500

REACH = 256
"""Records of a partition to begin with, when nobody knows how far back an event lies."""

RECORDS_MAX = 20_000
"""As far as a book's diffs are looked for: minutes of a busy market."""


class Partition(NamedTuple):
    """A partition as it was when it was opened: its first record, and where the next one goes."""

    consumer: AIOKafkaConsumer
    place: TopicPartition
    first: int
    end: int

    async def records(self, start: int) -> AsyncIterator[list[Record]]:
        """What is there from a place on, in batches. Ends where it ended when it was opened."""
        self.consumer.seek(self.place, start)
        while await self.consumer.position(self.place) < self.end:
            found = await self.consumer.getmany(
                self.place, timeout_ms=POLL_MS, max_records=RECORDS_PER_POLL
            )
            batch = found.get(self.place)
            if batch:
                yield batch
            # Whoever follows the log live comes first.
            await asyncio.sleep(0)


@asynccontextmanager
async def opened(settings: Settings, topic: Topic, number: int) -> AsyncIterator[Partition]:
    """A partition, for as long as the block. Raises `KafkaError`; bound its time."""
    place = TopicPartition(topic.name(settings.venue), number)
    async with consuming(
        **settings.kafka_client,
        client_id="velocity-past",
        # What is gone by the time it is read must not be jumped over unseen.
        auto_offset_reset="none",
    ) as consumer:
        consumer.assign([place])
        first = (await consumer.beginning_offsets([place]))[place]
        end = (await consumer.end_offsets([place]))[place]
        yield Partition(consumer, place, first, end)


async def diffs_since(
    settings: Settings, number: int, market: MarketId, since: int, until: int
) -> list[Depth] | None:
    """A market's records of `depth` that cover its events after `since`, up to `until` at least.

    None where they lie too far back. `until` has to be on the log by now. Raises `KafkaError`.
    """
    async with opened(settings, DEPTH, number) as partition:
        reach = REACH
        while True:
            start = max(partition.end - reach, partition.first)
            found = await _diffs_from(partition, start, market, since, until)
            if found is not None:
                return found
            if start == partition.first or reach >= RECORDS_MAX:
                return None
            reach = min(4 * reach, RECORDS_MAX)


async def _diffs_from(
    partition: Partition, start: int, market: MarketId, since: int, until: int
) -> list[Depth] | None:
    """None as soon as it shows that this begins too late."""
    found: list[Depth] = []
    name = market.encode()
    async for records in partition.records(start):
        for record in records:
            # Most are of other markets, where a partition has several.
            if record.value is None or name not in record.value:
                continue
            depth = _depth(record.value)
            if depth is None or depth.market != market:
                continue
            if not found and depth.first_seq > since + 1:
                return None
            found.append(depth)
            if depth.seq >= until:
                return found
    return found or None


def _depth(value: bytes) -> Depth | None:
    try:
        return depths.decode(value)
    except msgspec.DecodeError:
        return None  # whoever follows the topic logs and counts it
