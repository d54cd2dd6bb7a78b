"""A tail goes on while partitions are added to it."""

from __future__ import annotations

from aiokafka import TopicPartition

from api.feeds.tail import TopicTail, from_beginning
from infra.settings import Settings
from streams.topics import DEPTH, MARKETS


class Consumer:
    """Partitions of which each has ten records."""

    def assign(self, places: list[TopicPartition]) -> None: ...

    def seek(self, place: TopicPartition, offset: int) -> None: ...

    async def beginning_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, 0)

    async def end_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, 10)


async def test_how_far_it_is_behind_is_asked_while_a_partition_is_about_to_be_followed() -> None:
    tail = TopicTail(
        Settings(venue="test", kafka="nowhere:1", market_partitions=1),
        {MARKETS: from_beginning, DEPTH: from_beginning},
        lambda topic, partition, records: None,
        asked_for=(DEPTH,),
    )
    consumer = Consumer()
    await tail._begin(consumer)
    tail.follow(DEPTH, 0)
    await tail._check(consumer)
    assert tail.lag == 10
    await tail._begin(consumer)
    await tail._check(consumer)
    assert tail.lag == 20
