"""How far behind the log those are who work on it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from infra.kafka.consumer import consuming
from infra.settings import Settings
from projections.feeds import FEEDS

ASK_EVERY_S = 0.02


@contextmanager
def watched(settings: Settings) -> Iterator[Backlog]:
    """Connected until the end of the block: to connect takes as long as what is to be measured."""
    with asyncio.Runner() as runner:
        connected = _connected(settings)
        admin, consumer = runner.run(connected.__aenter__())
        try:
            yield Backlog(settings, runner, admin, consumer)
        finally:
            runner.run(connected.__aexit__(None, None, None))


@asynccontextmanager
async def _connected(
    settings: Settings,
) -> AsyncIterator[tuple[AIOKafkaAdminClient, AIOKafkaConsumer]]:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.broker)
    await admin.start()
    try:
        async with consuming(settings.broker) as consumer:
            yield admin, consumer
    finally:
        await admin.close()


class Backlog:
    """What the log has and the database does not."""

    def __init__(
        self,
        settings: Settings,
        runner: asyncio.Runner,
        admin: AIOKafkaAdminClient,
        consumer: AIOKafkaConsumer,
    ) -> None:
        self._settings = settings
        self._runner = runner
        self._admin = admin
        self._consumer = consumer

    def drained_s(self, limit_s: float) -> float:
        """How long the projections take from now until the database has all that the log has.

        `limit_s` where they take longer.
        """
        return self._runner.run(self._drained_s(limit_s))

    async def _drained_s(self, limit_s: float) -> float:
        began = time.perf_counter()
        ends = await self._consumer.end_offsets(_read_by_projections(self._settings))
        while (taken := time.perf_counter() - began) < limit_s:
            if await self._lag(ends) == 0:
                return taken
            await asyncio.sleep(ASK_EVERY_S)
        return limit_s

    async def _lag(self, ends: dict[TopicPartition, int]) -> int:
        """Records that are in the log and not in the database, of those below the ends."""
        lag = 0
        for feed in FEEDS:
            names = {topic.name(self._settings.venue) for topic in feed.reads}
            group = feed.group(self._settings.venue)
            committed: dict[TopicPartition, Any] = await self._admin.list_consumer_group_offsets(
                group
            )
            for place, end in ends.items():
                if place.topic in names:
                    known = committed.get(place)
                    lag += max(0, end - (max(known.offset, 0) if known is not None else 0))
        return lag


def _read_by_projections(settings: Settings) -> list[TopicPartition]:
    return [
        TopicPartition(topic.name(settings.venue), number)
        for feed in FEEDS
        for topic in feed.reads
        for number in range(
            topic.partitions(settings.account_partitions, settings.market_partitions)
        )
    ]
