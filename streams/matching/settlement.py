"""What a market's outcomes do to the funds held for orders.

A buyer pays quote units and receives base units, a seller the reverse. The fee is taken from what
is received, in basis points, rounded down to the unit: the exchange never takes a fraction more
than its rate. Over an order's life what is paid and what is released add up to its hold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from streams.matching.book import Order
from streams.matching.outcomes import Traded
from streams.messages import (
    BASIS_POINTS,
    AccountId,
    Asset,
    MarketConfig,
    OrderType,
    Place,
    Replace,
    Settle,
    Side,
    Units,
)

NO_ASSET: Final = Asset("-")
"""Stands where nothing is received and nobody can say of what: the name may not be empty."""

_BUY: Final = Side.BUY
_MARKET: Final = OrderType.MARKET

# Made of plain ints in trades: a NewType is a call.
_settle: Final[Callable[..., Settle]] = Settle


def improvement(config: MarketConfig, trade: Traded, *, done: bool) -> int:
    """What a trade releases of the taker's hold, in units of what it pays with.

    A buyer gets back what it would have paid at its limit. What a MARKET order needs no more is
    known, and released, only at its end.
    """
    order = trade.taker
    if order.order_type is not _MARKET:
        saved = order.price - trade.price if order.side is _BUY else 0
        return saved * trade.quantity * config.tick_lot
    if not done:
        return 0
    if order.side is _BUY:
        return order.hold - trade.taker_executed_quote
    return order.hold - trade.taker_executed * config.lot


def is_filled(order: Order, executed: int, executed_quote: int) -> bool:
    """Whether an order that has traded so much has nothing left to trade."""
    return executed_quote == order.budget if order.budget else executed == order.quantity


def unspent(config: MarketConfig, order: Order) -> int:
    """What is still held for an order, in units."""
    if order.order_type is not _MARKET:
        value = order.price * config.tick_lot if order.side is _BUY else config.lot
        return order.remaining * value
    spent = order.executed_quote if order.side is _BUY else order.executed * config.lot
    return order.hold - spent


def release(config: MarketConfig, order: Order, amount: int, *, done: bool) -> Settle:
    """Give back a part of an order's hold, or with `done` all that is left of it."""
    return Settle(
        account=AccountId(order.account),
        order_id=order.order_id,
        received_asset=_received_asset(config, order.side),
        paid=Units(0),
        received=Units(0),
        fee=Units(0),
        released=Units(amount),
        done=done,
    )


def return_hold(command: Place | Replace, *, done: bool) -> Settle:
    """Give back what was held for a command that was refused."""
    return Settle(
        account=command.account,
        order_id=command.order_id,
        received_asset=NO_ASSET,
        paid=Units(0),
        received=Units(0),
        fee=Units(0),
        released=command.hold,
        done=done,
    )


def exchange(
    config: MarketConfig,
    order: Order,
    base: int,
    quote: int,
    fee_bps: int,
    released: int,
    done: bool,
) -> Settle:
    """One order's side of a trade of so much `base` for so much `quote`."""
    if order.side is _BUY:
        asset, paid, gross = config.base, quote, base
    else:
        asset, paid, gross = config.quote, base, quote
    fee = gross * fee_bps // BASIS_POINTS
    return _settle(order.account, order.order_id, asset, paid, gross - fee, fee, released, done)


def _received_asset(config: MarketConfig, side: Side) -> Asset:
    return config.base if side is _BUY else config.quote
