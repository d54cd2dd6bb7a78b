"""Reads back, off the ends of a worker's output partitions, what has been published."""

from __future__ import annotations

from collections.abc import Iterable

from aiokafka import AIOKafkaConsumer, TopicPartition

from infra.settings import Settings
from streams.runtime.dead_letters import name_of_dead_letter
from streams.runtime.names import Edge, name_of
from streams.runtime.provision import broker
from streams.topics import DEAD_LETTERS, Topic

POLL_MS = 5_000
READ_MAX = 5_000


class ReadTimeout(TimeoutError):
    """The broker said there were records, and did not give them in time."""


async def end_offsets(
    settings: Settings, topic: Topic, partitions: Iterable[int]
) -> dict[int, int]:
    """The offset that the next record of each of a topic's partitions will have."""
    name = topic.name(settings.venue)
    consumer = AIOKafkaConsumer(bootstrap_servers=broker(settings), enable_auto_commit=False)
    await consumer.start()
    try:
        ends = await consumer.end_offsets([TopicPartition(name, p) for p in partitions])
        return {tp.partition: end for tp, end in ends.items()}
    finally:
        await consumer.stop()


async def last_published(
    settings: Settings, partitions: Iterable[tuple[Topic, int]]
) -> dict[Edge, int]:
    """The last name of each edge that is found in these partitions, read from their beginning.

    Raises `ReadTimeout` when the broker gives nothing for 5 s short of the end.
    """
    topics = {
        TopicPartition(topic.name(settings.venue), partition): topic
        for topic, partition in partitions
    }
    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker(settings), enable_auto_commit=False, max_poll_records=READ_MAX
    )
    await consumer.start()
    try:
        consumer.assign(list(topics))
        ends = await consumer.end_offsets(list(topics))
        starts = await consumer.beginning_offsets(list(topics))
        behind = {tp for tp, end in ends.items() if end > starts[tp]}
        await consumer.seek_to_beginning(*topics)
        found: dict[Edge, int] = {}
        while behind:
            polled = await consumer.getmany(*behind, timeout_ms=POLL_MS)
            if not polled:
                raise ReadTimeout(f"nothing read for {POLL_MS} ms, short of the end of {behind}")
            for tp, records in polled.items():
                _note(found, topics[tp], tp.partition, records)
            # A compacted partition ends in an offset that may hold no record: ask for positions.
            behind = {tp for tp in behind if await consumer.position(tp) < ends[tp]}
        return found
    finally:
        await consumer.stop()


def _note(found: dict[Edge, int], topic: Topic, partition: int, records: list[object]) -> None:
    for record in records:
        if topic is DEAD_LETTERS:
            name = name_of_dead_letter(record)
        else:
            name = name_of(topic, record.value)  # type: ignore[attr-defined]
        if name is not None:
            edge = Edge(topic.short, partition, name[0])
            found[edge] = max(name[1], found.get(edge, 0))
