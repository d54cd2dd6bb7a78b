"""How long a market is away after its worker was killed, and how fast the past is gone through.

Replay: a worker has published all that follows from a venue's records, which the archive in the
database holds as well. Then its machines are brought up again, as a worker does it, from nothing or
from a checkpoint: all is computed, nothing is said. The limit reads the same rows and does nothing.

Kill: on a whole running exchange with orders at rest the matching worker gets SIGKILL, an order
that trades is appended, and the worker is started again at once, as a supervisor would.
"""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

from infra import launch
from infra.bring_up import create_topics_and_tables
from infra.health import Health
from infra.kafka.consumer import consuming
from infra.processes import Records
from infra.services import BY_NAME
from infra.settings import Settings
from projections.writer import Writer
from streams.messages import Side
from streams.runtime import checkpoints
from streams.runtime.cql_store import ARCHIVES, CqlStore
from streams.runtime.kafka_log import KafkaLog
from streams.runtime.ledger_worker import ROLE as LEDGER
from streams.runtime.matching_worker import ROLE as MATCHING
from streams.runtime.partitions import Partitions
from streams.runtime.ports import Kept, Place
from streams.runtime.role import Role
from streams.runtime.transport import Lease
from streams.topics import TRADES
from tests.benchmarks import ground
from tests.benchmarks.backlog import watched
from tests.benchmarks.pipe import Source, Worker
from tests.benchmarks.records import fill
from tests.benchmarks.registry import Say
from tests.benchmarks.report import Aim, Bench, Case, case, hardware
from tests.benchmarks.traffic import ACCOUNT_PARTITIONS, Traffic
from tests.integration.exchange import Trader, trading

REQUESTS = 20_000
PER_FRAME = 32
REPLAYS = 5
RESTING = 100_000
MAKERS = 20
PLACED_AT_ONCE = 500
KILLS = 2
ROWS_AT_ONCE = 500
LIMIT_S = 120.0
ASKED_EVERY_S = 0.01
AIM = Aim(at_least=50_000)

LOAD = (
    f"Replay of {REQUESTS:,} requests of a two-sided market, {PER_FRAME} in a frame, in one"
    f" process; the median of {REPLAYS}. Kill: the slower of {KILLS}, {RESTING:,} orders at rest"
    " and in the database, one order sent while the worker is dead."
)


class Times(NamedTuple):
    """What bringing machines up took: all of it, and the part of it that asked the log."""

    all_s: float
    log_s: float

    @property
    def replay_s(self) -> float:
        return self.all_s - self.log_s


class TimedLog(KafkaLog):
    """Knows how long it was asked and read, its reader's part included."""

    taken_s = 0.0

    async def read(self, starts: Mapping[Place, int]) -> AsyncIterator[tuple[Place, list[Kept]]]:
        began = time.perf_counter()
        async for page in super().read(starts):
            yield page
        self.taken_s += time.perf_counter() - began

    async def bounds(self, places: Iterable[Place]) -> dict[Place, tuple[int, int]]:
        began = time.perf_counter()
        found = await super().bounds(places)
        self.taken_s += time.perf_counter() - began
        return found


def run(say: Say) -> Bench:
    """Measure replay of both machines, then kills of a matching worker."""
    found = hardware()
    say("making orders")
    traffic = Traffic(REQUESTS, PER_FRAME)
    cases: list[Case] = []
    with ground.servers(
        say, quick=True, account_partitions=ACCOUNT_PARTITIONS, market_partitions=1
    ) as settings:
        cases += replay(settings, say, MATCHING, {0: traffic.orders})
        venue = f"{settings.venue}_ledger"
        settings = settings.model_copy(update={"venue": venue})
        create_topics_and_tables(settings)
        cases += replay(settings, say, LEDGER, dict(enumerate(traffic.commands)))
    with ground.exchange(say, quick=True) as installation:
        cases += asyncio.run(_kills(installation.settings, say))
    return Bench("recovery", LOAD, found, cases)


def replay(settings: Settings, say: Say, role: Role, source: Source) -> list[Case]:
    """How fast a role's machines go through their past."""
    say(f"filling the log, and the archive of {role.source.short}")
    records = {(role.source, p): [value for value, _ in filled] for p, filled in source.items()}
    asyncio.run(fill(settings, records))
    with tempfile.TemporaryDirectory(prefix="velocity-bench-") as folder:
        Worker(settings.model_copy(update={"home": Path(folder)}), role).run_to_the_end()
    uvloop.run(_archive(settings, role, source))
    say(f"replaying as {role.name}")
    rows_s = uvloop.run(_read_rows(settings, role, source))
    # One takes half a second, in which a machine can do something else.
    replays = [uvloop.run(_bring_up(settings, role, source)) for _ in range(REPLAYS)]
    scratch = sorted(replays, key=lambda times: times.replay_s)[REPLAYS // 2]
    uvloop.run(_take_checkpoints(settings, role, source))
    anchored = uvloop.run(_bring_up(settings, role, source))
    requests = sum(filled.requests for each in source.values() for filled in each)
    return [
        case(
            f"{role.name}, replay",
            requests / scratch.replay_s,
            "orders/s",
            limit=requests / rows_s,
            aim=AIM,
        ),
        case(f"{role.name}, up from nothing, outputs read back", scratch.all_s, "s"),
        case(f"{role.name}, checkpoint and replay of the last tenth", anchored.replay_s, "s"),
    ]


async def _archive(settings: Settings, role: Role, source: Source) -> None:
    """Write what the projections would have written."""
    store = CqlStore(settings)
    try:
        writer = Writer(await store.connected())
        at = int(time.time() * 1000)
        for partition, filled in source.items():
            archive = ARCHIVES[role.source]
            writes = [
                archive.write(partition, offset, at, value)
                for offset, (value, _) in enumerate(filled)
            ]
            for first in range(0, len(writes), ROWS_AT_ONCE):
                await writer.store(writes[first : first + ROWS_AT_ONCE])
    finally:
        await store.close()


async def _read_rows(settings: Settings, role: Role, source: Source) -> float:
    """How long it takes to read the archive and do nothing."""
    store = CqlStore(settings)
    try:
        await store.connected()
        began = time.perf_counter()
        for partition, filled in source.items():
            rows = 0
            async for _ in store.archived(role.source, partition, 0):
                rows += 1
            if rows != len(filled):
                raise RuntimeError(f"{rows} rows of {len(filled)} are archived")
        return time.perf_counter() - began
    finally:
        await store.close()


async def _bring_up(settings: Settings, role: Role, source: Source) -> Times:
    """Bring up a role's machines; they have nothing to say."""
    lease = Lease(settings.session_s)
    records = TimedLog(settings, lease)
    store = CqlStore(settings)
    partitions = Partitions(role, settings, records, store, Health())
    await records.start()
    try:
        await store.connected()
        lease.renew(time.monotonic())
        began = time.perf_counter()
        positions = await partitions.assign(source)
        taken = Times(time.perf_counter() - began, records.taken_s)
        if positions != {partition: len(filled) for partition, filled in source.items()}:
            raise RuntimeError(f"the machines stand at {positions}")
        return taken
    finally:
        await partitions.close()
        await records.stop()
        await store.close()


async def _take_checkpoints(settings: Settings, role: Role, source: Source) -> None:
    """Keep what the machines were after nine tenths of their records."""
    store = CqlStore(settings)
    try:
        for partition, filled in source.items():
            position = len(filled) * 9 // 10
            machine = role.new(partition, settings)
            async for record in store.archived(role.source, partition, 0):
                if record.offset == position:
                    break
                machine.apply(record.offset, record.at, record.value)
            held = checkpoints.Held(machine, position, {}, 0, at=record.at)
            await checkpoints.keep(*checkpoints.take(role, partition, held), store)
    finally:
        await store.close()


class Kill(NamedTuple):
    """Seconds from a kill to what followed it."""

    dead: float
    ready: float
    traded: float


async def _kills(settings: Settings, say: Say) -> list[Case]:
    async with trading(settings) as trader:
        say(f"placing {RESTING:,} orders")
        await _fill_book(settings, trader)
        # Else what is measured is how those who follow the log get through 100,000 orders.
        say("waiting until the database has them")
        await asyncio.to_thread(_drain, settings)
        kills = []
        for number in range(KILLS):
            say(f"kill {number + 1} of {KILLS}")
            kills.append(await _kill(settings, trader))
    kill = sorted(kills, key=lambda each: each.traded)[KILLS // 2]
    return [
        case("kill -9 to the first trade", kill.traded, "s", aim=Aim(at_most=5)),
        case("of it: until the process is gone and started again", kill.dead, "s"),
        case("of it: from there until the trade is on the log", kill.traded - kill.dead, "s"),
        case("kill -9 until the worker says that it is ready", kill.ready, "s"),
    ]


async def _fill_book(settings: Settings, trader: Trader) -> None:
    """Let orders rest, until one that came after them has traded."""
    makers = [f"maker-{number}" for number in range(MAKERS)]
    await trader.create_market()
    await trader.open("taker", *makers)
    async with _new_trades(settings) as consumer:
        for first in range(0, RESTING, PLACED_AT_ONCE):
            numbers = range(first, first + PLACED_AT_ONCE)
            await asyncio.gather(
                *(trader.place(makers[n % MAKERS], Side.SELL, 20_000 + n % 500, 1) for n in numbers)
            )
        await trader.place("taker", Side.BUY, 21_000, 1)
        await _next_record(consumer)


def _drain(settings: Settings) -> None:
    """Return once the database is up to date, or has had its time."""
    with watched(settings) as behind:
        behind.drained_s(LIMIT_S)


@asynccontextmanager
async def _new_trades(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of the trades from now on."""
    place = TopicPartition(TRADES.name(settings.venue), 0)
    async with consuming(settings.broker, fetch_max_wait_ms=20) as consumer:
        consumer.assign([place])
        await consumer.seek_to_end(place)
        await consumer.position(place)
        yield consumer


async def _kill(settings: Settings, trader: Trader) -> Kill:
    records = Records(settings.home)
    running = records.running(MATCHING.name)
    if running is None:
        raise RuntimeError("the matching worker does not run")
    async with _new_trades(settings) as consumer:
        began = time.perf_counter()
        os.kill(running.pid, signal.SIGKILL)
        await asyncio.to_thread(running.stop)
        await trader.place("taker", Side.BUY, 21_000, 1)
        started = await asyncio.to_thread(launch.start, BY_NAME[MATCHING.name], settings)
        dead = time.perf_counter() - began
        traded = asyncio.create_task(_next_record(consumer))
        while not await asyncio.to_thread(launch.is_ready, started.address):
            if time.perf_counter() - began > LIMIT_S:
                raise TimeoutError("the worker did not come back")
            await asyncio.sleep(ASKED_EVERY_S)
        ready = time.perf_counter() - began
        return Kill(dead, ready, await traded - began)


async def _next_record(consumer: AIOKafkaConsumer) -> float:
    """When the next record was there."""
    async with asyncio.timeout(LIMIT_S):
        await consumer.getone()
    return time.perf_counter()
