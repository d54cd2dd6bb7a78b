"""Appends to the log, each batch once: an idempotent producer for who waits for what it appends.

What aiokafka's producer does for many who send at any time, made for one who appends, waits, and
goes on: no queue, no task behind it. Each batch carries the producer's number and the number of its
first record in its partition, given out once. A broker that was not heard is sent the very same
bytes again, and one that has them already says where. Only one batch of a partition is ever on its
way, so that none can overtake another.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError, for_code
from aiokafka.protocol.transaction import InitProducerIdRequest

from infra.kafka import produce
from infra.kafka.brokers import NOBODY, RETRY_S, Brokers
from infra.kafka.produce import Ack, Batch

STOP_LIMIT_S = 5.0
NOT_YET = (14, 15, 16, 51)
"""Errors of a broker that has no number for a producer yet: it has just been started."""


class WriterLost(KafkaError):  # type: ignore[misc]
    """An append was given up before: how much of it the log has is unknown."""


class Writer:
    """Appends for one task at a time.

    `allowed` is called right before anything is sent, also again, and raises where it must not be.
    A connection on which a broker does not answer for `limit_s` is replaced by another. The options
    are those of `Settings.kafka_client`, and aiokafka's own for a client.
    """

    def __init__(self, *, allowed: Callable[[], None], limit_s: float, **options: Any) -> None:
        self._brokers = Brokers(produce.API, produce.VERSION, **options)
        self._allowed = allowed
        self._limit_s = limit_s
        self._producer, self._epoch = -1, -1
        self._sequences: defaultdict[TopicPartition, int] = defaultdict(int)
        self._is_lost = False

    async def start(self) -> None:
        """Connect. Raises `KafkaError` when there is no broker; may be called again then."""
        try:
            await self._brokers.start()
            self._producer, self._epoch = await self._named()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Disconnect. Raises `TimeoutError`."""
        async with asyncio.timeout(STOP_LIMIT_S):
            await self._brokers.stop()

    async def append(self, batches: Mapping[TopicPartition, Batch]) -> dict[TopicPartition, Ack]:
        """Append a batch to each partition; where each lies, once all replicas have it.

        A broker that is away is tried until it is back.

        Raises `KafkaError` where a broker refuses, and what `allowed` does. After that, and after
        a cancellation, the writer is lost.
        """
        if self._is_lost:
            raise WriterLost
        self._is_lost = True
        await self._brokers.know(batches)
        pending = {place: self._sealed(place, batch) for place, batch in batches.items()}
        found: dict[TopicPartition, Ack] = {}
        while pending:
            for ack in await self._sent(pending):
                if not ack.error:
                    found[ack.place] = ack
                    del pending[ack.place]
                elif not for_code(ack.error).retriable:
                    raise for_code(ack.error)(ack.place)
            if pending:
                await self._brokers.learn()
        self._is_lost = False
        return found

    def _sealed(self, place: TopicPartition, batch: Batch) -> bytes:
        sequence = self._sequences[place]
        self._sequences[place] = (sequence + batch.count) % produce.SEQUENCES
        return batch.sealed(self._producer, self._epoch, sequence)

    async def _sent(self, batches: Mapping[TopicPartition, bytes]) -> list[Ack]:
        """Send each to who leads its partition; what those answered that did."""
        shares: defaultdict[int, dict[TopicPartition, bytes]] = defaultdict(dict)
        for place, batch in batches.items():
            shares[self._brokers.leader(place)][place] = batch
        shares.pop(NOBODY, None)
        for node in shares:
            if self._brokers.wire(node) is None:
                await self._brokers.connect(node)
        # From here all is written to the connections without a wait in between.
        self._allowed()
        limit_ms = int(self._limit_s * 1000)
        asked = {
            node: wire.ask(produce.API, produce.VERSION, produce.request(share, limit_ms))
            for node, share in shares.items()
            if (wire := self._brokers.wire(node)) is not None
        }
        acks: list[Ack] = []
        for node, answer in asked.items():
            try:
                async with asyncio.timeout(self._limit_s):
                    acks += produce.acks(await answer)
            except (KafkaConnectionError, TimeoutError) as error:
                self._brokers.lose(node, error)
        return acks

    async def _named(self) -> tuple[int, int]:
        """The number that the cluster gives this producer, and its epoch."""
        while True:
            answer = await self._brokers.send(InitProducerIdRequest(None, 0))
            if not answer.error_code:
                return answer.producer_id, answer.producer_epoch
            if answer.error_code not in NOT_YET:
                raise for_code(answer.error_code)
            await asyncio.sleep(RETRY_S)
