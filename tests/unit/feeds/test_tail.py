"""A tail goes on while partitions are added to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from aiokafka import TopicPartition

from api.feeds.tail import TopicTail, from_beginning
from infra.kafka.reader import Reader
from infra.settings import Settings
from streams.topics import DEPTH, MARKETS


class TenRecords(Reader):
    """Partitions of which each has ten records."""

    def __init__(self) -> None: ...

    async def assign(self, positions: Mapping[TopicPartition, int]) -> None: ...

    async def firsts(self, places: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, 0)

    async def ends(self, places: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, 10)


async def test_how_far_it_is_behind_is_asked_while_a_partition_is_about_to_be_followed() -> None:
    tail = TopicTail(
        Settings(venue="test", kafka="nowhere:1", market_partitions=1),
        {MARKETS: from_beginning, DEPTH: from_beginning},
        lambda topic, partition, records: None,
        asked_for=(DEPTH,),
    )
    reader = TenRecords()
    await tail._begin(reader)
    tail.follow(DEPTH, 0)
    await tail._check(reader)
    assert tail.lag == 10
    await tail._begin(reader)
    await tail._check(reader)
    assert tail.lag == 20
