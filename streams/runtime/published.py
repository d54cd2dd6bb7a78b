"""Reads back, off a worker's output partitions, what it has published."""

from __future__ import annotations

from collections.abc import Mapping

from streams.runtime.dead_letters import name_of_dead_letter
from streams.runtime.names import Edge, name_of
from streams.runtime.ports import Log, Place
from streams.topics import DEAD_LETTERS


async def last_published(log: Log, starts: Mapping[Place, int]) -> dict[Edge, int]:
    """The last name of each edge at these places, looking from these offsets to the end."""
    found: dict[Edge, int] = {}
    async for (topic, partition), records in log.read(starts):
        for record in records:
            if topic is DEAD_LETTERS:
                name = name_of_dead_letter(record)
            else:
                name = name_of(topic, record.value)
            if name is not None:
                source, seq = name
                edge = Edge(topic.short, partition, source)
                found[edge] = max(seq, found.get(edge, 0))
    return found
