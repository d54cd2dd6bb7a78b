"""The broker dies and comes back: nobody hangs or ends unnoticed, nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from infra.health import Health
from infra.kafka.consumer import consuming
from infra.local.kafka import Kafka
from infra.processes import Records
from infra.settings import Settings
from projections import schema
from projections.queries import Queries
from projections.service import project
from streams.messages import AccountId, MarketId, OrderUpdate
from streams.runtime.kafka_log import KafkaLog
from streams.runtime.ports import Record
from streams.runtime.provision import create_topics
from streams.runtime.transport import Lease, LeaseLost
from streams.topics import UPDATES
from tests.integration.counting import Feed, Worker, check_all_is_said_once, eventually
from tests.integration.projecting import Log, becomes
from tests.unit.projections.samples import filled, order_id, order_update

SESSION_S = 6.0
ANN, BTCUSDT = AccountId("ann"), MarketId("BTCUSDT")


class Broker:
    """A broker of this test's own, to be killed."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._kafka = Kafka(home, Settings().cache, quick=True)

    def start(self) -> str:
        return self._kafka.start()

    def stop(self) -> None:
        self._kafka.stop()

    def kill(self) -> None:
        """End it as SIGKILL does: at once, without a chance to finish anything."""
        running = Records(self._home).running(self._kafka.name)
        assert running is not None
        os.kill(running.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = Broker(tmp_path_factory.mktemp("broker"))
    yield broker
    broker.stop()


@pytest.fixture
async def settings(broker: Broker, make_settings: Callable[..., Settings]) -> Settings:
    """A venue of each test's own, on a broker that runs, whatever was done to it before."""
    settings = make_settings(
        venue=f"t{secrets.token_hex(8)}",
        kafka=await asyncio.to_thread(broker.start),
        account_partitions=2,
        checkpoint_records=300,
        session_s=SESSION_S,
    )
    await asyncio.to_thread(schema.create, settings)
    await create_topics(settings)
    return settings


@pytest.fixture
async def producer(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka, acks="all", enable_idempotence=True
    )
    await producer.start()
    yield producer
    await producer.stop()


class Expiring(Lease):
    """A lease that is lost after so many looks at it: the process was paused in between."""

    def __init__(self, looks: int) -> None:
        super().__init__(SESSION_S)
        self._looks = looks

    def check(self) -> None:
        self._looks -= 1
        if self._looks < 0:
            raise LeaseLost("it was good for so many looks")


async def test_a_consumer_ends_though_the_broker_does_not_answer_it(
    broker: Broker, settings: Settings
) -> None:
    assert settings.kafka is not None
    async with consuming(settings.kafka) as consumer:
        place = TopicPartition(UPDATES.name(settings.venue), 0)
        consumer.assign([place])
        await consumer.getmany(timeout_ms=100)
        broker.kill()
        with pytest.raises((KafkaError, TimeoutError)):
            await asyncio.wait_for(consumer.end_offsets([place]), 3)
        # Its fetches wait to be tried again by now.
        await consumer.getmany(timeout_ms=500)
    assert consumer._closed


@pytest.mark.parametrize("looks", [0, 1])
async def test_what_is_left_in_a_producer_is_not_sent_after_the_lease(
    settings: Settings, looks: int
) -> None:
    log = KafkaLog(settings, Expiring(looks))
    place = (UPDATES, 1)
    await log.start()
    try:
        before = (await log.bounds([place]))[place]
        with pytest.raises(LeaseLost):
            await log.append({place: [Record(b"key", b"value", [])]})
        assert (await log.bounds([place]))[place] == before
    finally:
        async with asyncio.timeout(5):
            await log.stop()


async def test_the_database_follows_the_log_across_a_restart_of_the_broker(
    broker: Broker, settings: Settings, producer: AIOKafkaProducer
) -> None:
    log, health = Log(settings, producer), Health()
    queries = await Queries.connect(settings)
    service = asyncio.create_task(project(settings, health))

    async def order() -> OrderUpdate | None:
        return await queries.order(ANN, BTCUSDT, order_id(1))

    async def ready() -> bool:
        return health.ready

    try:
        new, fill = order_update(1, 1, account=ANN), filled(2, 1, account=ANN)
        await log.write(UPDATES, new)
        await becomes(order, new)
        broker.kill()
        await becomes(ready, False)
        await asyncio.to_thread(broker.start)
        await log.write(UPDATES, fill)
        await becomes(order, fill)
        await becomes(ready, True)

        broker.kill()
        await becomes(ready, False)
        service.cancel()
        with pytest.raises(asyncio.CancelledError):
            async with asyncio.timeout(30):
                await service
    finally:
        service.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await service
        await queries.close()


async def test_a_worker_answers_everything_once_across_restarts_of_the_broker(
    broker: Broker, settings: Settings, producer: AIOKafkaProducer
) -> None:
    """It goes on by itself, or ends with an error; whoever minds it starts it again then."""
    worker, feed = Worker(settings), Feed(settings, producer)
    minding = asyncio.create_task(mind(worker))

    async def holds_all() -> bool:
        return await worker.holds() == [0, 1]

    try:
        await eventually(holds_all)
        for down_s in (0.0, SESSION_S + 2):
            await feed.write(300)
            writing = asyncio.create_task(feed.write(600))
            broker.kill()
            # How long it is away decides whether leases are lost.
            await asyncio.sleep(down_s)
            await asyncio.to_thread(broker.start)
            await writing
        await check_all_is_said_once(settings, feed)

        async def has_counted() -> bool:
            return await holds_all() and await worker.digests() == feed.chains

        await eventually(has_counted)
        assert "has not stopped" not in worker.log.read_text(), "an outage lasts that much longer"
    finally:
        minding.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await minding
        await worker.kill()


async def test_a_worker_that_starts_before_its_broker_waits_for_it(
    broker: Broker, settings: Settings, producer: AIOKafkaProducer
) -> None:
    """Machines that restart together start in any order."""
    worker, feed = Worker(settings), Feed(settings, producer)

    async def waits() -> bool:
        return await worker.waits_for() == ["broker"]

    async def has_counted() -> bool:
        return await worker.holds() == [0, 1] and await worker.digests() == feed.chains

    await feed.write(20)
    broker.kill()
    try:
        await worker.start()
        await eventually(waits)
        async with asyncio.timeout(10):
            await worker.stop()
        await worker.start()
        await eventually(waits)
        await asyncio.to_thread(broker.start)
        await eventually(has_counted)
    finally:
        await worker.kill()


async def mind(worker: Worker) -> None:
    """Start a worker whenever it has ended; it must never end well by itself."""
    while True:
        await worker.start()
        assert await worker.ended(limit_s=None) != 0
