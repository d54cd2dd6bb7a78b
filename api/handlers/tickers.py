"""Statistics of markets over spans of time, and their prices of now."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum

from api.errors import bad_ticker_type
from api.feeds.candles import DAY_MS, Interval
from api.feeds.markets import MarketFeed
from api.feeds.rules import MarketRules
from api.feeds.zones import Zoned
from api.handlers import ticker_shapes as shapes
from api.handlers.candles import span
from api.handlers.exchange import Exchange
from api.handlers.parameters import Kind, Parameter, Parameters
from api.handlers.selection import NAMED_SELECTION, SELECTION, markets, named_markets
from api.handlers.shapes import ZERO, Json
from api.handlers.spans import TIME_ZONE, WINDOW_SIZE, time_zone, window_size
from streams.messages import Ticker

AT_ONCE = 8
"""Markets whose candles are read at the same time, for one request."""

TYPE = Parameter("type", Kind.WORD, description="Default FULL.", choices=("FULL", "MINI"))

TICKERS = SELECTION
DAY_TICKER = (*SELECTION, TYPE)
TRADING_DAY = (*NAMED_SELECTION, TIME_ZONE, TYPE)
ROLLING = (*NAMED_SELECTION, WINDOW_SIZE, TYPE)


class TickerType(StrEnum):
    FULL = "FULL"
    MINI = "MINI"


async def day_ticker(exchange: Exchange, parameters: Parameters) -> Json | list[Json]:
    """The last 24 hours of markets."""
    kind = _type(parameters)

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
            last = ZERO if feed.ticker is None else feed.ticker.last
        return shapes.price_ticker(rules.market, last)

    return _each(exchange, parameters, show)


async def book_ticker(exchange: Exchange, parameters: Parameters) -> Json | list[Json]:
    """The best prices of markets."""
    return _each(
        exchange, parameters, lambda rules, feed: shapes.book_ticker(rules.market, feed.book)
    )


async def rolling_ticker(exchange: Exchange, parameters: Parameters) -> Json | list[Json]:
    """A window that ends now and begins on a whole minute: up to a minute longer than asked for."""
    kind, length_ms, now = _type(parameters), window_size(parameters), exchange.clock()
    start = Interval.M1.open_time(now - length_ms)

    async def show(rules: MarketRules) -> Json:
        found = await span(exchange, exchange.markets.feeds[rules.market], start, now)
        return _shown(kind, shapes.span_ticker(rules.market, found, start, now))

    return await _each_read(exchange, parameters, show)


async def trading_day(exchange: Exchange, parameters: Parameters) -> Json | list[Json]:
    """Today, by the clock of a time zone."""
    kind, now = _type(parameters), exchange.clock()
    start = Zoned(Interval.D1, time_zone(parameters)).open_time(now)

    async def show(rules: MarketRules) -> Json:
        found = await span(exchange, exchange.markets.feeds[rules.market], start, now)
        ticker = shapes.span_ticker(rules.market, found, start, start + DAY_MS - 1)
        return _shown(kind, ticker)

    return await _each_read(exchange, parameters, show)


def _type(parameters: Parameters) -> TickerType:
    return parameters.choice("type", TickerType, bad_ticker_type) or TickerType.FULL


def _shown(kind: TickerType, ticker: Ticker) -> Json:
    if kind is TickerType.MINI:
        return shapes.mini_ticker(ticker)
    return {**shapes.mini_ticker(ticker), **shapes.changes(ticker)}


def _each(
    exchange: Exchange, parameters: Parameters, show: Callable[[MarketRules, MarketFeed], Json]
) -> Json | list[Json]:
    """One answer where `symbol` asks for one, else a list."""
    shown = [
        show(rules, exchange.markets.feeds[rules.market]) for rules in markets(exchange, parameters)
    ]
    return shown[0] if "symbol" in parameters else shown


async def _each_read(
    exchange: Exchange, parameters: Parameters, show: Callable[[MarketRules], Awaitable[Json]]
) -> Json | list[Json]:
    """As `_each`, where an answer may have to be read."""
    bound = asyncio.Semaphore(AT_ONCE)

    async def one(rules: MarketRules) -> Json:
        async with bound:
            return await show(rules)

    reads = [one(rules) for rules in named_markets(exchange, parameters)]
    shown: list[Json] = []
    for answer in await asyncio.gather(*reads, return_exceptions=True):
        if isinstance(answer, BaseException):
            raise answer
        shown.append(answer)
    return shown[0] if "symbol" in parameters else shown
