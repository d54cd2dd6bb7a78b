"""Amending orders: less quantity, in the same place of the queue; and what was amended before."""

from __future__ import annotations

from api.auth import Caller
from api.errors import ApiError, either_mandatory, invalid, rejection, unexpected, unknown_order
from api.feeds.rules import MarketRules
from api.handlers import shapes
from api.handlers.cancelling import ORDER_ID, ORIG_CLIENT_ORDER_ID
from api.handlers.exchange import Exchange
from api.handlers.order_entry import whole_lots
from api.handlers.parameters import LIMIT, ROWS, ROWS_MAX, SYMBOL, Kind, Parameter, Parameters
from api.handlers.placing import generated_id
from api.handlers.shapes import Json
from streams.messages import AmendOrder, OrderId, OrderUpdate, Reason, RequestRejected

AMEND_ORDER = (
    SYMBOL,
    ORDER_ID,
    ORIG_CLIENT_ORDER_ID,
    Parameter(
        "newClientOrderId",
        Kind.CLIENT_ID,
        description="The order's name from then on, which may be the one it has; else generated.",
    ),
    Parameter(
        "newQty",
        Kind.DECIMAL,
        True,
        description="Less than the order's quantity, more than has been executed of it.",
        example="0.4",
    ),
)

AMENDMENTS = (
    SYMBOL,
    Parameter("orderId", Kind.LONG, True, "The exchange's name for the order.", example=40960),
    Parameter("fromExecutionId", Kind.LONG, description="From this one on."),
    LIMIT,
)


async def amend_order(exchange: Exchange, caller: Caller, parameters: Parameters) -> Json:
    """Reduce the quantity of an open order."""
    rules = exchange.rules(parameters.required("symbol"))
    quantity = parameters.amount("newQty")
    if quantity is None:
        raise invalid("newQty")
    order_id = parameters.integer("orderId")
    orig_client_id = parameters.text("origClientOrderId")
    if order_id is None and orig_client_id is None:
        raise either_mandatory("orderId", "origClientOrderId")
    lots = whole_lots(quantity, rules)
    await _check_both_names(exchange, caller, rules, order_id, orig_client_id)
    command = AmendOrder(
        caller.account,
        rules.market,
        rules.config.partition,
        OrderId(order_id or 0),
        "" if order_id else orig_client_id or "",
        parameters.text("newClientOrderId") or generated_id(caller),
        lots,
        caller.idempotency_key,
    )
    caller.check_in_time(exchange.clock())
    placed = await exchange.command(caller.account, command, ledger_answers=False)
    match await exchange.answers.outcome(placed):
        case [OrderUpdate(amendment=amendment) as update] if amendment is not None:
            return shapes.amended_order(update, amendment)
        case [RequestRejected(reason=reason)]:
            raise _refusal(reason)
        case other:
            raise unexpected() from TypeError(f"not the outcome of an amendment: {other}")


async def amendments(exchange: Exchange, caller: Caller, parameters: Parameters) -> list[Json]:
    """All amendments of one order."""
    rules = exchange.rules(parameters.required("symbol"))
    order_id = parameters.integer("orderId") or 0
    first = parameters.integer("fromExecutionId") or 0
    limit = parameters.limit(ROWS, ROWS_MAX)
    found = await exchange.reads.amendments(caller.account, rules.market, OrderId(order_id))
    asked = [update for update in found if update.market_seq >= first]
    return [
        shapes.amendment(update, update.amendment)
        for update in asked[:limit]
        if update.amendment is not None
    ]


async def _check_both_names(
    exchange: Exchange,
    caller: Caller,
    rules: MarketRules,
    order_id: int | None,
    orig_client_id: str | None,
) -> None:
    """Raise -2038 where both names are given and are not of one order, or no order has the id."""
    if order_id == 0:
        raise _amend_refused(unknown_order())
    if order_id is not None and orig_client_id is not None:
        order = await exchange.reads.order(caller.account, rules.market, order_id, orig_client_id)
        if order is None:
            raise _amend_refused(unknown_order())


def _refusal(reason: Reason) -> ApiError:
    """What a machine's refusal to amend looks like: its filters as ever, all else as -2038."""
    error = rejection(reason)
    return _amend_refused(error) if error.code in (-2010, -2011) else error


def _amend_refused(error: ApiError) -> ApiError:
    return ApiError(-2038, error.msg)
