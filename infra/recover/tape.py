"""Market data: its checkpoint, and the trades that the database has had since.

Trades are not archived by offset, but each is in the database under its number. What was published
stays on the tape, trades beyond the cut as well: a ticker or a candle shows what was told.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable
from typing import cast

from infra.settings import Settings
from infra.verify.kept import restored
from projections.series import Window
from projections.session import Database
from projections.trades import TRADES
from streams.market_data import MarketDataPartition, TradeGap
from streams.messages import MarketId, Trade, encode_event
from streams.runtime.checkpoints import Unusable
from streams.runtime.market_data_worker import ROLE
from streams.runtime.ports import Store

PAGE_TRADES = 1_000

log = logging.getLogger(__name__)


async def restored_tape(
    partition: int,
    markets: Iterable[MarketId],
    database: Database,
    store: Store,
    settings: Settings,
) -> MarketDataPartition:
    """The machine of a partition, up to the database's last trade of each of its markets.

    Raises `DatabaseUnavailable`, `StoreUnavailable`.
    """
    machine = await _from_checkpoint(partition, store, settings)
    for market in sorted({*markets, *machine.markets}):
        known = machine.markets.get(market)
        first = 1 if known is None else known.last_trade_id + 1
        try:
            async for trade in _trades(database, market, first):
                machine.observe(machine.position + 1, trade.time, encode_event(trade))
        except TradeGap as gap:
            log.warning("market data of %s ends early: the database lacks trades: %s", market, gap)
    machine.sample()
    return machine


async def _from_checkpoint(partition: int, store: Store, settings: Settings) -> MarketDataPartition:
    for checkpoint in await store.checkpoints(ROLE.name, partition):
        try:
            machine = await restored(ROLE, checkpoint, store, settings)
        except Unusable as error:
            log.error("market-data:%d@%d: %s", partition, checkpoint.position, error)
        else:
            return cast(MarketDataPartition, machine)
    return MarketDataPartition(partition)


async def _trades(database: Database, market: MarketId, first: int) -> AsyncIterator[Trade]:
    """A market's trades from a number on, in order."""
    while True:
        page = await TRADES.read(database, (market,), Window(limit=PAGE_TRADES, first=first))
        for trade in page:
            yield trade
        if len(page) < PAGE_TRADES:
            return
        first = page[-1].trade_id + 1
