"""What a broker is asked for records, and what it answers, in bytes: fetch sessions (KIP-227).

The broker remembers which partitions a session follows, and from where. So a fetch names those that
have moved since the last, and its answer those that have something to tell: both cost what they
carry, however many partitions are followed.

aiokafka (0.14) has no sessions, and puts requests together and takes answers apart field by field.
Here it is done in a few steps for each partition that is named.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeVar

from aiokafka import TopicPartition
from aiokafka.errors import for_code

API, VERSION = 1, 11
"""Kafka has this version since 2.3, Redpanda as well."""

ANSWER_BYTES_MAX = 50 << 20
PARTITION_BYTES_MAX = 1 << 20
"""A batch of records that is larger comes all the same, alone."""

EPOCH_MAX = 2**31 - 1

_REQUEST = struct.Struct(">iiiibii")
"""Replica (none), longest wait, fewest and most bytes, isolation (none), session, its epoch."""

_COUNT = struct.Struct(">i")
_LENGTH = struct.Struct(">h")
_ASKED = struct.Struct(">iiqqi")
"""Partition, its leader's epoch (unknown), offset, where its log begins (not ours), most bytes."""

_ANSWER = struct.Struct(">ihi")
"""Throttled for, error, session."""

_TOLD = struct.Struct(">hqqqi")
"""Error, high watermark, last stable offset, log start, count of aborted transactions.

What such a transaction wrote is read like everything else: nobody here writes in transactions.
"""
_ABORTED_BYTES = 16

_RECORDS = struct.Struct(">ii")
"""Which replica to ask rather (nobody asked), length of the records."""


Part = TypeVar("Part")
Read = Callable[[bytes, int], tuple[Part, int]]
"""Reads a part of an answer at a place in it; where the next begins comes with it."""


class SessionLost(Exception):
    """The broker does not go on with a session: the next fetch begins another."""


class Fetched(NamedTuple):
    """What an answer tells of a partition. `error` is the protocol's code, 0 for none."""

    place: TopicPartition
    asked: int
    error: int
    records: bytes


class Session:
    """What is fetched from one broker; one fetch at a time."""

    def __init__(self) -> None:
        self._id = 0
        self._epoch = 0
        self._told: dict[TopicPartition, int] = {}

    def ask(self, positions: Mapping[TopicPartition, int], wait_ms: int) -> bytes:
        """A fetch of just these partitions, from these offsets on."""
        if self._epoch == 0:
            self._told.clear()
        told = self._told
        moved = {place: at for place, at in positions.items() if told.get(place) != at}
        told |= moved
        left = [place for place in told if place not in positions] if told != positions else []
        for place in left:
            del told[place]
        head = _REQUEST.pack(-1, wait_ms, 1, ANSWER_BYTES_MAX, 0, self._id, self._epoch)
        asked = by_topic((place, _asked(place, at)) for place, at in moved.items())
        forgotten = by_topic((place, _COUNT.pack(place.partition)) for place in left)
        return head + asked + forgotten + _LENGTH.pack(0)  # of no rack

    def take(self, answer: bytes) -> list[Fetched]:
        """What was answered. Raises `SessionLost`, and where the answer is none, `struct.error`."""
        _, error, self._id = _ANSWER.unpack_from(answer)
        if error:
            self.lose()
            raise SessionLost(for_code(error).__name__)
        # Without a place for a session the broker answers all the same.
        self._epoch = self._epoch % EPOCH_MAX + 1 if self._id else 0
        return [
            Fetched(place, self._told[place], error, records)
            for place, (error, records) in in_topics(answer, _ANSWER.size, _told)
        ]

    def lose(self) -> None:
        """Begin anew: it is not known what of the last fetch the broker has heard.

        The id stays: with it, it is told to forget what it may have.
        """
        self._epoch = 0


def _asked(place: TopicPartition, offset: int) -> bytes:
    return _ASKED.pack(place.partition, -1, offset, -1, PARTITION_BYTES_MAX)


def by_topic(parts: Iterable[tuple[TopicPartition, bytes]]) -> bytes:
    """What is said of partitions, in the order of the protocol: by topic, and how many of each."""
    topics: defaultdict[str, list[bytes]] = defaultdict(list)
    for place, part in parts:
        topics[place.topic].append(part)
    encoded = [_COUNT.pack(len(topics))]
    for topic, each in topics.items():
        name = topic.encode()
        encoded += (_LENGTH.pack(len(name)), name, _COUNT.pack(len(each)), *each)
    return b"".join(encoded)


def in_topics(answer: bytes, at: int, read: Read[Part]) -> Iterator[tuple[TopicPartition, Part]]:
    """What is said of partitions from `at` on, in the order of `by_topic`.

    `read` tells what stands after a partition's number, and where the next one begins.
    """
    (topics,) = _COUNT.unpack_from(answer, at)
    at += _COUNT.size
    for _ in range(topics):
        (length,) = _LENGTH.unpack_from(answer, at)
        at += _LENGTH.size
        topic = answer[at : at + length].decode()
        at += length
        (partitions,) = _COUNT.unpack_from(answer, at)
        at += _COUNT.size
        for _ in range(partitions):
            (partition,) = _COUNT.unpack_from(answer, at)
            part, at = read(answer, at + _COUNT.size)
            yield TopicPartition(topic, partition), part


def _told(answer: bytes, at: int) -> tuple[tuple[int, bytes], int]:
    """The error and the records of a partition."""
    error, _, _, _, aborted = _TOLD.unpack_from(answer, at)
    at += _TOLD.size + max(aborted, 0) * _ABORTED_BYTES
    _, length = _RECORDS.unpack_from(answer, at)
    at += _RECORDS.size
    end = at + max(length, 0)
    return (error, answer[at:end]), end
