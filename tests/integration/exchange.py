"""A running exchange without doors: its workers as processes, and a trader who writes to the log.

What the api does is done here by hand: frames to `commands`, a market to `orders`, outcomes read
off `updates`.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from infra import launch
from infra.processes import Process
from infra.services import BY_NAME
from infra.settings import Settings
from projections import schema
from streams.messages import (
    FRAME_VERSION,
    UNIT,
    AccountCommand,
    AccountId,
    Asset,
    CancelOrder,
    ConfigureMarket,
    Deposit,
    Frame,
    Lots,
    MarketConfig,
    MarketId,
    OpenAccount,
    OrderId,
    OrderType,
    OrderUpdate,
    PlaceOrder,
    RequestId,
    Sequence,
    Side,
    Ticks,
    TimeInForce,
    Units,
    Update,
    encode_frame,
    partition_of_account,
    request_id,
    updates,
)
from streams.runtime.provision import create_topics
from streams.topics import COMMANDS, ORDERS, UPDATES, Topic

READY_LIMIT_S = 60.0
OUTCOME_LIMIT_S = 30.0
MARKET = MarketId("BTCUSDT")
BTC, USDT = Asset("BTC"), Asset("USDT")


class Workers:
    """Services of one venue, each a process of its own."""

    def __init__(self, settings: Settings, names: Iterable[str]) -> None:
        self._settings = settings
        self._names = list(names)
        self._running: dict[str, Process] = {}

    @property
    def urls(self) -> list[str]:
        """Where they say how they are."""
        return [process.address for process in self._running.values()]

    def start(self, *names: str) -> None:
        """Start those named, else all; return when they are ready."""
        for name in names or self._names:
            self._running[name] = launch.start(BY_NAME[name], self._settings)
        deadline = time.monotonic() + READY_LIMIT_S
        while not all(launch.is_ready(url) for url in self.urls):
            dead = [name for name, process in self._running.items() if not process.running()]
            assert not dead, f"{dead} ended; see {self._settings.home / 'logs'}"
            assert time.monotonic() < deadline, f"not ready: {self._running}"
            time.sleep(0.1)

    def kill(self, name: str) -> None:
        """End one as SIGKILL does: at once, without a chance to finish anything."""
        process = self._running.pop(name)
        assert process.running(), f"{name} has ended by itself"
        os.kill(process.pid, signal.SIGKILL)
        process.stop()

    def stop(self) -> None:
        for process in self._running.values():
            process.stop()


@contextmanager
def running(settings: Settings, *names: str) -> Iterator[Workers]:
    """A venue with its topics and tables, and workers until the end of the block."""
    asyncio.run(create_topics(settings))
    schema.create(settings)
    workers = Workers(settings, names)
    try:
        workers.start()
        yield workers
    finally:
        workers.stop()


class Trader:
    """Accounts' commands in, outcomes out."""

    def __init__(self, settings: Settings, producer: AIOKafkaProducer) -> None:
        self._settings = settings
        self._producer = producer
        self._orders = itertools.count(1)
        self._name = secrets.token_hex(4)

    async def write(
        self,
        topic: Topic,
        value: bytes,
        partition: int,
        headers: Iterable[tuple[str, bytes]] = (),
    ) -> int:
        """Append a record as it is; the offset it has."""
        name = topic.name(self._settings.venue)
        ack = await self._producer.send_and_wait(
            name, value, partition=partition, headers=list(headers)
        )
        return int(ack.offset)

    async def send(self, command: AccountCommand) -> RequestId:
        """Append an account's command, and return its request id."""
        partition = partition_of_account(command.account, self._settings.account_partitions)
        frame = Frame(FRAME_VERSION, "", Sequence(0), [command])
        return request_id(partition, await self.write(COMMANDS, encode_frame(frame), partition), 0)

    async def create_market(self) -> None:
        """BTCUSDT, on partition 0: ticks of 0.01, lots of 0.00001, fees of 0.1 %."""
        config = MarketConfig(
            market=MARKET,
            partition=0,
            base=BTC,
            quote=USDT,
            tick=Units(UNIT // 100),
            lot=Units(UNIT // 100_000),
            min_notional=Units(UNIT),
            maker_fee_bps=10,
            taker_fee_bps=10,
        )
        frame = Frame(FRAME_VERSION, "", Sequence(0), [ConfigureMarket(config)])
        await self.write(ORDERS, encode_frame(frame), 0)

    async def open(self, *accounts: str) -> None:
        """Open accounts with 10 BTC and 1,000,000 USDT each."""
        for account in map(AccountId, accounts):
            await self.send(OpenAccount(account))
            await self.send(Deposit(account, BTC, Units(10 * UNIT), "opening"))
            await self.send(Deposit(account, USDT, Units(1_000_000 * UNIT), "opening"))

    async def place(self, account: str, side: Side, price: int, quantity: int) -> OrderId:
        """Send a limit order, price in dollars and quantity in thousandths of a bitcoin."""
        ticks, lots = price * 100, quantity * 100
        buys = side is Side.BUY
        order = PlaceOrder(
            account=AccountId(account),
            market=MARKET,
            market_partition=0,
            client_order_id=f"{self._name}-{next(self._orders)}",
            side=side,
            order_type=OrderType.LIMIT,
            time_in_force=TimeInForce.GTC,
            price=Ticks(ticks),
            quantity=Lots(lots),
            budget=Units(0),
            hold_asset=USDT if buys else BTC,
            hold=Units(ticks * lots * 10 if buys else lots * UNIT // 100_000),
        )
        return OrderId(await self.send(order))

    async def cancel(self, account: str, order_id: OrderId) -> None:
        await self.send(CancelOrder(AccountId(account), MARKET, 0, order_id, ""))

    async def outcome(self, order_id: OrderId) -> OrderUpdate:
        """The latest of what was said of an order, once anything was."""

        def about(found: list[Update]) -> list[OrderUpdate]:
            orders = (update for update in found if isinstance(update, OrderUpdate))
            return [update for update in orders if update.order_id == order_id]

        said = await self.updates(lambda found: bool(about(found)))
        return about(said)[-1]

    async def updates(self, until: Callable[[list[Update]], bool]) -> list[Update]:
        """All that `updates` holds, once it is enough."""
        records = await read(
            self._settings, UPDATES, lambda found: until([updates.decode(r.value) for r in found])
        )
        return [updates.decode(record.value) for record in records]


@asynccontextmanager
async def trading(settings: Settings) -> AsyncIterator[Trader]:
    """A trader until the end of the block."""
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka, acks="all", max_request_size=5 * 1024 * 1024
    )
    await producer.start()
    try:
        yield Trader(settings, producer)
    finally:
        await producer.stop()


async def read(settings: Settings, topic: Topic, until: Callable[[list[Any]], bool]) -> list[Any]:
    """All records of a topic from its beginning, once they are enough."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka, enable_auto_commit=False, fetch_max_wait_ms=50
    )
    await consumer.start()
    try:
        count = topic.partitions(settings.account_partitions, settings.market_partitions)
        places = [TopicPartition(topic.name(settings.venue), p) for p in range(count)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        found: list[Any] = []
        async with asyncio.timeout(OUTCOME_LIMIT_S):
            while not until(found):
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    found += records
        return found
    finally:
        await consumer.stop()
