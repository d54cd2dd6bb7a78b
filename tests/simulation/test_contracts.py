"""The twins and what they stand for keep the same contract: the two ports of the runtime."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from random import Random

import pytest

from infra.settings import Settings
from projections import schema
from projections.archive import COMMAND_LOG
from projections.session import Database as CqlDatabase
from projections.writer import Writer
from streams.runtime.cql_store import CqlStore
from streams.runtime.kafka_log import KafkaLog
from streams.runtime.ports import Checkpoint, Kept, Log, Place, Record, Store
from streams.runtime.provision import create_topics
from streams.runtime.transport import Lease, LeaseLost
from streams.topics import COMMANDS, ORDERS, TRADES, UPDATES
from tests.simulation.log import EPOCH_MS, Broker, SimulatedLog
from tests.simulation.process import Process
from tests.simulation.store import Database, SimulatedStore
from tests.simulation.weather import Weather

SESSION_S = 1_000.0


@pytest.fixture(params=["twin", pytest.param("servers", marks=pytest.mark.servers)])
def is_twin(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "twin")


@pytest.fixture
def settings(is_twin: bool, request: pytest.FixtureRequest) -> Settings:
    if is_twin:
        return Settings(venue="simulated", account_partitions=2, market_partitions=2)
    created: Settings = request.getfixturevalue("created")
    return created


@pytest.fixture(scope="module")
def created(make_settings: Callable[..., Settings]) -> Settings:
    """A venue whose topics and tables exist."""
    settings = make_settings(account_partitions=2, market_partitions=2)
    asyncio.run(create_topics(settings))
    schema.create(settings)
    return settings


@pytest.fixture
def broker() -> Broker:
    return Broker(Weather(Random(0)))


@pytest.fixture
def lease() -> Lease:
    lease = Lease(SESSION_S)
    lease.renew(time.monotonic())
    return lease


@pytest.fixture
async def log(
    is_twin: bool, settings: Settings, broker: Broker, lease: Lease
) -> AsyncIterator[Log]:
    if is_twin:
        yield SimulatedLog(broker, Process("test"), lease)
        return
    kafka = KafkaLog(settings, lease)
    await kafka.start()
    yield kafka
    await kafka.stop()


@pytest.fixture
def database(broker: Broker) -> Database:
    return Database(broker)


@pytest.fixture
async def store(is_twin: bool, settings: Settings, database: Database) -> AsyncIterator[Store]:
    if is_twin:
        yield SimulatedStore(database, Process("test"))
        return
    cql = CqlStore(settings)
    yield cql
    await cql.close()


def records(*values: bytes) -> list[Record]:
    return [Record(b"key", value, [("header", value)]) for value in values]


async def read(log: Log, starts: dict[Place, int]) -> dict[Place, list[Kept]]:
    found: dict[Place, list[Kept]] = {place: [] for place in starts}
    async for place, kept in log.read(starts):
        found[place] += kept
    return found


# -- the log -------------------------------------------------------------------------------------

HERE, THERE, EMPTY = (ORDERS, 0), (ORDERS, 1), (UPDATES, 1)


async def test_what_is_appended_is_read_back_as_it_was_and_in_order(log: Log) -> None:
    starts = {place: end for place, (_, end) in (await log.bounds([HERE, THERE])).items()}
    many = [b"%d" % number for number in range(300)]
    ends = await log.append({HERE: records(*many), THERE: records(b"other")})
    found = await read(log, starts)

    assert ends == {HERE: starts[HERE] + 300, THERE: starts[THERE] + 1}
    assert [kept.value for kept in found[HERE]] == many
    assert [kept.offset for kept in found[HERE]] == list(range(starts[HERE], ends[HERE]))
    assert [kept.value for kept in found[THERE]] == [b"other"]
    assert found[THERE][0].key == b"key"
    assert found[THERE][0].headers == [("header", b"other")]


async def test_records_bear_the_time_of_the_log(log: Log) -> None:
    (_, start) = (await log.bounds([HERE]))[HERE]
    await log.append({HERE: records(b"earlier")})
    await log.append({HERE: records(b"later")})
    earlier, later = (await read(log, {HERE: start}))[HERE]
    assert 0 < earlier.at <= later.at


async def test_bounds_are_the_first_offset_and_that_of_the_next_record(log: Log) -> None:
    assert (await log.bounds([EMPTY]))[EMPTY] == (0, 0)
    before = (await log.bounds([HERE]))[HERE]
    end = (await log.append({HERE: records(b"one", b"two")}))[HERE]
    assert before == (0, end - 2)
    assert (await log.bounds([HERE]))[HERE] == (0, end)


async def test_at_the_end_there_is_nothing_to_read(log: Log) -> None:
    end = (await log.append({HERE: records(b"last")}))[HERE]
    assert await read(log, {HERE: end, EMPTY: 0}) == {HERE: [], EMPTY: []}


async def test_without_a_lease_nothing_is_written(
    is_twin: bool, settings: Settings, broker: Broker, log: Log
) -> None:
    before = await log.bounds([HERE])
    lost = Lease(SESSION_S)
    zombie = SimulatedLog(broker, Process("zombie"), lost) if is_twin else KafkaLog(settings, lost)
    with pytest.raises(LeaseLost):
        await zombie.append({HERE: records(b"too late")})
    assert await log.bounds([HERE]) == before


# -- the store -----------------------------------------------------------------------------------


def checkpoint(role: str, position: int, chunks: int, digest: str = "digest") -> Checkpoint:
    return Checkpoint(role, 0, position, 1_000 + position, digest, chunks, [("orders", 1, 7)])


async def test_checkpoints_come_newest_first_with_their_chunks_in_order(store: Store) -> None:
    few = [b"one", b"two"]
    many = [b"%d" % number for number in range(200)]
    older, newer = checkpoint("ordered", 9, len(few)), checkpoint("ordered", 100, len(many))
    await store.save(newer, many)
    await store.save(older, few)

    assert await store.checkpoints("ordered", 0) == [newer, older]
    assert await store.chunks(newer) == many
    assert await store.chunks(older) == few


async def test_there_are_none_of_a_role_or_partition_that_kept_none(store: Store) -> None:
    await store.save(checkpoint("kept", 1, 1), [b"state"])
    assert await store.checkpoints("kept", 1) == []
    assert await store.checkpoints("other", 0) == []


async def test_saved_again_it_is_what_was_saved_last(store: Store) -> None:
    again = checkpoint("again", 5, 1, "second")
    await store.save(checkpoint("again", 5, 3, "first"), [b"a", b"b", b"c"])
    await store.save(again, [b"d"])
    assert await store.checkpoints("again", 0) == [again]
    assert await store.chunks(again) == [b"d"]


async def test_what_is_forgotten_is_gone_with_its_chunks(store: Store) -> None:
    forgotten, stays = checkpoint("forgetful", 1, 2), checkpoint("forgetful", 2, 1)
    await store.save(forgotten, [b"a", b"b"])
    await store.save(stays, [b"c"])
    await store.forget(forgotten)
    assert await store.checkpoints("forgetful", 0) == [stays]
    assert await store.chunks(forgotten) == []
    assert await store.chunks(stays) == [b"c"]


async def test_the_archive_is_read_up_to_the_first_record_that_is_missing(
    is_twin: bool, settings: Settings, broker: Broker, database: Database, store: Store
) -> None:
    frames = [Kept(offset, EPOCH_MS + offset, b"", b"%d" % offset, []) for offset in range(9)]
    if is_twin:
        broker.kept[COMMANDS, 0] = frames
        database.holes.add(((COMMANDS, 0), 6))
    else:
        await archive(settings, [frame for frame in frames if frame.offset != 6])

    async def archived(start: int) -> list[Kept]:
        return [kept async for kept in store.archived(COMMANDS, 0, start)]

    assert await archived(0) == frames[:6]
    assert await archived(4) == frames[4:6]
    assert await archived(6) == []
    assert await archived(7) == frames[7:]
    assert await archived(9) == []


async def archive(settings: Settings, frames: list[Kept]) -> None:
    """Write frames of the first partition of `commands` as the projections do."""
    cql = await CqlDatabase.connect(settings)
    for frame in frames:
        await Writer(cql).store([COMMAND_LOG.write(0, frame.offset, frame.at, frame.value)])
    await cql.close()


async def test_other_topics_have_no_archive(store: Store) -> None:
    assert [kept async for kept in store.archived(TRADES, 0, 0)] == []
