"""Candles by another clock than UTC's, and of any span: put together from those of UTC.

The log has candles in UTC alone. One that opens at midnight in Tokyo is 24 hours of UTC, of which
none is cut in two; so is every span that begins on a whole minute.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import gcd

import msgspec

from api.feeds.candles import DAY_MS, Grid, Interval
from streams.messages import Kline, Millis, format_units, parse_units

DAYS_OF_A_MONTH = 31

_PARTS = [each for each in Interval if each.length_ms is not None and each.length_ms <= DAY_MS]
"""Those that all begin with 1970, so that the longer are made of the shorter."""


@dataclass(frozen=True, slots=True)
class Zoned:
    """An interval as seen by clocks that are ahead of UTC by so many milliseconds: a `Grid`."""

    interval: Interval
    ahead_ms: int

    def open_time(self, at: int) -> Millis:
        return self._utc(self.interval.open_time(at + self.ahead_ms))

    def next_open(self, open_time: int) -> Millis:
        return self._utc(self.interval.next_open(open_time + self.ahead_ms))

    def close_time(self, open_time: int) -> Millis:
        return self._utc(self.interval.close_time(open_time + self.ahead_ms))

    def back(self, at: int, candles: int) -> Millis:
        return self._utc(self.interval.back(at + self.ahead_ms, candles))

    @property
    def part(self) -> Interval:
        """The longest interval in UTC of which each candle here is made whole."""
        if self.ahead_ms == 0:
            return self.interval
        common = gcd(self.ahead_ms, self.interval.length_ms or DAY_MS)
        return max((each for each in _PARTS if common % _length(each) == 0), key=_length)

    @property
    def parts(self) -> int:
        """How many of them it takes at most."""
        if self.part is self.interval:
            return 1
        return (self.interval.length_ms or DAYS_OF_A_MONTH * DAY_MS) // _length(self.part)

    def _utc(self, local: int) -> Millis:
        return Millis(local - self.ahead_ms)


def _length(interval: Interval) -> int:
    assert interval.length_ms is not None
    return interval.length_ms


@dataclass(frozen=True, slots=True)
class Span:
    """What traded in a span of time, if anything did, and the last price before it, if any."""

    traded: Kline | None
    previous: str | None


def pieces(start: int, end: int) -> Iterator[tuple[Interval, int, int]]:
    """A span, both ends included, as minutes, hours and days, each with its own ends.

    It has to begin on a whole minute. The last candle of it may still be open.
    """
    hour = _at_or_after(Interval.H1, start)
    day = _at_or_after(Interval.D1, hour)
    for interval, opens, closes in (
        (Interval.M1, start, min(hour - 1, end)),
        (Interval.H1, hour, min(day - 1, end)),
        (Interval.D1, day, end),
    ):
        if opens <= closes:
            yield interval, opens, closes


def _at_or_after(interval: Interval, at: int) -> Millis:
    return interval.next_open(interval.open_time(at - 1))


def regroup(klines: Sequence[Kline], grid: Grid, interval: Interval) -> list[Kline]:
    """Candles of a grid, from shorter ones in order of time."""
    return [
        join(list(parts), interval.value, opens, grid.close_time(opens))
        for opens, parts in groupby(klines, key=lambda kline: grid.open_time(kline.open_time))
    ]


def join(klines: Sequence[Kline], interval: str, open_time: Millis, close_time: Millis) -> Kline:
    """The candle that candles in order of time, at least one, make together."""
    first, last = klines[0], klines[-1]
    return msgspec.structs.replace(
        last,
        interval=interval,
        open_time=open_time,
        close_time=close_time,
        open=first.open,
        high=max((kline.high for kline in klines), key=parse_units),
        low=min((kline.low for kline in klines), key=parse_units),
        volume=_sum(kline.volume for kline in klines),
        quote_volume=_sum(kline.quote_volume for kline in klines),
        taker_volume=_sum(kline.taker_volume for kline in klines),
        taker_quote_volume=_sum(kline.taker_quote_volume for kline in klines),
        first_trade_id=first.first_trade_id,
        trades=sum(kline.trades for kline in klines),
    )


def _sum(amounts: Iterator[str]) -> str:
    return format_units(sum(map(parse_units, amounts)))
