"""A channel for each stream that somebody listens to: when something is sent on it, and what.

A channel takes the market's events. Some send at once; the others put together what comes within
their period and send it at a tick of the hub. Each frame is made once, however many listen.

Where only the newest matters (tickers, candles, top levels) a frame carries a `key`, and a
subscriber that is slow may put it in place of an unsent one of the same key. Trades and diffs carry
none: of those a subscriber gets all, or is disconnected.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import msgspec
from websockets.frames import Frame as WireFrame
from websockets.frames import Opcode

from api.feeds.aggregates import AggregateTrade
from api.feeds.book import Book, Level
from api.feeds.candles import Interval, flat
from api.feeds.markets import MarketFeed
from api.ws import payloads
from streams.messages import Depth, DepthKind, Kline, MarketId, Ticker, Trade, parse_units

KLINE_PERIOD_MS = 250
TICKER_PERIOD_MS = 1_000
CLOSE_GRACE_MS = 500
"""How long after its end a candle is closed by this door's clock, if no later trade has closed it:
longer than a trade takes from the log to here."""


class Frame:
    """A message on its way to subscribers, in the raw and in the combined form.

    The two are the same for one of no stream: the answer to a request. As a server's frames are
    neither masked nor, here, compressed, each form is the same bytes for all who get it.
    """

    __slots__ = ("_combined", "_raw", "_stream", "key", "payload")

    def __init__(self, stream: str | None, payload: bytes, key: str | None = None) -> None:
        self.payload = payload
        self.key = key
        self._stream = stream
        self._raw: bytes | None = None
        self._combined: bytes | None = None

    @property
    def raw(self) -> bytes:
        """The payload as a frame of RFC 6455."""
        if self._raw is None:
            self._raw = _framed(self.payload)
        return self._raw

    @property
    def combined(self) -> bytes:
        """The payload with its stream's name, as a frame of RFC 6455."""
        if self._stream is None:
            return self.raw
        if self._combined is None:
            name = self._stream.encode()
            self._combined = _framed(b'{"stream":"%b","data":%b}' % (name, self.payload))
        return self._combined


class Subscriber(Protocol):
    """Takes frames without waiting; how it copes when it is slow is its own affair."""

    def send(self, frame: Frame) -> None: ...


Feeds = Mapping[MarketId, MarketFeed]
Event = TypeVar("Event")


class DepthChange(NamedTuple):
    """A record of `depth`, and the book that has taken it."""

    record: Depth
    book: Book


class Channel(Generic[Event]):
    """One stream and who listens. `pending` asks for `flush` at the coming ticks."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.subscribers: set[Subscriber] = set()
        self.pending = False

    def take(self, event: Event) -> None:
        raise NotImplementedError

    def flush(self, now: int) -> None:
        """Send what is due. `now` is in milliseconds."""

    def newest(self, now: int) -> Frame | None:
        """What a new subscriber is sent first, where a stream tells a state."""
        return None

    def _frame(self, payload: msgspec.Struct | list[Any], key: str | None = None) -> Frame:
        return Frame(self.name, payloads.encode(payload), key)

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
        self._send()

    def _send(self) -> None:
        raise NotImplementedError


class TradeChannel(Channel[Trade]):
    def take(self, event: Trade) -> None:
        self._publish(self._frame(payloads.of_trade(event)))


class AggregateChannel(Channel[AggregateTrade]):
    def take(self, event: AggregateTrade) -> None:
        self._publish(self._frame(payloads.of_aggregate(event)))


class BookTickerChannel(Channel[DepthChange]):
    """Sends whenever the best price or quantity of a side changes."""

    def __init__(self, name: str, market: MarketId, feeds: Feeds) -> None:
        super().__init__(name)
        self._book = _book(feeds, market)
        self._shown = _top(self._book) if self._book else None

    def take(self, event: DepthChange) -> None:
        self._book = event.book
        top = _top(event.book)
        if top != self._shown:
            self._shown = top
            self._publish(self._frame(payloads.of_top(event.book), self.name))

    def newest(self, now: int) -> Frame | None:
        if self._book is None or not self._book.valid:
            return None
        return self._frame(payloads.of_top(self._book), self.name)


class PartialDepthChannel(Windowed[DepthChange]):
    """The top of the book, after a change of any of it."""

    def __init__(
        self, name: str, market: MarketId, feeds: Feeds, levels: int, period_ms: int
    ) -> None:
        super().__init__(name, period_ms)
        self._book = _book(feeds, market)
        self._levels = levels

    def take(self, event: DepthChange) -> None:
        self._book = event.book
        self.pending = True

    def newest(self, now: int) -> Frame | None:
        if self._book is None or not self._book.valid:
            return None
        return self._frame(payloads.of_levels(self._book, self._levels), self.name)

    def _send(self) -> None:
        frame = self.newest(0)
        if frame is not None:
            self._publish(frame)


class DiffChannel(Windowed[DepthChange]):
    """Diffs of a period in one: from the first's first to the last's last event.

    Each `U` is the previous `u` + 1, unless the log itself has a gap: then what was gathered is
    sent as it is, and the client sees the gap in the numbers.
    """

    def __init__(self, name: str, period_ms: int) -> None:
        super().__init__(name, period_ms)
        self._first: Depth | None = None
        self._last: Depth | None = None
        self._bids: dict[str, str] = {}
        self._asks: dict[str, str] = {}

    def take(self, event: DepthChange) -> None:
        diff = event.record
        if diff.kind is DepthKind.SNAPSHOT:
            return
        if self._last is not None and diff.first_seq != self._last.seq + 1:
            self._send()
        if self._first is None:
            self._first = diff
        self._last = diff
        self._bids.update(diff.bids)
        self._asks.update(diff.asks)
        self.pending = True

    def _send(self) -> None:
        first, last = self._first, self._last
        if first is None or last is None:
            return
        payload = payloads.DepthPayload(
            event_time=last.time,
            symbol=last.market,
            first_seq=first.first_seq,
            last_seq=last.seq,
            bids=sorted(self._bids.items(), key=_price, reverse=True),
            asks=sorted(self._asks.items(), key=_price),
        )
        self._first = self._last = None
        self._bids.clear()
        self._asks.clear()
        self._publish(self._frame(payload))


class TickerChannel(Windowed[Ticker]):
    def __init__(self, name: str, market: MarketId, feeds: Feeds, *, mini: bool) -> None:
        super().__init__(name, TICKER_PERIOD_MS)
        self._market = market
        self._feeds = feeds
        self._mini = mini

    def take(self, event: Ticker) -> None:
        self.pending = True

    def newest(self, now: int) -> Frame | None:
        feed = self._feeds.get(self._market)
        if feed is None or feed.ticker is None:
            return None
        return self._frame(_ticker(feed.ticker, feed.book, self._mini), self.name)

    def _send(self) -> None:
        frame = self.newest(0)
        if frame is not None:
            self._publish(frame)


class AllTickersChannel(Windowed[Ticker]):
    """The tickers that changed in the period. Not conflated: each holds what others don't."""

    def __init__(self, name: str, feeds: Feeds, *, mini: bool) -> None:
        super().__init__(name, TICKER_PERIOD_MS)
        self._feeds = feeds
        self._mini = mini
        self._changed: dict[MarketId, Ticker] = {}

    def take(self, event: Ticker) -> None:
        self._changed[event.market] = event
        self.pending = True

    def newest(self, now: int) -> Frame | None:
        known = [feed.ticker for feed in self._feeds.values() if feed.ticker is not None]
        return self._array(known) if known else None

    def _send(self) -> None:
        changed = list(self._changed.values())
        self._changed.clear()
        self._publish(self._array(changed))

    def _array(self, tickers: list[Ticker]) -> Frame:
        return self._frame([_ticker(t, self._feeds[t.market].book, self._mini) for t in tickers])


class KlineChannel(Channel[Kline]):
    """The open candle as it changes; closed by a trade after it, or else by the clock.

    Only a trade makes a candle, so the log does not say that one has ended while nobody trades:
    this door says so `CLOSE_GRACE_MS` after its end by its own clock. Should a trade of it come
    even later, the candle is sent again, closed as well.
    """

    def __init__(
        self, name: str, market: MarketId, feeds: Feeds, interval: Interval, now: int
    ) -> None:
        super().__init__(name)
        feed = feeds.get(market)
        self._interval = interval
        self._kline = feed.candles.newest(interval) if feed else None
        self._closed = self._kline is not None and _is_over(self._kline, now)
        self._changed = False
        self._due = 0
        # It may end while nobody trades.
        self.pending = self._kline is not None and not self._closed

    def take(self, event: Kline) -> None:
        ended = self._kline
        self._kline = event
        if ended is not None and event.open_time == ended.open_time:
            if self._closed:
                self._publish_closed(event)
            else:
                self._changed = self.pending = True
            return
        if ended is not None and not self._closed:
            self._publish_closed(ended)
        self._closed = False
        self._changed = self.pending = True

    def flush(self, now: int) -> None:
        kline = self._kline
        if kline is None:
            return
        if _is_over(kline, now):
            self._closed = True
            self._changed = self.pending = False
            self._publish_closed(kline)
        elif self._changed and not 0 < self._due - now <= KLINE_PERIOD_MS:
            self._due = now + KLINE_PERIOD_MS
            self._changed = False
            self._publish(self._frame(payloads.of_kline(kline, closed=False), self.name))

    def newest(self, now: int) -> Frame | None:
        """The candle of now, flat if nothing has traded in it."""
        kline = self._kline
        if kline is None:
            return None
        if _is_over(kline, now):
            kline = flat(kline, self._interval.open_time(now))
        return self._frame(payloads.of_kline(kline, closed=False), self.name)

    def _publish_closed(self, kline: Kline) -> None:
        # Without a key: the last word on a candle must not give way to the next candle's first.
        self._publish(self._frame(payloads.of_kline(kline, closed=True)))


def _framed(payload: bytes) -> bytes:
    return WireFrame(Opcode.TEXT, payload).serialize(mask=False)


def _book(feeds: Feeds, market: MarketId) -> Book | None:
    feed = feeds.get(market)
    return feed.book if feed is not None else None


def _top(book: Book) -> tuple[Level | None, Level | None]:
    return book.bids.best(), book.asks.best()


def _is_over(kline: Kline, now: int) -> bool:
    return now > kline.close_time + CLOSE_GRACE_MS


def _price(level: Level) -> int:
    return parse_units(level[0])


def _ticker(ticker: Ticker, book: Book, mini: bool) -> msgspec.Struct:
    return payloads.of_mini_ticker(ticker) if mini else payloads.of_ticker(ticker, book)
