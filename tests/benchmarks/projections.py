"""How late are rows, and how fast is a backlog gone?

The service is a process as `velocity up` starts it; what machines would say is appended to the log
by this one. A row is late by the time from when its order was due to be appended to when a reader,
asking again and again as the api would, was given it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import psutil
from aiokafka import AIOKafkaProducer
from cassandra.concurrent import execute_concurrent

from infra import launch
from infra.processes import Process, Records
from infra.services import BY_NAME
from infra.settings import Settings
from projections.feeds import UPDATES_FEED, Record
from projections.queries import Queries
from projections.session import IN_FLIGHT_MAX, Database
from projections.writer import Writer
from streams.messages import encode_event
from streams.topics import COMMANDS, ORDERS, TRADES, UPDATES, Topic
from tests.benchmarks import ground
from tests.benchmarks.made_updates import Order, Orders
from tests.benchmarks.registry import Say
from tests.benchmarks.report import Aim, Bench, Case, case, hardware, percentile
from tests.unit.projections.samples import trade

RATE = 500
SECONDS = 20
WARM_SECONDS = 20
SAMPLED = 50
"""Of so many orders one is looked for: readers are to see the load, not to be it."""

BACKLOG = 20_000
ACCOUNTS = (8, 1_000)
POLLED = 2_000
"""About what the consumer is handed at once: within it only the newest of each row is written."""

FRAME = b"f" * 200
"""Stands for a frame of one order in the archive."""

LIMIT_S = 60.0
POLL_S = 0.02
LINGER_MS = 2
"""Without it each record is a request to the broker, and the bench half of the load."""

LOOK_AGAIN_S = 0.001
LOOK_AGAIN_SHARE = 0.1
"""Who looks for a row pauses for the longer of these, the second of how late it is already: so the
later rows are, the less of the load are those who look for them."""

LOAD = (
    f"open loop, {RATE} orders/s of 1,000 accounts on four markets, {SECONDS} s after "
    f"{WARM_SECONDS} s of warming up: what is said of them on `updates` and `trades`, and their "
    f"frames, made beforehand; what is due within {LINGER_MS} ms goes off together. Every "
    f"{SAMPLED}th order is looked for until it is there, after pauses of "
    f"{LOOK_AGAIN_S * 1e3:.0f} ms, or of {LOOK_AGAIN_SHARE:.0%} of how late it is. Limit: the same "
    f"row written and read by scylla-driver. Backlog: {BACKLOG:,} records of `updates`, drained by "
    "a service started then. Limit: scylla-driver writing the rows of the same records, bound and "
    f"in batches beforehand, {IN_FLIGHT_MAX} in flight."
)

Result = TypeVar("Result")


def run(say: Say) -> Bench:
    """Measure it. Raises what the service or its servers fail with."""
    machine = hardware()
    cases: list[Case] = []
    with ground.servers(say) as settings:
        for accounts in ACCOUNTS:
            say(f"a backlog of {accounts} accounts")
            cases += asyncio.run(_drain(settings, accounts))
        say(f"{RATE} orders/s")
        with _service(settings) as service:
            cases = asyncio.run(_lateness(settings, service)) + cases
    return Bench("projections", LOAD, machine, cases)


async def _lateness(settings: Settings, service: Process) -> list[Case]:
    limit = await _written_and_read(settings)
    async with _log(settings) as log:
        queries = await Queries.connect(settings)
        try:
            orders = iter(Orders(1_000, first=10 * BACKLOG))
            await _at_rate(log, queries, _said(orders, RATE * WARM_SECONDS))
            due = _said(orders, RATE * SECONDS)
            before_s = _cpu_s(service)
            late_ms = await _at_rate(log, queries, due)
            cpu_us = (_cpu_s(service) - before_s) / (RATE * SECONDS) * 1e6
        finally:
            await queries.close()
    name = f"row readable at {RATE} orders/s"
    return [
        case(
            f"{name}: p50",
            percentile(late_ms, 50),
            "ms",
            limit=percentile(limit, 50),
            aim=Aim(at_most=10),
        ),
        case(f"{name}: p99", percentile(late_ms, 99), "ms", limit=percentile(limit, 99)),
        case("service's CPU an order", cpu_us, "µs"),
    ]


class _Said(NamedTuple):
    """An order, and the records that machines write because of it."""

    order: Order
    records: list[tuple[Topic, bytes]]


def _said(orders: Iterator[Order], count: int) -> list[_Said]:
    """What is said of the next so many orders."""
    return [_Said(order, _records(order)) for order in islice(orders, count)]


def _records(order: Order) -> list[tuple[Topic, bytes]]:
    records = [(COMMANDS, FRAME), (ORDERS, FRAME)]
    records += [(UPDATES, encode_event(update)) for update in order.updates]
    if len(order.updates) > 2:
        records.append((TRADES, encode_event(trade(order.order_id, market=order.market))))
    return records


async def _at_rate(log: _Log, queries: Queries, orders: Sequence[_Said]) -> list[float]:
    """Append what is said of orders, each when it is due; how late the rows of some were."""
    began = time.monotonic() + 0.1
    looking: list[asyncio.Task[float]] = []
    for number, (order, records) in enumerate(orders):
        due = began + number / RATE
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        for topic, value in records:
            await log.send(topic, value)
        if number % SAMPLED == 0:
            looking.append(asyncio.create_task(_found(queries, order, due)))
    async with asyncio.timeout(LIMIT_S):
        return await asyncio.gather(*looking)


async def _found(queries: Queries, order: Order, due: float) -> float:
    """How many ms after it was due an order was read."""
    while await queries.order(order.account, order.market, order.order_id) is None:
        late_s = time.monotonic() - due
        await asyncio.sleep(max(LOOK_AGAIN_S, LOOK_AGAIN_SHARE * late_s))
    return (time.monotonic() - due) * 1e3


async def _written_and_read(settings: Settings) -> list[float]:
    """How many ms it takes to write one order's row, and then to read it, one after the other."""
    database, queries = await Database.connect(settings), await Queries.connect(settings)
    try:
        writer = Writer(database)
        took_ms = []
        for order in islice(iter(Orders(1_000, first=5 * BACKLOG)), RATE):
            began = time.monotonic()
            await writer.store(_writes([encode_event(order.updates[1])]))
            await queries.order(order.account, order.market, order.order_id)
            took_ms.append((time.monotonic() - began) * 1e3)
        return took_ms
    finally:
        await database.close()
        await queries.close()


async def _drain(settings: Settings, accounts: int) -> list[Case]:
    first = BACKLOG * (1 + ACCOUNTS.index(accounts))
    backlog = [encode_event(update) for update in Orders(accounts, first).updates(BACKLOG)]
    limit = await _limit(settings, backlog)
    async with _log(settings) as log:
        await log.append(UPDATES, backlog)
    with _service(settings) as service:
        rate, cpu_us = await asyncio.to_thread(_drained, service)
    name = f"backlog of {accounts:,} accounts"
    aim = Aim(ratio_at_least=0.6)
    return [
        case(f"{name}: drained", rate, "records/s", limit=limit, aim=aim),
        case(f"{name}: service's CPU", cpu_us, "µs a record"),
    ]


def _drained(service: Process) -> tuple[float, float]:
    """Records a second from the first look that shows some, and the CPU time of one in µs."""
    records = _wait_for(lambda: _taken(service))
    began, before_s, first = time.monotonic(), _cpu_s(service), records
    _wait_for(lambda: _taken(service) >= BACKLOG)
    took_s, cpu_s = time.monotonic() - began, _cpu_s(service) - before_s
    return (BACKLOG - first) / took_s, cpu_s / (BACKLOG - first) * 1e6


def _taken(service: Process) -> int:
    """How many records of `updates` it has brought into the database."""
    told = launch.readiness(service.address).get(UPDATES_FEED.name, {})
    return int(told.get("records", 0))


async def _limit(settings: Settings, backlog: Sequence[bytes]) -> float:
    """Records a second, if nothing but the rows of them is written."""
    kept = await _Kept.connect(settings)
    try:
        writer = Writer(kept)
        for at in range(0, len(backlog), POLLED):
            await writer.store(_writes(backlog[at : at + POLLED]))
        return await asyncio.to_thread(kept.records_a_second, len(backlog))
    finally:
        await kept.close()


class _Kept(Database):
    """Keeps statements instead of running them; then runs them as the driver would."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._kept: list[Any] = []

    async def write(self, statements: Any) -> None:
        self._kept += statements

    def records_a_second(self, records: int) -> float:
        began = time.monotonic()
        execute_concurrent(
            self._session, [(each, None) for each in self._kept], concurrency=IN_FLIGHT_MAX
        )
        return records / (time.monotonic() - began)


def _writes(values: Sequence[bytes]) -> list[Any]:
    read = UPDATES_FEED.reads[UPDATES]
    return [write for value in values for write in read(Record(UPDATES, 0, 0, 0, value))]


class _Log:
    """The topics, as machines write to them."""

    def __init__(self, settings: Settings, producer: Any) -> None:
        self._venue = settings.venue
        self._producer = producer

    async def append(self, topic: Topic, values: Sequence[bytes]) -> None:
        """Append and wait until the log has all of it."""
        for value in values:
            await self.send(topic, value)
        await self._producer.flush()

    async def send(self, topic: Topic, value: bytes) -> None:
        """Hand a record to the producer."""
        await self._producer.send(topic.name(self._venue), value, key=b"any", partition=0)


@asynccontextmanager
async def _log(settings: Settings) -> AsyncIterator[_Log]:
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka,
        acks="all",
        enable_idempotence=True,
        linger_ms=LINGER_MS,
    )
    await producer.start()
    try:
        yield _Log(settings, producer)
    finally:
        await producer.stop()


@contextmanager
def _service(settings: Settings) -> Iterator[Process]:
    """The projecting service, as `velocity up` starts it."""
    process = launch.start(BY_NAME["projections"], settings)
    try:
        _wait_for(lambda: launch.is_ready(process.address))
        yield process
    finally:
        Records(settings.home).stop("projections")


def _cpu_s(process: Process) -> float:
    times = psutil.Process(process.pid).cpu_times()
    return times.user + times.system


def _wait_for(look: Callable[[], Result]) -> Result:
    """What a look finds, once it finds something."""
    deadline = time.monotonic() + LIMIT_S
    while not (found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"still not so after {LIMIT_S:.0f} s")
        time.sleep(POLL_S)
    return found
