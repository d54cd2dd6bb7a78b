"""A writer has each batch in the log once, whatever brokers, leaders and leases do meanwhile."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import (
    KafkaConnectionError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
)
from aiokafka.protocol.produce import ProduceRequest_v7, ProduceResponse_v7
from aiokafka.record.memory_records import MemoryRecords

from infra.kafka import produce, writer
from infra.kafka.produce import Ack, Batch
from infra.kafka.wire import Wire
from infra.kafka.writer import Writer, WriterLost
from tests.unit.kafka.cluster import MemoryCluster

LIMIT_S = 5.0
A, B = TopicPartition("trades", 0), TopicPartition("depth", 3)
TOO_LARGE, NOT_LEADER, OUT_OF_ORDER, LOADING = 10, 6, 45, 14


class NotAllowed(Exception):
    """What a lease that is lost says."""


class Cluster(MemoryCluster):
    """Brokers that know batches which they have."""

    def __init__(self) -> None:
        super().__init__(self.wire, A, B)
        self.logs: defaultdict[TopicPartition, list[bytes]] = defaultdict(list)
        self.unheard = 0
        self.requests: list[tuple[int, list[TopicPartition]]] = []
        self.naming = [LOADING, 0]
        self._sequences: defaultdict[TopicPartition, int] = defaultdict(int)
        self._had: dict[tuple[TopicPartition, int], int] = {}

    def wire(self, node: int) -> MemoryWire:
        return MemoryWire(self, node)

    async def send(self, node: int, request: object) -> SimpleNamespace:
        return SimpleNamespace(error_code=self.naming.pop(0), producer_id=17, producer_epoch=2)

    def produce(self, node: int, body: bytes) -> bytes:
        request = ProduceRequest_v7.decode(body)
        assert request.encode() == body
        assert (request.transactional_id, request.required_acks) == (None, -1)
        sent = {
            TopicPartition(topic, number): batch
            for topic, batches in request.topics
            for number, batch in batches
        }
        self.requests.append((node, list(sent)))
        told = [
            (place.topic, [(place.partition, *self._appended(node, place, batch), 0, 0)])
            for place, batch in sent.items()
        ]
        answer: bytes = ProduceResponse_v7(told, 0).encode()
        return answer

    def _appended(self, node: int, place: TopicPartition, sent: bytes) -> tuple[int, int]:
        if place in self.errors:
            return self.errors[place], -1
        if self.leaders.get(place) != node:
            return NOT_LEADER, -1
        batch = MemoryRecords(sent).next_batch()
        assert (batch.producer_id, batch.producer_epoch) == (17, 2)
        name = (place, batch.base_sequence)
        if name in self._had:
            return 0, self._had[name]
        if batch.base_sequence != self._sequences[place]:
            return OUT_OF_ORDER, -1
        offset = len(self.logs[place])
        self.logs[place] += [record.value for record in batch]
        self._sequences[place] = len(self.logs[place])
        self._had[name] = offset
        return 0, offset


class MemoryWire(Wire):
    """A connection to a broker in memory."""

    def __init__(self, cluster: Cluster, node: int) -> None:
        self._cluster, self._node = cluster, node

    def check(self, api: int, version: int) -> None:
        assert (api, version) == (produce.API, produce.VERSION)

    def ask(self, api: int, version: int, body: bytes) -> asyncio.Future[bytes]:
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        if self._node in self._cluster.away:
            answer.set_exception(KafkaConnectionError(self._node))
            return answer
        said = self._cluster.produce(self._node, body)
        if self._cluster.unheard:
            self._cluster.unheard -= 1
            answer.set_exception(KafkaConnectionError(self._node))
        else:
            answer.set_result(said)
        return answer

    def close(self) -> None: ...


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    cluster = Cluster()
    monkeypatch.setattr(writer, "RETRY_S", 0.0)
    cluster.stand_in(monkeypatch)
    return cluster


async def started(allowed: Callable[[], None] = lambda: None) -> Writer:
    log = Writer(allowed=allowed, limit_s=30.0, bootstrap_servers="nowhere")
    await asyncio.wait_for(log.start(), LIMIT_S)
    return log


@pytest.fixture
async def log(cluster: Cluster) -> AsyncIterator[Writer]:
    log = await started()
    yield log
    await log.stop()


def batch(*values: bytes) -> Batch:
    made = Batch()
    for value in values:
        assert made.add(b"key", value, [("header", b"value")])
    return made


async def append(log: Writer, **values: bytes) -> dict[TopicPartition, int]:
    """Append the letters of `a` and of `b`, a record each."""
    batches = {
        place: batch(*(bytes([each]) for each in values[name]))
        for name, place in {"a": A, "b": B}.items()
        if name in values
    }
    acks = await asyncio.wait_for(log.append(batches), LIMIT_S)
    assert all((ack.place, ack.error) == (place, 0) for place, ack in acks.items())
    return {place: ack.offset for place, ack in acks.items()}


async def test_it_says_where_the_first_record_of_each_batch_lies(
    cluster: Cluster, log: Writer
) -> None:
    assert await append(log, a=b"xy", b=b"z") == {A: 0, B: 0}
    assert await append(log, a=b"z") == {A: 2}
    assert cluster.logs == {A: [b"x", b"y", b"z"], B: [b"z"]}
    assert cluster.requests == [(1, [A, B]), (1, [A])]


async def test_what_was_appended_unheard_is_not_appended_again(
    cluster: Cluster, log: Writer
) -> None:
    cluster.unheard = 2
    assert await append(log, a=b"xy") == {A: 0}
    assert await append(log, a=b"z") == {A: 2}
    assert cluster.logs == {A: [b"x", b"y", b"z"]}


async def test_a_broker_that_is_away_is_tried_until_it_is_back(
    cluster: Cluster, log: Writer
) -> None:
    await append(log, a=b"x")
    cluster.away = {1}
    waits = asyncio.create_task(append(log, a=b"y"))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not waits.done()
    cluster.away = set()
    assert await waits == {A: 1}


async def test_a_batch_goes_to_who_leads_its_partition_now(cluster: Cluster, log: Writer) -> None:
    cluster.leaders[B] = 2
    assert await append(log, a=b"x", b=b"y") == {A: 0, B: 0}
    cluster.errors[A] = NOT_LEADER
    waits = asyncio.create_task(append(log, a=b"y", b=b"z"))
    for _ in range(100):
        await asyncio.sleep(0)
    # What went well is not sent again.
    assert cluster.logs[B] == [b"y", b"z"]
    assert [node for node, places in cluster.requests if B in places] == [2, 2]
    del cluster.errors[A], cluster.leaders[A]
    for _ in range(100):
        await asyncio.sleep(0)
    cluster.leaders[A] = 2
    assert await waits == {A: 1, B: 1}


async def test_what_a_broker_refuses_is_raised_and_nothing_follows_it(
    cluster: Cluster, log: Writer
) -> None:
    cluster.errors[A] = TOO_LARGE
    with pytest.raises(MessageSizeTooLargeError):
        await append(log, a=b"x")
    with pytest.raises(WriterLost):
        await append(log, b=b"y")


async def test_who_may_not_write_a_topic_is_told(cluster: Cluster, log: Writer) -> None:
    cluster.unauthorized_topics = {"trades"}
    with pytest.raises(TopicAuthorizationFailedError):
        await append(log, a=b"x")


async def test_after_an_append_that_was_given_up_nothing_is_sent(
    cluster: Cluster, log: Writer
) -> None:
    cluster.away = {1}
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await log.append({A: batch(b"x")})
    cluster.away = set()
    with pytest.raises(WriterLost):
        await append(log, a=b"y")
    assert not cluster.requests


async def test_it_is_asked_whether_it_may_each_time_before_anything_leaves(
    cluster: Cluster,
) -> None:
    looks = iter([True, True, False])

    def allowed() -> None:
        if not next(looks):
            raise NotAllowed

    log = await started(allowed)
    await append(log, a=b"x")
    cluster.unheard = 1
    with pytest.raises(NotAllowed):
        await append(log, a=b"y")
    assert len(cluster.requests) == 2
    await log.stop()


async def test_numbers_of_records_begin_again_at_zero(cluster: Cluster, log: Writer) -> None:
    log._sequences[A] = cluster._sequences[A] = produce.SEQUENCES - 2
    await append(log, a=b"xyz")
    assert log._sequences[A] == 1


def test_a_batch_takes_records_while_there_is_room() -> None:
    made = Batch()
    assert made.add(b"", bytes(produce.BATCH_BYTES_MAX // 2), [])
    assert not made.add(b"", bytes(produce.BATCH_BYTES_MAX // 2), [])
    assert made.count == 1


def test_acks_are_read_as_aiokafka_writes_them() -> None:
    told = [("trades", [(0, 0, 12, 5, 0), (1, 6, -1, -1, -1)]), ("depth", [(3, 0, 7, 5, 0)])]
    assert list(produce.acks(ProduceResponse_v7(told, 0).encode())) == [
        Ack(A, 0, 12, 5),
        Ack(TopicPartition("trades", 1), 6, -1, -1),
        Ack(B, 0, 7, 5),
    ]
