"""What everybody can ask about the exchange and its markets.

Answered from the live view where it reaches, and from the database for what is older.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from api.errors import (
    bad_combination,
    bad_interval,
    bad_symbol_status,
    bad_ticker_type,
    invalid,
    mandatory,
    unavailable,
)
from api.feeds.book import Book
from api.feeds.candles import Interval, fill
from api.feeds.markets import MarketFeed
from api.feeds.rules import MarketRules
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
    Kind,
    Parameter,
    Parameters,
)
from api.handlers.shapes import Json
from projections.queries import Window
from streams.messages import Kline, MarketStatus, Millis, Trade

DEPTH_LEVELS = 100
DEPTH_LEVELS_MAX = 5000

ONE_SYMBOL = Parameter("symbol", Kind.SYMBOL, description="A market; all where left out.")
SYMBOLS = Parameter(
    "symbols", Kind.SYMBOLS, description='Markets, as `["BTCUSDT","ETHUSDT"]`; not with `symbol`.'
)
SYMBOL_STATUS = Parameter(
    "symbolStatus",
    Kind.WORD,
    description="Only markets of this status.",
    choices=("TRADING", "HALT", "BREAK", "CANCEL_ONLY"),
)

EXCHANGE_INFO = (
    ONE_SYMBOL,
    SYMBOLS,
    Parameter("permissions", Kind.WORD, description="`SPOT`, which every market has."),
    Parameter("showPermissionSets", Kind.BOOLEAN, description="Default true."),
    SYMBOL_STATUS,
)
DEPTH = (
    SYMBOL,
    Parameter("limit", Kind.LONG, description="Levels of each side; default 100, at most 5000."),
)
TRADES = (SYMBOL, LIMIT)
HISTORICAL_TRADES = (SYMBOL, LIMIT, FROM_ID)
KLINES = (
    SYMBOL,
    Parameter(
        "interval", Kind.WORD, True, example="1m", choices=tuple(each.value for each in Interval)
    ),
    START_TIME,
    END_TIME,
    Parameter("timeZone", Kind.WORD, description="Only `0`, which is UTC, is supported."),
    LIMIT,
)
TICKERS = (ONE_SYMBOL, SYMBOLS, SYMBOL_STATUS)
DAY_TICKER = (
    *TICKERS,
    Parameter("type", Kind.WORD, description="Default FULL.", choices=("FULL", "MINI")),
)


class TickerType(StrEnum):
    FULL = "FULL"
    MINI = "MINI"


async def ping(exchange: Exchange, parameters: Parameters) -> Json:
    """Whether anybody answers."""
    return {}


async def server_time(exchange: Exchange, parameters: Parameters) -> Json:
    """What time the api takes it to be."""
    return {"serverTime": exchange.clock()}


async def exchange_info(exchange: Exchange, parameters: Parameters) -> Json:
    """The markets, and the rules that orders must keep."""
    _check_permissions(parameters)
    listed = [shapes.market(rules) for rules in _asked_markets(exchange, parameters)]
    if not parameters.flag("showPermissionSets", True):
        for market in listed:
            market["permissionSets"] = []
    return {
        "timezone": "UTC",
        "serverTime": exchange.clock(),
        "rateLimits": [],
        "exchangeFilters": [],
        "symbols": listed,
    }


async def depth(exchange: Exchange, parameters: Parameters) -> Json:
    """A market's book."""
    limit = parameters.limit(DEPTH_LEVELS, DEPTH_LEVELS_MAX)
    feed = await exchange.books.feed(exchange.rules(parameters.required("symbol")).market)
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


async def klines(exchange: Exchange, parameters: Parameters) -> list[list[Any]]:
    """A market's candles; where nothing traded, flat at the last close."""
    feed = exchange.feed(parameters.required("symbol"))
    interval = parameters.choice("interval", Interval, bad_interval)
    if interval is None:
        raise mandatory("interval")
    if parameters.text("timeZone") not in (None, "0", "00:00", "0:00"):
        raise invalid("timeZone")
    limit = parameters.limit(ROWS, ROWS_MAX)
    now = exchange.clock()
    end = min(now, parameters.millis("endTime") or now)
    start = parameters.millis("startTime")
    if start is None:
        start = interval.back(end, limit)
    if start > end:
        return []
    known = await _klines(exchange, feed, interval, start, end, limit)
    return [shapes.kline(event) for event in fill(known, interval, start, end, limit)]


async def day_ticker(exchange: Exchange, parameters: Parameters) -> Json | list[Json]:
    """The last 24 hours of markets."""
    kind = parameters.choice("type", TickerType, bad_ticker_type)

    def show(rules: MarketRules, feed: MarketFeed) -> Json:
        ticker = feed.ticker or shapes.no_ticker(rules.market, exchange.clock())
        if kind is TickerType.MINI:
            return shapes.mini_ticker(ticker)
        return shapes.full_ticker(ticker, feed.book)

    return _each(exchange, parameters, show)


async def price_ticker(exchange: Exchange, parameters: Parameters) -> Json | list[Json]:
    """The last price of markets; of one that has not traded yet, zero."""

    def show(rules: MarketRules, feed: MarketFeed) -> Json:
        if feed.trades:
            last = feed.trades[-1].price
        else:
            last = shapes.ZERO if feed.ticker is None else feed.ticker.last
        return shapes.price_ticker(rules.market, last)

    return _each(exchange, parameters, show)


async def book_ticker(exchange: Exchange, parameters: Parameters) -> Json | list[Json]:
    """The best prices of markets."""
    return _each(
        exchange, parameters, lambda rules, feed: shapes.book_ticker(rules.market, feed.book)
    )


def _each(
    exchange: Exchange, parameters: Parameters, show: Callable[[MarketRules, MarketFeed], Json]
) -> Json | list[Json]:
    """One answer where `symbol` asks for one, else a list."""
    shown = [
        show(rules, exchange.markets.feeds[rules.market])
        for rules in _asked_markets(exchange, parameters)
    ]
    return shown[0] if "symbol" in parameters and shown else shown


def _asked_markets(exchange: Exchange, parameters: Parameters) -> list[MarketRules]:
    """The markets that `symbol`, `symbols` and `symbolStatus` ask for, by name; else all."""
    symbol, symbols = parameters.text("symbol"), parameters.symbols()
    status = parameters.choice("symbolStatus", MarketStatus, bad_symbol_status)
    if symbol is not None and symbols is not None:
        raise bad_combination()
    if symbol is not None:
        symbols = [symbol]
    if symbols is not None:
        asked = [exchange.rules(name) for name in symbols]
    else:
        if not exchange.markets.ready:
            raise unavailable()
        asked = [rules for _, rules in sorted(exchange.markets.rules.items())]
    return [rules for rules in asked if status is None or rules.config.status is status]


def _check_permissions(parameters: Parameters) -> None:
    if "permissions" in parameters and ("symbol" in parameters or "symbols" in parameters):
        raise bad_combination()
    if "symbolStatus" in parameters and ("symbol" in parameters or "symbols" in parameters):
        raise bad_combination()


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


async def _klines(
    exchange: Exchange, feed: MarketFeed, interval: Interval, start: int, end: int, limit: int
) -> list[Kline]:
    """The candles of a span, and the last before it, from memory and the database."""
    recent = feed.candles.recent(interval.value)
    if recent and recent[0].open_time < start:
        stored: list[Kline] = []
    else:
        stored = await exchange.reads.klines(
            feed.book.market, interval.value, Millis(start), Millis(end), limit
        )
    # Of a candle that both have, memory's is at least as new.
    merged = {candle.open_time: candle for candle in (*stored, *recent)}
    ordered = [merged[opens] for opens in sorted(merged)]
    first = next((at for at, candle in enumerate(ordered) if candle.open_time >= start), None)
    return ordered[max((len(ordered) if first is None else first) - 1, 0) :]
