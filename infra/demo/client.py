"""A signed REST client, no more than the demonstration and the chaos tests need."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Any
from urllib.parse import urlencode

import httpx


class Refused(Exception):
    """The exchange answered with an error: HTTP status, Binance code and message."""

    def __init__(self, status: int, code: int, msg: str) -> None:
        super().__init__(f"{status} {code} {msg}")
        self.status = status
        self.code = code


class Client:
    """One account's access to the exchange, by its API key (HMAC-SHA256)."""

    def __init__(self, http: httpx.AsyncClient, api_key: str, secret: str) -> None:
        self._http = http
        self._headers = {"X-MBX-APIKEY": api_key}
        self._secret = secret.encode()

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
        query = urlencode({**parameters, "timestamp": str(int(time.time() * 1000))})
        signature = hmac.new(self._secret, query.encode(), hashlib.sha256).hexdigest()
        url = f"{path}?{query}&signature={signature}"
        response = await self._http.request(method, url, headers=self._headers)
        if response.is_success:
            return response.json()
        body = response.json()
        raise Refused(response.status_code, body["code"], body["msg"])
