"""Candles: their intervals, the newest of a market, and the flat ones where nothing traded.

The market-data agent writes a candle only when a trade changes it. So a candle without trades is
nowhere on the log: a door makes it up, flat at the last close, when somebody asks for a range.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from streams.messages import Kline, Millis, format_units

KEPT = 100
"""Candles kept of each interval: enough to bridge what the projection is behind."""

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS
MONDAY_MS = 4 * DAY_MS
"""Weeks begin on Mondays; 1970 began on a Thursday."""


class Grid(Protocol):
    """How time is cut into candles; all times in milliseconds."""

    def open_time(self, at: int) -> Millis:
        """When the candle that holds a moment opens."""
        ...

    def next_open(self, open_time: int) -> Millis:
        """When the candle after the one that opens then does."""
        ...

    def close_time(self, open_time: int) -> Millis:
        """The last millisecond of the candle that opens then."""
        ...

    def back(self, at: int, candles: int) -> Millis:
        """When the first of so many candles opens, the last of which holds `at`."""
        ...


class Interval(StrEnum):
    """The intervals of Binance Spot, in UTC: each is a `Grid`."""

    S1 = "1s"
    M1 = "1m"
    M3 = "3m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    H2 = "2h"
    H4 = "4h"
    H6 = "6h"
    H8 = "8h"
    H12 = "12h"
    D1 = "1d"
    D3 = "3d"
    W1 = "1w"
    MONTH = "1M"

    def open_time(self, at: int) -> Millis:
        """When the candle that holds a moment opens."""
        if self is Interval.MONTH:
            moment = datetime.fromtimestamp(at / 1000, UTC)
            return _month(moment.year, moment.month)
        start = MONDAY_MS if self is Interval.W1 else 0
        length = _LENGTH_MS[self]
        return Millis(at - (at - start) % length)

    def next_open(self, open_time: int) -> Millis:
        """When the candle after the one that opens then does."""
        if self is Interval.MONTH:
            moment = datetime.fromtimestamp(open_time / 1000, UTC)
            return _month(moment.year + moment.month // 12, moment.month % 12 + 1)
        return Millis(open_time + _LENGTH_MS[self])

    def close_time(self, open_time: int) -> Millis:
        """The last millisecond of the candle that opens then."""
        return Millis(self.next_open(open_time) - 1)

    def back(self, at: int, candles: int) -> Millis:
        """When the first of so many candles opens, the last of which holds `at`."""
        if self is not Interval.MONTH:
            return Millis(self.open_time(at) - (candles - 1) * _LENGTH_MS[self])
        moment = datetime.fromtimestamp(at / 1000, UTC)
        year, month = divmod(max(moment.year * 12 + moment.month - candles, 1970 * 12), 12)
        return _month(year, month + 1)

    @property
    def length_ms(self) -> int | None:
        """None for months."""
        return _LENGTH_MS.get(self)


_LENGTH_MS = {
    Interval.S1: SECOND_MS,
    Interval.M1: MINUTE_MS,
    Interval.M3: 3 * MINUTE_MS,
    Interval.M5: 5 * MINUTE_MS,
    Interval.M15: 15 * MINUTE_MS,
    Interval.M30: 30 * MINUTE_MS,
    Interval.H1: HOUR_MS,
    Interval.H2: 2 * HOUR_MS,
    Interval.H4: 4 * HOUR_MS,
    Interval.H6: 6 * HOUR_MS,
    Interval.H8: 8 * HOUR_MS,
    Interval.H12: 12 * HOUR_MS,
    Interval.D1: DAY_MS,
    Interval.D3: 3 * DAY_MS,
    Interval.W1: WEEK_MS,
}


def _month(year: int, month: int) -> Millis:
    return Millis(int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * 1000)


class Candles:
    """The newest candles of a market, by interval; the last of each is open, or was."""

    def __init__(self) -> None:
        self._series: dict[str, deque[Kline]] = {}

    def add(self, kline: Kline) -> bool:
        """Take a candle as it is since a trade. False if it says nothing new."""
        series = self._series.setdefault(kline.interval, deque(maxlen=KEPT))
        if series:
            newest = series[-1]
            if kline.seq <= newest.seq or kline.open_time < newest.open_time:
                return False
            if kline.open_time == newest.open_time:
                series[-1] = kline
                return True
        series.append(kline)
        return True

    def newest(self, interval: str) -> Kline | None:
        series = self._series.get(interval)
        return series[-1] if series else None

    def recent(self, interval: str) -> list[Kline]:
        """In order of time; candles without trades are not among them."""
        return list(self._series.get(interval, ()))


def flat(previous: Kline, open_time: Millis, grid: Grid | None = None) -> Kline:
    """The candle of an interval without a trade, some time after `previous`.

    The grid is UTC's, unless one is named.
    """
    nothing = format_units(0)
    grid = grid or Interval(previous.interval)
    return msgspec.structs.replace(
        previous,
        time=open_time,
        open_time=open_time,
        close_time=grid.close_time(open_time),
        open=previous.close,
        high=previous.close,
        low=previous.close,
        volume=nothing,
        quote_volume=nothing,
        taker_volume=nothing,
        taker_quote_volume=nothing,
        first_trade_id=-1,
        last_trade_id=-1,
        trades=0,
    )


def fill(klines: Iterable[Kline], grid: Grid, start: int, end: int, limit: int) -> list[Kline]:
    """The candles that open from `start` to `end`, both included, flat where nothing traded.

    `klines` are in order of time and begin, if there is one, with the last candle before `start`:
    it gives the price of the flat ones that come first. At most `limit`, the oldest.
    """
    filled: list[Kline] = []
    previous: Kline | None = None
    first_open = grid.next_open(grid.open_time(start - 1))
    for kline in [*klines, None]:
        stop = end + 1 if kline is None else min(kline.open_time, end + 1)
        if previous is not None:
            opens = max(grid.next_open(previous.open_time), first_open)
            while opens < stop and len(filled) < limit:
                filled.append(flat(previous, opens, grid))
                opens = grid.next_open(opens)
        if kline is None or kline.open_time > end or len(filled) >= limit:
            break
        if kline.open_time >= start:
            filled.append(kline)
        previous = kline
    return filled
