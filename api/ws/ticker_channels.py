"""Statistics: of the last 24 hours as the log has them, of other windows as candles add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from api.feeds.book import Book
from api.feeds.candles import MINUTE_MS, SECOND_MS, Interval
from api.feeds.windows import RollingWindow
from api.ws import payloads
from api.ws.channels import Feeds, Want, Windowed
from api.ws.frames import Frame
from streams.messages import Kline, MarketId, Ticker

TICKER_PERIOD_MS = 1_000
AVERAGE_MINUTES = 5


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

    def _send(self, now: int) -> None:
        frame = self.newest(now)
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

    def _send(self, now: int) -> None:
        changed = list(self._changed.values())
        self._changed.clear()
        self._publish(self._array(changed))

    def _array(self, tickers: list[Ticker]) -> Frame:
        return self._frame([_ticker(t, self._feeds[t.market].book, self._mini) for t in tickers])


@dataclass(frozen=True, slots=True)
class Size:
    """A window's length, its name, and the candles it is made of: it begins on a whole one."""

    name: str
    length_ms: int
    part: Interval

    def start(self, now: int) -> int:
        return self.part.open_time(now - self.length_ms)


def hours(size: Interval) -> Size:
    """A window of hours, by the minute, as Binance has it: up to a minute longer than its name."""
    assert size.length_ms is not None
    return Size(size.value, size.length_ms, Interval.M1)


AVERAGE = Size(f"{AVERAGE_MINUTES}m", AVERAGE_MINUTES * MINUTE_MS - SECOND_MS, Interval.S1)
"""By the second, the one under way included."""


class WindowTickerChannel(Windowed[Kline]):
    """A market's window, whenever a trade came into it or left it."""

    def __init__(self, name: str, market: MarketId, size: Size) -> None:
        super().__init__(name, TICKER_PERIOD_MS)
        self._market = market
        self._size = size
        self._window = _Window(size)

    def take(self, event: Kline) -> None:
        self._window.put(event)
        self.pending = self._window.loaded

    def wants(self, now: int) -> Sequence[Want]:
        if self._window.loaded:
            return ()
        return (Want(self._market, self._size.part, self._size.start(now)),)

    def load(self, want: Want, klines: list[Kline], now: int) -> None:
        self._window.load(klines)
        self.pending = True

    def newest(self, now: int) -> Frame | None:
        self._window.changed(now)
        ticker = self._window.ticker(self._market, now)
        return None if ticker is None else self._frame(self._payload(ticker), self.name)

    def _send(self, now: int) -> None:
        changed = self._window.changed(now)
        # It moves while nobody trades, too.
        self.pending = not self._window.is_empty
        ticker = self._window.ticker(self._market, now) if changed else None
        if ticker is not None:
            self._publish(self._frame(self._payload(ticker), self.name))

    def _payload(self, ticker: Ticker) -> msgspec.Struct:
        return payloads.of_window(ticker, self._size.name)


class AveragePriceChannel(WindowTickerChannel):
    """What the base asset cost on average in the last minutes."""

    def __init__(self, name: str, market: MarketId) -> None:
        super().__init__(name, market, AVERAGE)

    def _payload(self, ticker: Ticker) -> msgspec.Struct:
        last = self._window.last
        return payloads.of_average(ticker, self._size.name, last.time if last else 0)


class AllWindowTickersChannel(Windowed[Kline]):
    """The windows that changed. Not conflated: each frame holds what others don't."""

    def __init__(self, name: str, feeds: Feeds, size: Size) -> None:
        super().__init__(name, TICKER_PERIOD_MS)
        self._feeds = feeds
        self._size = size
        self._windows: dict[MarketId, _Window] = {}

    def take(self, event: Kline) -> None:
        window = self._of(event.market)
        window.put(event)
        self.pending = True
        # A market that was listed only now has a past as well, if but of a moment.
        self.wanting = not window.loaded

    def wants(self, now: int) -> Sequence[Want]:
        start = self._size.start(now)
        return [
            Want(market, self._size.part, start)
            for market in self._feeds
            if not self._of(market).loaded
        ]

    def load(self, want: Want, klines: list[Kline], now: int) -> None:
        self._of(want.market).load(klines)
        self.pending = True

    def newest(self, now: int) -> Frame | None:
        tickers = [window.ticker(market, now) for market, window in self._windows.items()]
        return self._array(tickers)

    def _send(self, now: int) -> None:
        changed = [
            window.ticker(market, now)
            for market, window in self._windows.items()
            if window.changed(now)
        ]
        self.pending = any(not window.is_empty for window in self._windows.values())
        frame = self._array(changed)
        if frame is not None:
            self._publish(frame)

    def _of(self, market: MarketId) -> _Window:
        window = self._windows.get(market)
        if window is None:
            window = self._windows[market] = _Window(self._size)
        return window

    def _array(self, tickers: list[Ticker | None]) -> Frame | None:
        told: list[msgspec.Struct] = [
            payloads.of_window(ticker, self._size.name) for ticker in tickers if ticker is not None
        ]
        return self._frame(told) if told else None


class _Window:
    """A rolling window that says nothing before its past is loaded."""

    def __init__(self, size: Size) -> None:
        self._size = size
        self._candles = RollingWindow()
        self._traded = False
        self.loaded = False

    @property
    def last(self) -> Kline | None:
        return self._candles.last

    @property
    def is_empty(self) -> bool:
        return self._candles.is_empty

    def put(self, kline: Kline) -> None:
        self._candles.put(kline)
        self._traded = True

    def load(self, klines: list[Kline]) -> None:
        self._candles.load(klines)
        self.loaded = self._traded = True

    def changed(self, now: int) -> bool:
        """Move it; whether it is another than when this was last asked."""
        moved = self._candles.begin(self._size.start(now))
        changed = moved or self._traded
        self._traded = False
        return changed

    def ticker(self, market: MarketId, now: int) -> Ticker | None:
        return self._candles.ticker(market, self._size.start(now), now) if self.loaded else None


def _ticker(ticker: Ticker, book: Book, mini: bool) -> msgspec.Struct:
    return payloads.of_mini_ticker(ticker) if mini else payloads.of_ticker(ticker, book)
