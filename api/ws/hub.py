"""Brings the markets' events to the channels, and the channels' frames to who listens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, Protocol

from api.feeds.aggregates import AggregateTrade
from api.feeds.book import Book
from api.feeds.markets import Markets
from api.ws.channels import Channel, Subscriber, Want
from api.ws.depth_channels import DepthChange, DiffChannel, Missed
from api.ws.names import DepthDiffs, Subscription, parse_subscription
from api.ws.opening import EVERY_MARKET, Source, Topic, candles, channel_of
from api.ws.payloads import SnapshotReason
from streams.messages import Depth, Kline, Ticker, Trade

TICK_MS = 50


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Past(Protocol):
    """What goes and gets what the hub itself has not seen. It does not wait."""

    def wanted(self, channel: Channel[Any]) -> None:
        """Load what a channel lacks of the past, as long as anybody listens to it."""

    def resume(self, channel: DiffChannel, subscriber: Subscriber, since: int) -> bool:
        """Have a subscriber begin after an event; False where too many are about to."""

    def give_up(self, channel: DiffChannel, subscriber: Subscriber) -> None:
        """It is not interested any more."""


class NoPast:
    """Nothing but what the hub has seen is to be had: who resumes gets a snapshot."""

    def wanted(self, channel: Channel[Any]) -> None:
        """It will lack it."""

    def resume(self, channel: DiffChannel, subscriber: Subscriber, since: int) -> bool:
        return False

    def give_up(self, channel: DiffChannel, subscriber: Subscriber) -> None:
        """Nobody resumes."""


NO_PAST = NoPast()


class Hub:
    """The channels of the streams that somebody listens to. They go with their last subscriber."""

    def __init__(
        self, markets: Markets, clock: Callable[[], int] = now_ms, past: Past = NO_PAST
    ) -> None:
        self._markets = markets
        self._clock = clock
        self._past = past
        self._channels: dict[str, tuple[Topic, Channel[Any]]] = {}
        self._listening: dict[Topic, list[Channel[Any]]] = {}
        self._interested: dict[str, set[Subscriber]] = {}
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
        wanted = parse_subscription(name)
        key = _key(wanted)
        known = self._channels.get(key)
        channel = known[1] if known else self._open(key, wanted)
        self._interested.setdefault(key, set()).add(subscriber)
        if isinstance(channel, DiffChannel) and (wanted.snapshot or wanted.since is not None):
            self._begin(channel, wanted, subscriber)
            return
        channel.subscribers.add(subscriber)
        newest = channel.newest(self._clock())
        if newest is not None:
            subscriber.send(newest)

    def unsubscribe(self, name: str, subscriber: Subscriber) -> None:
        """Nothing happens if it was not subscribed."""
        key = _key(parse_subscription(name))
        topic, channel = self._channels.get(key, (None, None))
        if topic is None or channel is None:
            return
        channel.subscribers.discard(subscriber)
        if isinstance(channel, DiffChannel):
            channel.leave(subscriber)
            self._past.give_up(channel, subscriber)
        self._interested[key].discard(subscriber)
        if self._interested[key]:
            return
        del self._interested[key]
        del self._channels[key]
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

    def load(self, channel: Channel[Any], want: Want, klines: list[Kline]) -> None:
        """Give a channel what it wanted of the past."""
        channel.load(want, klines, self._clock())
        self._look_after(channel)

    def wants(self, channel: Channel[Any]) -> Sequence[Want]:
        """What a channel still lacks: nothing, once nobody listens to it."""
        return channel.wants(self._clock()) if self._is_open(channel) else ()

    def _open(self, key: str, wanted: Subscription) -> Channel[Any]:
        now = self._clock()
        topic, channel = channel_of(wanted.name, wanted.stream, self._markets, now)
        self._channels[key] = (topic, channel)
        self._listening.setdefault(topic, []).append(channel)
        channel.wanting = bool(channel.wants(now))
        self._look_after(channel)
        return channel

    def _look_after(self, channel: Channel[Any]) -> None:
        if channel.pending:
            self._pending.add(channel)
        if channel.wanting:
            channel.wanting = False
            self._past.wanted(channel)

    def _begin(self, channel: DiffChannel, wanted: Subscription, subscriber: Subscriber) -> None:
        if wanted.since is None:
            channel.begin_with_snapshot(subscriber, SnapshotReason.SUBSCRIBED)
        elif channel.seq is not None and wanted.since >= channel.seq:
            # It has all there is, and may have seen more at another instance.
            channel.begin_with(subscriber, Missed(wanted.since))
        elif not self._past.resume(channel, subscriber, wanted.since):
            channel.begin_with_snapshot(subscriber, SnapshotReason.BUSY)

    def _is_open(self, channel: Channel[Any]) -> bool:
        return any(each is channel for _, each in self._channels.values())

    def _tell(self, source: Source, about: str, event: object) -> None:
        for channel in self._listening.get((source, about), ()):
            channel.take(event)
            self._look_after(channel)

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
        self._tell(Source.KLINE, candles(kline.market, kline.interval), kline)
        self._tell(Source.KLINE, candles(EVERY_MARKET, kline.interval), kline)


def _key(wanted: Subscription) -> str:
    """Diffs with a checksum are a channel of their own, under the same name."""
    stream = wanted.stream
    return f"{wanted.name}?c" if isinstance(stream, DepthDiffs) and stream.checksum else wanted.name
