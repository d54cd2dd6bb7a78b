"""Matches that self-trade prevention kept from being trades."""

from __future__ import annotations

from api.auth import Caller
from api.errors import bad_combination, either_mandatory
from api.handlers import shapes
from api.handlers.exchange import Exchange
from api.handlers.parameters import LIMIT, ROWS, ROWS_MAX, SYMBOL, Kind, Parameter, Parameters
from api.handlers.shapes import Json
from projections.queries import Window
from streams.messages import OrderId

PREVENTED_MATCHES = (
    SYMBOL,
    Parameter("preventedMatchId", Kind.LONG, description="One match; this or `orderId` is needed."),
    Parameter("orderId", Kind.LONG, description="Those of an order, as taker or as maker."),
    Parameter("fromPreventedMatchId", Kind.LONG, description="With `orderId`: from this one on."),
    LIMIT,
)


async def prevented_matches(
    exchange: Exchange, caller: Caller, parameters: Parameters
) -> list[Json]:
    """An account's prevented matches: one, or those of an order."""
    rules = exchange.rules(parameters.required("symbol"))
    match_id = parameters.integer("preventedMatchId")
    order_id = parameters.integer("orderId")
    first = parameters.integer("fromPreventedMatchId")
    limit = parameters.limit(ROWS, ROWS_MAX)
    if match_id is None and order_id is None:
        raise either_mandatory("preventedMatchId", "orderId")
    if match_id is not None and (order_id is not None or first is not None):
        raise bad_combination()
    if order_id is None:
        window, of_order = Window(limit=1, first=match_id, last=match_id), None
    else:
        window, of_order = Window(limit=limit, first=first or 0), OrderId(order_id)
    found = await exchange.reads.prevented_matches(caller.account, rules.market, window, of_order)
    return [
        shapes.prevented_match(update, update.prevention)
        for update in found
        if update.prevention is not None
    ]
