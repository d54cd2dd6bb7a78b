"""A market's last hours or minutes, as candles that come and go.

The log has statistics of the last 24 hours alone. Those of any other span are summed up here from
its candles, kept in memory for as long as they are within it, so that each costs little however
often it is asked for.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from streams.messages import (
    Kline,
    MarketId,
    Millis,
    Sequence,
    Ticker,
    Units,
    format_units,
    parse_units,
)


class _Part(NamedTuple):
    kline: Kline
    high: Units
    low: Units
    volume: Units
    quote_volume: Units


class RollingWindow:
    """The candles of one interval from a moment on, which moves, and what they amount to."""

    def __init__(self) -> None:
        self._parts: deque[_Part] = deque()
        self._volume = 0
        self._quote_volume = 0
        self._trades = 0
        self._previous: Kline | None = None

    @property
    def last(self) -> Kline | None:
        """The newest candle in which something traded, be it in the window or before it."""
        return self._parts[-1].kline if self._parts else self._previous

    @property
    def is_empty(self) -> bool:
        """Whether nothing traded within it."""
        return not self._parts

    def put(self, kline: Kline) -> None:
        """Take the newest candle, or what it has become. An older one is not looked at."""
        if self._parts:
            newest = self._parts[-1].kline
            if kline.open_time < newest.open_time or kline.seq < newest.seq:
                return
            if kline.open_time == newest.open_time:
                self._count(self._parts.pop(), -1)
        part = _Part(
            kline,
            parse_units(kline.high),
            parse_units(kline.low),
            parse_units(kline.volume),
            parse_units(kline.quote_volume),
        )
        self._parts.append(part)
        self._count(part, 1)

    def load(self, klines: list[Kline]) -> None:
        """Take candles of the past, in any order. Of one that is here already, the newer counts."""
        known = {part.kline.open_time: part.kline for part in self._parts}
        for kline in klines:
            held = known.get(kline.open_time)
            if held is None or held.seq < kline.seq:
                known[kline.open_time] = kline
        self._parts.clear()
        self._volume = self._quote_volume = self._trades = 0
        for opens in sorted(known):
            self.put(known[opens])

    def begin(self, start: int) -> bool:
        """Let go of candles that open before; whether there were any. `start` rises."""
        dropped = False
        while self._parts and self._parts[0].kline.open_time < start:
            part = self._parts.popleft()
            self._count(part, -1)
            self._previous = part.kline
            dropped = True
        return dropped

    def ticker(self, market: MarketId, start: int, now: int) -> Ticker | None:
        """The window from `start` to `now`: flat at the last price before, where nothing traded;
        None where nothing ever did."""
        last = self.last
        if last is None:
            return None
        first = self._parts[0].kline if self._parts else None
        high = max((part.high for part in self._parts), default=parse_units(last.close))
        low = min((part.low for part in self._parts), default=parse_units(last.close))
        return Ticker(
            market=market,
            seq=last.seq if first else Sequence(0),
            time=Millis(now),
            open_time=Millis(start),
            open=first.open if first else last.close,
            high=format_units(high),
            low=format_units(low),
            last=last.close,
            last_quantity=format_units(0),
            previous_close=format_units(0),
            volume=format_units(self._volume),
            quote_volume=format_units(self._quote_volume),
            first_trade_id=first.first_trade_id if first else -1,
            last_trade_id=last.last_trade_id if first else -1,
            trades=self._trades,
        )

    def _count(self, part: _Part, times: int) -> None:
        self._volume += times * part.volume
        self._quote_volume += times * part.quote_volume
        self._trades += times * part.kline.trades
