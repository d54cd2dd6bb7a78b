"""The table of endpoints for clients: what is served, how, and with which parameters."""

from __future__ import annotations

from api.handlers import (
    account,
    cancelling,
    candles,
    commission,
    examples,
    exchange_info,
    market,
    placing,
    tickers,
    wallet,
)
from api.handlers.aggregate_trades import AGGREGATE_TRADES, aggregate_trades
from api.handlers.endpoint import Endpoint, SignedEndpoint

PUBLIC = (
    Endpoint("GET", "/api/v3/ping", market.ping, "Test connectivity", (), {}),
    Endpoint(
        "GET", "/api/v3/time", market.server_time, "Server time", (), {"serverTime": 1499827319559}
    ),
    Endpoint(
        "GET",
        "/api/v3/exchangeInfo",
        exchange_info.exchange_info,
        "Markets and their rules",
        exchange_info.EXCHANGE_INFO,
        examples.EXCHANGE_INFO,
    ),
    Endpoint("GET", "/api/v3/depth", market.depth, "Order book", market.DEPTH, examples.DEPTH),
    Endpoint(
        "GET", "/api/v3/trades", market.trades, "Recent trades", market.TRADES, [examples.TRADE]
    ),
    Endpoint(
        "GET",
        "/api/v3/historicalTrades",
        market.historical_trades,
        "Older trades",
        market.HISTORICAL_TRADES,
        [examples.TRADE],
    ),
    Endpoint(
        "GET",
        "/api/v3/aggTrades",
        aggregate_trades,
        "Aggregate trades",
        AGGREGATE_TRADES,
        [examples.AGGREGATE_TRADE],
    ),
    Endpoint("GET", "/api/v3/klines", candles.klines, "Candles", candles.KLINES, [examples.KLINE]),
    Endpoint(
        "GET",
        "/api/v3/uiKlines",
        candles.ui_klines,
        "Candles to look at",
        candles.KLINES,
        [examples.KLINE],
    ),
    Endpoint(
        "GET",
        "/api/v3/avgPrice",
        candles.average,
        "Average price of the last minutes",
        candles.AVERAGE_PRICE,
        {"mins": 5, "price": "100.25170000", "closeTime": 1499869899040},
    ),
    Endpoint(
        "GET",
        "/api/v3/ticker/24hr",
        tickers.day_ticker,
        "Statistics of the last 24 hours",
        tickers.DAY_TICKER,
        examples.DAY_TICKER,
    ),
    Endpoint(
        "GET",
        "/api/v3/ticker/price",
        tickers.price_ticker,
        "Last price",
        tickers.TICKERS,
        {"symbol": "BTCUSDT", "price": "100.25000000"},
    ),
    Endpoint(
        "GET",
        "/api/v3/ticker/bookTicker",
        tickers.book_ticker,
        "Best prices",
        tickers.TICKERS,
        examples.BOOK_TICKER,
    ),
    Endpoint(
        "GET",
        "/api/v3/ticker",
        tickers.rolling_ticker,
        "Statistics of a rolling window",
        tickers.ROLLING,
        examples.SPAN_TICKER,
    ),
    Endpoint(
        "GET",
        "/api/v3/ticker/tradingDay",
        tickers.trading_day,
        "Statistics of a trading day",
        tickers.TRADING_DAY,
        examples.SPAN_TICKER,
    ),
    Endpoint(
        "GET",
        "/sapi/v1/system/status",
        wallet.system_status,
        "Whether the exchange works",
        (),
        {"status": 0, "msg": "normal"},
    ),
)

SIGNED = (
    SignedEndpoint(
        "POST",
        "/api/v3/order",
        placing.new_order,
        "Place an order",
        placing.NEW_ORDER,
        examples.ORDER_FULL,
        repeatable=True,
    ),
    SignedEndpoint(
        "POST",
        "/api/v3/order/test",
        placing.check_order,
        "Check an order without placing it",
        placing.NEW_ORDER,
        {},
        repeatable=True,
    ),
    SignedEndpoint(
        "POST",
        "/api/v3/batchOrders",
        placing.new_orders,
        "Place up to 100 orders",
        placing.NEW_ORDERS,
        [examples.ORDER_FULL, examples.REFUSAL],
        repeatable=True,
        takes_json=True,
    ),
    SignedEndpoint(
        "DELETE",
        "/api/v3/order",
        cancelling.cancel_order,
        "Cancel an order",
        cancelling.CANCEL_ORDER,
        examples.CANCELED_ORDER,
        repeatable=True,
    ),
    SignedEndpoint(
        "DELETE",
        "/api/v3/openOrders",
        cancelling.cancel_open_orders,
        "Cancel all open orders of a market",
        cancelling.CANCEL_OPEN_ORDERS,
        [examples.CANCELED_ORDER],
    ),
    SignedEndpoint(
        "GET", "/api/v3/order", account.order, "One order", account.ORDER, examples.ORDER_STATUS
    ),
    SignedEndpoint(
        "GET",
        "/api/v3/openOrders",
        account.open_orders,
        "Open orders",
        account.OPEN_ORDERS,
        [examples.ORDER_STATUS],
    ),
    SignedEndpoint(
        "GET",
        "/api/v3/allOrders",
        account.all_orders,
        "Orders, open or not",
        account.ALL_ORDERS,
        [examples.ORDER_STATUS],
    ),
    SignedEndpoint(
        "GET",
        "/api/v3/myTrades",
        account.my_trades,
        "An account's trades",
        account.MY_TRADES,
        [examples.ACCOUNT_TRADE],
    ),
    SignedEndpoint(
        "GET",
        "/api/v3/account",
        account.account,
        "Balances and rights",
        account.ACCOUNT,
        examples.ACCOUNT,
    ),
    SignedEndpoint(
        "GET",
        "/api/v3/account/commission",
        commission.commission,
        "What an account pays on a market",
        commission.COMMISSION,
        examples.COMMISSION,
    ),
    SignedEndpoint(
        "GET",
        "/sapi/v1/asset/tradeFee",
        commission.trade_fees,
        "What an account pays on every market",
        commission.TRADE_FEES,
        [examples.TRADE_FEE],
    ),
    SignedEndpoint(
        "GET", "/sapi/v1/capital/config/getall", wallet.coins, "Assets", (), [examples.COIN]
    ),
    SignedEndpoint("GET", "/sapi/v1/margin/allPairs", wallet.margin_pairs, "None here", (), []),
    SignedEndpoint(
        "GET",
        "/sapi/v1/margin/isolated/allPairs",
        wallet.isolated_margin_pairs,
        "None here",
        (),
        [],
    ),
)
