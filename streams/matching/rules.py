"""What a market asks of an order before it takes it in. Each rule answers with a `Reason`."""

from __future__ import annotations

from typing import Final

from streams.messages import (
    BASIS_POINTS,
    NO_TERMS,
    UNITS_MAX,
    MarketConfig,
    MarketTerms,
    OrderType,
    Place,
    Reason,
    Side,
    TimeInForce,
)

_OK: Final = Reason.NONE
_BUY: Final = Side.BUY
_LIMIT: Final = OrderType.LIMIT
_MAKER: Final = OrderType.LIMIT_MAKER
_GTC: Final = TimeInForce.GTC
_FOK: Final = TimeInForce.FOK


def check_config(config: MarketConfig) -> None:
    """Raise `ValueError` where a market can't be configured so."""
    name = config.market
    for step, what in ((config.tick, "tick"), (config.lot, "lot")):
        if not 0 < step <= UNITS_MAX:
            raise ValueError(f"{name}: {what} out of range")
    if not 0 <= config.min_notional <= UNITS_MAX:
        raise ValueError(f"{name}: minimum notional out of range")
    rates = (config.maker_fee_bps, config.taker_fee_bps, config.protection_bps)
    if not all(0 <= rate <= BASIS_POINTS for rate in rates):
        raise ValueError(f"{name}: a rate is not from 0 to {BASIS_POINTS} basis points")
    # Computed for the error that it raises.
    _ = config.tick_lot


class Rules:
    """The bounds of one market's orders, made ready from its configuration."""

    __slots__ = (
        "lot",
        "market_quantity_max",
        "max_notional",
        "min_notional",
        "price_max",
        "price_min",
        "quantity_max",
        "quantity_min",
        "tick_lot",
        "ticks_max",
    )

    def __init__(self, config: MarketConfig, terms: MarketTerms = NO_TERMS) -> None:
        tick, lot = config.tick, config.lot
        self.tick_lot = config.tick_lot
        self.lot = lot
        self.min_notional = config.min_notional
        self.max_notional = terms.max_notional or UNITS_MAX
        self.ticks_max = UNITS_MAX // tick
        self.price_min = max(1, -(-terms.min_price // tick))
        self.price_max = (terms.max_price or UNITS_MAX) // tick
        self.quantity_min = max(1, -(-terms.min_quantity // lot))
        self.quantity_max = (terms.max_quantity or UNITS_MAX) // lot
        self.market_quantity_max = (terms.max_market_quantity or UNITS_MAX) // lot

    def limit(self, price: int, quantity: int) -> Reason:
        """Whether a limit order may have this price and quantity."""
        if not self.price_min <= price <= self.price_max:
            return Reason.PRICE_FILTER
        if not self.quantity_min <= quantity <= self.quantity_max:
            return Reason.LOT_SIZE
        return self.notional(price * quantity * self.tick_lot)

    def notional(self, value: int) -> Reason:
        """Whether an order may be worth so many quote units."""
        if value < self.min_notional:
            return Reason.MIN_NOTIONAL
        if value > UNITS_MAX:
            return Reason.AMOUNT_OUT_OF_RANGE
        if value > self.max_notional:
            return Reason.MAX_NOTIONAL
        return _OK

    def hold(self, side: Side, price: int, quantity: int) -> int:
        """What a limit order must hold: quote units to buy with, base units to sell."""
        if side is _BUY:
            return price * quantity * self.tick_lot
        return quantity * self.lot

    def place(self, command: Place) -> Reason:
        """Whether an order is one that this market can take, its hold included."""
        if command.order_type is _LIMIT or command.order_type is _MAKER:
            return self._place_limit(command)
        return self._place_market(command)

    def _place_limit(self, command: Place) -> Reason:
        if command.budget:
            return Reason.INVALID_COMBINATION
        if command.order_type is _MAKER and command.time_in_force is not _GTC:
            return Reason.INVALID_COMBINATION
        reason = self.limit(command.price, command.quantity)
        if reason:
            return reason
        if command.hold < self.hold(command.side, command.price, command.quantity):
            return Reason.HOLD_TOO_SMALL
        return _OK

    def _place_market(self, command: Place) -> Reason:
        """A MARKET order is given by quantity or by budget, never both; FOK would be a limit's."""
        if (command.budget and command.quantity) or command.time_in_force is _FOK:
            return Reason.INVALID_COMBINATION
        # Its price is not asked for: it bounds how far from the best it may trade.
        if not 0 <= command.price <= self.ticks_max:
            return Reason.PRICE_FILTER
        if command.budget:
            return self._place_budget(command)
        if not self.quantity_min <= command.quantity <= self.quantity_max:
            return Reason.LOT_SIZE
        if command.quantity > self.market_quantity_max:
            return Reason.MARKET_LOT_SIZE
        reason = _OK
        if command.price:
            reason = self.notional(command.price * command.quantity * self.tick_lot)
        return reason or self._market_hold(command)

    def _place_budget(self, command: Place) -> Reason:
        if command.budget < 0:
            return Reason.AMOUNT_OUT_OF_RANGE
        reason = self.notional(command.budget)
        if reason:
            return reason
        # A seller by budget brings what base it will; it sells no more than that.
        needed = command.budget if command.side is _BUY else self.lot
        return Reason.HOLD_TOO_SMALL if command.hold < needed else _OK

    def _market_hold(self, command: Place) -> Reason:
        if command.side is _BUY and not command.price:
            # Nobody knows what it will pay: it buys for no more than it brings.
            needed = 1
        else:
            needed = self.hold(command.side, command.price, command.quantity)
        return Reason.HOLD_TOO_SMALL if command.hold < needed else _OK
