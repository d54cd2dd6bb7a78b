"""Answers as the documentation shows them."""

from __future__ import annotations

from typing import Any

RATE_LIMITS: list[dict[str, Any]] = [
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
    {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200000},
]
WITHDRAWAL: dict[str, Any] = {
    "id": "out-1",
    "amount": "12.50000000",
    "transactionFee": "0",
    "coin": "USDT",
    "status": 6,
    "address": "",
    "txId": "",
    "applyTime": "2026-11-22 20:50:00",
    "completeTime": "2026-11-22 20:51:00",
    "network": "",
    "transferType": 0,
    "withdrawOrderId": "out-1",
    "info": "wire 9",
    "confirmNo": 0,
    "walletType": 0,
    "txKey": "",
}
ORDER_COUNTS = [{**RATE_LIMITS[1], "count": 3}, {**RATE_LIMITS[2], "count": 4043}]

EXCHANGE_INFO: dict[str, Any] = {
    "timezone": "UTC",
    "serverTime": 1499827319559,
    "rateLimits": RATE_LIMITS,
    "exchangeFilters": [],
    "symbols": [
        {
            "symbol": "BTCUSDT",
            "status": "TRADING",
            "statusReason": "",
            "baseAsset": "BTC",
            "quoteAsset": "USDT",
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
            "filters": [
                {
                    "filterType": "PRICE_FILTER",
                    "minPrice": "0.01000000",
                    "maxPrice": "1000000000.00000000",
                    "tickSize": "0.01000000",
                }
            ],
        }
    ],
}
DEPTH = {
    "lastUpdateId": 1027024,
    "bids": [["100.25000000", "4.00000000"]],
    "asks": [["100.26000000", "12.00000000"]],
}
TRADE = {
    "id": 28457,
    "price": "100.25000000",
    "qty": "0.50000000",
    "quoteQty": "50.12500000",
    "time": 1499865549590,
    "isBuyerMaker": True,
    "isBestMatch": True,
}
AGGREGATE_TRADE = {
    "a": 26129,
    "p": "100.25000000",
    "q": "4.70443515",
    "f": 27781,
    "l": 27781,
    "T": 1498793709153,
    "m": True,
    "M": True,
}
KLINE = [
    1499040000000,
    "100.25000000",
    "101.00000000",
    "100.00000000",
    "100.50000000",
    "148.97600000",
    1499040059999,
    "14934.19000000",
    308,
    "75.68740000",
    "7628.46000000",
    "0",
]
BOOK_TICKER = {
    "symbol": "BTCUSDT",
    "bidPrice": "100.25000000",
    "bidQty": "4.00000000",
    "askPrice": "100.26000000",
    "askQty": "12.00000000",
}
DAY_TICKER = {
    **BOOK_TICKER,
    "priceChange": "-4.00000000",
    "priceChangePercent": "-3.836",
    "weightedAvgPrice": "101.29628482",
    "prevClosePrice": "104.25000000",
    "lastPrice": "100.25000000",
    "lastQty": "0.50000000",
    "openPrice": "104.25000000",
    "highPrice": "105.00000000",
    "lowPrice": "99.00000000",
    "volume": "8913.30000000",
    "quoteVolume": "902883.43000000",
    "openTime": 1499783499040,
    "closeTime": 1499869899040,
    "firstId": 28385,
    "lastId": 28460,
    "count": 76,
}
SPAN_TICKER = {
    name: value
    for name, value in DAY_TICKER.items()
    if name not in {*BOOK_TICKER, "prevClosePrice", "lastQty"} or name == "symbol"
}
_NO_RATES = {
    "maker": "0.00000000",
    "taker": "0.00000000",
    "buyer": "0.00000000",
    "seller": "0.00000000",
}
COMMISSION = {
    "symbol": "BTCUSDT",
    "standardCommission": {**_NO_RATES, "maker": "0.00100000", "taker": "0.00100000"},
    "specialCommission": _NO_RATES,
    "taxCommission": _NO_RATES,
    "discount": {
        "enabledForAccount": False,
        "enabledForSymbol": False,
        "discountAsset": "",
        "discount": "0.00000000",
    },
}
TRADE_FEE = {
    "symbol": "BTCUSDT",
    "makerCommission": "0.00100000",
    "takerCommission": "0.00100000",
}

_TERMS = {
    "symbol": "BTCUSDT",
    "orderId": 40960,
    "orderListId": -1,
    "price": "100.25000000",
    "origQty": "0.50000000",
    "origQuoteOrderQty": "0.00000000",
    "timeInForce": "GTC",
    "type": "LIMIT",
    "side": "BUY",
    "selfTradePreventionMode": "NONE",
}
ORDER_FULL = {
    **_TERMS,
    "clientOrderId": "6gCrw2kRUAF9CvJDGP16IP",
    "transactTime": 1507725176595,
    "executedQty": "0.50000000",
    "cummulativeQuoteQty": "50.12500000",
    "status": "FILLED",
    "workingTime": 1507725176595,
    "fills": [
        {
            "price": "100.25000000",
            "qty": "0.50000000",
            "commission": "0.00050000",
            "commissionAsset": "BTC",
            "tradeId": 56,
        }
    ],
}
REFUSAL = {"code": -2010, "msg": "Account has insufficient balance for requested action."}
CANCELED_ORDER = {
    **_TERMS,
    "origClientOrderId": "6gCrw2kRUAF9CvJDGP16IP",
    "clientOrderId": "cancelMyOrder1",
    "transactTime": 1507725176595,
    "executedQty": "0.00000000",
    "cummulativeQuoteQty": "0.00000000",
    "status": "CANCELED",
}
CANCEL_REPLACED = {
    "cancelResult": "SUCCESS",
    "newOrderResult": "SUCCESS",
    "cancelResponse": CANCELED_ORDER,
    "newOrderResponse": ORDER_FULL,
}
AMENDED_ORDER = {
    "transactTime": 1741926410255,
    "executionId": 75,
    "amendedOrder": {
        "symbol": "BTCUSDT",
        "orderId": 40960,
        "orderListId": -1,
        "origClientOrderId": "5xrgbMyg6z36NzBn2pbT8H",
        "clientOrderId": "PFaq6hIHxqFENGfdtn4J6Q",
        "price": "100.25000000",
        "qty": "0.40000000",
        "executedQty": "0.00000000",
        "preventedQty": "0.00000000",
        "quoteOrderQty": "0.00000000",
        "cumulativeQuoteQty": "0.00000000",
        "status": "NEW",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": "BUY",
        "workingTime": 1741926410242,
        "selfTradePreventionMode": "NONE",
    },
}
AMENDMENT = {
    "symbol": "BTCUSDT",
    "orderId": 40960,
    "executionId": 75,
    "origClientOrderId": "5xrgbMyg6z36NzBn2pbT8H",
    "newClientOrderId": "PFaq6hIHxqFENGfdtn4J6Q",
    "origQty": "0.50000000",
    "newQty": "0.40000000",
    "time": 1741926410255,
}
PREVENTED_MATCH = {
    "symbol": "BTCUSDT",
    "preventedMatchId": 75,
    "takerOrderId": 40960,
    "makerSymbol": "BTCUSDT",
    "makerOrderId": 40928,
    "tradeGroupId": -1,
    "selfTradePreventionMode": "EXPIRE_MAKER",
    "price": "100.25000000",
    "makerPreventedQuantity": "0.50000000",
    "transactTime": 1669101687094,
}
ORDER_STATUS = {
    **_TERMS,
    "clientOrderId": "6gCrw2kRUAF9CvJDGP16IP",
    "executedQty": "0.00000000",
    "cummulativeQuoteQty": "0.00000000",
    "status": "NEW",
    "stopPrice": "0.00000000",
    "icebergQty": "0.00000000",
    "time": 1507725176595,
    "updateTime": 1507725176595,
    "isWorking": True,
    "workingTime": 1507725176595,
}
ACCOUNT_TRADE = {
    "symbol": "BTCUSDT",
    "id": 56,
    "orderId": 40960,
    "orderListId": -1,
    "price": "100.25000000",
    "qty": "0.50000000",
    "quoteQty": "50.12500000",
    "commission": "0.00050000",
    "commissionAsset": "BTC",
    "time": 1507725176595,
    "isBuyer": True,
    "isMaker": False,
    "isBestMatch": True,
}
ACCOUNT = {
    "makerCommission": 10,
    "takerCommission": 10,
    "buyerCommission": 0,
    "sellerCommission": 0,
    "commissionRates": {
        "maker": "0.00100000",
        "taker": "0.00100000",
        "buyer": "0.00000000",
        "seller": "0.00000000",
    },
    "canTrade": True,
    "canWithdraw": True,
    "canDeposit": True,
    "brokered": False,
    "requireSelfTradePrevention": False,
    "preventSor": False,
    "updateTime": 1507725176595,
    "accountType": "SPOT",
    "balances": [{"asset": "USDT", "free": "1000.00000000", "locked": "50.12500000"}],
    "permissions": ["SPOT"],
}
COIN = {
    "coin": "BTC",
    "name": "BTC",
    "depositAllEnable": False,
    "withdrawAllEnable": False,
    "free": "2.00000000",
    "locked": "0.00000000",
    "isLegalMoney": False,
    "trading": True,
    "networkList": [],
}

LISTEN_KEY = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"
