"""Trades as the doors tell of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class SeenTrade(NamedTuple):
    """A trade as every door tells it."""

    market: str
    trade_id: int
    price: str
    quantity: str


@dataclass(slots=True)
class Collected:
    """What one door told of trades, in the order it did; `twice` are those it repeated."""

    trades: dict[tuple[str, int], SeenTrade] = field(default_factory=dict)
    twice: list[SeenTrade] = field(default_factory=list)

    def add(self, trade: SeenTrade) -> None:
        key = (trade.market, trade.trade_id)
        if key in self.trades:
            self.twice.append(trade)
        self.trades[key] = trade
