"""What comes out of two of the doors, WebSocket and Kafka, collected while traders trade."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from websockets.asyncio.client import connect

from infra.demo.seen import Collected, SeenTrade
from infra.settings import Settings
from projections.queries import updates_group
from streams.messages import (
    BalanceUpdate,
    OrderUpdate,
    Trade,
    trades,
    updates,
)
from streams.topics import TRADES, UPDATES, Topic

CONNECT_TIMEOUT_S = 10.0


class WebSocketDoor:
    """A subscriber to the trade streams of the demonstration's markets."""

    def __init__(self, url: str, symbols: Iterable[str]) -> None:
        streams = "/".join(f"{symbol.lower()}@trade" for symbol in symbols)
        self._url = f"{url}/stream?streams={streams}"
        self.collected = Collected()
        self.connected = asyncio.Event()

    async def listen(self, on_trade: Callable[[SeenTrade], None]) -> None:
        """Collect until cancelled. Raises `ConnectionClosed` when the exchange hangs up."""
        async with connect(self._url, open_timeout=CONNECT_TIMEOUT_S, max_queue=None) as socket:
            self.connected.set()
            async for frame in socket:
                payload: dict[str, Any] = msgspec.json.decode(frame)["data"]
                trade = SeenTrade(payload["s"], payload["t"], payload["p"], payload["q"])
                self.collected.add(trade)
                on_trade(trade)


class KafkaDoor:
    """A reader of `trades` and `updates`, from where they ended when it started."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.collected = Collected()
        self.orders: dict[int, OrderUpdate] = {}
        self.balances: dict[tuple[str, str], int] = {}
        self.fees: dict[str, int] = {}
        self.announced: dict[tuple[int, str], int] = {}
        """By partition and market source, the last settlement that an order update announced."""
        self.settled: dict[tuple[int, str], int] = {}
        self._consumer: AIOKafkaConsumer = None

    async def connect(self) -> None:
        """Raises `KafkaConnectionError`."""
        self._consumer = AIOKafkaConsumer(
            **self._settings.kafka_client, enable_auto_commit=False, fetch_max_wait_ms=100
        )
        await self._consumer.start()
        self._consumer.assign([*self._places(TRADES), *self._places(UPDATES)])

    async def start_here(self) -> None:
        """Collect from where the topics end now."""
        await self._consumer.seek_to_end()
        for place in self._consumer.assignment():
            await self._consumer.position(place)  # resolves the seek before anyone trades

    async def is_projected(self) -> bool:
        """Whether the projections have taken in all of `updates` as it ends now."""
        places = self._places(UPDATES)
        ends = await self._consumer.end_offsets(places)
        admin = AIOKafkaAdminClient(**self._settings.kafka_client)
        await admin.start()
        try:
            group = await admin.list_consumer_group_offsets(updates_group(self._settings.venue))
        finally:
            await admin.close()
        return all(
            ends[place] == 0 or (place in group and group[place].offset >= ends[place])
            for place in places
        )

    def _places(self, topic: Topic) -> list[TopicPartition]:
        count = topic.partitions(
            self._settings.account_partitions, self._settings.market_partitions
        )
        name = topic.name(self._settings.venue)
        return [TopicPartition(name, partition) for partition in range(count)]

    async def listen(self) -> None:
        """Collect until cancelled."""
        trades_name = TRADES.name(self._settings.venue)
        try:
            while True:
                polled = await self._consumer.getmany(timeout_ms=1000)
                for place, records in polled.items():
                    for record in records:
                        if place.topic == trades_name:
                            self._take_trade(trades.decode(record.value))
                        else:
                            self._take_update(place.partition, updates.decode(record.value))
        finally:
            await self.close()

    async def close(self) -> None:
        await self._consumer.stop()

    def _take_trade(self, trade: Trade) -> None:
        self.collected.add(SeenTrade(trade.market, trade.trade_id, trade.price, trade.quantity))

    def _take_update(self, partition: int, update: object) -> None:
        match update:
            case OrderUpdate():
                self.orders[update.order_id] = update
                if update.fee:
                    self.fees[update.fee_asset] = self.fees.get(update.fee_asset, 0) + update.fee
                if update.settlement:
                    self.announced[partition, update.source] = update.settlement
            case BalanceUpdate():
                for balance in update.balances:
                    total = balance.available + balance.held
                    self.balances[update.account, balance.asset] = total
                if update.settled is not None:
                    source, seq = update.settled
                    self.settled[partition, source] = seq
            case _:
                pass  # an account opened or a request refused moves no money

    @property
    def is_settled(self) -> bool:
        """Whether every settlement announced so far has been booked."""
        return all(self.settled.get(edge, 0) >= seq for edge, seq in self.announced.items())
