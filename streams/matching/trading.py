"""How an order trades with the other side: from the best price on, who came first first.

What of it may trade, and what becomes of the rest, is up to `market`.
"""

from __future__ import annotations

from typing import Final

from streams.matching.book import Book, BookSide, Level, Order
from streams.matching.breaker import Breaker
from streams.matching.outcomes import Outcome, Prevented, Traded
from streams.matching.rules import Rules
from streams.matching.self_trades import ends_taker, lots_of_others, others_can_fill, taken
from streams.matching.settlement import is_filled, unspent
from streams.messages import NO_TERMS, MarketConfig, OrderType, SelfTradePrevention

_MARKET: Final = OrderType.MARKET
_NO_PREVENTION: Final = SelfTradePrevention.NONE

UNBOUNDED: Final = 1 << 200
"""Funds, in quote units, of an order whose quantity alone bounds it."""


class Trading:
    """A book, and what the next events and trades of its market are called."""

    __slots__ = (
        "aggregate_id",
        "book",
        "breaker",
        "config",
        "rules",
        "seq",
        "terms",
        "trade_id",
    )

    def __init__(self, config: MarketConfig) -> None:
        """Raises `ValueError` where tick x lot is not a whole number of quote units."""
        self.config = config
        self.terms = NO_TERMS
        self.breaker = Breaker()
        self.rules = Rules(config)
        self.book = Book()
        self.seq = 0
        self.trade_id = 0
        self.aggregate_id = 0

    def _can_fill(self, order: Order, opposite: BookSide, worst: int) -> bool:
        if order.self_trade_prevention is _NO_PREVENTION:
            return _can_fill(opposite, worst, order.quantity)
        return others_can_fill(self.book, opposite, worst, order)

    def _match(self, taker: Order, opposite: BookSide, worst: int, outcomes: list[Outcome]) -> None:
        """Trade with the best first, down to the rank `worst`, until nothing of it remains."""
        ranks = opposite.ranks
        remaining = taker.quantity - taker.executed
        while remaining and ranks and ranks[-1] >= worst:
            level = opposite.levels[ranks[-1]]
            available = level.quantity
            if remaining < available:
                self._take(taker, level, remaining, outcomes)
                return
            self._take(taker, level, available, outcomes)
            remaining -= available
            opposite.drop_best()

    def _match_funds(
        self,
        taker: Order,
        opposite: BookSide,
        worst: int,
        lots: int,
        funds: int,
        outcomes: list[Outcome],
    ) -> bool:
        """As `_match`, for at most `lots`, and at each level only as many as `funds` pay for.

        Returns whether self-trade prevention has ended it.
        """
        if taker.self_trade_prevention is not _NO_PREVENTION:
            return self._match_others(taker, opposite, worst, lots, funds, outcomes)
        ranks = opposite.ranks
        while ranks and ranks[-1] >= worst:
            level = opposite.levels[ranks[-1]]
            lot_value = level.price * self.rules.tick_lot
            traded = min(lots, level.quantity, funds // lot_value)
            if not traded:
                break
            self._take(taker, level, traded, outcomes)
            lots -= traded
            funds -= traded * lot_value
            if level.quantity:
                break
            opposite.drop_best()
        return False

    def _match_others(
        self,
        taker: Order,
        opposite: BookSide,
        worst: int,
        lots: int,
        funds: int,
        outcomes: list[Outcome],
    ) -> bool:
        """As `_match_funds`, for a taker that does not trade with its own account's orders."""
        ranks, ended = opposite.ranks, False
        while lots and not ended and ranks and ranks[-1] >= worst:
            level = opposite.levels[ranks[-1]]
            lot_value = level.price * self.rules.tick_lot
            wanted = min(lots, funds // lot_value)
            if not wanted:
                break
            used = lots_of_others(self.book, level, taker.account, wanted)
            if used:
                self._take_of_others(taker, level, used, outcomes)
                if not level.quantity:
                    opposite.drop_best()
            else:
                prevented = self._prevent(taker, level.first, wanted)
                outcomes.append(prevented)
                used, ended = prevented.taker_lots, prevented.taker_closed
            lots -= used
            funds -= used * lot_value
        return ended

    def _take_of_others(
        self, taker: Order, level: Level, lots: int, outcomes: list[Outcome]
    ) -> None:
        first = len(outcomes)
        self._take(taker, level, lots, outcomes)
        for trade in outcomes[first:]:
            if isinstance(trade, Traded):
                trade.taker_prevented = taker.prevented
                trade.taker_done = is_filled(
                    taker, trade.taker_executed, trade.taker_executed_quote
                )

    def _prevent(self, taker: Order, maker: Order, lots: int) -> Prevented:
        """Keep two orders of one account from trading so many lots."""
        not_traded = taken(taker, maker, lots)
        maker_closed = not_traded.maker == maker.remaining
        if maker_closed:
            self.book.remove(maker)
            maker.quantity = maker.quantity - not_traded.maker
        elif not_traded.maker:
            self.book.reduce(maker, not_traded.maker)
        maker.prevented = maker.prevented + not_traded.maker
        taker_closed = ends_taker(taker.self_trade_prevention)
        if taker.quantity:
            taker_closed = taker_closed or not_traded.taker == taker.remaining
            taker.quantity = taker.quantity - not_traded.taker
        taker.prevented = taker.prevented + not_traded.taker
        rules = self.rules
        if taker.order_type is not _MARKET:
            taker_released = rules.hold(taker.side, taker.price, not_traded.taker)
        else:
            # What a MARKET order needs no more is known only at its end.
            taker_released = unspent(self.config, taker) if taker_closed else 0
        return Prevented(
            self._next(),
            maker.price,
            maker,
            taker,
            not_traded.maker,
            not_traded.taker,
            rules.hold(maker.side, maker.price, not_traded.maker),
            taker_released,
            maker_closed,
            taker_closed,
            taker.prevented,
            taker.executed,
            taker.executed_quote,
        )

    def _take(self, taker: Order, level: Level, lots: int, outcomes: list[Outcome]) -> None:
        """Trade `lots` with the orders of a level, first come first: one aggregate trade."""
        book = self.book
        price = level.price
        lot_value = price * self.rules.tick_lot
        seq, trade_id = self.seq, self.trade_id
        self.aggregate_id = aggregate_id = self.aggregate_id + 1
        level.quantity = level.quantity - lots
        taker_executed, taker_quote = taker.executed, taker.executed_quote
        maker = level.first
        while True:
            maker_executed = maker.executed
            quantity = maker.quantity - maker_executed
            is_filled = quantity <= lots
            if not is_filled:
                quantity = lots
            lots -= quantity
            value = quantity * lot_value
            maker.executed = maker_executed = maker_executed + quantity
            maker.executed_quote = maker_quote = maker.executed_quote + value
            taker_executed += quantity
            taker_quote += value
            seq += 1
            trade_id += 1
            outcomes.append(
                Traded(
                    seq,
                    trade_id,
                    aggregate_id,
                    not lots,
                    price,
                    quantity,
                    maker,
                    taker,
                    maker_executed,
                    maker_quote,
                    taker_executed,
                    taker_quote,
                )
            )
            if is_filled:
                behind = book.pop_first(level)
                if behind is None:
                    break
                maker = behind
            if not lots:
                break
        taker.executed, taker.executed_quote = taker_executed, taker_quote
        self.seq, self.trade_id = seq, trade_id

    def _next(self) -> int:
        self.seq = self.seq + 1
        return self.seq


def _can_fill(side: BookSide, worst: int, lots: int) -> bool:
    """Whether a side offers so many lots down to the rank `worst`; reads only the levels it may."""
    for rank in reversed(side.ranks):
        if rank < worst:
            return False
        lots -= side.levels[rank].quantity
        if lots <= 0:
            return True
    return False
