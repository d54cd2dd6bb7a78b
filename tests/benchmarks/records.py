"""Records in bulk: a venue's topics filled beforehand, and read back afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition

from infra.kafka.consumer import consuming
from infra.settings import Settings
from streams.topics import Topic

Partition = tuple[Topic, int]

BATCH_BYTES = 1024 * 1024
POLL_MS = 5_000
POLL_RECORDS = 5_000
FETCH_BYTES = 8 * 1024 * 1024


async def fill(settings: Settings, values: Mapping[Partition, Sequence[bytes]]) -> None:
    """Append these records, without keys, in order at each place."""
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.broker,
        acks="all",
        enable_idempotence=True,
        max_batch_size=BATCH_BYTES,
        max_request_size=4 * BATCH_BYTES,
    )
    await producer.start()
    try:
        for (topic, partition), records in values.items():
            name = topic.name(settings.venue)
            for value in records:
                await producer.send(name, value, partition=partition)
        await producer.flush()
    finally:
        await producer.stop()


async def read_all(settings: Settings, places: Sequence[Partition]) -> dict[Partition, list[Any]]:
    """Every record of these places, as the client gives them. Raises `TimeoutError`."""
    names = {TopicPartition(topic.name(settings.venue), p): (topic, p) for topic, p in places}
    found: dict[Partition, list[Any]] = {place: [] for place in places}
    async with consuming(
        settings.broker, max_poll_records=POLL_RECORDS, max_partition_fetch_bytes=FETCH_BYTES
    ) as consumer:
        consumer.assign(list(names))
        await consumer.seek_to_beginning(*names)
        ends = await consumer.end_offsets(list(names))
        while behind := [tp for tp in names if await consumer.position(tp) < ends[tp]]:
            polled = await consumer.getmany(*behind, timeout_ms=POLL_MS)
            if not polled:
                raise TimeoutError(f"nothing read for {POLL_MS} ms, short of the end of {behind}")
            for tp, records in polled.items():
                found[names[tp]] += records
    return found
