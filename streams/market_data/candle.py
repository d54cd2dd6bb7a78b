"""What a run of trades amounts to."""

from __future__ import annotations

import msgspec

from streams.messages import Side, Trade, parse_units


class Candle(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A run of consecutive trades of one market, one or more; prices and amounts in units.

    A trade alone is a candle, and two that follow each other make one: there is no other
    arithmetic here. `taker_*` is the share of the volume in which the taker bought; `seq` and
    `time` (ms) are those of the last trade.
    """

    open: int
    high: int
    low: int
    close: int
    close_quantity: int
    volume: int
    quote_volume: int
    taker_volume: int
    taker_quote_volume: int
    first_trade_id: int
    last_trade_id: int
    seq: int
    time: int

    @property
    def trades(self) -> int:
        return self.last_trade_id - self.first_trade_id + 1

    def then(self, later: Candle) -> Candle:
        """Both runs as one; `later` begins where this one ends."""
        return Candle(
            self.open,
            later.high if later.high > self.high else self.high,
            later.low if later.low < self.low else self.low,
            later.close,
            later.close_quantity,
            self.volume + later.volume,
            self.quote_volume + later.quote_volume,
            self.taker_volume + later.taker_volume,
            self.taker_quote_volume + later.taker_quote_volume,
            self.first_trade_id,
            later.last_trade_id,
            later.seq,
            later.time,
        )


def candle_of(trade: Trade) -> Candle:
    """One trade, as a candle. Raises `AmountError` where one of its decimals is none."""
    price = parse_units(trade.price)
    quantity = parse_units(trade.quantity)
    quote = parse_units(trade.quote_quantity)
    buys = trade.taker_side is Side.BUY
    return Candle(
        price,
        price,
        price,
        price,
        quantity,
        quantity,
        quote,
        quantity if buys else 0,
        quote if buys else 0,
        trade.trade_id,
        trade.trade_id,
        trade.seq,
        trade.time,
    )
