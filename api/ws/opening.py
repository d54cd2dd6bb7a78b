"""From a stream to its channel, and to the events that the channel has to be told."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any, assert_never

from api.feeds.candles import Interval
from api.feeds.markets import Markets
from api.feeds.zones import Zoned
from api.ws.candle_channels import KlineChannel, ZonedKlineChannel
from api.ws.channels import AggregateChannel, Channel, TradeChannel
from api.ws.depth_channels import BookTickerChannel, DiffChannel, PartialDepthChannel
from api.ws.names import (
    AggregateTrades,
    AllDayTickers,
    AllWindowTickers,
    AveragePrice,
    BookTicker,
    Candlestick,
    DayTicker,
    DepthDiffs,
    PartialDepth,
    Stream,
    Trades,
    WindowTicker,
)
from api.ws.ticker_channels import (
    AllTickersChannel,
    AllWindowTickersChannel,
    AveragePriceChannel,
    TickerChannel,
    WindowTickerChannel,
    hours,
)
from streams.messages import MarketId


class Source(Enum):
    """The kinds of events that channels take."""

    TRADE = auto()
    AGGREGATE = auto()
    DEPTH = auto()
    TICKER = auto()
    KLINE = auto()


Topic = tuple[Source, str]
"""A kind of events and the market they are of, or `EVERY_MARKET`; of candles, also the interval."""

EVERY_MARKET = MarketId("")


def candles(market: MarketId, interval: str) -> str:
    """What is between a market's candles of one interval and all others."""
    return f"{market}@{interval}"


def channel_of(name: str, stream: Stream, markets: Markets, now: int) -> tuple[Topic, Channel[Any]]:
    """The channel of a stream, and what it has to be told."""
    feeds = markets.feeds
    match stream:
        case Trades(market):
            return (Source.TRADE, market), TradeChannel(name)
        case AggregateTrades(market):
            return (Source.AGGREGATE, market), AggregateChannel(name)
        case BookTicker(market):
            return (Source.DEPTH, market), BookTickerChannel(name, market, feeds)
        case DepthDiffs(market, period_ms, checksum):
            return (Source.DEPTH, market), DiffChannel(
                name, market, feeds, period_ms, checksum=checksum
            )
        case PartialDepth(market, levels, period_ms):
            partial = PartialDepthChannel(name, market, feeds, levels, period_ms)
            return (Source.DEPTH, market), partial
        case Candlestick():
            return _candlestick(name, stream, markets, now)
        case DayTicker(market, mini):
            return (Source.TICKER, market), TickerChannel(name, market, feeds, mini=mini)
        case AllDayTickers(mini):
            return (Source.TICKER, EVERY_MARKET), AllTickersChannel(name, feeds, mini=mini)
        case WindowTicker(market, size):
            about = candles(market, Interval.M1)
            return (Source.KLINE, about), WindowTickerChannel(name, market, hours(size))
        case AllWindowTickers(size):
            about = candles(EVERY_MARKET, Interval.M1)
            return (Source.KLINE, about), AllWindowTickersChannel(name, feeds, hours(size))
        case AveragePrice(market):
            about = candles(market, Interval.S1)
            return (Source.KLINE, about), AveragePriceChannel(name, market)
        case _:
            assert_never(stream)


def _candlestick(
    name: str, stream: Candlestick, markets: Markets, now: int
) -> tuple[Topic, Channel[Any]]:
    grid = Zoned(stream.interval, stream.ahead_ms)
    topic = (Source.KLINE, candles(stream.market, grid.part))
    if grid.part is grid.interval:
        return topic, KlineChannel.since(name, stream.market, markets.feeds, grid, now)
    return topic, ZonedKlineChannel(name, stream.market, grid)
