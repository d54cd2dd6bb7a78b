"""The limits on requests and orders, as `exchangeInfo`, `rateLimit/order` and answers tell them."""

from __future__ import annotations

from api.auth import Caller
from api.errors import rejection, unexpected
from api.handlers.exchange import Exchange
from api.handlers.parameters import Parameters
from api.handlers.shapes import Json
from infra.settings import Settings
from streams.messages import (
    AccountState,
    DescribeAccount,
    OrderCounts,
    OrderLimits,
    RequestRejected,
)


def order_limits(settings: Settings) -> OrderLimits | None:
    """What each order is to bear; nothing where there are no limits."""
    limits = OrderLimits(settings.orders_10s, settings.orders_1d)
    return limits if limits.ten_seconds or limits.day else None


def advertised(exchange: Exchange) -> list[Json]:
    """What is limited here."""
    return [*_weights(exchange), *_orders(exchange)]


def counted(exchange: Exchange, address: str, orders: OrderCounts | None) -> list[Json]:
    """The limits that a request has counted towards, and how much of them is used."""
    used = exchange.weights.used(address)
    weights = [{**limit, "count": used} for limit in _weights(exchange)]
    return weights if orders is None else [*_with_counts(exchange, orders), *weights]


async def order_counts(exchange: Exchange, caller: Caller, parameters: Parameters) -> list[Json]:
    """How many unfilled orders the account has placed, by its ledger's own word."""
    limits = exchange.order_limits
    if limits is None:
        return []
    placed = await exchange.command(caller.account, DescribeAccount(caller.account))
    match await exchange.answers.outcome(placed):
        case [AccountState(orders=orders)]:
            return _with_counts(exchange, orders)
        case [RequestRejected(reason=reason)]:
            raise rejection(reason)
        case other:
            raise unexpected() from TypeError(f"not how an account stands: {other}")


def _with_counts(exchange: Exchange, orders: OrderCounts) -> list[Json]:
    counts = {"SECOND": orders.ten_seconds, "DAY": orders.day}
    return [{**limit, "count": counts[limit["interval"]]} for limit in _orders(exchange)]


def _weights(exchange: Exchange) -> list[Json]:
    limit = exchange.weights.limit
    return [_limit("REQUEST_WEIGHT", "MINUTE", 1, limit)] if limit else []


def _orders(exchange: Exchange) -> list[Json]:
    limits = exchange.order_limits or OrderLimits(0, 0)
    told = (("SECOND", 10, limits.ten_seconds), ("DAY", 1, limits.day))
    return [_limit("ORDERS", interval, number, limit) for interval, number, limit in told if limit]


def _limit(kind: str, interval: str, number: int, limit: int) -> Json:
    return {
        "rateLimitType": kind,
        "interval": interval,
        "intervalNum": number,
        "limit": limit,
    }
