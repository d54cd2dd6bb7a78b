"""How far behind the log those are who work on it."""

from __future__ import annotations

import asyncio
import time

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from infra.kafka.consumer import consuming
from infra.settings import Settings
from projections.feeds import FEEDS

ASK_EVERY_S = 0.1


def drained_s(settings: Settings, limit_s: float) -> float:
    """How long the projections take from now until the database has all that the log has.

    `limit_s` where they take longer.
    """
    return asyncio.run(_drained_s(settings, limit_s))


async def _drained_s(settings: Settings, limit_s: float) -> float:
    began = time.perf_counter()
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.broker)
    await admin.start()
    try:
        async with consuming(settings.broker) as consumer:
            ends = await consumer.end_offsets(_read_by_projections(settings))
        while (taken := time.perf_counter() - began) < limit_s:
            if await _lag(admin, settings, ends) == 0:
                return taken
            await asyncio.sleep(ASK_EVERY_S)
        return limit_s
    finally:
        await admin.close()


async def _lag(
    admin: AIOKafkaAdminClient, settings: Settings, ends: dict[TopicPartition, int]
) -> int:
    """Records that are in the log and not in the database, of those below the ends."""
    lag = 0
    for feed in FEEDS:
        names = {topic.name(settings.venue) for topic in feed.reads}
        committed = await admin.list_consumer_group_offsets(feed.group(settings.venue))
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
