"""What the log says is what the database shows, whatever dies in between."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from aiokafka import AIOKafkaProducer
from cassandra import InvalidRequest

from infra.health import Health
from infra.ports import free_port
from infra.settings import Settings
from projections import schema
from projections.archive import COMMAND_LOG
from projections.orders import FRAMES_PER_BUCKET
from projections.queries import Account, Queries, Window
from projections.service import project
from projections.session import Database, open_cluster
from streams.messages import AccountId, MarketId, Millis, OrderUpdate, Trade, Update
from streams.runtime.provision import create_topics
from streams.topics import COMMANDS, DEAD_LETTERS, KLINES, MARKETS, TICKERS, TRADES, UPDATES
from tests.integration.projecting import LIMIT_S, Gate, Log, becomes, eventually, read_all
from tests.unit.projections.samples import (
    T0,
    balance,
    balance_update,
    canceled,
    filled,
    kline,
    market,
    order_id,
    order_update,
    rejected,
    ticker,
    trade,
)

ANN, BOB, CAT, DAN, EVE, FAY, GUS = map(
    AccountId, ("ann", "bob", "cat", "dan", "eve", "fay", "gus")
)
BTCUSDT = MarketId("BTCUSDT")
NOW = Millis(T0)


@pytest.fixture(scope="module")
def settings(make_settings: Callable[..., Settings]) -> Iterator[Settings]:
    """A venue with its topics and tables, and nothing in them."""
    settings = make_settings(account_partitions=2, market_partitions=2)
    asyncio.run(create_topics(settings))
    schema.create(settings)
    yield settings
    schema.drop(settings)


@pytest.fixture
async def log(settings: Settings) -> AsyncIterator[Log]:
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka, acks="all")
    await producer.start()
    yield Log(settings, producer)
    await producer.stop()


@pytest.fixture
async def queries(settings: Settings) -> AsyncIterator[Queries]:
    queries = await Queries.connect(settings)
    yield queries
    await queries.close()


@pytest.fixture
async def start(settings: Settings) -> AsyncIterator[Callable[..., Health]]:
    """Starts a projecting service in this process; all are stopped at the end."""
    running: list[asyncio.Task[None]] = []

    def start(**changes: object) -> Health:
        health = Health()
        running.append(asyncio.create_task(project(settings.model_copy(update=changes), health)))
        return health

    yield start
    for task in running:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def is_ready(health: Health, ready: bool = True) -> None:
    async def state() -> bool:
        return health.ready

    await becomes(state, ready)


async def test_an_order_can_be_followed_from_new_to_filled(
    start: Callable[..., Health], log: Log, queries: Queries
) -> None:
    start()
    new, fill = order_update(1, 1, account=ANN), filled(2, 1, account=ANN)

    async def order() -> OrderUpdate | None:
        return await queries.order(ANN, BTCUSDT, order_id(1))

    await log.write(UPDATES, new)
    await becomes(order, new)
    assert await queries.open_orders(ANN) == [new]
    await log.write(UPDATES, fill)
    await becomes(order, fill)
    await becomes(lambda: queries.open_orders(ANN), [])
    assert await queries.order_by_client_id(ANN, BTCUSDT, "mine-1") == fill
    assert await queries.all_orders(ANN, BTCUSDT, Window(limit=10)) == [fill]
    assert await queries.account_trades(ANN, BTCUSDT, Window(limit=10), order_id(1)) == [fill]
    assert await queries.order(BOB, BTCUSDT, order_id(1)) is None


async def test_records_written_twice_or_late_change_nothing(
    start: Callable[..., Health], log: Log, queries: Queries
) -> None:
    start()
    history: list[Update] = [
        balance_update(1, balance("USDT", 100, 0), account=BOB),
        order_update(1, 1, account=BOB),
        balance_update(2, balance("USDT", 60, 40), account=BOB),
        filled(2, 1, account=BOB),
        order_update(3, 2, account=BOB),
    ]
    await log.write(UPDATES, *history)
    await log.write(UPDATES, *history[:3])
    await log.write(UPDATES, balance_update(3, balance("BTC", 1, 0), account=BOB))
    await eventually(lambda: queries.balances(BOB), lambda found: len(found) == 2)
    assert balance("USDT", 60, 40) in await queries.balances(BOB)
    assert await queries.order(BOB, BTCUSDT, order_id(1)) == history[3]
    assert await queries.open_orders(BOB) == [history[4]]
    assert await queries.account_trades(BOB, BTCUSDT, Window(limit=10)) == [history[3]]


async def test_a_list_goes_on_over_the_bounds_of_partitions(
    start: Callable[..., Health], log: Log, queries: Queries
) -> None:
    start()
    # Three partitions of the database, one in between left out.
    numbers = [b * FRAMES_PER_BUCKET + n for b in (0, 1, 3) for n in range(10)]
    orders = [order_update(seq + 1, n, account=CAT) for seq, n in enumerate(numbers)]
    orders[4] = rejected(5, numbers[4], account=CAT)
    await log.write(UPDATES, *orders)
    listed = orders[:4] + orders[5:]
    limit = len(orders)

    async def all_orders(window: Window) -> list[OrderUpdate]:
        return await queries.all_orders(CAT, BTCUSDT, window)

    await becomes(lambda: all_orders(Window(limit=limit)), listed)
    assert await all_orders(Window(limit=12)) == listed[-12:]
    assert await all_orders(Window(limit=12, first=orders[2].order_id)) == listed[2:14]
    assert await all_orders(Window(limit=12, start=orders[8].created)) == listed[7:19]
    assert await all_orders(Window(limit=3, end=orders[22].created)) == listed[19:22]
    between = Window(limit=limit, start=orders[8].created, end=orders[22].created)
    assert await all_orders(between) == listed[7:22]
    assert await all_orders(Window(limit=5, start=orders[-1].created + 1)) == []
    assert len(await queries.open_orders(CAT, BTCUSDT)) == len(listed)


async def test_markets_show_their_latest_state(
    start: Callable[..., Health], log: Log, queries: Queries
) -> None:
    start()
    trades = [trade(n) for n in range(1, 2500)]
    await log.write(TRADES, *trades, partition=1)
    await log.write(TICKERS, ticker(1), ticker(2), ticker(1, market="ETHUSDT"))
    candles = [kline(n, T0 + n * 60_000) for n in range(1, 2500)]
    await log.write(KLINES, *candles, kline(9999, candles[-1].open_time))
    await log.write(MARKETS, market(1), market(7, status="HALT"))

    async def read(window: Window) -> list[Trade]:
        return await queries.trades(BTCUSDT, window)

    await becomes(lambda: read(Window(limit=5)), trades[-5:])
    assert await read(Window(limit=2000, first=17)) == trades[16:2016]
    assert await read(Window(limit=5, start=trades[99].time)) == trades[99:104]

    async def last_close() -> list[str]:
        newest = await queries.klines(BTCUSDT, "1m", Window(limit=1))
        return [candle.close for candle in newest]

    await becomes(last_close, ["9999"])
    window = Window(limit=1500, start=candles[10].open_time, end=candles[-2].open_time)
    assert await queries.klines(BTCUSDT, "1m", window) == candles[10:1510]
    expected = [ticker(2), ticker(1, market="ETHUSDT")]
    await becomes(queries.tickers, expected)
    await becomes(queries.markets, [market(7, status="HALT")])


async def test_a_malformed_record_goes_to_dead_letters_and_the_partition_goes_on(
    start: Callable[..., Health], log: Log, queries: Queries, settings: Settings
) -> None:
    start()
    offset = await log.write(UPDATES, b"\x00 garbage")
    update = order_update(1, 1, account=DAN)
    await log.write(UPDATES, update)
    await becomes(lambda: queries.order(DAN, BTCUSDT, order_id(1)), update)
    (letter,) = await read_all(settings, DEAD_LETTERS)
    headers = dict(letter.headers)
    assert letter.value == b"\x00 garbage"
    assert letter.key == b"updates/0"
    assert (headers["topic"], headers["partition"]) == (b"updates", b"0")
    assert headers["offset"] == str(offset).encode()
    assert b"malformed" in headers["reason"]


async def test_the_archive_is_the_log_up_to_its_first_hole(
    start: Callable[..., Health], log: Log, settings: Settings
) -> None:
    start()
    frames = [f"frame {n}".encode() for n in range(5000)]
    last = await log.write(COMMANDS, *frames, b"\xff not a frame", partition=1)
    database = await Database.connect(settings)

    async def end() -> int:
        return await COMMAND_LOG.end(database, 1)

    async def archived(start: int) -> list[bytes]:
        return [frame.value async for frame in COMMAND_LOG.frames(database, 1, start)]

    await becomes(end, last + 1)
    assert await archived(0) == [*frames, b"\xff not a frame"]
    assert await archived(4999) == [frames[4999], b"\xff not a frame"]
    assert await archived(last + 1) == []
    await database.execute(
        "DELETE FROM {venue}.command_log WHERE partition = 1 AND bucket = 0 AND offset = 7"
    )
    assert await archived(0) == frames[:7]
    await database.close()


async def test_a_killed_service_loses_nothing(
    log: Log, queries: Queries, settings: Settings
) -> None:
    count = 10_000
    numbers = range(1, count + 1)
    updates = [order_update(n, n, account=EVE) for n in numbers]
    updates += [canceled(count + n, n, account=EVE) for n in numbers if n % 100]
    for at in range(0, len(updates), 1000):
        await log.write(UPDATES, *updates[at : at + 1000])

    async def newest() -> list[OrderUpdate]:
        return await queries.all_orders(EVE, BTCUSDT, Window(limit=1))

    with service(settings) as process:
        first = await eventually(newest, bool)
        process.kill()
    with service(settings) as process:
        await eventually(newest, lambda found: found != first)
        process.kill()
    with service(settings):
        window = Window(limit=count, first=0)
        still_open = [update for update in updates[:count] if update.seq % 100 == 0]
        await becomes(lambda: queries.open_orders(EVE), still_open)
        orders = await queries.all_orders(EVE, BTCUSDT, window)
        expected = {update.order_id: update for update in updates}
        assert orders == [expected[order_id(n)] for n in numbers]


@contextlib.contextmanager
def service(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """The service as a process of its own; it must end cleanly when told to."""
    code = (
        "from infra.settings import settings; from projections.service import run; run(settings())"
    )
    ours = {
        "VELOCITY_KAFKA": str(settings.kafka),
        "VELOCITY_CQL": str(settings.cql),
        "VELOCITY_VENUE": settings.venue,
    }
    process = subprocess.Popen([sys.executable, "-c", code], env=os.environ | ours)
    try:
        yield process
        process.terminate()
        assert process.wait(LIMIT_S) in (0, -signal.SIGKILL)
    finally:
        process.kill()
        process.wait(LIMIT_S)


async def test_while_the_database_is_away_the_service_says_so_and_waits(
    start: Callable[..., Health], log: Log, queries: Queries, settings: Settings
) -> None:
    assert settings.cql is not None
    gate = Gate(settings.cql)
    health = start(cql=gate.address)

    async def fault() -> object:
        return health.details.get("database")

    await eventually(fault, bool)
    assert not health.ready
    await gate.open()
    await is_ready(health)
    await gate.close()
    update = order_update(1, 1, account=GUS)
    await log.write(UPDATES, update)
    await is_ready(health, ready=False)
    assert await queries.order(GUS, BTCUSDT, order_id(1)) is None
    await gate.open()
    await becomes(lambda: queries.order(GUS, BTCUSDT, order_id(1)), update)
    await is_ready(health)
    await gate.close()


async def test_while_the_broker_is_away_the_service_says_so_and_waits(
    start: Callable[..., Health],
) -> None:
    health = start(kafka=f"127.0.0.1:{free_port()}")

    async def faults() -> list[bool]:
        return ["broker" in feed for feed in health.details.values()]  # type: ignore[operator]

    await becomes(faults, [True, True, True, True])
    assert not health.ready


async def test_accounts_are_found_by_name(queries: Queries) -> None:
    account = Account("Ann's desk", ANN, NOW)
    await queries.put_account(account)
    assert await queries.account("Ann's desk") == account
    assert await queries.accounts() == [account]
    assert await queries.account("Bob's desk") is None


async def test_workers_hand_partitions_over_without_losing_an_open_order(
    start: Callable[..., Health], log: Log, queries: Queries
) -> None:
    await is_ready(start())
    updates = [order_update(n, n, account=FAY) for n in range(1, 3001)]
    await log.write(UPDATES, *updates[:1000])
    other = start(worker="two")
    await log.write(UPDATES, *updates[1000:2000])
    await is_ready(other)
    await log.write(UPDATES, *updates[2000:])
    await becomes(lambda: queries.open_orders(FAY), updates)


async def test_a_service_without_tables_stops_at_once(settings: Settings) -> None:
    without_tables = settings.model_copy(update={"venue": f"{settings.venue[:-2]}_0"})
    async with asyncio.timeout(LIMIT_S):
        with pytest.raises(InvalidRequest):
            await project(without_tables, Health())


def test_tables_of_another_version_are_not_written_to(
    make_settings: Callable[..., Settings],
) -> None:
    """They would be there already, and take no row as it is written now."""
    settings = make_settings(venue=f"t{secrets.token_hex(4)}_other")
    schema.create(settings)
    with open_cluster(settings) as cluster:
        session = cluster.connect(settings.venue)
        session.execute("DROP TABLE fills")
        session.execute("CREATE TABLE fills (account text, trade_id bigint, PRIMARY KEY (account))")
    with pytest.raises(schema.OtherTables, match=r"fills .* with the key \(account\)"):
        schema.create(settings)
    schema.drop(settings)


async def test_an_error_in_one_feed_stops_the_service(log: Log, settings: Settings) -> None:
    """The last test here: it takes a table away."""
    health = Health()
    service = asyncio.create_task(project(settings, health))
    await is_ready(health)
    database = await Database.connect(settings)
    await database.execute("DROP TABLE {venue}.tickers")
    await database.close()
    await log.write(TICKERS, ticker(9))
    async with asyncio.timeout(LIMIT_S):
        with pytest.raises(ExceptionGroup) as stopped:
            await service
    assert stopped.group_contains(InvalidRequest)
