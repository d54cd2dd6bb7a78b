"""The exchange's own client, as the demonstration and the chaos tests use it: answers as dicts."""

from __future__ import annotations

from typing import Any, cast

import httpx

from api.client import AsyncClient, Call
from api.client import ExchangeError as Refused

__all__ = ["Client", "Refused"]

ANYTHING = cast("type[Any]", Any)


class Client:
    """One account's access to the exchange, by its API key, over connections shared with others."""

    def __init__(self, http: httpx.AsyncClient, api_key: str, secret: str) -> None:
        self._client = AsyncClient.sharing(http, api_key, secret)

    async def place(self, **order: str) -> dict[str, Any]:
        """Send an order and return the answer. Raises `Refused`, `httpx.HTTPError`."""
        answer: dict[str, Any] = await self._signed("POST", "/api/v3/order", order)
        return answer

    async def cancel(self, symbol: str, order_id: int) -> dict[str, Any]:
        """Cancel an order. Raises `Refused`, `httpx.HTTPError`."""
        parameters = {"symbol": symbol, "orderId": str(order_id)}
        answer: dict[str, Any] = await self._signed("DELETE", "/api/v3/order", parameters)
        return answer

    async def cancel_by_name(self, symbol: str, name: str) -> dict[str, Any]:
        """Cancel an order by its client order id. Raises `Refused`, `httpx.HTTPError`."""
        parameters = {"symbol": symbol, "origClientOrderId": name}
        answer: dict[str, Any] = await self._signed("DELETE", "/api/v3/order", parameters)
        return answer

    async def order(self, symbol: str, name: str) -> dict[str, Any]:
        """An order by its client order id. Raises `Refused`, `httpx.HTTPError`."""
        parameters = {"symbol": symbol, "origClientOrderId": name}
        answer: dict[str, Any] = await self._signed("GET", "/api/v3/order", parameters)
        return answer

    async def open_orders(self, symbol: str) -> list[dict[str, Any]]:
        """The account's open orders in a market. Raises `Refused`, `httpx.HTTPError`."""
        orders: list[dict[str, Any]] = await self._signed(
            "GET", "/api/v3/openOrders", {"symbol": symbol}
        )
        return orders

    async def _signed(self, method: str, path: str, parameters: dict[str, str]) -> Any:
        return await self._client.send(Call(method, path, parameters, ANYTHING, signed=True))
