"""From what a client asks for to the command that the ledger takes. Pure: no I/O, no clock.

Binance's parameters are decimals and words; a `PlaceOrder` holds ticks, lots and the funds that
its market may spend. What can be refused here is refused here: it costs nobody else anything.
"""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never

import msgspec

from api.errors import (
    Filter,
    bad_combination,
    bad_order_type,
    bad_side,
    bad_time_in_force,
    either_mandatory,
    filter_failure,
    invalid,
    mandatory,
    mode_not_allowed,
    no_liquidity,
    not_required,
    unsupported_order,
)
from api.feeds.rules import MarketRules
from api.handlers.parameters import Parameters
from streams.messages import (
    BASIS_POINTS,
    UNITS_MAX,
    AccountId,
    Asset,
    Lots,
    OrderLimits,
    OrderType,
    PlaceOrder,
    SelfTradePrevention,
    Side,
    Ticks,
    TimeInForce,
    Units,
)

TRANSFER = "TRANSFER"
"""A mode between accounts that trade as one, of which there are none here."""


class ResponseType(StrEnum):
    """How much of the outcome the answer to a new order carries."""

    ACK = "ACK"
    RESULT = "RESULT"
    FULL = "FULL"


class _AnyOrderType(StrEnum):
    """Every type that Binance documents; markets here take the first three."""

    LIMIT = "LIMIT"
    LIMIT_MAKER = "LIMIT_MAKER"
    MARKET = "MARKET"
    STOP_LOSS = "STOP_LOSS"
    STOP_LOSS_LIMIT = "STOP_LOSS_LIMIT"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_LIMIT = "TAKE_PROFIT_LIMIT"


_UNSUPPORTED_TYPES = {
    _AnyOrderType.STOP_LOSS: "Stop loss",
    _AnyOrderType.STOP_LOSS_LIMIT: "Stop loss limit",
    _AnyOrderType.TAKE_PROFIT: "Take profit",
    _AnyOrderType.TAKE_PROFIT_LIMIT: "Take profit limit",
}

_UNSUPPORTED_PARAMETERS = {
    "icebergQty": "Iceberg",
    "trailingDelta": "Trailing stop",
    "pegPriceType": "Pegged",
    "pegOffsetType": "Pegged",
    "pegOffsetValue": "Pegged",
}

_TYPES = {
    _AnyOrderType.LIMIT: OrderType.LIMIT,
    _AnyOrderType.LIMIT_MAKER: OrderType.LIMIT_MAKER,
    _AnyOrderType.MARKET: OrderType.MARKET,
}

_TERMS = ("timeInForce", "quantity", "quoteOrderQty", "price", "stopPrice")
_TAKEN = {
    OrderType.LIMIT: ("timeInForce", "quantity", "price"),
    OrderType.LIMIT_MAKER: ("quantity", "price"),
    OrderType.MARKET: ("quantity", "quoteOrderQty"),
}
_NOT_TAKEN = {
    order_type: tuple(name for name in _TERMS if name not in taken)
    for order_type, taken in _TAKEN.items()
}

_BUY = Side.BUY
_SELL = Side.SELL
_MAKER = OrderType.LIMIT_MAKER
_MARKET = OrderType.MARKET


class NewOrder(msgspec.Struct, frozen=True, gc=False):
    """An order as its client wants it; amounts in units, `quote` that of `quoteOrderQty`."""

    client_order_id: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    price: Units | None
    quantity: Units | None
    quote: Units | None
    response: ResponseType
    self_trade_prevention: SelfTradePrevention


def read_new_order(parameters: Parameters, generated_id: str) -> NewOrder:
    """What the parameters ask for. Raises the documented error when they make no order."""
    side = parameters.choice("side", Side, bad_side)
    if side is None:
        raise mandatory("side")
    order_type = _order_type(parameters)
    _check_combination(parameters, order_type)
    mode = self_trade_prevention(parameters)
    response = parameters.choice(
        "newOrderRespType", ResponseType, lambda: invalid("newOrderRespType")
    )
    maker_only = order_type is _MAKER
    return NewOrder(
        client_order_id=parameters.text("newClientOrderId") or generated_id,
        side=side,
        order_type=order_type,
        time_in_force=_time_in_force(parameters, order_type),
        price=parameters.amount("price"),
        quantity=parameters.amount("quantity"),
        quote=parameters.amount("quoteOrderQty"),
        response=response or (ResponseType.ACK if maker_only else ResponseType.FULL),
        self_trade_prevention=mode,
    )


def _order_type(parameters: Parameters) -> OrderType:
    asked = parameters.choice("type", _AnyOrderType, bad_order_type)
    if asked is None:
        raise mandatory("type")
    order_type = _TYPES.get(asked)
    if order_type is None:
        raise unsupported_order(_UNSUPPORTED_TYPES[asked])
    return order_type


def self_trade_prevention(parameters: Parameters) -> SelfTradePrevention:
    """The mode asked for, else `NONE`. Raises -1013 for one that no market here allows."""
    name = "selfTradePreventionMode"
    if name not in parameters:
        return SelfTradePrevention.NONE
    if parameters.text(name) == TRANSFER:
        raise mode_not_allowed()
    mode = parameters.choice(name, SelfTradePrevention, lambda: invalid(name))
    return mode or SelfTradePrevention.NONE


def _check_combination(parameters: Parameters, order_type: OrderType) -> None:
    if parameters.has_any(_UNSUPPORTED_PARAMETERS):
        named = next(name for name in _UNSUPPORTED_PARAMETERS if name in parameters)
        raise unsupported_order(_UNSUPPORTED_PARAMETERS[named])
    if parameters.has_any(_NOT_TAKEN[order_type]):
        raise not_required(next(name for name in _NOT_TAKEN[order_type] if name in parameters))
    if order_type is _MARKET:
        both = ("quantity" in parameters, "quoteOrderQty" in parameters)
        if both == (False, False):
            raise either_mandatory("quantity", "quoteOrderQty")
        if both == (True, True):
            raise bad_combination()
    else:
        for name in _TAKEN[order_type]:
            parameters.required(name)


def _time_in_force(parameters: Parameters, order_type: OrderType) -> TimeInForce:
    if order_type is _MARKET:
        # A market order never rests: what the book cannot fill expires.
        return TimeInForce.IOC
    asked = parameters.choice("timeInForce", TimeInForce, bad_time_in_force)
    return asked or TimeInForce.GTC


def place_order(
    order: NewOrder,
    account: AccountId,
    rules: MarketRules,
    reference: Ticks | None,
    idempotency_key: str = "",
    limits: OrderLimits | None = None,
) -> PlaceOrder:
    """The command that places an order.

    `reference` is what a MARKET order's worst price is reckoned from: the best opposite price,
    else the last trade's; None where the market has neither. Raises -1013 for a filter it breaks,
    -2010 for an amount of quote to be sold for where there is no price to reckon it by.
    """
    if order.order_type is _MARKET:
        price, quantity = _market_terms(order, rules, reference)
    else:
        price, quantity = _limit_terms(order, rules)
    budget = order.quote or Units(0)
    hold = _hold(order, rules, price, quantity)
    if hold > UNITS_MAX:
        raise filter_failure(Filter.LOT_SIZE)
    return PlaceOrder(
        account=account,
        market=rules.market,
        market_partition=rules.config.partition,
        client_order_id=order.client_order_id,
        side=order.side,
        order_type=order.order_type,
        time_in_force=order.time_in_force,
        price=price,
        quantity=Lots(0) if budget else quantity,
        budget=budget,
        hold_asset=_hold_asset(order.side, rules),
        hold=Units(hold),
        idempotency_key=idempotency_key,
        limits=limits,
        self_trade_prevention=order.self_trade_prevention,
    )


def _hold_asset(side: Side, rules: MarketRules) -> Asset:
    return rules.config.quote if side is _BUY else rules.config.base


def _limit_terms(order: NewOrder, rules: MarketRules) -> tuple[Ticks, Lots]:
    if order.price is None or order.quantity is None:
        raise mandatory("price" if order.price is None else "quantity")
    price, quantity = _ticks(order.price, rules), whole_lots(order.quantity, rules)
    _check_notional(rules.notional(price, quantity), rules)
    return price, quantity


def _market_terms(
    order: NewOrder, rules: MarketRules, reference: Ticks | None
) -> tuple[Ticks, Lots]:
    """The worst price, and the quantity: of an order by quote amount, the most it may sell."""
    worst = None
    if reference is not None:
        worst = worst_price(reference, order.side, rules.config.protection_bps)
    if order.quote is not None:
        return _quote_terms(order.quote, order.side, rules, worst)
    if order.quantity is None:
        raise either_mandatory("quantity", "quoteOrderQty")
    quantity = whole_lots(order.quantity, rules)
    if order.quantity > rules.max_market_quantity:
        raise filter_failure(Filter.MARKET_LOT_SIZE)
    if worst is not None:
        _check_notional(rules.notional(worst, quantity), rules)
        return worst, quantity
    if order.side is _SELL:
        return Ticks(0), quantity
    # There is nothing to buy and no price to reckon by. The order goes in at the lowest price that
    # its minimum notional lets it have, so that it holds next to nothing and expires.
    return Ticks(max(1, -(-rules.min_notional // (quantity * rules.tick_lot)))), quantity


def _quote_terms(
    budget: Units, side: Side, rules: MarketRules, worst: Ticks | None
) -> tuple[Ticks, Lots]:
    if budget == 0:
        raise filter_failure(Filter.MIN_NOTIONAL)
    _check_notional(budget, rules)
    if side is _BUY:
        return worst or Ticks(0), Lots(0)
    if worst is None:
        raise no_liquidity()
    quantity = Lots(budget // (worst * rules.tick_lot))
    if quantity == 0:
        raise filter_failure(Filter.LOT_SIZE)
    return worst, quantity


def _check_notional(value: Units, rules: MarketRules) -> None:
    if value < rules.min_notional:
        raise filter_failure(Filter.MIN_NOTIONAL)
    if value > UNITS_MAX:
        raise filter_failure(Filter.LOT_SIZE)
    if value > rules.max_notional:
        raise filter_failure(Filter.NOTIONAL)


def worst_price(reference: Ticks, side: Side, protection_bps: int) -> Ticks:
    """The reference moved against the order by the protection, outward to a whole tick.

    Always by at least one tick, and never below one.
    """
    match side:
        case Side.BUY:
            moved = -(-reference * (BASIS_POINTS + protection_bps) // BASIS_POINTS)
            return Ticks(max(moved, reference + 1))
        case Side.SELL:
            moved = reference * max(BASIS_POINTS - protection_bps, 0) // BASIS_POINTS
            return Ticks(max(min(moved, reference - 1), 1))
        case _:
            assert_never(side)


def _hold(order: NewOrder, rules: MarketRules, price: Ticks, quantity: Lots) -> int:
    if order.side is _SELL:
        return quantity * rules.lot
    if order.quote is not None:
        return order.quote
    return price * quantity * rules.tick_lot


def _ticks(price: Units, rules: MarketRules) -> Ticks:
    bounds = (rules.min_price, rules.max_price)
    return Ticks(_steps(price, rules.tick, bounds, Filter.PRICE_FILTER))


def whole_lots(quantity: Units, rules: MarketRules) -> Lots:
    """A quantity in lots. Raises -1013 where the market's LOT_SIZE does not let it be."""
    bounds = (rules.min_quantity, rules.max_quantity)
    return Lots(_steps(quantity, rules.lot, bounds, Filter.LOT_SIZE))


def _steps(value: Units, step: Units, bounds: tuple[Units, Units], broken: Filter) -> int:
    steps, rest = divmod(value, step)
    if rest or steps == 0 or not bounds[0] <= value <= bounds[1]:
        raise filter_failure(broken)
    return steps
