"""Aggregate trades: what one taker order traded at one price."""

from __future__ import annotations

from collections import deque

import msgspec

from streams.messages import MarketId, Millis, Side, Trade, format_units, parse_units

KEPT = 1_000


class AggregateTrade(msgspec.Struct, frozen=True, kw_only=True):
    """Trades `first_trade_id` to `last_trade_id` of a market, which follow each other."""

    market: MarketId
    aggregate_id: int
    time: Millis
    price: str
    quantity: str
    first_trade_id: int
    last_trade_id: int
    buyer_is_maker: bool


class Aggregates:
    """Puts a market's trades together as they come, and keeps the newest aggregates.

    A reader that begins in the middle of an aggregate can't tell its first trade, so the first one
    is left out unless it is known to be whole: the market's first, or the first that its log has.
    """

    def __init__(self) -> None:
        self.recent: deque[AggregateTrade] = deque(maxlen=KEPT)
        self._open: list[Trade] = []
        self._next_id: int | None = None

    def add(self, trade: Trade, *, gapless: bool = False) -> AggregateTrade | None:
        """Take the next trade; the aggregate, if it is that one's last.

        `gapless` says that no trade of the log was left out: a number that does not follow then is
        the first since a recovery, which has numbers jump.
        """
        starts_whole = gapless or trade.trade_id == self._next_id or trade.trade_id == 1
        if not self._open or self._open[-1].trade_id + 1 != trade.trade_id:
            self._open = [trade] if starts_whole else []
        else:
            self._open.append(trade)
        if not trade.aggregate_last:
            return None
        self._next_id = trade.trade_id + 1
        parts, self._open = self._open, []
        if not parts:
            return None
        aggregate = join(parts)
        self.recent.append(aggregate)
        return aggregate


def join(trades: list[Trade]) -> AggregateTrade:
    """The aggregate that all of these trades, and no others, make."""
    first, last = trades[0], trades[-1]
    return AggregateTrade(
        market=first.market,
        aggregate_id=first.aggregate_id,
        time=first.time,
        price=first.price,
        quantity=format_units(sum(parse_units(trade.quantity) for trade in trades)),
        first_trade_id=first.trade_id,
        last_trade_id=last.trade_id,
        buyer_is_maker=first.taker_side is Side.SELL,
    )
