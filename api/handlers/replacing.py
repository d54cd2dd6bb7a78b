"""Cancelling an order and placing another in one step of the market."""

from __future__ import annotations

from enum import StrEnum

from api.auth import Caller
from api.errors import (
    ApiError,
    both_failed,
    either_mandatory,
    invalid,
    key_reused,
    mandatory,
    partly_failed,
    rejection,
    unexpected,
)
from api.feeds.rules import MarketRules
from api.handlers import shapes
from api.handlers.cancelling import CANCEL_RESTRICTIONS, cancel_refused, restriction
from api.handlers.exchange import Exchange
from api.handlers.order_entry import NewOrder, read_new_order
from api.handlers.parameters import Kind, Parameter, Parameters
from api.handlers.placing import (
    NEW_ORDER,
    generated_id,
    new_client_id,
    order_command,
    order_outcome,
    order_updates,
)
from api.handlers.shapes import Json
from streams.messages import (
    CancelOrder,
    CancelReplaceOrder,
    CancelRestriction,
    Execution,
    FindRequest,
    OrderId,
    OrderUpdate,
    Reason,
    RequestRejected,
    Update,
)


class Mode(StrEnum):
    """Whether the new order is tried where the cancel has failed."""

    STOP_ON_FAILURE = "STOP_ON_FAILURE"
    ALLOW_FAILURE = "ALLOW_FAILURE"


class WhenLimited(StrEnum):
    """What is done where the account has placed as many orders as it may."""

    DO_NOTHING = "DO_NOTHING"
    CANCEL_ONLY = "CANCEL_ONLY"


CANCEL_REPLACE = (
    *NEW_ORDER,
    Parameter(
        "cancelReplaceMode",
        Kind.WORD,
        True,
        description="Whether the new order is tried where the cancel has failed.",
        example="STOP_ON_FAILURE",
        choices=tuple(mode.value for mode in Mode),
    ),
    Parameter("cancelOrderId", Kind.LONG, description="The exchange's name for the old order."),
    Parameter("cancelOrigClientOrderId", Kind.CLIENT_ID, description="The client's name for it."),
    Parameter("cancelNewClientOrderId", Kind.CLIENT_ID, description="A name for the cancel."),
    CANCEL_RESTRICTIONS,
    Parameter(
        "orderRateLimitExceededMode",
        Kind.WORD,
        description="What is done where the account has placed as many orders as it may.",
        choices=tuple(mode.value for mode in WhenLimited),
    ),
)

_NOT_CANCELLED = (Reason.UNKNOWN_ORDER, Reason.CANCEL_RESTRICTED, Reason.MARKET_CLOSED)


async def cancel_replace(exchange: Exchange, caller: Caller, parameters: Parameters) -> Json:
    """Cancel an order, and place another."""
    rules = exchange.rules(parameters.required("symbol"))
    wanted = read_new_order(parameters, generated_id(caller))
    cancel_id = parameters.text("cancelNewClientOrderId") or new_client_id()
    cancel = await _cancel(exchange, caller, rules, parameters)
    mode = parameters.choice("cancelReplaceMode", Mode, lambda: invalid("cancelReplaceMode"))
    if mode is None:
        raise mandatory("cancelReplaceMode")
    name = "orderRateLimitExceededMode"
    limited = parameters.choice(name, WhenLimited, lambda: invalid(name))
    try:
        order = await order_command(exchange, caller, rules, wanted)
    except ApiError:
        # As for a new order: what is refused now may be the retry of what was not refused then.
        updates = await _earlier(exchange, caller, rules, wanted)
        if updates is None:
            raise
        return _answer(updates, wanted, cancel_id)
    command = CancelReplaceOrder(
        caller.account,
        cancel,
        order,
        mode is Mode.STOP_ON_FAILURE,
        limited is WhenLimited.CANCEL_ONLY,
        caller.idempotency_key,
    )
    caller.check_in_time(exchange.clock())
    placed = await exchange.replacement(caller, command)
    updates = await exchange.answers.outcome(placed)
    if any(update.execution is Execution.NEW for update in order_updates(updates)):
        # The market can be quicker than its ledger, which has held funds for the order.
        await exchange.accounts.heard(placed)
    return _answer(updates, wanted, cancel_id)


async def _cancel(
    exchange: Exchange, caller: Caller, rules: MarketRules, parameters: Parameters
) -> CancelOrder:
    """The cancel that is asked for; of an order that is not there it names none."""
    order_id = parameters.integer("cancelOrderId")
    client_id = parameters.text("cancelOrigClientOrderId")
    if order_id is None and client_id is None:
        raise either_mandatory("cancelOrderId", "cancelOrigClientOrderId")
    restricted = restriction(parameters) or CancelRestriction.NONE
    if order_id is not None and client_id is not None:
        found = await exchange.reads.order(caller.account, rules.market, order_id, client_id)
        # Unknown ids are refused where all orders are known; no order has the highest.
        order_id = order_id if found is not None else _NO_ORDER
    return CancelOrder(
        caller.account,
        rules.market,
        rules.config.partition,
        OrderId(_NO_ORDER if order_id == 0 else order_id or 0),
        "" if order_id is not None else client_id or "",
        restriction=restricted,
    )


_NO_ORDER = 2**63 - 1


async def _earlier(
    exchange: Exchange, caller: Caller, rules: MarketRules, order: NewOrder
) -> list[Update] | None:
    """What the request did when it was sent before under the caller's key, if it was.

    Raises 409 where the key was that of another request.
    """
    if not caller.idempotency_key:
        return None
    caller.check_in_time(exchange.clock())
    question = FindRequest(caller.account, caller.idempotency_key)
    found = await exchange.answers.earlier(await exchange.command(caller.account, question))
    if found is None:
        return None
    asked = (rules.market, order.client_order_id, order.side, order.order_type)
    for update in order_updates(found):
        terms = (update.market, update.client_order_id, update.side, update.order_type)
        if not update.replaced_by and terms != asked:
            raise key_reused()
    return found


def _answer(updates: list[Update], wanted: NewOrder, cancel_id: str) -> Json:
    """What became of both halves. Raises -2021 where one failed, -2022 where neither succeeded."""
    match updates:
        case [OrderUpdate(execution=Execution.CANCELED) as cancelled, *rest]:
            cancel, response = "SUCCESS", shapes.canceled_order(cancelled, cancel_id)
        case [RequestRejected(reason=reason) as refused, *rest] if reason in _NOT_CANCELLED:
            cancel, response = "FAILURE", shapes.refusal(cancel_refused(reason))
            if not refused.order_id:
                raise both_failed(_data(cancel, "NOT_ATTEMPTED", response, None))
        case [RequestRejected(reason=reason, at=at)]:
            raise rejection(reason, at)
        case _:
            raise unexpected() from TypeError(f"not the outcome of a replacement: {updates}")
    try:
        placed = order_outcome(wanted, order_updates(rest))
    except ApiError as error:
        data = _data(cancel, "FAILURE", response, shapes.refusal(error))
        raise (partly_failed(data) if cancel == "SUCCESS" else both_failed(data)) from error
    data = _data(cancel, "SUCCESS", response, placed)
    if cancel == "FAILURE":
        raise partly_failed(data)
    return data


def _data(cancel: str, new_order: str, cancelled: Json, placed: Json | None) -> Json:
    return {
        "cancelResult": cancel,
        "newOrderResult": new_order,
        "cancelResponse": cancelled,
        "newOrderResponse": placed,
    }
