"""From events to answers, in the shapes of Binance Spot's REST API. Pure.

Times are milliseconds; amounts are strings with 8 decimals.
"""

from __future__ import annotations

from typing import Any

from api.errors import ApiError
from api.feeds.aggregates import AggregateTrade
from api.feeds.book import Book
from api.feeds.rules import MarketRules
from streams.messages import (
    AMENDMENTS_MAX,
    UNITS_MAX,
    Amendment,
    Balance,
    Execution,
    Kline,
    OrderStatus,
    OrderType,
    OrderUpdate,
    PlaceOrder,
    PreventedMatch,
    Reason,
    SelfTradePrevention,
    Side,
    Trade,
    format_units,
)

Json = dict[str, Any]

ZERO = format_units(0)

_EXPIRY_REASONS = {
    Reason.IMMEDIATE_OR_CANCEL: "UNFILLED_IOC_QUANTITY_EXPIRED",
    Reason.FILL_OR_KILL: "UNFILLED_FOK_ORDER_EXPIRED",
    Reason.NO_LIQUIDITY: "INSUFFICIENT_LIQUIDITY",
}


def refusal(error: ApiError) -> Json:
    """An error, as every door tells it."""
    told: Json = {"code": error.code, "msg": error.msg}
    return told if error.data is None else {**told, "data": error.data}


# -- orders ---------------------------------------------------------------------------------------


def acknowledgement(order: PlaceOrder | OrderUpdate, order_id: int, at: int) -> Json:
    """The ACK of a new order."""
    return {
        "symbol": order.market,
        "orderId": order_id,
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        "transactTime": at,
    }


def order_result(updates: list[OrderUpdate]) -> Json:
    """The RESULT of a new order: how its last update leaves it."""
    final = updates[-1]
    return {
        "symbol": final.market,
        "orderId": final.order_id,
        "orderListId": -1,
        "clientOrderId": final.client_order_id,
        "transactTime": final.at,
        **_terms(final),
        "workingTime": final.created,
        "selfTradePreventionMode": final.self_trade_prevention.value,
        **_prevented(final),
        **_prevented_matches(updates),
        **_expiry(final),
    }


def order_full(updates: list[OrderUpdate]) -> Json:
    """The FULL answer to a new order: its result and its trades."""
    trades = [update for update in updates if update.execution is Execution.TRADE]
    return {**order_result(updates), "fills": [_fill(trade) for trade in trades]}


def canceled_order(update: OrderUpdate, cancel_id: str) -> Json:
    """The answer to a cancel; `cancel_id` is the client's name for the cancel itself."""
    return {
        "symbol": update.market,
        "origClientOrderId": update.client_order_id,
        "orderId": update.order_id,
        "orderListId": -1,
        "clientOrderId": cancel_id,
        "transactTime": update.at,
        **_terms(update),
        "selfTradePreventionMode": update.self_trade_prevention.value,
        **_prevented(update),
    }


def amended_order(update: OrderUpdate, before: Amendment) -> Json:
    """The answer to an amendment; it is named by the market's event."""
    terms = _terms(update)
    return {
        "transactTime": update.at,
        "executionId": update.market_seq,
        "amendedOrder": {
            "symbol": update.market,
            "orderId": update.order_id,
            "orderListId": -1,
            "origClientOrderId": before.client_order_id,
            "clientOrderId": update.client_order_id,
            "price": terms["price"],
            "qty": terms["origQty"],
            "executedQty": terms["executedQty"],
            "preventedQty": format_units(update.prevented),
            "quoteOrderQty": terms["origQuoteOrderQty"],
            "cumulativeQuoteQty": terms["cummulativeQuoteQty"],
            "status": terms["status"],
            "timeInForce": terms["timeInForce"],
            "type": terms["type"],
            "side": terms["side"],
            "workingTime": update.created,
            "selfTradePreventionMode": update.self_trade_prevention.value,
        },
    }


def amendment(update: OrderUpdate, before: Amendment) -> Json:
    """An amendment as queries show it."""
    return {
        "symbol": update.market,
        "orderId": update.order_id,
        "executionId": update.market_seq,
        "origClientOrderId": before.client_order_id,
        "newClientOrderId": update.client_order_id,
        "origQty": format_units(before.quantity),
        "newQty": format_units(update.quantity),
        "time": update.at,
    }


def order_status(update: OrderUpdate) -> Json:
    """An order as queries show it."""
    return {
        "symbol": update.market,
        "orderId": update.order_id,
        "orderListId": -1,
        "clientOrderId": update.client_order_id,
        **_terms(update),
        "stopPrice": ZERO,
        "icebergQty": ZERO,
        "time": update.created,
        "updateTime": update.at,
        "isWorking": True,
        "workingTime": update.created,
        "selfTradePreventionMode": update.self_trade_prevention.value,
        **_prevented(update),
        **_expiry(update),
    }


def _terms(update: OrderUpdate) -> Json:
    is_market = update.order_type is OrderType.MARKET
    # Of an order by quote amount, what it came to is its quantity.
    quantity = update.executed if update.budget else update.quantity
    return {
        "price": ZERO if is_market else format_units(update.price),
        "origQty": format_units(quantity),
        "executedQty": format_units(update.executed),
        "origQuoteOrderQty": format_units(update.budget),
        "cummulativeQuoteQty": format_units(update.executed_quote),
        "status": update.status.value,
        "timeInForce": "GTC" if is_market else update.time_in_force.value,
        "type": update.order_type.value,
        "side": update.side.value,
    }


def _expiry(update: OrderUpdate) -> Json:
    if update.status is not OrderStatus.EXPIRED:
        return {}
    return {"expiryReason": _EXPIRY_REASONS.get(update.reason, "NONE")}


def _prevented(update: OrderUpdate) -> Json:
    """What self-trade prevention took of an order, and the match that ended it, if one did."""
    if not update.prevented:
        return {}
    shown: Json = {"preventedQuantity": format_units(update.prevented)}
    if update.status is OrderStatus.EXPIRED_IN_MATCH:
        shown["preventedMatchId"] = update.market_seq
    return shown


def _prevented_matches(updates: list[OrderUpdate]) -> Json:
    """Those of a new order, if it had any."""
    matches = [
        {
            "preventedMatchId": update.market_seq,
            "makerOrderId": update.prevention.maker_order_id,
            "price": format_units(update.prevention.price),
            **_prevented_quantities(update.prevention),
        }
        for update in updates
        if update.prevention is not None
    ]
    return {"preventedMatches": matches} if matches else {}


def _prevented_quantities(match: PreventedMatch) -> Json:
    """Of the taker and of the maker, as far as the mode took any of it."""
    quantities = {
        "takerPreventedQuantity": match.taker_quantity,
        "makerPreventedQuantity": match.maker_quantity,
    }
    return {name: format_units(units) for name, units in quantities.items() if units}


def prevented_match(update: OrderUpdate, match: PreventedMatch) -> Json:
    """A prevented match as queries show it; it is named by the market's event."""
    return {
        "symbol": update.market,
        "preventedMatchId": update.market_seq,
        "takerOrderId": match.taker_order_id,
        "makerSymbol": update.market,
        "makerOrderId": match.maker_order_id,
        "tradeGroupId": -1,
        "selfTradePreventionMode": match.mode.value,
        "price": format_units(match.price),
        **_prevented_quantities(match),
        "transactTime": update.at,
    }


def _fill(trade: OrderUpdate) -> Json:
    return {
        "price": format_units(trade.last_price),
        "qty": format_units(trade.last_quantity),
        "commission": format_units(trade.fee),
        "commissionAsset": trade.fee_asset,
        "tradeId": trade.trade_id,
    }


def account_trade(update: OrderUpdate) -> Json:
    """A trade as the account whose order it was sees it."""
    return {
        "symbol": update.market,
        "id": update.trade_id,
        "orderId": update.order_id,
        "orderListId": -1,
        "price": format_units(update.last_price),
        "qty": format_units(update.last_quantity),
        "quoteQty": format_units(update.last_quote),
        "commission": format_units(update.fee),
        "commissionAsset": update.fee_asset,
        "time": update.at,
        "isBuyer": update.side is Side.BUY,
        "isMaker": update.is_maker,
        "isBestMatch": True,
    }


def balance(held: Balance) -> Json:
    return {
        "asset": held.asset,
        "free": format_units(held.available),
        "locked": format_units(held.held),
    }


# -- markets --------------------------------------------------------------------------------------


def market(rules: MarketRules) -> Json:
    """A market as `exchangeInfo` lists it, with its filters."""
    config = rules.config
    return {
        "symbol": config.market,
        "status": config.status.value,
        "statusReason": config.reason,
        "baseAsset": config.base,
        "baseAssetPrecision": 8,
        "quoteAsset": config.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": [order_type.value for order_type in OrderType],
        "icebergAllowed": False,
        "ocoAllowed": False,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(rules),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "NONE",
        "allowedSelfTradePreventionModes": [mode.value for mode in SelfTradePrevention],
    }


def _filters(rules: MarketRules) -> list[Json]:
    lot = format_units(rules.lot)
    filters: list[Json] = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": format_units(rules.min_price),
            "maxPrice": format_units(rules.max_price),
            "tickSize": format_units(rules.tick),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": format_units(rules.min_quantity),
            "maxQty": format_units(rules.max_quantity),
            "stepSize": lot,
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": format_units(rules.min_quantity),
            "maxQty": format_units(rules.max_market_quantity),
            "stepSize": lot,
        },
        {
            "filterType": "MIN_NOTIONAL",
            "minNotional": format_units(rules.min_notional),
            "applyToMarket": True,
            "avgPriceMins": 0,
        },
        {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": AMENDMENTS_MAX},
    ]
    if rules.max_notional < UNITS_MAX:
        notional = {
            "filterType": "NOTIONAL",
            "minNotional": format_units(rules.min_notional),
            "applyMinToMarket": True,
            "maxNotional": format_units(rules.max_notional),
            "applyMaxToMarket": True,
            "avgPriceMins": 0,
        }
        filters.append(notional)
    return filters


def depth(book: Book, limit: int) -> Json:
    """A book's best levels; `lastUpdateId` is the market's own event sequence."""
    return {
        "lastUpdateId": book.seq,
        "bids": book.bids.top(limit),
        "asks": book.asks.top(limit),
    }


def trade(event: Trade) -> Json:
    return {
        "id": event.trade_id,
        "price": event.price,
        "qty": event.quantity,
        "quoteQty": event.quote_quantity,
        "time": event.time,
        "isBuyerMaker": event.taker_side is Side.SELL,
        "isBestMatch": True,
    }


def aggregate(event: AggregateTrade) -> Json:
    return {
        "a": event.aggregate_id,
        "p": event.price,
        "q": event.quantity,
        "f": event.first_trade_id,
        "l": event.last_trade_id,
        "T": event.time,
        "m": event.buyer_is_maker,
        "M": True,
    }


def kline(event: Kline) -> list[Any]:
    return [
        event.open_time,
        event.open,
        event.high,
        event.low,
        event.close,
        event.volume,
        event.close_time,
        event.quote_volume,
        event.trades,
        event.taker_volume,
        event.taker_quote_volume,
        "0",
    ]
