"""The intervals candles are made for: Binance Spot's, in UTC.

Weeks begin on Monday. Spans of three days are counted from 1970-01-01, as nothing says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS

MONDAY_MS = 4 * DAY_MS
"""The first Monday: 1970 began on a Thursday."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A span of time that candles are made for, by Binance's name for it.

    Spans of `length_ms` follow each other from `origin_ms`; without a length it is the month of
    the calendar. All times are milliseconds since 1970-01-01 UTC.
    """

    name: str
    length_ms: int | None
    origin_ms: int = 0

    def open_time(self, time: int) -> int:
        """The first millisecond of the span that `time` is in."""
        if self.length_ms is None:
            return _month(time)[0]
        return time - (time - self.origin_ms) % self.length_ms

    def close_time(self, time: int) -> int:
        """The last millisecond of the span that `time` is in."""
        if self.length_ms is None:
            return _month(time)[1] - 1
        return self.open_time(time) + self.length_ms - 1


def _month(time: int) -> tuple[int, int]:
    """The first millisecond of a calendar month, and that of the next."""
    day = datetime.fromtimestamp(time // SECOND_MS, UTC)
    first = datetime(day.year, day.month, 1, tzinfo=UTC)
    following = datetime(day.year + day.month // 12, day.month % 12 + 1, 1, tzinfo=UTC)
    return int(first.timestamp()) * SECOND_MS, int(following.timestamp()) * SECOND_MS


SECOND = Interval("1s", SECOND_MS)
MINUTE = Interval("1m", MINUTE_MS)

INTERVALS = (
    SECOND,
    MINUTE,
    Interval("3m", 3 * MINUTE_MS),
    Interval("5m", 5 * MINUTE_MS),
    Interval("15m", 15 * MINUTE_MS),
    Interval("30m", 30 * MINUTE_MS),
    Interval("1h", HOUR_MS),
    Interval("2h", 2 * HOUR_MS),
    Interval("4h", 4 * HOUR_MS),
    Interval("6h", 6 * HOUR_MS),
    Interval("8h", 8 * HOUR_MS),
    Interval("12h", 12 * HOUR_MS),
    Interval("1d", DAY_MS),
    Interval("3d", 3 * DAY_MS),
    Interval("1w", WEEK_MS, MONDAY_MS),
    Interval("1M", None),
)
"""From the shortest: each span of one after `1s` is made of whole seconds."""
