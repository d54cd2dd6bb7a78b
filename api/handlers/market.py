"""What everybody can ask about the exchange and its markets.

Answered from the live view where it reaches, and from the database for what is older.
"""

from __future__ import annotations

from api.errors import unavailable
from api.feeds.book import Book
from api.feeds.markets import MarketFeed
from api.handlers import shapes
from api.handlers.exchange import Exchange
from api.handlers.parameters import (
    FROM_ID,
    LIMIT,
    ROWS,
    ROWS_MAX,
    SYMBOL,
    Kind,
    Parameter,
    Parameters,
)
from api.handlers.selection import SYMBOL_STATUS, one_market
from api.handlers.shapes import Json
from projections.queries import Window
from streams.messages import Trade

DEPTH_LEVELS = 100
DEPTH_LEVELS_MAX = 5000

DEPTH = (
    SYMBOL,
    Parameter("limit", Kind.LONG, description="Levels of each side; default 100, at most 5000."),
    SYMBOL_STATUS,
)
TRADES = (SYMBOL, LIMIT)
HISTORICAL_TRADES = (SYMBOL, LIMIT, FROM_ID)


async def ping(exchange: Exchange, parameters: Parameters) -> Json:
    """Whether anybody answers."""
    return {}


async def server_time(exchange: Exchange, parameters: Parameters) -> Json:
    """What time the api takes it to be."""
    return {"serverTime": exchange.clock()}


async def depth(exchange: Exchange, parameters: Parameters) -> Json:
    """A market's book."""
    limit = parameters.limit(DEPTH_LEVELS, DEPTH_LEVELS_MAX)
    feed = await exchange.books.feed(one_market(exchange, parameters).market)
    return shapes.depth(_book(feed), limit)


async def trades(exchange: Exchange, parameters: Parameters) -> list[Json]:
    """A market's newest trades."""
    feed = exchange.feed(parameters.required("symbol"))
    limit = parameters.limit(ROWS, ROWS_MAX)
    return [
        shapes.trade(event) for event in await market_trades(exchange, feed, Window(limit=limit))
    ]


async def historical_trades(exchange: Exchange, parameters: Parameters) -> list[Json]:
    """A market's trades from one on, or its newest."""
    feed = exchange.feed(parameters.required("symbol"))
    window = Window(limit=parameters.limit(ROWS, ROWS_MAX), first=parameters.integer("fromId"))
    return [shapes.trade(event) for event in await market_trades(exchange, feed, window)]


def _book(feed: MarketFeed) -> Book:
    if not feed.book.valid:
        raise unavailable()
    return feed.book


async def market_trades(exchange: Exchange, feed: MarketFeed, window: Window) -> list[Trade]:
    """The newest trades, or those from an id on: from memory where it reaches, else with the
    database's.
    """
    recent = list(feed.trades)
    known_from = recent[0].trade_id if recent else None
    if window.first is None:
        covered = known_from == 1 or len(recent) >= window.limit
    else:
        covered = known_from is not None and known_from <= window.first
    if not covered:
        older = await exchange.reads.market_trades(feed.book.market, window)
        recent = list({trade.trade_id: trade for trade in (*older, *feed.trades)}.values())
        recent.sort(key=lambda trade: trade.trade_id)
    if window.first is None:
        return recent[-window.limit :]
    return [trade for trade in recent if trade.trade_id >= window.first][: window.limit]
