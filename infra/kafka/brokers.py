"""The brokers of a cluster: who leads what, and a wire to each that is needed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from infra.kafka.wire import Wire

log = logging.getLogger(__name__)

REQUEST_LIMIT_S = 10.0
"""A connection on which an answer takes longer is replaced by another."""

RETRY_S = 0.1

NOBODY = -1
"""In place of the number of a broker: of partitions of which it is not known who leads them."""


class Brokers:
    """Connects to the leaders of partitions, for requests of one kind.

    The options are those of `Settings.kafka_client`, and aiokafka's own for a client.
    """

    def __init__(
        self,
        api: int,
        version: int,
        *,
        bootstrap_servers: str,
        client_id: str = "velocity",
        **options: Any,
    ) -> None:
        self._api, self._version = api, version
        self._bootstrap_servers = bootstrap_servers
        self._options = options | {"client_id": client_id}
        self._client: AIOKafkaClient = None
        self._wires: dict[int, Wire] = {}
        self._topics: set[str] = set()

    async def start(self) -> None:
        """Connect. Raises `KafkaError`; may be called again then."""
        # Made late, as it binds itself to the running loop.
        self._client = AIOKafkaClient(
            bootstrap_servers=self._bootstrap_servers,
            request_timeout_ms=int(REQUEST_LIMIT_S * 1000),
            **self._options,
        )
        self._topics.clear()
        await self._client.bootstrap()

    async def stop(self) -> None:
        """Disconnect. Bound its time."""
        for wire in self._wires.values():
            wire.close()
        self._wires.clear()
        if self._client is not None:
            await self._client.close()

    async def know(self, places: Iterable[TopicPartition]) -> None:
        """Learn of topics that are new to us; other news of them comes by itself from then on."""
        new = {place.topic for place in places} - self._topics
        if new:
            await asyncio.gather(*map(self._client.add_topic, new))
            self._topics |= new

    def leader(self, place: TopicPartition) -> int:
        """Who leads a partition, `NOBODY` for who knows. Raises `TopicAuthorizationFailedError`."""
        cluster = self._client.cluster
        if place.topic in cluster.unauthorized_topics:
            raise TopicAuthorizationFailedError(place.topic)
        leader: int | None = cluster.leader_for_partition(place)
        return NOBODY if leader is None else leader

    def wire(self, node: int) -> Wire | None:
        """The connection to a broker, if there is one."""
        return self._wires.get(node)

    async def connect(self, node: int) -> None:
        """Have a connection to a broker, or at least news of who leads what.

        Raises `IncompatibleBrokerVersion`.
        """
        broker = self._client.cluster.broker_metadata(node)
        if broker is None:
            await self.learn()
            return
        try:
            async with asyncio.timeout(REQUEST_LIMIT_S):
                wire = await Wire.connect(broker.host, broker.port, **self._options)
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("no connection to broker %d: %r", node, error)
            await self.learn()
        else:
            self._wires[node] = wire
            wire.check(self._api, self._version)

    def lose(self, node: int, error: Exception) -> None:
        """Give a connection up: it was lost."""
        log.warning("broker %d does not answer: %r", node, error)
        wire = self._wires.pop(node, None)
        if wire is not None:
            wire.close()

    async def learn(self) -> None:
        """Ask anew who leads what, a moment later."""
        await asyncio.sleep(RETRY_S)
        await self._client.force_metadata_update()

    async def send(self, request: Any, node: int | None = None) -> Any:
        """The answer to one of aiokafka's requests, from any broker. Raises `KafkaError`."""
        return await self._client.send(
            self._client.get_random_node() if node is None else node, request
        )
