"""The broker, through aiokafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.protocol.produce import ProduceRequest

from infra.consumer import consuming
from infra.settings import Settings
from streams.messages.epoch import Epoch
from streams.runtime.ports import Kept, Place, Record
from streams.runtime.transport import Lease

ACK_TIMEOUT_S = 30.0
STOP_LIMIT_S = 10.0
BATCH_BYTES_MAX = 1024 * 1024
REQUEST_BYTES_MAX = 4 * 1024 * 1024
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
        self._producer: AIOKafkaProducer = None

    async def start(self) -> None:
        """Connect. Raises `KafkaError` when there is no broker; may be called again then."""
        if self._producer is None:
            self._producer = self._new_producer()
        await self._producer.start()
        self._hold_to_the_lease(self._producer.client)

    def _new_producer(self) -> AIOKafkaProducer:
        """Made late, as it binds itself to the running loop."""
        return AIOKafkaProducer(
            **self._settings.kafka_client,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=BATCH_BYTES_MAX,
            max_request_size=REQUEST_BYTES_MAX,
            request_timeout_ms=int(ACK_TIMEOUT_S * 1000),
        )

    def _hold_to_the_lease(self, client: Any) -> None:
        """Let no request to append leave, nor leave again, once the lease is lost.

        A worker can be paused at any moment, also with records in its producer, which repeats them
        until the log has them.
        """
        send = client.send

        async def leased_send(node_id: int, request: Any, **options: Any) -> Any:
            if isinstance(request, ProduceRequest):
                await client.ready(node_id)
                # From here the request is written to the connection without a wait in between.
                self._lease.check()
            return await send(node_id, request, **options)

        client.send = leased_send

    async def stop(self) -> None:
        """Disconnect. Raises `TimeoutError` where the broker does not take what is left."""
        if self._producer is not None:
            async with asyncio.timeout(STOP_LIMIT_S):
                await self._producer.stop()

    async def append(self, records: Mapping[Place, list[Record]]) -> dict[Place, int]:
        """As the port says. Raises `LeaseLost`, `KafkaError`, `TimeoutError`."""
        self._lease.check()
        acks: list[Any] = []
        counts: list[tuple[Place, int]] = []
        async with asyncio.timeout(ACK_TIMEOUT_S):
            for place, sent in records.items():
                name = place[0].name(self._settings.venue)
                for batch in self._batches(sent):
                    acks.append(await self._producer.send_batch(batch, name, partition=place[1]))
                    counts.append((place, batch.record_count()))
            acknowledged = await asyncio.gather(*acks)
        # Where the acknowledgement took longer than the session, another may have gone on from
        # what it found meanwhile: where these records lie says nothing about what it wrote then.
        self._lease.check()
        # A batch is acknowledged with the offset of its first record.
        return {
            place: self.epoch.logical(ack.offset + count)
            for (place, count), ack in zip(counts, acknowledged, strict=True)
        }

    def _batches(self, records: list[Record]) -> Iterator[Any]:
        batch = self._producer.create_batch()
        for record in records:
            if not _add(batch, record):
                yield batch
                batch = self._producer.create_batch()
                if not _add(batch, record):
                    raise ValueError(f"a record of {len(record.value)} bytes fits no batch")
        yield batch

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


def _add(batch: Any, record: Record) -> bool:
    added = batch.append(key=record.key, value=record.value, timestamp=None, headers=record.headers)
    return added is not None


def kept(record: Any, epoch: Epoch) -> Kept:
    """A record as the broker's client gives it, at its logical offset."""
    return Kept(
        epoch.logical(record.offset),
        record.timestamp,
        record.key or b"",
        record.value or b"",
        list(record.headers),
    )
