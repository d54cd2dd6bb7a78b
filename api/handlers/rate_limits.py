"""The limits on requests, in the shape that `exchangeInfo` and the WebSocket API tell them in."""

from __future__ import annotations

from api.handlers.exchange import Exchange
from api.handlers.shapes import Json


def advertised(exchange: Exchange) -> list[Json]:
    """What is limited here."""
    limit = exchange.weights.limit
    return [_limit("REQUEST_WEIGHT", "MINUTE", 1, limit)] if limit else []


def counted(exchange: Exchange, address: str) -> list[Json]:
    """The limits that every request counts towards, and how much of them is used."""
    used = exchange.weights.used(address)
    return [{**limit, "count": used} for limit in advertised(exchange)]


def _limit(kind: str, interval: str, number: int, limit: int) -> Json:
    return {
        "rateLimitType": kind,
        "interval": interval,
        "intervalNum": number,
        "limit": limit,
    }
