"""`velocity verify` on a running exchange: it holds, and whatever is broken on purpose is named."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition
from click.testing import Result
from typer.testing import CliRunner

from infra.cli import app
from infra.settings import Settings
from infra.settings import settings as read_settings
from infra.verify.checks import Check, Difference
from infra.verify.replay import Source
from infra.verify.run import verify
from infra.verify.topics import follows, spans
from projections.session import Database
from streams.messages import OrderStatus, Side
from streams.runtime.cql_store import CqlStore
from streams.runtime.kafka_log import KafkaLog
from streams.runtime.provision import create_topics
from streams.runtime.transport import Lease
from streams.topics import COMMANDS, DEPTH, ORDERS, UPDATES, Topic
from tests.integration.exchange import MARKET, Trader, Workers, read, running, trading

pytestmark = pytest.mark.timeout(300)

WORKERS = ("ledger", "matching", "market-data", "projections")
ROUNDS = 12
CHECKPOINT_RECORDS = 40

Velocity = Callable[..., Awaitable[Result]]


@pytest.fixture(scope="module")
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(
        account_partitions=2, market_partitions=2, checkpoint_records=CHECKPOINT_RECORDS
    )


@pytest.fixture(scope="module")
def workers(settings: Settings) -> Iterator[Workers]:
    """An exchange that has traded: alice and bob each have an order left in the book."""
    with running(settings, *WORKERS) as workers:
        asyncio.run(_trade(settings))
        yield workers


async def _trade(settings: Settings) -> None:
    async with trading(settings) as trader:
        await trader.create_market()
        await trader.open("alice", "bob")
        await some_rounds(trader)


async def some_rounds(trader: Trader) -> None:
    """Trades at three prices, cancels, and two orders that stay."""
    for number in range(ROUNDS):
        price = 100 + number % 3
        sold = await trader.place("alice", Side.SELL, price, quantity=50)
        await trader.outcome(sold)
        bought = await trader.place("bob", Side.BUY, price, quantity=30)
        assert (await trader.outcome(bought)).status is OrderStatus.FILLED
        await trader.cancel("alice", sold)
    for account, side, price in (("alice", Side.SELL, 120), ("bob", Side.BUY, 80)):
        left = await trader.place(account, side, price, quantity=100)
        assert (await trader.outcome(left)).status is OrderStatus.NEW


@pytest.fixture
async def trader(settings: Settings, workers: Workers) -> AsyncIterator[Trader]:
    async with trading(settings) as trader:
        yield trader


@pytest.fixture
async def database(settings: Settings, workers: Workers) -> AsyncIterator[Database]:
    database = await Database.connect(settings)
    yield database
    await database.close()


def verifying(
    settings: Settings, workers: Workers, source: Source = Source.CHECKPOINT
) -> Awaitable[list[Check]]:
    return verify(settings, workers.urls, source, last=None)


def differences(checks: list[Check]) -> dict[str, str]:
    return {check.name: check.difference for check in checks if check.difference}


@pytest.fixture
def velocity(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Velocity]:
    """The command line on this venue."""
    for name in ("kafka", "cql", "venue", "home", "account_partitions", "market_partitions"):
        monkeypatch.setenv(f"VELOCITY_{name.upper()}", str(getattr(settings, name)))
    read_settings.cache_clear()
    yield lambda *arguments: asyncio.to_thread(lambda: CliRunner().invoke(app, list(arguments)))
    read_settings.cache_clear()


@pytest.mark.parametrize("source", Source)
async def test_an_exchange_at_rest_holds(
    settings: Settings, workers: Workers, source: Source
) -> None:
    checks = await verifying(settings, workers, source)
    assert not differences(checks)
    compared = {check.name: check.compared for check in checks}
    assert compared["holds: those of open orders"].startswith("2 open orders, 0 moving")
    assert compared["open orders: those of the books"].startswith("2 open orders, 0 more")
    assert compared["balances: those of the ledgers"].startswith("4 balances, 0 of them")
    assert compared["trades: once in the database"] == f"{ROUNDS} trades"
    assert "1 book compared" in compared["depth: each record follows"]


async def test_an_exchange_at_work_holds(
    settings: Settings, workers: Workers, trader: Trader
) -> None:
    async with asyncio.TaskGroup() as group:
        working = group.create_task(some_rounds(trader))
        while not working.done():
            assert not differences(await verifying(settings, workers, Source.START))


async def test_it_holds_through_kill_9(settings: Settings, workers: Workers) -> None:
    for name in ("ledger", "matching", "projections"):
        workers.kill(name)
        workers.start(name)
    assert not differences(await verifying(settings, workers))


# -- broken on purpose ---------------------------------------------------------------------------


async def test_a_trade_that_is_not_in_the_database_is_named(
    settings: Settings, workers: Workers, database: Database
) -> None:
    key = "market = ? AND bucket = 0 AND trade_id = ?"
    ((event,),) = await database.execute(
        f"SELECT event FROM {{venue}}.trades WHERE {key}", (MARKET, 5)
    )
    await database.execute(f"DELETE FROM {{venue}}.trades WHERE {key}", (MARKET, 5))
    name = "trades: once in the database"
    lost = differences(await verifying(settings, workers))
    assert lost == {name: "BTCUSDT: trade 5 is not in the database"}

    put = "INSERT INTO {venue}.trades (market, bucket, trade_id, event) VALUES (?, 0, ?, ?)"
    await database.execute(put, (MARKET, 5, event.replace('"quantity":"0.03', '"quantity":"0.04')))
    changed = differences(await verifying(settings, workers))
    assert changed.keys() == {name}
    assert "BTCUSDT: trade 5 differs" in changed[name]

    await database.execute(put, (MARKET, 5, event))
    await database.execute(put, (MARKET, 999, event))
    assert differences(await verifying(settings, workers)) == {
        name: "BTCUSDT: trade 999 in the database, not on the topic"
    }
    await database.execute(f"DELETE FROM {{venue}}.trades WHERE {key}", (MARKET, 999))
    assert not differences(await verifying(settings, workers))


async def test_a_balance_that_was_altered_is_named(
    settings: Settings, workers: Workers, database: Database
) -> None:
    row = "account = 'alice' AND asset = 'BTC'"
    ((available, seq),) = await database.execute(
        f"SELECT available, WRITETIME(available) FROM {{venue}}.balances WHERE {row}"
    )
    # At the same version the larger value stands: what a bug in a projection might leave.
    alter = f"UPDATE {{venue}}.balances USING TIMESTAMP ? SET available = ? WHERE {row}"
    await database.execute(alter, (seq, available + 1))
    found = differences(await verifying(settings, workers))
    assert found.keys() == {"balances: those of the ledgers"}
    assert found["balances: those of the ledgers"].startswith("alice: BTC")

    # By hand, at the database's own time.
    await database.execute(f"UPDATE {{venue}}.balances SET available = ? WHERE {row}", (available,))
    found = differences(await verifying(settings, workers))
    assert "which no update of ledger:" in found["balances: those of the ledgers"]


async def test_depth_that_lacks_a_record_is_named(settings: Settings, workers: Workers) -> None:
    copied = settings.model_copy(update={"venue": f"{settings.venue[:28]}_cp"})
    await create_topics(copied)
    told = await read(settings, DEPTH, lambda found: len(found) > 10)
    name = DEPTH.name(copied.venue)
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka) as producer:
        for number, record in enumerate(told):
            if number != 7:
                headers = list(record.headers)
                await producer.send_and_wait(name, record.value, record.key, 0, headers=headers)

    log = KafkaLog(copied, Lease(0))
    with pytest.raises(Difference, match=r"depth/0: BTCUSDT: a diff of \d+ to \d+ follows"):
        await follows(log, DEPTH, await spans(log, copied, last=None), {})


async def test_scripts_and_people_are_told(workers: Workers, velocity: Velocity) -> None:
    """The balance is still altered."""
    machine = await velocity("verify", "--json", "--last", "1000")
    assert machine.exit_code == 1
    answer = json.loads(machine.stdout)
    assert not answer["holds"]
    assert [check["name"] for check in answer["checks"] if not check["holds"]] == [
        "balances: those of the ledgers"
    ]
    people = await velocity("verify")
    assert people.exit_code == 1
    assert "first balances: those of the ledgers: alice: BTC" in people.stdout


async def test_checkpoints_are_listed_and_a_damaged_one_is_named(
    settings: Settings, workers: Workers, database: Database, velocity: Velocity
) -> None:
    listed = json.loads((await velocity("checkpoints", "list", "--json")).stdout)
    assert {"ledger", "matching"} <= {each["role"] for each in listed}
    assert (await velocity("checkpoints", "verify")).exit_code == 0

    damaged = next(each for each in listed if each["role"] == "matching")
    await database.execute(
        "DELETE FROM {venue}.checkpoint_chunks WHERE role = 'matching' AND partition = ?"
        " AND position = ? AND part = 0 AND chunk = 0",
        (damaged["partition"], damaged["position"]),
    )
    tried = await velocity("checkpoints", "verify", "--json")
    assert tried.exit_code == 1
    unusable = [each for each in json.loads(tried.stdout) if not each["usable"]]
    assert [each["position"] for each in unusable] == [damaged["position"]]


# -- what retention leaves -----------------------------------------------------------------------


async def test_logs_without_their_beginning_are_verified_by_checkpoints_and_the_archive(
    settings: Settings, workers: Workers
) -> None:
    store = CqlStore(settings)
    cut: dict[tuple[Topic, int], int] = {(UPDATES, 0): 5, (DEPTH, 0): 5}
    for role, topic in (("ledger", COMMANDS), ("matching", ORDERS)):
        for partition in range(2):
            for newest in (await store.checkpoints(role, partition))[:1]:
                cut[topic, partition] = newest.position
    await store.close()
    await delete_before(settings, cut)
    for source in Source:
        checks = await verifying(settings, workers, source)
        assert differences(checks).keys() == {"balances: those of the ledgers"}


async def delete_before(settings: Settings, positions: Mapping[tuple[Topic, int], int]) -> None:
    """Delete records as retention does."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await admin.start()
    try:
        await admin.delete_records(
            {
                TopicPartition(topic.name(settings.venue), partition): RecordsToDelete(position)
                for (topic, partition), position in positions.items()
            }
        )
    finally:
        await admin.close()
