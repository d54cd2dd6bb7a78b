"""Placing and cancelling orders.

Each goes the same way: read the parameters, make the command (pure), put it on the log, wait for
its outcome where the client asked for one, and show it.
"""

from __future__ import annotations

import asyncio
import secrets
import string
from typing import assert_never

from api.accounts.answers import Taken
from api.auth import Caller
from api.errors import (
    ApiError,
    bad_cancel_restrictions,
    either_mandatory,
    key_reused,
    rejection,
    unexpected,
    unknown_order,
    unsupported,
)
from api.feeds.markets import MarketFeed
from api.feeds.rules import MarketRules
from api.handlers import shapes
from api.handlers.exchange import Exchange
from api.handlers.order_entry import (
    NewOrder,
    ResponseType,
    place_order,
    read_new_order,
)
from api.handlers.parameters import SYMBOL, Kind, Parameter, Parameters
from api.handlers.shapes import Json
from api.idempotency import client_id
from streams.messages import (
    CancelOrder,
    Execution,
    FindRequest,
    OrderId,
    OrderStatus,
    OrderType,
    OrderUpdate,
    PlaceOrder,
    RequestRejected,
    Side,
    Ticks,
    Update,
)

CANCELS_AT_ONCE = 50
_ID_ALPHABET = string.ascii_letters + string.digits
_ID_LENGTH = 22

ORDER_ID = Parameter("orderId", Kind.LONG, description="The exchange's name for the order.")
ORIG_CLIENT_ORDER_ID = Parameter(
    "origClientOrderId", Kind.CLIENT_ID, description="The client's own name for it."
)

NEW_ORDER = (
    SYMBOL,
    Parameter("side", Kind.WORD, True, example="BUY", choices=("BUY", "SELL")),
    Parameter("type", Kind.WORD, True, example="LIMIT", choices=("LIMIT", "LIMIT_MAKER", "MARKET")),
    Parameter("timeInForce", Kind.WORD, example="GTC", choices=("GTC", "IOC", "FOK")),
    Parameter("quantity", Kind.DECIMAL, description="In the base asset.", example="0.5"),
    Parameter("quoteOrderQty", Kind.DECIMAL, description="MARKET only: what to spend or receive."),
    Parameter("price", Kind.DECIMAL, example="100.25"),
    Parameter(
        "newClientOrderId", Kind.CLIENT_ID, description="Unique among open orders; else generated."
    ),
    Parameter(
        "newOrderRespType",
        Kind.WORD,
        description="MARKET and LIMIT default to FULL, LIMIT_MAKER to ACK.",
        choices=("ACK", "RESULT", "FULL"),
    ),
    Parameter("selfTradePreventionMode", Kind.WORD, choices=("NONE",)),
    Parameter("strategyId", Kind.LONG, description="Taken, and not kept."),
    Parameter("strategyType", Kind.LONG, description="Taken, and not kept."),
    Parameter("stopPrice", Kind.DECIMAL, description="Not supported yet."),
    Parameter("trailingDelta", Kind.LONG, description="Not supported yet."),
    Parameter("icebergQty", Kind.DECIMAL, description="Not supported yet."),
    Parameter("pegPriceType", Kind.WORD, description="Not supported yet."),
    Parameter("pegOffsetType", Kind.WORD, description="Not supported yet."),
    Parameter("pegOffsetValue", Kind.LONG, description="Not supported yet."),
)

CANCEL_ORDER = (
    SYMBOL,
    ORDER_ID,
    ORIG_CLIENT_ORDER_ID,
    Parameter("newClientOrderId", Kind.CLIENT_ID, description="A name for this cancel."),
    Parameter("cancelRestrictions", Kind.WORD, description="Not supported yet."),
)

CANCEL_OPEN_ORDERS = (SYMBOL,)


def new_client_id() -> str:
    """A name for an order whose client gave none: 22 letters and digits, never twice."""
    return "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_LENGTH))


def _client_id(caller: Caller) -> str:
    return client_id(caller.idempotency_key) if caller.idempotency_key else new_client_id()


async def new_order(exchange: Exchange, caller: Caller, parameters: Parameters) -> Json:
    """Place an order."""
    rules = exchange.rules(parameters.required("symbol"))
    order = read_new_order(parameters, _client_id(caller))
    try:
        command = await _command(exchange, caller, rules, order)
    except ApiError:
        # The market moves: what is refused now may be the retry of what was not refused then.
        updates = await _earlier(exchange, caller, rules, order)
        if updates is None:
            raise
        return _placed(order, updates)
    caller.check_in_time(exchange.clock())
    placed = await exchange.command(caller.account, command)
    if order.response is ResponseType.ACK:
        taken = Taken(placed.request, placed.at)
        if caller.idempotency_key:
            taken = await exchange.answers.taken(placed)
        return shapes.acknowledgement(command, taken.request, taken.at)
    return _placed(order, _order_updates(await exchange.answers.outcome(placed)))


def _placed(order: NewOrder, updates: list[OrderUpdate]) -> Json:
    """The answer to a new order, of all that it did at once. Raises what refused it."""
    final = updates[-1]
    if final.status is OrderStatus.REJECTED:
        raise rejection(final.reason)
    match order.response:
        case ResponseType.ACK:
            return shapes.acknowledgement(final, final.order_id, final.created)
        case ResponseType.RESULT:
            return shapes.order_result(updates)
        case ResponseType.FULL:
            return shapes.order_full(updates)
        case _:
            assert_never(order.response)


async def _earlier(
    exchange: Exchange, caller: Caller, rules: MarketRules, order: NewOrder
) -> list[OrderUpdate] | None:
    """What the order did when it was sent before under the caller's key, if it was.

    Raises 409 where the key was that of another request.
    """
    if not caller.idempotency_key:
        return None
    caller.check_in_time(exchange.clock())
    question = FindRequest(caller.account, caller.idempotency_key)
    placed = await exchange.command(caller.account, question)
    found = await exchange.answers.earlier(placed)
    if found is None:
        return None
    updates = _order_updates(found)
    asked = (rules.market, order.client_order_id, order.side, order.order_type)
    for update in updates:
        terms = (update.market, update.client_order_id, update.side, update.order_type)
        if terms == asked and update.execution is not Execution.CANCELED:
            return updates
    raise key_reused()


async def check_order(exchange: Exchange, caller: Caller, parameters: Parameters) -> Json:
    """Check an order as far as can be without placing it."""
    rules = exchange.rules(parameters.required("symbol"))
    await _command(exchange, caller, rules, read_new_order(parameters, new_client_id()))
    return {}


async def _command(
    exchange: Exchange, caller: Caller, rules: MarketRules, order: NewOrder
) -> PlaceOrder:
    reference = None
    if order.order_type is OrderType.MARKET:
        reference = reference_price(order.side, rules, await exchange.books.feed(rules.market))
    return place_order(order, caller.account, rules, reference, caller.idempotency_key)


def reference_price(side: Side, rules: MarketRules, feed: MarketFeed) -> Ticks | None:
    """What the worst price of a MARKET order is reckoned from.

    The best opposite price, else that of the last trade; None where there has been neither.
    """
    opposite = feed.book.asks if side is Side.BUY else feed.book.bids
    best = opposite.best()
    if best is not None:
        return rules.ticks(best[0])
    return rules.ticks(feed.trades[-1].price) if feed.trades else None


async def cancel_order(exchange: Exchange, caller: Caller, parameters: Parameters) -> Json:
    """Cancel an open order."""
    rules = exchange.rules(parameters.required("symbol"))
    cancel_id = parameters.text("newClientOrderId") or _client_id(caller)
    _check_restrictions(parameters)
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
    update = await _cancel(exchange, caller, rules, order_id or 0, orig_client_id or "")
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
    bound = asyncio.Semaphore(CANCELS_AT_ONCE)
    cancels = [_cancel_if_open(exchange, caller, rules, order.order_id, bound) for order in orders]
    answers = []
    for outcome in await asyncio.gather(*cancels, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
        if outcome is not None:
            answers.append(shapes.canceled_order(outcome, new_client_id()))
    return answers


async def _cancel_if_open(
    exchange: Exchange,
    caller: Caller,
    rules: MarketRules,
    order_id: OrderId,
    bound: asyncio.Semaphore,
) -> OrderUpdate | None:
    """Cancel an order; None where it was filled before the cancel came."""
    async with bound:
        try:
            return await _cancel(exchange, caller, rules, order_id, "")
        except ApiError as error:
            if error.code != unknown_order().code:
                raise
            return None


async def _cancel(
    exchange: Exchange, caller: Caller, rules: MarketRules, order_id: int, orig_client_id: str
) -> OrderUpdate:
    command = CancelOrder(
        caller.account,
        rules.market,
        rules.config.partition,
        OrderId(order_id),
        "" if order_id else orig_client_id,
        caller.idempotency_key,
    )
    placed = await exchange.command(caller.account, command, ledger_answers=False)
    match await exchange.answers.outcome(placed):
        case [OrderUpdate(execution=Execution.CANCELED) as update]:
            return update
        case [RequestRejected(reason=reason)]:
            raise rejection(reason)
        case other:
            raise unexpected() from TypeError(f"not the outcome of a cancel: {other}")


def _check_restrictions(parameters: Parameters) -> None:
    """Only the market could check them and cancel in one step, and it does not yet."""
    match parameters.text("cancelRestrictions"):
        case None:
            return
        case "ONLY_NEW" | "ONLY_PARTIALLY_FILLED":
            raise unsupported()
        case _:
            raise bad_cancel_restrictions()


def _order_updates(updates: list[Update]) -> list[OrderUpdate]:
    return [update for update in updates if isinstance(update, OrderUpdate)]
