"""Orders that clients might send: few prices and accounts, so that they meet."""

from __future__ import annotations

from collections import deque
from random import Random

import msgspec

from streams.messages import (
    AccountId,
    AmendOrder,
    CancelOrder,
    CancelReplaceOrder,
    CancelRestriction,
    Lots,
    MarketConfig,
    MarketId,
    OrderId,
    OrderLimits,
    OrderType,
    PlaceOrder,
    SelfTradePrevention,
    Side,
    Ticks,
    TimeInForce,
    Units,
)

REMEMBERED = 12
LIMITS = OrderLimits(4, 60)
"""Of every second order: few enough to be met."""

KINDS = (
    *[(OrderType.LIMIT, TimeInForce.GTC)] * 8,
    (OrderType.LIMIT, TimeInForce.IOC),
    (OrderType.LIMIT, TimeInForce.FOK),
    (OrderType.LIMIT_MAKER, TimeInForce.GTC),
    (OrderType.LIMIT_MAKER, TimeInForce.GTC),
    (OrderType.MARKET, TimeInForce.GTC),
    (OrderType.MARKET, TimeInForce.GTC),
    (OrderType.MARKET, TimeInForce.FOK),
)

MODES = (*[SelfTradePrevention.NONE] * 4, *SelfTradePrevention)


class Orders:
    """Makes requests, and remembers the last orders of each account to cancel."""

    def __init__(self, rng: Random, markets: list[MarketConfig]) -> None:
        self._rng = rng
        self._markets = markets
        self._placed: dict[AccountId, deque[tuple[OrderId, PlaceOrder]]] = {}
        self._number = 0

    def placed(self, order_id: OrderId, order: PlaceOrder) -> None:
        remembered = self._placed.setdefault(order.account, deque(maxlen=REMEMBERED))
        remembered.append((order_id, order))

    def place(self, account: AccountId, wanted: MarketId | None = None) -> PlaceOrder:
        """An order on some market, or on one that is wanted."""
        rng = self._rng
        self._number += 1
        # Now and then a client uses an id again.
        client_order_id = f"c{self._number - rng.choice((0, 0, 0, 0, 0, 0, 0, 3))}"
        market = rng.choice([each for each in self._markets if wanted in (None, each.market)])
        side = rng.choice((Side.BUY, Side.SELL))
        kind, tif = rng.choice(KINDS)
        price, quantity, budget = rng.randint(4, 13), rng.randint(1, 9), 0
        hold = price * quantity * market.tick_lot if side is Side.BUY else quantity * market.lot
        if kind is OrderType.MARKET:
            price = rng.choice((0, price))
            if rng.random() < 0.5:
                quantity, budget = 0, rng.choice((95, 333, 1_000))
                hold = budget if side is Side.BUY else 9 * market.lot
        hold += rng.choice((0, 0, 0, 0, 0, 0, 13, -1))
        known = wanted is not None or rng.random() < 0.97
        return PlaceOrder(
            account,
            market.market if known else MarketId("NONE"),
            market.partition if rng.random() < 0.98 else 77,
            client_order_id,
            side,
            kind,
            tif,
            Ticks(price),
            Lots(quantity),
            Units(budget),
            market.quote if side is Side.BUY else market.base,
            Units(hold),
            self_trade_prevention=rng.choice(MODES),
            limits=rng.choice((None, LIMITS)),
        )

    def cancel(self, account: AccountId) -> CancelOrder:
        """Of an order of this account, by either of its names, or of one that never was."""
        placed = self._placed.get(account)
        if not placed or self._rng.random() < 0.05:
            return CancelOrder(account, self._markets[0].market, 0, OrderId(12345), "")
        order_id, order = self._rng.choice(placed)
        by_id = self._rng.random() < 0.5
        return CancelOrder(
            account,
            order.market,
            order.market_partition,
            order_id if by_id else OrderId(0),
            "" if by_id else order.client_order_id,
        )

    def amend(self, account: AccountId) -> AmendOrder:
        """An order of this account, or one that never was; the name may be taken or its own."""
        named, self._number = self.cancel(account), self._number + 1
        return AmendOrder(
            account,
            named.market,
            named.market_partition,
            named.order_id,
            named.client_order_id,
            self._rng.choice((f"a{self._number}", f"c{self._number - 3}", named.client_order_id))
            or "same",
            Lots(self._rng.randint(0, 6)),
        )

    def replace(self, account: AccountId) -> CancelReplaceOrder:
        """An order in place of another of the market, which may have its name."""
        cancel = self.cancel(account)
        order = self.place(account, self._known(cancel.market))
        if self._rng.random() < 0.3 and cancel.client_order_id:
            order = msgspec.structs.replace(order, client_order_id=cancel.client_order_id)
        restriction = self._rng.choice((*[CancelRestriction.NONE] * 3, *CancelRestriction))
        return CancelReplaceOrder(
            account,
            msgspec.structs.replace(cancel, market=order.market, restriction=restriction),
            order,
            self._rng.random() < 0.5,
            self._rng.random() < 0.5,
        )

    def _known(self, market: MarketId) -> MarketId | None:
        return market if any(each.market == market for each in self._markets) else None
