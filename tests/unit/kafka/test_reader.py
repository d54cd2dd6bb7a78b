"""A reader gives every record once, in order, whatever brokers and leaders do meanwhile."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import (
    ConsumerStoppedError,
    CorruptRecordException,
    KafkaConnectionError,
    OffsetOutOfRangeError,
    TopicAuthorizationFailedError,
)
from aiokafka.protocol.fetch import FetchRequest_v11, FetchResponse_v11
from aiokafka.protocol.offset import OffsetRequest, OffsetRequest_v3
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from infra.kafka import brokers, reader
from infra.kafka.reader import Reader
from infra.kafka.wire import Wire
from tests.unit.kafka.cluster import MemoryCluster

LIMIT_S = 5.0
A, B = TopicPartition("trades", 0), TopicPartition("trades", 1)
OUT_OF_RANGE, NOT_LEADER, NOT_AUTHORIZED, SESSION_NOT_FOUND = 1, 6, 29, 70


def batch(first: int, count: int) -> bytes:
    """A record batch as a log keeps it; each value is the record's offset."""
    built = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 20)
    for at in range(count):
        built.append(at, 1_000, None, b"%d" % (first + at), [])
    return first.to_bytes(8, "big") + bytes(built.build())[8:]


class Cluster(MemoryCluster):
    """Brokers that have fetch sessions, and batches to fetch."""

    def __init__(self) -> None:
        super().__init__(self.wire, A, B)
        self.batches: defaultdict[TopicPartition, list[tuple[int, bytes]]] = defaultdict(list)
        self.wires: list[MemoryWire] = []
        self.asked: list[dict[TopicPartition, int]] = []
        self._sessions: dict[int, dict[TopicPartition, int]] = {}
        self._news = asyncio.Event()

    def wire(self, node: int) -> MemoryWire:
        self.wires.append(MemoryWire(self, node))
        return self.wires[-1]

    def write(self, place: TopicPartition, first: int, count: int) -> None:
        self.batches[place].append((first, batch(first, count)))
        self._news.set()

    def forget_sessions(self) -> None:
        self._sessions.clear()

    async def send(self, node: int, request: OffsetRequest) -> SimpleNamespace:
        told = [
            (number, 0, -1, 3 if which == -2 else 8)
            for _, partitions in request.build(OffsetRequest_v3).topics
            for number, which in partitions
        ]
        return SimpleNamespace(topics=[("trades", told)])

    def end(self, node: int) -> None:
        """A broker goes away."""
        self.away.add(node)
        for wire in self.wires:
            if wire.node == node:
                wire.close()

    async def fetch(self, node: int, body: bytes) -> bytes:
        request = FetchRequest_v11.decode(body)
        named = {
            TopicPartition(topic, number): offset
            for topic, partitions in request.topics
            for number, _, offset, _, _ in partitions
        }
        self.asked.append(named)
        if request.session_epoch == 0:
            self._sessions[node] = {}
        elif node not in self._sessions:
            return _answer(0, {}, SESSION_NOT_FOUND)
        wanted = self._sessions[node]
        wanted.update(named)
        for topic, numbers in request.forgotten_topics_data:
            for number in numbers:
                del wanted[TopicPartition(topic, number)]
        while not (found := self._found(node, wanted)):
            self._news.clear()
            await self._news.wait()
        return _answer(node, found)

    def _found(
        self, node: int, wanted: dict[TopicPartition, int]
    ) -> dict[TopicPartition, tuple[int, bytes]]:
        found: dict[TopicPartition, tuple[int, bytes]] = {}
        for place, offset in wanted.items():
            error = self.errors.get(place, 0 if self.leaders.get(place) == node else NOT_LEADER)
            records = b"".join(
                each
                for first, each in self.batches[place]
                if first + int.from_bytes(each[23:27], "big") >= offset
            )
            if error or records:
                found[place] = (error, b"" if error else records)
        return found


class MemoryWire(Wire):
    """A connection to a broker in memory."""

    def __init__(self, cluster: Cluster, node: int) -> None:
        self.node = node
        self._cluster = cluster
        self._tasks: list[asyncio.Task[bytes]] = []
        self.silent_for: list[float] = []

    def check(self, api: int, version: int) -> None:
        assert (api, version) == (1, 11)

    def ask(self, api: int, version: int, body: bytes) -> asyncio.Future[bytes]:
        return asyncio.create_task(self._asked(body))

    async def _asked(self, body: bytes) -> bytes:
        task = asyncio.create_task(self._cluster.fetch(self.node, body))
        self._tasks.append(task)
        try:
            return await task
        except asyncio.CancelledError:
            raise KafkaConnectionError(self.node) from None

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    def close_if_silent(self, limit_s: float) -> None:
        self.silent_for.append(limit_s)


def _answer(session: int, found: dict[TopicPartition, tuple[int, bytes]], error: int = 0) -> bytes:
    topics = [
        (place.topic, [(place.partition, code, -1, -1, -1, None, -1, records)])
        for place, (code, records) in found.items()
    ]
    encoded: bytes = FetchResponse_v11(0, error, session, topics).encode()
    return encoded


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setattr(reader, "RETRY_S", 0.0)
    cluster = Cluster()
    cluster.stand_in(monkeypatch)
    return cluster


@pytest.fixture
async def log(cluster: Cluster) -> AsyncIterator[Reader]:
    log = Reader(wait_ms=250, records_max=100, bootstrap_servers="nowhere")
    log._brokers._client = cluster
    await log.assign({A: 0, B: 0})
    yield log
    await log.stop()


async def turns() -> None:
    """Let everything happen that can."""
    for _ in range(100):
        await asyncio.sleep(0)


async def polled(log: Reader) -> dict[TopicPartition, list[int]]:
    """The next poll that gives anything, by the values of its records."""
    async with asyncio.timeout(LIMIT_S):
        while not (found := await log.poll(LIMIT_S)):
            pass
    return {place: [int(each.value) for each in records] for place, records in found.items()}


async def test_records_come_once_and_fetches_name_what_has_moved(
    cluster: Cluster, log: Reader
) -> None:
    cluster.write(A, 0, 3)
    assert await polled(log) == {A: [0, 1, 2]}
    cluster.write(B, 0, 1)
    assert await polled(log) == {B: [0]}
    cluster.write(A, 3, 2)
    assert await polled(log) == {A: [3, 4]}
    assert cluster.asked == [{A: 0, B: 0}, {A: 3}, {B: 1}]
    assert (log.position(A), log.position(B)) == (5, 1)


async def test_a_batch_is_taken_from_where_it_is_asked_for(cluster: Cluster, log: Reader) -> None:
    cluster.write(A, 0, 5)
    log.seek(A, 3)
    assert await polled(log) == {A: [3, 4]}


async def test_no_poll_gives_more_than_the_most(cluster: Cluster, log: Reader) -> None:
    cluster.write(A, 0, 150)
    cluster.write(B, 0, 60)
    counts = [{p.partition: len(r) for p, r in (await polled(log)).items()} for _ in range(3)]
    assert counts == [{0: 100}, {0: 50, 1: 50}, {1: 10}]
    assert len(cluster.asked) == 1


async def test_who_is_far_behind_has_the_next_fetch_sent_ahead(
    cluster: Cluster, log: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.write(A, 0, 3)
    await polled(log)
    assert len(cluster.asked) == 1
    monkeypatch.setattr(reader, "AHEAD_BYTES", 1)
    cluster.write(A, 3, 1)
    await polled(log)
    assert cluster.asked == [{A: 0, B: 0}, {A: 3}, {A: 4}]


async def test_what_arrives_for_a_position_that_was_left_is_dropped(
    cluster: Cluster, log: Reader
) -> None:
    waits = asyncio.create_task(polled(log))
    await turns()
    await log.assign({A: 2})
    cluster.write(B, 0, 1)
    cluster.write(A, 0, 4)
    assert await waits == {A: [2, 3]}


async def test_nothing_is_jumped_over_where_the_log_has_no_such_offset(
    cluster: Cluster, log: Reader
) -> None:
    cluster.errors[A] = OUT_OF_RANGE
    with pytest.raises(OffsetOutOfRangeError):
        await polled(log)


async def test_who_may_not_read_a_topic_is_told(cluster: Cluster, log: Reader) -> None:
    cluster.errors[B] = NOT_AUTHORIZED
    with pytest.raises(TopicAuthorizationFailedError):
        await polled(log)
    cluster.unauthorized_topics = {"trades"}
    await log.assign({A: 0})
    with pytest.raises(TopicAuthorizationFailedError):
        await polled(log)


async def test_records_that_were_damaged_are_not_given(cluster: Cluster, log: Reader) -> None:
    damaged = bytearray(batch(0, 1))
    damaged[-2] ^= 1
    cluster.batches[A].append((0, bytes(damaged)))
    with pytest.raises(CorruptRecordException):
        await polled(log)


async def test_a_session_that_the_broker_has_lost_is_begun_anew(
    cluster: Cluster, log: Reader
) -> None:
    cluster.write(A, 0, 1)
    await polled(log)
    cluster.forget_sessions()
    cluster.write(A, 1, 1)
    assert await polled(log) == {A: [1]}
    assert cluster.asked[-1] == {A: 1, B: 0}


async def test_a_broker_that_is_away_is_tried_until_it_is_back(
    cluster: Cluster, log: Reader
) -> None:
    cluster.write(A, 0, 1)
    await polled(log)
    waits = asyncio.create_task(polled(log))
    await turns()
    cluster.end(1)
    await turns()
    assert cluster.updates > 3
    cluster.write(A, 1, 1)
    cluster.away = set()
    assert await waits == {A: [1]}


async def test_how_long_a_broker_is_silent_is_looked_at(cluster: Cluster, log: Reader) -> None:
    for _ in range(3):
        assert await log.poll(0.001) == {}
    assert brokers.REQUEST_LIMIT_S in cluster.wires[0].silent_for


async def test_a_partition_goes_on_with_its_new_leader(cluster: Cluster, log: Reader) -> None:
    cluster.write(A, 0, 1)
    await polled(log)
    cluster.leaders[A] = 2
    cluster.write(A, 1, 1)
    assert await polled(log) == {A: [1]}
    cluster.write(B, 0, 1)
    assert await polled(log) == {B: [0]}


async def test_a_partition_without_a_leader_holds_up_no_other(
    cluster: Cluster, log: Reader
) -> None:
    del cluster.leaders[A]
    cluster.write(B, 0, 1)
    assert await polled(log) == {B: [0]}
    cluster.write(A, 0, 1)
    cluster.leaders[A] = 1
    assert await polled(log) == {A: [0]}


async def test_who_is_assigned_nothing_waits_for_an_assignment(
    cluster: Cluster, log: Reader
) -> None:
    await log.assign({})
    assert await log.poll(0.01) == {}
    waits = asyncio.create_task(polled(log))
    await asyncio.sleep(0)
    cluster.write(A, 0, 1)
    await log.assign({A: 0})
    assert await waits == {A: [0]}


async def test_where_partitions_begin_and_end_is_asked_of_their_leaders(
    cluster: Cluster, log: Reader
) -> None:
    assert await log.firsts([A, B]) == {A: 3, B: 3}
    assert await log.ends([A]) == {A: 8}


async def test_who_polls_when_it_is_stopped_does_not_wait_on(cluster: Cluster, log: Reader) -> None:
    waits = asyncio.create_task(polled(log))
    await turns()
    await log.stop()
    with pytest.raises(ConsumerStoppedError):
        await waits
    with pytest.raises(ConsumerStoppedError):
        await log.poll(0)
