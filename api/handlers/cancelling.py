"""Cancelling orders: one, or all of a market.

A cancel goes the way of an order (`placing`), and is answered with its outcome.
"""

from __future__ import annotations

import asyncio

from api.accounts.sender import Placed
from api.auth import Caller
from api.errors import (
    ApiError,
    bad_cancel_restrictions,
    either_mandatory,
    rejection,
    unexpected,
    unknown_order,
)
from api.feeds.rules import MarketRules
from api.handlers import shapes
from api.handlers.exchange import Exchange
from api.handlers.parameters import SYMBOL, Kind, Parameter, Parameters
from api.handlers.placing import generated_id, new_client_id
from api.handlers.shapes import Json
from streams.messages import (
    FRAME_COMMANDS_MAX,
    CancelOrder,
    CancelRestriction,
    Execution,
    OrderId,
    OrderUpdate,
    Reason,
    RequestRejected,
)

ORDER_ID = Parameter("orderId", Kind.LONG, description="The exchange's name for the order.")
ORIG_CLIENT_ORDER_ID = Parameter(
    "origClientOrderId", Kind.CLIENT_ID, description="The client's own name for it."
)

CANCEL_RESTRICTIONS = Parameter(
    "cancelRestrictions",
    Kind.WORD,
    description="Cancel the order only as long as it is so.",
    choices=("ONLY_NEW", "ONLY_PARTIALLY_FILLED"),
)

CANCEL_ORDER = (
    SYMBOL,
    ORDER_ID,
    ORIG_CLIENT_ORDER_ID,
    Parameter("newClientOrderId", Kind.CLIENT_ID, description="A name for this cancel."),
    CANCEL_RESTRICTIONS,
)

CANCEL_OPEN_ORDERS = (SYMBOL,)


async def cancel_order(exchange: Exchange, caller: Caller, parameters: Parameters) -> Json:
    """Cancel an open order."""
    rules = exchange.rules(parameters.required("symbol"))
    cancel_id = parameters.text("newClientOrderId") or generated_id(caller)
    restricted = restriction(parameters) or CancelRestriction.NONE
    order_id = parameters.integer("orderId")
    orig_client_id = parameters.text("origClientOrderId")
    if order_id is None and orig_client_id is None:
        raise either_mandatory("orderId", "origClientOrderId")
    if order_id == 0:
        raise unknown_order()  # no order has that id; in a command it says that there is none
    if order_id is not None and orig_client_id is not None:
        order = await exchange.reads.order(caller.account, rules.market, order_id, orig_client_id)
        if order is None:
            raise unknown_order()
    caller.check_in_time(exchange.clock())
    names = (order_id or 0, orig_client_id or "")
    update = await _cancel(exchange, caller, rules, *names, restricted)
    return shapes.canceled_order(update, cancel_id)


async def cancel_open_orders(
    exchange: Exchange, caller: Caller, parameters: Parameters
) -> list[Json]:
    """Cancel all of an account's open orders on a market."""
    rules = exchange.rules(parameters.required("symbol"))
    orders = await exchange.reads.open_orders(caller.account, rules.market)
    if not orders:
        raise unknown_order()
    caller.check_in_time(exchange.clock())
    cancels = [_command(caller, rules, order.order_id) for order in orders]
    placed: list[Placed] = []
    for first in range(0, len(cancels), FRAME_COMMANDS_MAX):
        some = cancels[first : first + FRAME_COMMANDS_MAX]
        placed += await exchange.cancels(caller.account, some)
    answers = []
    outcomes = (_outcome(exchange, place) for place in placed)
    for outcome in await asyncio.gather(*outcomes, return_exceptions=True):
        if isinstance(outcome, OrderUpdate):
            answers.append(shapes.canceled_order(outcome, new_client_id()))
        elif not (isinstance(outcome, ApiError) and outcome.code == unknown_order().code):
            raise outcome  # else it was filled before its cancel came
    return answers


def cancel_refused(reason: Reason) -> ApiError:
    """What a machine's refusal of a cancel looks like to the client."""
    error = rejection(reason)
    return ApiError(-2011, error.msg) if reason is Reason.MARKET_CLOSED else error


async def _cancel(
    exchange: Exchange,
    caller: Caller,
    rules: MarketRules,
    order_id: int,
    orig_client_id: str,
    restricted: CancelRestriction = CancelRestriction.NONE,
) -> OrderUpdate:
    command = _command(caller, rules, order_id, orig_client_id, restricted)
    (placed,) = await exchange.cancels(caller.account, (command,))
    return await _outcome(exchange, placed)


def _command(
    caller: Caller,
    rules: MarketRules,
    order_id: int,
    orig_client_id: str = "",
    restricted: CancelRestriction = CancelRestriction.NONE,
) -> CancelOrder:
    return CancelOrder(
        caller.account,
        rules.market,
        rules.config.partition,
        OrderId(order_id),
        "" if order_id else orig_client_id,
        caller.idempotency_key,
        restricted,
    )


async def _outcome(exchange: Exchange, placed: Placed) -> OrderUpdate:
    """The update that closed the order. Raises what the cancel was refused with."""
    match await exchange.answers.outcome(placed):
        case [OrderUpdate(execution=Execution.CANCELED) as update]:
            return update
        case [RequestRejected(reason=reason)]:
            raise cancel_refused(reason)
        case other:
            raise unexpected() from TypeError(f"not the outcome of a cancel: {other}")


def restriction(parameters: Parameters) -> CancelRestriction | None:
    """Which orders alone the cancel is for. Raises -1145."""
    return parameters.choice("cancelRestrictions", CancelRestriction, bad_cancel_restrictions)
