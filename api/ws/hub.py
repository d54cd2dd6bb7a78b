"""Brings the markets' events to the channels, and the channels' frames to who listens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, NoReturn, assert_never

from api.feeds.aggregates import AggregateTrade
from api.feeds.book import Book
from api.feeds.markets import Markets
from api.ws.channels import (
    AggregateChannel,
    AllTickersChannel,
    BookTickerChannel,
    Channel,
    DepthChange,
    DiffChannel,
    KlineChannel,
    PartialDepthChannel,
    Subscriber,
    TickerChannel,
    TradeChannel,
)
from api.ws.names import (
    AggregateTrades,
    AllDayTickers,
    BookTicker,
    Candlestick,
    DayTicker,
    DepthDiffs,
    PartialDepth,
    Stream,
    Trades,
    parse_stream,
)
from streams.messages import Depth, Kline, MarketId, Ticker, Trade

TICK_MS = 50


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


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Hub:
    """The channels of the streams that somebody listens to. They go with their last subscriber."""

    def __init__(self, markets: Markets, clock: Callable[[], int] = now_ms) -> None:
        self._markets = markets
        self._clock = clock
        self._channels: dict[str, tuple[Topic, Channel[Any]]] = {}
        self._listening: dict[Topic, list[Channel[Any]]] = {}
        self._pending: set[Channel[Any]] = set()
        markets.on_trade(self._trade)
        markets.on_aggregate(self._aggregate)
        markets.on_depth(self._depth)
        markets.on_ticker(self._ticker)
        markets.on_kline(self._kline)

    def subscribe(self, name: str, subscriber: Subscriber) -> None:
        """Send it what comes on a stream, and first how things stand, where the stream tells that.

        Raises `UnknownStreamError`.
        """
        known = self._channels.get(name)
        channel = known[1] if known else self._open(name)
        channel.subscribers.add(subscriber)
        newest = channel.newest(self._clock())
        if newest is not None:
            subscriber.send(newest)

    def unsubscribe(self, name: str, subscriber: Subscriber) -> None:
        """Nothing happens if it was not subscribed."""
        topic, channel = self._channels.get(name, (None, None))
        if topic is None or channel is None:
            return
        channel.subscribers.discard(subscriber)
        if channel.subscribers:
            return
        del self._channels[name]
        self._pending.discard(channel)
        self._listening[topic].remove(channel)
        if not self._listening[topic]:
            del self._listening[topic]

    @property
    def streams(self) -> int:
        """How many streams somebody listens to."""
        return len(self._channels)

    async def run(self) -> NoReturn:
        """Tick until cancelled. Raises what a channel raises."""
        while True:
            await asyncio.sleep(TICK_MS / 1000)
            self.tick(self._clock())

    def tick(self, now: int) -> None:
        """Have channels send what is due at `now`, in milliseconds."""
        for channel in list(self._pending):
            channel.flush(now)
            if not channel.pending:
                self._pending.discard(channel)

    def _open(self, name: str) -> Channel[Any]:
        topic, channel = _channel(name, parse_stream(name), self._markets, self._clock())
        self._channels[name] = (topic, channel)
        self._listening.setdefault(topic, []).append(channel)
        if channel.pending:
            self._pending.add(channel)
        return channel

    def _tell(self, source: Source, about: str, event: object) -> None:
        for channel in self._listening.get((source, about), ()):
            channel.take(event)
            if channel.pending:
                self._pending.add(channel)

    def _trade(self, trade: Trade) -> None:
        self._tell(Source.TRADE, trade.market, trade)

    def _aggregate(self, aggregate: AggregateTrade) -> None:
        self._tell(Source.AGGREGATE, aggregate.market, aggregate)

    def _depth(self, record: Depth, book: Book) -> None:
        self._tell(Source.DEPTH, record.market, DepthChange(record, book))

    def _ticker(self, ticker: Ticker) -> None:
        self._tell(Source.TICKER, ticker.market, ticker)
        self._tell(Source.TICKER, EVERY_MARKET, ticker)

    def _kline(self, kline: Kline) -> None:
        self._tell(Source.KLINE, _candles(kline.market, kline.interval), kline)


def _candles(market: MarketId, interval: str) -> str:
    return f"{market}@{interval}"


def _channel(name: str, stream: Stream, markets: Markets, now: int) -> tuple[Topic, Channel[Any]]:
    """The channel of a stream, and what it has to be told."""
    feeds = markets.feeds
    match stream:
        case Trades(market):
            return (Source.TRADE, market), TradeChannel(name)
        case AggregateTrades(market):
            return (Source.AGGREGATE, market), AggregateChannel(name)
        case BookTicker(market):
            return (Source.DEPTH, market), BookTickerChannel(name, market, feeds)
        case DepthDiffs(market, period_ms):
            return (Source.DEPTH, market), DiffChannel(name, period_ms)
        case PartialDepth(market, levels, period_ms):
            channel = PartialDepthChannel(name, market, feeds, levels, period_ms)
            return (Source.DEPTH, market), channel
        case Candlestick(market, interval):
            about = _candles(market, interval)
            return (Source.KLINE, about), KlineChannel(name, market, feeds, interval, now)
        case DayTicker(market, mini):
            return (Source.TICKER, market), TickerChannel(name, market, feeds, mini=mini)
        case AllDayTickers(mini):
            return (Source.TICKER, EVERY_MARKET), AllTickersChannel(name, feeds, mini=mini)
        case _:
            assert_never(stream)
