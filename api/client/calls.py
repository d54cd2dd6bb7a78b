"""The requests there are, each by a function that gives a `Call`.

Parameters that are needed are named; all others are passed on as they are documented, in their
documented spelling: `calls.klines("BTCUSDT", "1m", limit=10)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from api.client import answers

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request, and the type of its answer.

    `idempotency_key` lets it be sent again and be done once; see docs/api.md for who takes one.
    """

    method: str
    path: str
    parameters: dict[str, Any]
    answer: type[T]
    signed: bool = False
    idempotency_key: str = ""


def ping() -> Call[answers.Nothing]:
    return Call("GET", "/api/v3/ping", {}, answers.Nothing)


def server_time() -> Call[answers.ServerTime]:
    return Call("GET", "/api/v3/time", {}, answers.ServerTime)


def exchange_info(**more: object) -> Call[answers.ExchangeInfo]:
    return Call("GET", "/api/v3/exchangeInfo", more, answers.ExchangeInfo)


def depth(symbol: str, **more: object) -> Call[answers.OrderBook]:
    return Call("GET", "/api/v3/depth", {"symbol": symbol, **more}, answers.OrderBook)


def trades(symbol: str, **more: object) -> Call[list[answers.Trade]]:
    """The newest, or with `fromId` those from it on."""
    path = "/api/v3/historicalTrades" if "fromId" in more else "/api/v3/trades"
    return Call("GET", path, {"symbol": symbol, **more}, list[answers.Trade])


def klines(symbol: str, interval: str, **more: object) -> Call[list[answers.Candle]]:
    parameters = {"symbol": symbol, "interval": interval, **more}
    return Call("GET", "/api/v3/klines", parameters, list[answers.Candle])


def day_ticker(symbol: str) -> Call[answers.Ticker]:
    return Call("GET", "/api/v3/ticker/24hr", {"symbol": symbol}, answers.Ticker)


def rolling_ticker(symbol: str, window_size: str = "1d") -> Call[answers.Ticker]:
    parameters = {"symbol": symbol, "windowSize": window_size}
    return Call("GET", "/api/v3/ticker", parameters, answers.Ticker)


def place_order(
    symbol: str, side: str, order_type: str, *, idempotency_key: str = "", **more: object
) -> Call[answers.PlacedOrder]:
    parameters = {"symbol": symbol, "side": side, "type": order_type, **more}
    return _signed("POST", "order", parameters, answers.PlacedOrder, idempotency_key)


def cancel_order(
    symbol: str, *, idempotency_key: str = "", **more: object
) -> Call[answers.CanceledOrder]:
    """By `orderId`, `origClientOrderId`, or both."""
    parameters = {"symbol": symbol, **more}
    return _signed("DELETE", "order", parameters, answers.CanceledOrder, idempotency_key)


def cancel_open_orders(symbol: str) -> Call[list[answers.CanceledOrder]]:
    return _signed("DELETE", "openOrders", {"symbol": symbol}, list[answers.CanceledOrder])


def order(symbol: str, **more: object) -> Call[answers.Order]:
    """By `orderId`, `origClientOrderId`, or both."""
    return _signed("GET", "order", {"symbol": symbol, **more}, answers.Order)


def open_orders(**more: object) -> Call[list[answers.Order]]:
    """Of all markets, or with `symbol` of one."""
    return _signed("GET", "openOrders", more, list[answers.Order])


def all_orders(symbol: str, **more: object) -> Call[list[answers.Order]]:
    return _signed("GET", "allOrders", {"symbol": symbol, **more}, list[answers.Order])


def my_trades(symbol: str, **more: object) -> Call[list[answers.AccountTrade]]:
    return _signed("GET", "myTrades", {"symbol": symbol, **more}, list[answers.AccountTrade])


def account(**more: object) -> Call[answers.Account]:
    return _signed("GET", "account", more, answers.Account)


def _signed(
    method: str, name: str, parameters: dict[str, Any], answer: type[T], idempotency_key: str = ""
) -> Call[T]:
    return Call(method, f"/api/v3/{name}", parameters, answer, True, idempotency_key)
