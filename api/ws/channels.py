"""A channel for each stream that somebody listens to: when something is sent on it, and what.

A channel takes the market's events. Some send at once; the others put together what comes within
their period and send it at a tick of the hub. Each frame is made once, however many listen.

Where only the newest matters (tickers, candles, top levels) a frame carries a `key`, and a
subscriber that is slow may put it in place of an unsent one of the same key. Trades and diffs carry
none: of those a subscriber gets all, or is disconnected.

What is common to them is here, and trades; the others are in `depth_channels`, `ticker_channels`
and `candle_channels`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

import msgspec

from api.feeds.aggregates import AggregateTrade
from api.feeds.candles import Interval
from api.feeds.markets import MarketFeed
from api.ws import payloads
from api.ws.frames import Frame
from streams.messages import Kline, MarketId, Trade


class Subscriber(Protocol):
    """Takes frames without waiting; how it copes when it is slow is its own affair."""

    def send(self, frame: Frame) -> None: ...


Feeds = Mapping[MarketId, MarketFeed]
Event = TypeVar("Event")


class Want(NamedTuple):
    """Candles that a channel lacks: those that open from a moment on, and the last before it."""

    market: MarketId
    interval: Interval
    start: int


class Channel(Generic[Event]):
    """One stream and who listens. `pending` asks for `flush` at the coming ticks, `wanting` to
    look at what it `wants`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.subscribers: set[Subscriber] = set()
        self.pending = False
        self.wanting = False

    def take(self, event: Event) -> None:
        raise NotImplementedError

    def flush(self, now: int) -> None:
        """Send what is due. `now` is in milliseconds."""

    def newest(self, now: int) -> Frame | None:
        """What a new subscriber is sent first, where a stream tells a state."""
        return None

    def wants(self, now: int) -> Sequence[Want]:
        """What of the past it lacks, and says nothing before it has: see `load`."""
        return ()

    def load(self, want: Want, klines: list[Kline], now: int) -> None:
        """Take what it wanted, in order of time, or as much of it as there is."""
        raise NotImplementedError

    def _frame(
        self, payload: msgspec.Struct | list[msgspec.Struct], key: str | None = None
    ) -> Frame:
        return Frame(self.name, payload, key)

    def _publish(self, frame: Frame) -> None:
        for subscriber in self.subscribers:
            subscriber.send(frame)


class Windowed(Channel[Event]):
    """Sends at most once in a period, and first at the tick after something came."""

    def __init__(self, name: str, period_ms: int) -> None:
        super().__init__(name)
        self._period_ms = period_ms
        self._due = 0

    def flush(self, now: int) -> None:
        # The upper bound is for a clock that was set back.
        if 0 < self._due - now <= self._period_ms:
            return
        self._due = now + self._period_ms
        self.pending = False
        self._send(now)

    def _send(self, now: int) -> None:
        raise NotImplementedError


class TradeChannel(Channel[Trade]):
    def take(self, event: Trade) -> None:
        self._publish(self._frame(payloads.of_trade(event)))


class AggregateChannel(Channel[AggregateTrade]):
    def take(self, event: AggregateTrade) -> None:
        self._publish(self._frame(payloads.of_aggregate(event)))
