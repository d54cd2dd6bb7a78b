"""The broker, through aiokafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from itertools import zip_longest
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from infra.kafka.consumer import consuming
from infra.kafka.produce import Batch
from infra.kafka.writer import Writer
from infra.settings import Settings
from streams.messages.epoch import Epoch
from streams.runtime.ports import Kept, Place, Record
from streams.runtime.transport import Lease

ACK_TIMEOUT_S = 30.0
POLL_MS = 5_000
POLL_RECORDS = 5_000


class ReadTimeout(TimeoutError):
    """The broker said there were records, and did not give them in time."""


class KafkaLog:
    """Appends with an idempotent producer, all replicas acknowledging, while the lease holds.

    Offsets are logical on this side of it: those of `epoch`, to be set before it is used.
    """

    def __init__(self, settings: Settings, lease: Lease, epoch: Epoch | None = None) -> None:
        self._settings = settings
        self._lease = lease
        self.epoch = epoch or Epoch()
        # A worker can be paused at any moment, also while it waits to send something again: the
        # lease is looked at each time, right before anything leaves.
        self._writer = Writer(allowed=lease.check, limit_s=ACK_TIMEOUT_S, **settings.kafka_client)

    async def start(self) -> None:
        """Connect. Raises `KafkaError` when there is no broker; may be called again then."""
        await self._writer.start()

    async def stop(self) -> None:
        """Disconnect; nothing is on its way any more. Raises `TimeoutError`."""
        await self._writer.stop()

    async def append(self, records: Mapping[Place, list[Record]]) -> dict[Place, int]:
        """As the port says. Raises `LeaseLost`, `KafkaError`, `TimeoutError`."""
        self._lease.check()
        rounds = [[(place, batch) for batch in _batches(sent)] for place, sent in records.items()]
        # They are in the batches; whoever awaits this would keep them until the log has those.
        for given in records.values():
            given.clear()
        ends: dict[Place, int] = {}
        async with asyncio.timeout(ACK_TIMEOUT_S):
            for each in zip_longest(*rounds):
                batches = {self._partition_of(sent[0]): sent for sent in each if sent is not None}
                found = await self._writer.append({tp: b for tp, (_, b) in batches.items()})
                for tp, (place, batch) in batches.items():
                    # A batch is acknowledged with the offset of its first record.
                    ends[place] = self.epoch.logical(found[tp].offset + batch.count)
        # Where the acknowledgement took longer than the session, another may have gone on from
        # what it found meanwhile: where these records lie says nothing about what it wrote then.
        self._lease.check()
        return ends

    async def read(self, starts: Mapping[Place, int]) -> AsyncIterator[tuple[Place, list[Kept]]]:
        """As the port says; a start that is not held any more means the first that is.

        Raises `ReadTimeout` when the broker gives nothing for 5 s short of the end.
        """
        if not starts:
            return
        places = {self._partition_of(place): place for place in starts}
        async with self._consumer() as consumer:
            consumer.assign(list(places))
            firsts = await consumer.beginning_offsets(list(places))
            ends = await consumer.end_offsets(list(places))
            for tp, place in places.items():
                consumer.seek(tp, max(self.epoch.physical(starts[place]), firsts[tp]))
            behind = [tp for tp in places if await consumer.position(tp) < ends[tp]]
            while behind:
                polled = await consumer.getmany(*behind, timeout_ms=POLL_MS)
                if not polled:
                    raise ReadTimeout(f"nothing read for {POLL_MS} ms, short of the end: {behind}")
                for tp, records in polled.items():
                    yield places[tp], [kept(record, self.epoch) for record in records]
                # A compacted partition may end in offsets without a record: ask for positions.
                behind = [tp for tp in behind if await consumer.position(tp) < ends[tp]]

    async def bounds(self, places: Iterable[Place]) -> dict[Place, tuple[int, int]]:
        partitions = {self._partition_of(place): place for place in places}
        async with self._consumer() as consumer:
            firsts = await consumer.beginning_offsets(list(partitions))
            ends = await consumer.end_offsets(list(partitions))
        logical = self.epoch.logical
        return {place: (logical(firsts[tp]), logical(ends[tp])) for tp, place in partitions.items()}

    def _partition_of(self, place: Place) -> TopicPartition:
        topic, partition = place
        return TopicPartition(topic.name(self._settings.venue), partition)

    def _consumer(self) -> AbstractAsyncContextManager[AIOKafkaConsumer]:
        return consuming(**self._settings.kafka_client, max_poll_records=POLL_RECORDS)


def _batches(records: list[Record]) -> Iterator[Batch]:
    """As few batches as have room for the records, in their order."""
    batch = Batch()
    for record in records:
        if not batch.add(record.key, record.value, record.headers):
            yield batch
            batch = Batch()
            batch.add(record.key, record.value, record.headers)
    yield batch


def kept(record: Any, epoch: Epoch) -> Kept:
    """A record as the broker's client gives it, at its logical offset."""
    return Kept(
        epoch.logical(record.offset),
        record.timestamp,
        record.key or b"",
        record.value or b"",
        list(record.headers),
    )
