"""Candles as they grow, in UTC and by clocks ahead of it."""

from __future__ import annotations

from collections.abc import Sequence

from api.feeds.candles import flat
from api.feeds.zones import Zoned, join
from api.ws import payloads
from api.ws.channels import Channel, Feeds, Want
from api.ws.frames import Frame
from streams.messages import Kline, MarketId

KLINE_PERIOD_MS = 250
CLOSE_GRACE_MS = 500
"""How long after its end a candle is closed by this door's clock, if no later trade has closed it:
longer than a trade takes from the log to here."""


class KlineChannel(Channel[Kline]):
    """The open candle as it changes; closed by a trade after it, or else by the clock.

    Only a trade makes a candle, so the log does not say that one has ended while nobody trades:
    this door says so `CLOSE_GRACE_MS` after its end by its own clock. Should a trade of it come
    even later, the candle is sent again, closed as well.
    """

    def __init__(self, name: str, grid: Zoned) -> None:
        super().__init__(name)
        self._grid = grid
        self._kline: Kline | None = None
        self._closed = False
        self._changed = False
        self._due = 0

    @classmethod
    def since(
        cls, name: str, market: MarketId, feeds: Feeds, grid: Zoned, now: int
    ) -> KlineChannel:
        """A channel that knows the market's newest candle."""
        channel = cls(name, grid)
        feed = feeds.get(market)
        newest = feed.candles.newest(grid.interval) if feed else None
        if newest is not None:
            channel._begin(newest, now)
        return channel

    def _begin(self, kline: Kline, now: int) -> None:
        """Know a candle that others have been told of before."""
        self._kline = kline
        self._closed = _is_over(kline, now)
        # It may end while nobody trades.
        self.pending = not self._closed

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
            kline = flat(kline, self._grid.open_time(now), self._grid)
        return self._frame(payloads.of_kline(kline, closed=False), self.name)

    def _publish_closed(self, kline: Kline) -> None:
        # Without a key: the last word on a candle must not give way to the next candle's first.
        self._publish(self._frame(payloads.of_kline(kline, closed=True)))


class ZonedKlineChannel(KlineChannel):
    """A candle that is none in UTC: put together from shorter ones, as they change.

    It says nothing before it has those of its beginning.
    """

    def __init__(self, name: str, market: MarketId, grid: Zoned) -> None:
        super().__init__(name, grid)
        self._market = market
        self._loaded = False
        self._parts: dict[int, Kline] = {}

    def take(self, event: Kline) -> None:
        opens = self._grid.open_time(event.open_time)
        self._parts = {
            at: part for at, part in self._parts.items() if self._grid.open_time(at) == opens
        }
        self._parts[event.open_time] = event
        if self._loaded:
            super().take(self._joined(opens))

    def wants(self, now: int) -> Sequence[Want]:
        if self._loaded:
            return ()
        return (Want(self._market, self._grid.part, self._grid.open_time(now)),)

    def load(self, want: Want, klines: list[Kline], now: int) -> None:
        self._loaded = True
        known = {kline.open_time: kline for kline in klines} | self._parts
        if not known:
            return
        opens = self._grid.open_time(max(known))
        self._parts = {at: known[at] for at in sorted(known) if self._grid.open_time(at) == opens}
        self._begin(self._joined(opens), now)
        frame = self.newest(now)
        if frame is not None:
            self._publish(frame)

    def _joined(self, opens: int) -> Kline:
        grid = self._grid
        return join(
            list(self._parts.values()),
            grid.interval.value,
            grid.open_time(opens),
            grid.close_time(opens),
        )


def _is_over(kline: Kline, now: int) -> bool:
    return now > kline.close_time + CLOSE_GRACE_MS
