"""The streams there are, and their names."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from api.feeds.candles import HOUR_MS, Interval
from streams.messages import MarketId

FAST_MS = 100
SLOW_MS = 1_000

AHEAD_MS = 8 * HOUR_MS
"""Of the one zone besides UTC that candles are streamed for."""


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
    """Every change of a book; with a checksum of the top of it, if asked for."""

    market: MarketId
    period_ms: int
    checksum: bool = False


@dataclass(frozen=True, slots=True)
class PartialDepth:
    market: MarketId
    levels: int
    period_ms: int


@dataclass(frozen=True, slots=True)
class Candlestick:
    """Candles by clocks that are ahead of UTC by so many milliseconds."""

    market: MarketId
    interval: Interval
    ahead_ms: int = 0


@dataclass(frozen=True, slots=True)
class DayTicker:
    """A ticker of the last 24 hours; a mini one has no order book and no averages."""

    market: MarketId
    mini: bool


@dataclass(frozen=True, slots=True)
class AllDayTickers:
    """The tickers of all markets that changed, in one array."""

    mini: bool


@dataclass(frozen=True, slots=True)
class WindowTicker:
    """A ticker of a window of this length."""

    market: MarketId
    size: Interval


@dataclass(frozen=True, slots=True)
class AllWindowTickers:
    """Those of all markets that changed, in one array."""

    size: Interval


@dataclass(frozen=True, slots=True)
class AveragePrice:
    """The average price of the last five minutes."""

    market: MarketId


Stream = (
    Trades
    | AggregateTrades
    | BookTicker
    | DepthDiffs
    | PartialDepth
    | Candlestick
    | DayTicker
    | AllDayTickers
    | WindowTicker
    | AllWindowTickers
    | AveragePrice
)


@dataclass(frozen=True, slots=True)
class Subscription:
    """A stream by its name, and how a client wants its diffs to begin: with a snapshot, or after
    the market's event `since`, the last that it has. `said` is the name with what it asks for."""

    said: str
    name: str
    stream: Stream
    snapshot: bool = False
    since: int | None = None


_MARKET = re.compile(r"[A-Za-z0-9._-]{1,32}")
_WINDOW = re.compile(r"ticker_(1h|4h|1d)")
_CANDLE = re.compile(r"kline_([0-9A-Za-z]{2,3})(@\+08:00)?")
_DEPTH = re.compile(r"depth(5|10|20)?(?:@(100|1000)ms)?")


_OPTIONS = re.compile(r"(snapshot|checksum)=(true|false)|(from)=([0-9]{1,16})")


def parse_subscription(name: str) -> Subscription:
    """A stream by name; that of a book's diffs may have options behind it, as a URL has:
    `btcusdt@depth?snapshot=true&checksum=true&from=160`. Raises `UnknownStreamError`.
    """
    plain, mark, options = name.partition("?")
    stream = parse_stream(plain)
    if not mark:
        return Subscription(name, plain, stream)
    if not isinstance(stream, DepthDiffs):
        raise UnknownStreamError(name)
    said: dict[str, str] = {}
    for option in options.split("&"):
        found = _OPTIONS.fullmatch(option)
        if found is None:
            raise UnknownStreamError(name)
        said[found[1] or found[3]] = found[2] or found[4]
    return Subscription(
        said=name,
        name=plain,
        stream=replace(stream, checksum=said.get("checksum") == "true"),
        snapshot=said.get("snapshot") == "true",
        since=int(said["from"]) if "from" in said else None,
    )


def is_diffs(name: str) -> bool:
    """Whether a name is that of a book's diffs, without options."""
    depth = _DEPTH.fullmatch(name.partition("@")[2])
    return depth is not None and not depth[1]


def parse_stream(name: str) -> Stream:
    """The stream of a name such as `btcusdt@depth5@100ms`. Raises `UnknownStreamError`.

    Names are case-sensitive but for the market, which Binance wants in lower case. Whether there is
    such a market is not looked at: it may be listed later.
    """
    if name.startswith("!"):
        return _of_all_markets(name)
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
        case "avgPrice":
            return AveragePrice(market)
    if window := _WINDOW.fullmatch(kind):
        return WindowTicker(market, Interval(window[1]))
    if candle := _CANDLE.fullmatch(kind):
        return _candlestick(name, market, candle)
    depth = _DEPTH.fullmatch(kind)
    if depth is None:
        raise UnknownStreamError(name)
    period_ms = int(depth[2] or SLOW_MS)
    if depth[1]:
        return PartialDepth(market, int(depth[1]), period_ms)
    return DepthDiffs(market, period_ms)


def _of_all_markets(name: str) -> Stream:
    match name:
        case "!ticker@arr":
            return AllDayTickers(mini=False)
        case "!miniTicker@arr":
            return AllDayTickers(mini=True)
    window = _WINDOW.fullmatch(name.removeprefix("!").removesuffix("@arr"))
    if window is None or not name.endswith("@arr"):
        raise UnknownStreamError(name)
    return AllWindowTickers(Interval(window[1]))


def _candlestick(name: str, market: MarketId, candle: re.Match[str]) -> Candlestick:
    try:
        interval = Interval(candle[1])
    except ValueError as error:
        raise UnknownStreamError(name) from error
    return Candlestick(market, interval, AHEAD_MS if candle[2] else 0)
