"""Brokers in memory, in place of aiokafka's client: what readers and writers have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError

from infra.kafka import brokers
from infra.kafka.wire import Wire


class MemoryCluster:
    """Knows who leads what, as a test has it, and connects to brokers that are not away.

    `wire` makes a connection to a broker; `errors` are the codes with which brokers answer for a
    partition.
    """

    def __init__(self, wire: Callable[[int], Wire], *places: TopicPartition) -> None:
        self._wire = wire
        self.cluster = self
        self.unauthorized_topics: set[str] = set()
        self.leaders: dict[TopicPartition, int] = dict.fromkeys(places, 1)
        self.errors: dict[TopicPartition, int] = {}
        self.away: set[int] = set()
        self.updates = 0

    def stand_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Be what clients that are made from now on connect to; they do not wait between tries."""
        monkeypatch.setattr(brokers, "RETRY_S", 0.0)
        monkeypatch.setattr(brokers, "AIOKafkaClient", lambda **_: self)
        monkeypatch.setattr(Wire, "connect", self.connect)

    async def connect(self, host: str, port: int, **options: object) -> Wire:
        if port in self.away:
            raise KafkaConnectionError(port)
        return self._wire(port)

    def leader_for_partition(self, place: TopicPartition) -> int | None:
        return self.leaders.get(place)

    def broker_metadata(self, node: int) -> SimpleNamespace | None:
        return None if node == -1 else SimpleNamespace(host="broker", port=node)

    def get_random_node(self) -> int:
        return 1

    def add_topic(self, topic: str) -> asyncio.Future[bool]:
        return self.force_metadata_update()

    def force_metadata_update(self) -> asyncio.Future[bool]:
        self.updates += 1
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        done.set_result(True)
        return done

    async def bootstrap(self) -> None: ...

    async def close(self) -> None: ...
