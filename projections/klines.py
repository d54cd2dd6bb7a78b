"""Candles, finished and current."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from projections.series import Series
from projections.tables import Table, Unwritable, Write
from streams.messages import Kline

CANDLES_PER_BUCKET = 1000

INTERVALS_MAX = 64
"""Intervals whose series are remembered; a venue has sixteen."""

_SECOND = 1000
_UNITS_MS = {
    "s": _SECOND,
    "m": 60 * _SECOND,
    "h": 3600 * _SECOND,
    "d": 86_400 * _SECOND,
    "w": 7 * 86_400 * _SECOND,
    "M": 31 * 86_400 * _SECOND,
}


@lru_cache(INTERVALS_MAX)
def series(interval: str) -> Series[Kline]:
    """Candles of an interval such as `15m`, numbered by the time they open.

    Raises `Unwritable` for what is no interval.
    """
    count, unit = interval[:-1], interval[-1:]
    # Bounded, and in ASCII: the interval may be anything that somebody wrote to the topic.
    if unit not in _UNITS_MS or not (count.isascii() and count.isdigit() and len(count) < 4):
        raise Unwritable(f"not an interval: {interval[:20]!r}")
    span = max(int(count), 1) * _UNITS_MS[unit]
    return Series(_KLINES, CANDLES_PER_BUCKET * span, _decode, lambda kline: kline.open_time)


def rows_of_klines(event: Kline, text: str) -> list[Write]:
    """The candle as it stands."""
    key = (event.market, event.interval)
    opens = event.open_time
    return [series(event.interval).write(key, (opens,), opens, text, event.seq)]


_KLINES = Table("klines", ("market", "interval", "bucket"), ("open_time",), ("event",))
_decode = msgspec.json.Decoder(Kline).decode
