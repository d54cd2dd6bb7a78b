"""Reads the database as far as it is compared."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from aiokafka.admin import AIOKafkaAdminClient

from infra.settings import Settings
from infra.verify.checks import CannotVerify, Difference, count
from infra.verify.replay import closing
from infra.verify.rows import BalanceRow
from infra.verify.topics import Span, records
from projections.feeds import MARKETS_FEED, UPDATES_FEED, Feed
from projections.markets import EVERYTHING
from projections.orders import ORDERS
from projections.session import Database
from projections.trades import TRADES as SERIES
from streams.messages import MarketId, OrderUpdate, trades
from streams.messages.epoch import Epoch
from streams.runtime.ports import Kept, Log, Place
from streams.topics import TRADES, UPDATES

PROJECTED_LIMIT_S = 120.0
POLL_S = 0.1

BALANCES = "SELECT account, asset, available, held, WRITETIME(available) FROM {venue}.balances"
OPEN_ORDERS = "SELECT account, market, order_ids FROM {venue}.open_orders"
MARKET_NAMES = "SELECT market FROM {venue}.markets WHERE shelf = ?"
NEWEST_BUCKET = "SELECT bucket FROM {venue}.buckets WHERE series = ? ORDER BY bucket DESC LIMIT 1"
NEWEST_TRADE = (
    "SELECT trade_id FROM {venue}.trades WHERE market = ? AND bucket = ?"
    " ORDER BY trade_id DESC LIMIT 1"
)
TRADES_BETWEEN = (
    "SELECT trade_id, event FROM {venue}.trades"
    " WHERE market = ? AND bucket = ? AND trade_id >= ? AND trade_id <= ?"
)


async def until_projected(settings: Settings, epoch: Epoch, within: Mapping[Place, Span]) -> None:
    """Wait until the database has what the spans of `updates` and `trades` hold.

    Raises `CannotVerify` when that takes too long.
    """
    admin = AIOKafkaAdminClient(**settings.kafka_client)
    await admin.start()
    try:
        deadline = time.monotonic() + PROJECTED_LIMIT_S
        while behind := [
            *await _behind(admin, UPDATES_FEED, settings, epoch, within),
            *await _behind(admin, MARKETS_FEED, settings, epoch, within),
        ]:
            if time.monotonic() > deadline:
                raise CannotVerify(f"projections are behind: {behind[0]}")
            await asyncio.sleep(POLL_S)
    finally:
        await admin.close()


async def _behind(
    admin: AIOKafkaAdminClient,
    feed: Feed,
    settings: Settings,
    epoch: Epoch,
    within: Mapping[Place, Span],
) -> list[str]:
    committed = {
        (place.topic, place.partition): epoch.logical(found.offset)
        for place, found in (
            await admin.list_consumer_group_offsets(feed.group(settings.venue))
        ).items()
    }
    behind = []
    for (topic, partition), span in within.items():
        if topic in (UPDATES, TRADES) and topic in feed.reads:
            offset = committed.get((topic.name(settings.venue), partition), epoch.first)
            if offset < span.stop:
                behind.append(f"{topic.short}/{partition} at {offset} of {span.stop}")
    return behind


async def balances(database: Database) -> list[BalanceRow]:
    """Every balance. Raises `DatabaseUnavailable`."""
    return [BalanceRow(*row) async for row in database.rows(BALANCES)]


async def open_orders(database: Database) -> list[OrderUpdate]:
    """Every order that is open by its own row. Raises `DatabaseUnavailable`."""
    found: list[OrderUpdate] = []
    async for account, market, numbers in database.rows(OPEN_ORDERS):
        orders = await ORDERS.some(database, (market, account), numbers)
        found += [order for order in orders if order.status.is_open]
    return found


async def newest_trades(database: Database) -> dict[MarketId, int]:
    """The number of each market's last row of trades. Raises `DatabaseUnavailable`."""
    found: dict[MarketId, int] = {}
    async for (name,) in database.rows(MARKET_NAMES, (EVERYTHING,)):
        series = (SERIES.table.name, name)
        for (bucket,) in await database.execute(NEWEST_BUCKET, (series,)):
            for (trade_id,) in await database.execute(NEWEST_TRADE, (name, bucket)):
                found[MarketId(name)] = trade_id
    return found


async def trades_agree(
    log: Log, database: Database, within: Mapping[Place, Span], newest: Mapping[MarketId, int]
) -> str:
    """Each trade on the topic is in the database, byte for byte, and no other is.

    `newest` are the last trades that the database had before the spans were taken. Raises
    `Difference`, `DatabaseUnavailable`.
    """
    read = 0
    last: dict[MarketId, int] = {}
    async with closing(records(log, TRADES, within)) as batches:
        async for _, batch in batches:
            for market, told in _runs(batch):
                await _compare(database, market, told, last.get(market))
                last[market] = max(told)
            read += len(batch)
    for market, trade_id in sorted(newest.items()):
        if market in last and trade_id > last[market]:
            raise Difference(f"{market}: trade {trade_id} in the database, not on the topic")
    return count(read, "trade")


def _runs(batch: Iterable[Kept]) -> Iterator[tuple[MarketId, dict[int, str]]]:
    """The trades of a batch by market, by number."""
    decoded = [(trades.decode(record.value), record.value.decode()) for record in batch]
    decoded.sort(key=lambda pair: pair[0].market)
    for market, told in groupby(decoded, lambda pair: pair[0].market):
        yield market, {trade.trade_id: text for trade, text in told}


async def _compare(
    database: Database, market: MarketId, told: Mapping[int, str], last: int | None
) -> None:
    """Hold some trades against the database's, from the one after the last that was held."""
    low, high = min(told) if last is None else min(last + 1, *told), max(told)
    found: dict[int, str] = {}
    for bucket in range(low // SERIES.per_bucket, high // SERIES.per_bucket + 1):
        async for trade_id, event in database.rows(TRADES_BETWEEN, (market, bucket, low, high)):
            found[trade_id] = event
    for trade_id in sorted(told.keys() | found.keys()):
        if trade_id not in found:
            raise Difference(f"{market}: trade {trade_id} is not in the database")
        if trade_id not in told:
            raise Difference(f"{market}: trade {trade_id} in the database, not on the topic")
        if told[trade_id] != found[trade_id]:
            raise Difference(f"{market}: trade {trade_id} differs: {found[trade_id]}")
