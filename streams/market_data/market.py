"""What is said of one market: its ticker, and its candles."""

from __future__ import annotations

from collections.abc import Iterator

from streams.market_data.candle import Candle
from streams.market_data.chart import Chart
from streams.market_data.intervals import MINUTE, Interval
from streams.market_data.window import Window
from streams.messages import Kline, MarketId, Millis, Sequence, Ticker, format_units


class MarketData:
    """One market's chart and rolling day."""

    __slots__ = ("_sampled", "chart", "last_trade_id", "market", "window")

    def __init__(self, market: MarketId) -> None:
        self.market = market
        self.last_trade_id = 0
        self.chart = Chart()
        self.window = Window()
        # The last trade that was sampled. No part of the state: it decides what is left unsaid
        # because it was said, under the same name, before.
        self._sampled = 0

    def restored(self) -> None:
        """Take all states up to here for said: a state is kept only once it was sampled.

        Within an aggregate, where it need not have been, no candle closes: its trades are of one
        time, and its end samples.
        """
        self._sampled = self.last_trade_id

    def add(self, trade: Candle) -> list[Kline]:
        """Take in the next trade; returns the last word on each candle it closes, if not said."""
        self.last_trade_id = trade.last_trade_id
        closed = self.chart.add(trade)
        if not closed:
            return []
        for interval, candle in closed:
            if interval is MINUTE:
                self.window.close(candle, trade.time)
        return [
            self._kline(interval, candle)
            for interval, candle in closed
            if candle.last_trade_id > self._sampled
        ]

    def sample(self) -> Iterator[Ticker | Kline]:
        """The ticker and each interval's candle, as they stand."""
        for interval, candle in self.chart.candles():
            if interval is MINUTE:
                yield self._ticker(self.window.day(candle))
            yield self._kline(interval, candle)
        self._sampled = self.last_trade_id

    def ticker(self) -> Ticker | None:
        """The last day as it stands; None of a market without a trade."""
        for interval, candle in self.chart.candles():
            if interval is MINUTE:
                return self._ticker(self.window.day(candle))
        return None

    def _ticker(self, day: Candle) -> Ticker:
        previous = self.window.previous_close
        return Ticker(
            market=self.market,
            seq=Sequence(day.seq),
            time=Millis(day.time),
            open_time=Millis(Window.open_time(day.time)),
            open=format_units(day.open),
            high=format_units(day.high),
            low=format_units(day.low),
            last=format_units(day.close),
            last_quantity=format_units(day.close_quantity),
            previous_close=format_units(day.open if previous is None else previous),
            volume=format_units(day.volume),
            quote_volume=format_units(day.quote_volume),
            first_trade_id=day.first_trade_id,
            last_trade_id=day.last_trade_id,
            trades=day.trades,
        )

    def _kline(self, interval: Interval, candle: Candle) -> Kline:
        return Kline(
            market=self.market,
            seq=Sequence(candle.seq),
            time=Millis(candle.time),
            interval=interval.name,
            open_time=Millis(interval.open_time(candle.time)),
            close_time=Millis(interval.close_time(candle.time)),
            open=format_units(candle.open),
            high=format_units(candle.high),
            low=format_units(candle.low),
            close=format_units(candle.close),
            volume=format_units(candle.volume),
            quote_volume=format_units(candle.quote_volume),
            taker_volume=format_units(candle.taker_volume),
            taker_quote_volume=format_units(candle.taker_quote_volume),
            first_trade_id=candle.first_trade_id,
            last_trade_id=candle.last_trade_id,
            trades=candle.trades,
        )
