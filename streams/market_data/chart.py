"""A market's open candles, one for each interval.

A trade touches the candle of its second only. The longer ones take in a second once it is over,
so a trade costs the same however many intervals there are.
"""

from __future__ import annotations

from streams.market_data.candle import Candle
from streams.market_data.intervals import INTERVALS, SECOND, Interval

LONGER = INTERVALS[1:]


class Chart:
    """The open candles of one market: of its last second, and for each longer interval that of
    the seconds before it that lie in the same span.
    """

    __slots__ = ("longer", "second")

    def __init__(self) -> None:
        self.second: Candle | None = None
        self.longer: list[Candle | None] = [None] * len(LONGER)

    def add(self, trade: Candle) -> list[tuple[Interval, Candle]]:
        """Take in the next trade; returns the candles that are closed by it, shortest first."""
        second = self.second
        if second is None:
            self.second = trade
            return []
        if SECOND.open_time(trade.time) == SECOND.open_time(second.time):
            self.second = second.then(trade)
            return []
        closed = [(SECOND, second)]
        for index, interval in enumerate(LONGER):
            candle = _join(self.longer[index], second)
            if interval.open_time(trade.time) == interval.open_time(second.time):
                self.longer[index] = candle
            else:
                self.longer[index] = None
                closed.append((interval, candle))
        self.second = trade
        return closed

    def candles(self) -> list[tuple[Interval, Candle]]:
        """Each interval's candle as it stands, shortest first; none before the first trade."""
        second = self.second
        if second is None:
            return []
        longer = [
            (interval, _join(candle, second))
            for interval, candle in zip(LONGER, self.longer, strict=True)
        ]
        return [(SECOND, second), *longer]


def _join(before: Candle | None, second: Candle) -> Candle:
    return second if before is None else before.then(second)
