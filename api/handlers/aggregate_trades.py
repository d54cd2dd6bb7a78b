"""Aggregate trades: trades of one taker order at one price put together.

The newest are kept in memory; older ones are put together again from the database's trades. All
trades of an aggregate have one time, so a span of time never cuts one.
"""

from __future__ import annotations

from api.accounts.reads import cut, holds
from api.errors import bad_combination
from api.feeds.aggregates import AggregateTrade, join
from api.feeds.markets import MarketFeed
from api.handlers import shapes
from api.handlers.exchange import Exchange
from api.handlers.parameters import (
    END_TIME,
    FROM_ID,
    LIMIT,
    ROWS,
    ROWS_MAX,
    START_TIME,
    SYMBOL,
    Parameters,
)
from api.handlers.shapes import Json
from projections.queries import Window
from streams.messages import Trade

AGGREGATE_TRADES = (SYMBOL, FROM_ID, START_TIME, END_TIME, LIMIT)

TRADES_READ_MAX = 5_000
"""Trades read for one answer: an aggregate of more than this many has to be asked for alone."""


async def aggregate_trades(exchange: Exchange, parameters: Parameters) -> list[Json]:
    """A market's aggregate trades: from one on, within a time, or the newest."""
    feed = exchange.feed(parameters.required("symbol"))
    window = Window(
        limit=parameters.limit(ROWS, ROWS_MAX),
        first=parameters.integer("fromId"),
        start=parameters.millis("startTime"),
        end=parameters.millis("endTime"),
    )
    if window.first is not None and (window.start is not None or window.end is not None):
        raise bad_combination()
    known = list(feed.aggregates.recent)
    if not _covered(known, window):
        known = await _stored(exchange, feed, window)
    asked = [each for each in known if holds(window, each.aggregate_id, each.time)]
    return [shapes.aggregate(each) for each in cut(window, asked)]


def _covered(known: list[AggregateTrade], window: Window) -> bool:
    """Whether memory reaches back to all that is asked for."""
    if not known:
        return False
    oldest = known[0]
    if oldest.first_trade_id == 1:
        return True
    if window.first is not None:
        return oldest.aggregate_id <= window.first
    if window.start is not None:
        return oldest.time < window.start
    return sum(window.end is None or each.time <= window.end for each in known) >= window.limit


async def _stored(exchange: Exchange, feed: MarketFeed, window: Window) -> list[AggregateTrade]:
    market = feed.book.market
    first = None
    if window.first is not None:
        first = await _first_trade(exchange, feed, window.first)
    wanted = Window(limit=TRADES_READ_MAX, first=first, start=window.start, end=window.end)
    stored = await exchange.reads.market_trades(market, wanted)
    trades = {trade.trade_id: trade for trade in stored}
    for trade in feed.trades:
        if holds(wanted, trade.trade_id, trade.time):
            trades[trade.trade_id] = trade
    ordered = [trades[trade_id] for trade_id in sorted(trades)]
    return group(ordered, first_is_whole=wanted.from_oldest or 1 in trades)


async def _first_trade(exchange: Exchange, feed: MarketFeed, aggregate_id: int) -> int:
    """The first trade of an aggregate, or of the next there is.

    Aggregates count up with the trades and never faster, so it is found by halving.
    """
    low = aggregate_id
    high = feed.trades[-1].trade_id + 1 if feed.trades else low
    while low < high:
        middle = (low + high) // 2
        found = await exchange.reads.market_trades(feed.book.market, Window(limit=1, first=middle))
        if found and found[0].aggregate_id < aggregate_id:
            low = found[0].trade_id + 1
        else:
            high = middle
    return low


def group(trades: list[Trade], first_is_whole: bool) -> list[AggregateTrade]:
    """The aggregates of trades in order, without those of which a trade is missing.

    `first_is_whole` says that no earlier trade belongs to the aggregate of the first one.
    """
    whole: list[AggregateTrade] = []
    parts: list[Trade] = []
    starts_whole = first_is_whole
    for trade in trades:
        if parts and trade.trade_id != parts[-1].trade_id + 1:
            parts, starts_whole = [], False
        parts.append(trade)
        if trade.aggregate_last:
            if starts_whole:
                whole.append(join(parts))
            parts, starts_whole = [], True
    return whole
