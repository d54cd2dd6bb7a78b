"""Placing orders: one, or several in a batch.

Each goes the same way: read the parameters, make the command (pure), put it on the log, wait for
its outcome where the client asked for one, and show it. Those of a batch go to the log together;
each is accepted or refused by itself.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Any, NamedTuple, assert_never

import msgspec

from api.accounts.answers import Taken
from api.accounts.sender import Placed
from api.auth import Caller
from api.errors import (
    ApiError,
    batch_too_large,
    empty,
    invalid,
    invalid_json,
    key_reused,
    rejection,
)
from api.feeds.markets import MarketFeed
from api.feeds.rules import MarketRules
from api.handlers import shapes
from api.handlers.commission import fees, rates
from api.handlers.exchange import Exchange
from api.handlers.order_entry import (
    NewOrder,
    ResponseType,
    place_order,
    read_new_order,
)
from api.handlers.parameters import SYMBOL, Kind, Parameter, Parameters, Spec, read, text_of
from api.handlers.shapes import Json
from api.handlers.standing import state
from api.idempotency import client_id, key_within
from streams.messages import (
    Execution,
    FindRequest,
    OrderStatus,
    OrderType,
    OrderUpdate,
    PlaceOrder,
    SelfTradePrevention,
    Side,
    Ticks,
    Update,
)

BATCH_MAX = 100

_ID_BYTES = 11

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
    Parameter(
        "selfTradePreventionMode",
        Kind.WORD,
        description="What becomes of it where it would trade with another order of its account.",
        choices=tuple(mode.value for mode in SelfTradePrevention),
    ),
    Parameter("strategyId", Kind.LONG, description="Taken, and not kept."),
    Parameter("strategyType", Kind.LONG, description="Taken, and not kept."),
    Parameter("stopPrice", Kind.DECIMAL, description="Not supported yet."),
    Parameter("trailingDelta", Kind.LONG, description="Not supported yet."),
    Parameter("icebergQty", Kind.DECIMAL, description="Not supported yet."),
    Parameter("pegPriceType", Kind.WORD, description="Not supported yet."),
    Parameter("pegOffsetType", Kind.WORD, description="Not supported yet."),
    Parameter("pegOffsetValue", Kind.LONG, description="Not supported yet."),
)

NEW_ORDERS = (
    Parameter(
        "batchOrders",
        Kind.LIST,
        True,
        description=f"At most {BATCH_MAX} orders as a JSON list, each with the parameters of a new"
        " order; in a JSON body, the list itself.",
        example='[{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","timeInForce":"GTC",'
        '"quantity":"0.5","price":"100.25"}]',
    ),
)

TEST_ORDER = (
    *NEW_ORDER,
    Parameter("computeCommissionRates", Kind.BOOLEAN, description="Default false."),
)

_TEST_NAMES = {
    "standardCommission": "standardCommissionForOrder",
    "specialCommission": "specialCommissionForOrder",
    "taxCommission": "taxCommissionForOrder",
}
"""What `order/test` calls that which `account/commission` tells."""

_ACK = ResponseType.ACK
_MARKET = OrderType.MARKET

_NEW_ORDER = Spec(NEW_ORDER)
_batch = msgspec.json.Decoder(list[dict[str, Any]], float_hook=str)


class _Order(NamedTuple):
    """One that can go to the log, and whose it is."""

    caller: Caller
    wanted: NewOrder
    command: PlaceOrder

    @property
    def is_answered_by_the_log(self) -> bool:
        """Whether the log's acknowledgement is all that its client waits for."""
        return self.wanted.response is _ACK and not self.caller.idempotency_key


def new_client_id() -> str:
    """A name for an order whose client gave none: 22 hexadecimal digits, never twice."""
    return secrets.token_hex(_ID_BYTES)


def new_client_ids(count: int) -> list[str]:
    """So many of them; the system is asked for chance only once."""
    digits = secrets.token_hex(_ID_BYTES * count)
    return [digits[at : at + 2 * _ID_BYTES] for at in range(0, len(digits), 2 * _ID_BYTES)]


def generated_id(caller: Caller) -> str:
    """A name for what its client did not name; the same for a retry under the same key."""
    return client_id(caller.idempotency_key) if caller.idempotency_key else new_client_id()


# -- one order ------------------------------------------------------------------------------------


async def new_order(exchange: Exchange, caller: Caller, parameters: Parameters) -> Json:
    """Place an order."""
    order = await _prepare(exchange, caller, parameters, generated_id(caller))
    if not isinstance(order, _Order):
        return order
    caller.check_in_time(exchange.clock())
    (placed,) = await exchange.orders(caller, (order.command,))
    return await _answer(exchange, order, placed)


async def check_order(exchange: Exchange, caller: Caller, parameters: Parameters) -> Json:
    """Check an order as far as can be without placing it."""
    rules = exchange.rules(parameters.required("symbol"))
    await order_command(exchange, caller, rules, read_new_order(parameters, new_client_id()))
    if not parameters.flag("computeCommissionRates", False):
        return {}
    told = rates(fees(rules, (await state(exchange, caller.account)).fees))
    return {_TEST_NAMES.get(name, name): value for name, value in told.items()}


async def _prepare(
    exchange: Exchange, caller: Caller, parameters: Parameters, name: str
) -> _Order | Json:
    """The order, checked; or what is answered to one whose place in the log is in the past.

    It has the name given where its client did not name it.
    """
    rules = exchange.rules(parameters.required("symbol"))
    wanted = read_new_order(parameters, name)
    try:
        command = await order_command(exchange, caller, rules, wanted)
    except ApiError:
        # The market moves: what is refused now may be the retry of what was not refused then.
        updates = await _earlier(exchange, caller, rules, wanted)
        if updates is None:
            raise
        return order_outcome(wanted, updates)
    return _Order(caller, wanted, command)


async def order_command(
    exchange: Exchange, caller: Caller, rules: MarketRules, order: NewOrder
) -> PlaceOrder:
    """The command for a new order, reckoned by the market of the moment."""
    reference = None
    if order.order_type is _MARKET:
        reference = reference_price(order.side, rules, await exchange.books.feed(rules.market))
    limits = exchange.order_limits
    return place_order(order, caller.account, rules, reference, caller.idempotency_key, limits)


def reference_price(side: Side, rules: MarketRules, feed: MarketFeed) -> Ticks | None:
    """What the worst price of a MARKET order is reckoned from.

    The best opposite price, else that of the last trade; None where there has been neither.
    """
    opposite = feed.book.asks if side is Side.BUY else feed.book.bids
    best = opposite.best()
    if best is not None:
        return rules.ticks(best[0])
    return rules.ticks(feed.trades[-1].price) if feed.trades else None


async def _answer(exchange: Exchange, order: _Order, placed: Placed) -> Json:
    """What the client wants to know of an order that the log has."""
    if order.wanted.response is _ACK:
        taken = Taken(placed.request, placed.at)
        if not order.is_answered_by_the_log:
            taken = await exchange.answers.taken(placed)
        return shapes.acknowledgement(order.command, taken.request, taken.at)
    updates = await exchange.answers.outcome(placed)
    if exchange.order_limits is not None:
        # The market can be quicker; and the answer tells how many orders the ledger has counted.
        await exchange.accounts.heard(placed)
    return order_outcome(order.wanted, order_updates(updates))


def order_outcome(wanted: NewOrder, updates: list[OrderUpdate]) -> Json:
    """The answer to a new order, of all that it did at once. Raises what refused it."""
    final = updates[-1]
    if final.status is OrderStatus.REJECTED:
        raise rejection(final.reason, final.at)
    match wanted.response:
        case ResponseType.ACK:
            return shapes.acknowledgement(final, final.order_id, final.created)
        case ResponseType.RESULT:
            return shapes.order_result(updates)
        case ResponseType.FULL:
            return shapes.order_full(updates)
        case _:
            assert_never(wanted.response)


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
    updates = order_updates(found)
    asked = (rules.market, order.client_order_id, order.side, order.order_type)
    for update in updates:
        terms = (update.market, update.client_order_id, update.side, update.order_type)
        if terms == asked and update.execution is not Execution.CANCELED:
            return updates
    raise key_reused()


def order_updates(updates: list[Update]) -> list[OrderUpdate]:
    """What of an outcome is about orders."""
    return [update for update in updates if isinstance(update, OrderUpdate)]


# -- several --------------------------------------------------------------------------------------


async def new_orders(exchange: Exchange, caller: Caller, parameters: Parameters) -> list[Json]:
    """Place several orders, in the order given; each is accepted or refused by itself."""
    batch = _read_batch(parameters.required("batchOrders"))
    exchange.check_room(caller.account, [str(sent.get("symbol")) for sent in batch])
    parts = zip(_parts(caller, len(batch)), batch, strict=True)
    prepared = [await _try_to_prepare(exchange, *part, sent) for part, sent in parts]
    orders = [each for each in prepared if isinstance(each, _Order)]
    answers = iter(await _place(exchange, caller, orders) if orders else ())
    return [next(answers) if isinstance(each, _Order) else each for each in prepared]


def _read_batch(text: str) -> list[dict[str, Any]]:
    try:
        batch = _batch.decode(text)
    except msgspec.ValidationError as error:
        raise invalid("batchOrders") from error
    except msgspec.DecodeError as error:
        raise invalid_json("batchOrders") from error
    if not batch:
        raise empty("batchOrders")
    if len(batch) > BATCH_MAX:
        raise batch_too_large(BATCH_MAX)
    return batch


def _parts(caller: Caller, count: int) -> list[tuple[Caller, str]]:
    """The sender of each order of a batch, and a name for it where its client gave none.

    Under a key, each order is remembered by its own.
    """
    if not caller.idempotency_key:
        return [(caller, name) for name in new_client_ids(count)]
    keys = (key_within(caller.idempotency_key, number) for number in range(count))
    parts = [msgspec.structs.replace(caller, idempotency_key=key) for key in keys]
    return [(part, generated_id(part)) for part in parts]


async def _try_to_prepare(
    exchange: Exchange, caller: Caller, name: str, sent: dict[str, Any]
) -> _Order | Json:
    try:
        told = {
            parameter: value if type(value) is str else text_of(parameter, value)
            for parameter, value in sent.items()
        }
        return await _prepare(exchange, caller, read(told, _NEW_ORDER, signed=True), name)
    except ApiError as error:
        return shapes.refusal(error)


async def _place(exchange: Exchange, caller: Caller, orders: list[_Order]) -> list[Json]:
    caller.check_in_time(exchange.clock())
    placed = await exchange.orders(caller, [order.command for order in orders])
    pairs = zip(orders, placed, strict=True)
    if all(order.is_answered_by_the_log for order in orders):
        return [
            shapes.acknowledgement(order.command, place.request, place.at) for order, place in pairs
        ]
    return await asyncio.gather(*(_try_to_answer(exchange, *pair) for pair in pairs))


async def _try_to_answer(exchange: Exchange, order: _Order, placed: Placed) -> Json:
    try:
        return await _answer(exchange, order, placed)
    except ApiError as error:
        return shapes.refusal(error)
