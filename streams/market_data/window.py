"""The rolling day behind a market's ticker."""

from __future__ import annotations

from collections import deque
from functools import reduce

from streams.market_data.candle import Candle
from streams.market_data.intervals import MINUTE, MINUTE_MS

MINUTES = 24 * 60


class Window:
    """The closed minutes of the last day, that of the last trade being the day's last minute.

    The window moves by whole minutes, so it is between 23 h 59 min and 24 h long. It moves with
    trades: that of a market without any stands still until the next.
    """

    __slots__ = ("_closed", "minutes", "previous_close")

    def __init__(self) -> None:
        self.minutes: deque[Candle] = deque()
        self.previous_close: int | None = None
        # What `minutes` amount to: worked out when asked for, as replay asks for none.
        self._closed: Candle | None = None

    def close(self, minute: Candle, time: int) -> None:
        """Take in a minute that is over, as a trade at `time` (ms) is in a later one."""
        self.minutes.append(minute)
        start = self.open_time(time)
        while self.minutes and self.minutes[0].time < start:
            self.previous_close = self.minutes.popleft().close
        self._closed = None

    def day(self, minute: Candle) -> Candle:
        """The whole window, `minute` being the open one."""
        if not self.minutes:
            return minute
        if self._closed is None:
            self._closed = reduce(Candle.then, self.minutes)
        return self._closed.then(minute)

    @staticmethod
    def open_time(time: int) -> int:
        """Where the window that ends in the minute of `time` begins."""
        return MINUTE.open_time(time) - (MINUTES - 1) * MINUTE_MS
