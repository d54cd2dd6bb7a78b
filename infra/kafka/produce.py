"""What a broker is asked to append, and what it answers, in bytes; see `infra/kafka/fetch.py`."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from aiokafka import TopicPartition
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from infra.kafka.fetch import by_topic, in_topics

API, VERSION = 0, 7
"""Kafka has this version since 2.1, Redpanda as well."""

BATCH_BYTES_MAX = 1 << 20
SEQUENCES = 2**31

_REQUEST = struct.Struct(">hhi")
"""Length of a transaction's name (none), who has to have it (all), how long that may take."""

_BATCH = struct.Struct(">ii")
"""Partition, length of the batch."""

_ACK = struct.Struct(">hqqq")
"""Error, offset of the first record, log's time, first offset held."""

ALL = -1


class Ack(NamedTuple):
    """What became of a batch: where its first record lies, and the log's time in milliseconds.

    `error` is the protocol's code, 0 for none.
    """

    place: TopicPartition
    error: int
    offset: int
    timestamp: int


class Batch:
    """Records of one partition, encoded."""

    def __init__(self) -> None:
        self._builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, BATCH_BYTES_MAX)
        self.count = 0

    def add(self, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> bool:
        """Whether there was room for another record; for the first there is."""
        if self._builder.append(self.count, None, key, value, headers) is None:
            return False
        self.count += 1
        return True

    def sealed(self, producer: int, epoch: int, sequence: int) -> bytes:
        """The batch under its name: by it a broker knows what it has already.

        Once, as what it was put together in, up to a megabyte, is let go.
        """
        self._builder.set_producer_state(producer, epoch, sequence)
        whole = bytes(self._builder.build())
        del self._builder
        return whole


def request(batches: Mapping[TopicPartition, bytes], limit_ms: int) -> bytes:
    """To append a batch to each partition, acknowledged once all replicas have it."""
    head = _REQUEST.pack(-1, ALL, limit_ms)
    return head + by_topic(
        (place, _BATCH.pack(place.partition, len(batch)) + batch)
        for place, batch in batches.items()
    )


def acks(answer: bytes) -> Iterator[Ack]:
    """What an answer says of each partition. Raises `struct.error` where it is none."""
    for place, (error, offset, timestamp) in in_topics(answer, 0, _ack):
        yield Ack(place, error, offset, timestamp)


def _ack(answer: bytes, at: int) -> tuple[tuple[int, int, int], int]:
    error, offset, timestamp, _ = _ACK.unpack_from(answer, at)
    return (error, offset, timestamp), at + _ACK.size
