"""What an account can ask about itself: orders, trades, balances.

Every answer reflects all that the account was told before.
"""

from __future__ import annotations

from api.auth import Caller
from api.errors import bad_combination, either_mandatory, interval_too_long, no_such_order
from api.handlers import shapes
from api.handlers.cancelling import ORDER_ID, ORIG_CLIENT_ORDER_ID
from api.handlers.commission import fees, rate
from api.handlers.exchange import Exchange
from api.handlers.parameters import (
    END_TIME,
    FROM_ID,
    LIMIT,
    ROWS,
    ROWS_MAX,
    START_TIME,
    SYMBOL,
    Kind,
    Parameter,
    Parameters,
)
from api.handlers.shapes import Json
from api.handlers.standing import state
from projections.queries import Window
from streams.messages import AccountStatus

SPAN_HOURS_MAX = 24


ORDER = (SYMBOL, ORDER_ID, ORIG_CLIENT_ORDER_ID)
OPEN_ORDERS = (Parameter("symbol", Kind.SYMBOL, description="A market; all where left out."),)
ALL_ORDERS = (SYMBOL, ORDER_ID, START_TIME, END_TIME, LIMIT)
MY_TRADES = (
    SYMBOL,
    ORDER_ID,
    START_TIME,
    END_TIME,
    FROM_ID,
    LIMIT,
)
ACCOUNT = (
    Parameter("omitZeroBalances", Kind.BOOLEAN, description="Leave out what the account lacks."),
)


async def order(exchange: Exchange, caller: Caller, parameters: Parameters) -> Json:
    """One order, by the exchange's name for it or the client's."""
    rules = exchange.rules(parameters.required("symbol"))
    order_id = parameters.integer("orderId")
    client_id = parameters.text("origClientOrderId")
    if order_id is None and client_id is None:
        raise either_mandatory("orderId", "origClientOrderId")
    found = await exchange.reads.order(caller.account, rules.market, order_id, client_id)
    if found is None:
        raise no_such_order()
    return shapes.order_status(found)


async def open_orders(exchange: Exchange, caller: Caller, parameters: Parameters) -> list[Json]:
    """An account's open orders, on one market or on all."""
    symbol = parameters.text("symbol")
    market = None if symbol is None else exchange.rules(symbol).market
    orders = await exchange.reads.open_orders(caller.account, market)
    return [shapes.order_status(update) for update in orders]


async def all_orders(exchange: Exchange, caller: Caller, parameters: Parameters) -> list[Json]:
    """An account's orders on a market, open or not."""
    rules = exchange.rules(parameters.required("symbol"))
    window = _window(parameters, parameters.integer("orderId"))
    orders = await exchange.reads.all_orders(caller.account, rules.market, window)
    return [shapes.order_status(update) for update in orders]


async def my_trades(exchange: Exchange, caller: Caller, parameters: Parameters) -> list[Json]:
    """An account's trades on a market."""
    rules = exchange.rules(parameters.required("symbol"))
    order_id, from_id = parameters.integer("orderId"), parameters.integer("fromId")
    window = _window(parameters, from_id)
    by_time = "startTime" in parameters or "endTime" in parameters
    if by_time and (order_id is not None or from_id is not None):
        raise bad_combination()
    trades = await exchange.reads.trades(caller.account, rules.market, window, order_id)
    return [shapes.account_trade(update) for update in trades]


async def account(exchange: Exchange, caller: Caller, parameters: Parameters) -> Json:
    """An account's balances and what it may do."""
    balances = await exchange.reads.balances(caller.account)
    if parameters.flag("omitZeroBalances", False):
        balances = [held for held in balances if held.available or held.held]
    found = await state(exchange, caller.account)
    paid = [fees(rules, found.fees) for rules in exchange.markets.rules.values()]
    maker = max((each.maker_bps for each in paid), default=0)
    taker = max((each.taker_bps for each in paid), default=0)
    is_open = found.status is AccountStatus.OPEN
    return {
        "makerCommission": maker,
        "takerCommission": taker,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": rate(maker),
            "taker": rate(taker),
            "buyer": rate(0),
            "seller": rate(0),
        },
        "canTrade": is_open,
        "canWithdraw": is_open,
        "canDeposit": found.status is not AccountStatus.CLOSED,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": exchange.clock(),
        "accountType": "SPOT",
        "balances": [shapes.balance(held) for held in balances],
        "permissions": ["SPOT"],
    }


def _window(parameters: Parameters, first: int | None) -> Window:
    """What a list is asked for. Raises -1127 for a span of more than a day."""
    start, end = parameters.millis("startTime"), parameters.millis("endTime")
    if start is not None and end is not None and end - start > SPAN_HOURS_MAX * 3_600_000:
        raise interval_too_long(SPAN_HOURS_MAX)
    limit = parameters.limit(ROWS, ROWS_MAX)
    return Window(limit=limit, first=first, start=start, end=end)
