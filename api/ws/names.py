"""The streams there are, and their names."""

from __future__ import annotations

import re
from dataclasses import dataclass

from api.feeds.candles import Interval
from streams.messages import MarketId

FAST_MS = 100
SLOW_MS = 1_000

LEVELS = (5, 10, 20)


class UnknownStreamError(ValueError):
    """A name that no stream has."""


@dataclass(frozen=True, slots=True)
class Trades:
    market: MarketId


@dataclass(frozen=True, slots=True)
class AggregateTrades:
    market: MarketId


@dataclass(frozen=True, slots=True)
class BookTicker:
    market: MarketId


@dataclass(frozen=True, slots=True)
class DepthDiffs:
    market: MarketId
    period_ms: int


@dataclass(frozen=True, slots=True)
class PartialDepth:
    market: MarketId
    levels: int
    period_ms: int


@dataclass(frozen=True, slots=True)
class Candlestick:
    market: MarketId
    interval: Interval


@dataclass(frozen=True, slots=True)
class DayTicker:
    """A ticker of the last 24 hours; a mini one has no order book and no averages."""

    market: MarketId
    mini: bool


@dataclass(frozen=True, slots=True)
class AllDayTickers:
    """The tickers of all markets that changed, in one array."""

    mini: bool


Stream = (
    Trades
    | AggregateTrades
    | BookTicker
    | DepthDiffs
    | PartialDepth
    | Candlestick
    | DayTicker
    | AllDayTickers
)

_MARKET = re.compile(r"[A-Za-z0-9._-]{1,32}")
_DEPTH = re.compile(r"depth(5|10|20)?(?:@(100|1000)ms)?")


def parse_stream(name: str) -> Stream:
    """The stream of a name such as `btcusdt@depth5@100ms`. Raises `UnknownStreamError`.

    Names are case-sensitive but for the market, which Binance wants in lower case. Whether there is
    such a market is not looked at: it may be listed later.
    """
    match name:
        case "!ticker@arr":
            return AllDayTickers(mini=False)
        case "!miniTicker@arr":
            return AllDayTickers(mini=True)
    symbol, _, kind = name.partition("@")
    if _MARKET.fullmatch(symbol) is None:
        raise UnknownStreamError(name)
    market = MarketId(symbol.upper())
    match kind:
        case "trade":
            return Trades(market)
        case "aggTrade":
            return AggregateTrades(market)
        case "bookTicker":
            return BookTicker(market)
        case "ticker":
            return DayTicker(market, mini=False)
        case "miniTicker":
            return DayTicker(market, mini=True)
    if kind.startswith("kline_"):
        try:
            return Candlestick(market, Interval(kind.removeprefix("kline_")))
        except ValueError as error:
            raise UnknownStreamError(name) from error
    depth = _DEPTH.fullmatch(kind)
    if depth is None:
        raise UnknownStreamError(name)
    period_ms = int(depth[2] or SLOW_MS)
    if depth[1]:
        return PartialDepth(market, int(depth[1]), period_ms)
    return DepthDiffs(market, period_ms)
