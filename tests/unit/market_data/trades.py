"""A partition of `trades`, written and read by market data in one step."""

from __future__ import annotations

from streams.market_data import MarketDataPartition
from streams.messages import (
    UNIT,
    Cause,
    Kline,
    MarketId,
    Millis,
    Offset,
    OrderId,
    Sequence,
    Side,
    Ticker,
    Trade,
    encode_event,
    format_units,
)
from streams.outputs import Output

NOON = 1_700_049_600_000
"""2023-11-15, a Wednesday, 12:00:00 UTC."""

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000


def trade(
    trade_id: int,
    at: int = NOON,
    price: int = 100,
    quantity: int = 1,
    side: Side = Side.BUY,
    *,
    market: str = "BTCUSDT",
    last: bool = True,
) -> Trade:
    """A trade of whole assets; every third number of its market's sequence is a trade."""
    return Trade(
        market=MarketId(market),
        seq=Sequence(3 * trade_id),
        time=Millis(at),
        trade_id=trade_id,
        aggregate_id=trade_id,
        aggregate_last=last,
        price=format_units(price * UNIT),
        quantity=format_units(quantity * UNIT),
        quote_quantity=format_units(price * quantity * UNIT),
        maker_order_id=OrderId(1),
        taker_order_id=OrderId(2),
        taker_side=side,
        cause=Cause(0, Offset(0), 0),
    )


class Feed:
    """Trades appended one by one, and what market data made of them last."""

    def __init__(self, partition: int = 0) -> None:
        self.machine = MarketDataPartition(partition)
        self.records: list[tuple[int, int, bytes]] = []
        self.outputs: list[Output] = []

    def append(self, value: bytes) -> list[Output]:
        offset = len(self.records)
        self.records.append((offset, 0, value))
        outputs = self.machine.apply(*self.records[-1])
        self.outputs += outputs
        return outputs

    def say(self, *trades: Trade) -> list[Output]:
        """Trades, each in its record; returns what the last of them led to."""
        outputs: list[Output] = []
        for each in trades:
            outputs = self.append(encode_event(each))
        return outputs


def ticker(outputs: list[Output], market: str = "BTCUSDT") -> Ticker:
    """The last ticker of a market among these."""
    tickers = [output.message for output in outputs if isinstance(output.message, Ticker)]
    return next(ticker for ticker in reversed(tickers) if ticker.market == market)


def kline(outputs: list[Output], interval: str, open_time: int | None = None) -> Kline:
    """The last kline of an interval, or of its span that opens at a time."""
    klines = [output.message for output in outputs if isinstance(output.message, Kline)]
    return next(
        kline
        for kline in reversed(klines)
        if kline.interval == interval and open_time in (None, kline.open_time)
    )
