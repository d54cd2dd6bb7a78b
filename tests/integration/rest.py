"""Traders and administrators who come in by the REST door."""

from __future__ import annotations

import secrets
import time
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import httpx

from api.auth import ADMIN_KEY_HEADER, API_KEY_HEADER, sign
from api.idempotency import IDEMPOTENCY_KEY_HEADER
from infra.installation import Installation

Json = Any
Amount = Decimal | int

MARKET: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "base": "BTC",
    "quote": "USDT",
    "tick": "0.01",
    "lot": "0.00001",
    "min_notional": "1",
    "maker_fee_bps": 5,
    "taker_fee_bps": 10,
}


class Trader:
    """An account with a key, speaking the dialect of Binance Spot."""

    def __init__(self, http: httpx.Client, name: str, key: str, secret: str) -> None:
        self._http = http
        self.name = name
        self.key = key
        self.secret = secret

    def at(self, http: httpx.Client) -> Trader:
        """The same trader, at another instance of the door."""
        return Trader(http, self.name, self.key, self.secret)

    def send(
        self, method: str, path: str, idempotency_key: str = "", **parameters: object
    ) -> httpx.Response:
        """A signed request; a POST carries its parameters in its body."""
        signed = urlencode({**parameters, "timestamp": time.time_ns() // 1_000_000})
        signed += f"&signature={sign(signed.encode(), self.secret)}"
        headers = {API_KEY_HEADER: self.key}
        if idempotency_key:
            headers[IDEMPOTENCY_KEY_HEADER] = idempotency_key
        if method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            return self._http.post(f"/api/v3/{path}", content=signed, headers=headers)
        return self._http.request(method, f"/api/v3/{path}?{signed}", headers=headers)

    def ask(self, method: str, path: str, idempotency_key: str = "", **parameters: object) -> Json:
        answer = self.send(method, path, idempotency_key, **parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(
        self, method: str, path: str, idempotency_key: str = "", **parameters: object
    ) -> tuple[int, str]:
        answer = self.send(method, path, idempotency_key, **parameters)
        assert answer.status_code in range(400, 500), answer.text
        return answer.json()["code"], answer.json()["msg"]

    def limit(self, side: str, quantity: str, price: str, **more: Any) -> Json:
        return self.ask("POST", "order", **limit_order(side, quantity, price), **more)

    def balances(self) -> dict[str, tuple[Amount, Amount]]:
        """What is free and what is locked, by asset."""
        return {
            balance["asset"]: (Decimal(balance["free"]), Decimal(balance["locked"]))
            for balance in self.ask("GET", "account")["balances"]
        }


def limit_order(side: str, quantity: str, price: str) -> dict[str, str]:
    return {
        "symbol": "BTCUSDT",
        "side": side,
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": quantity,
        "price": price,
    }


class Administrator:
    """Whoever has the key of an installation's administration."""

    def __init__(self, installation: Installation, http: httpx.Client) -> None:
        assert installation.settings.admin_key is not None
        self._key = installation.settings.admin_key.get_secret_value()
        self._http = http

    def __call__(
        self, method: str, path: str, idempotency_key: str = "", **body: object
    ) -> httpx.Response:
        headers = {ADMIN_KEY_HEADER: self._key}
        if idempotency_key:
            headers[IDEMPOTENCY_KEY_HEADER] = idempotency_key
        return self._http.request(method, f"/admin/v1/{path}", json=body or None, headers=headers)

    def create_market(self) -> Json:
        """BTCUSDT: ticks of 0.01, lots of 0.00001."""
        created = self("POST", "markets", **MARKET)
        assert created.status_code == 201, created.text
        return created.json()

    def open_account(self) -> Trader:
        """A new account with 10000 USDT and 10 BTC."""
        name = f"t-{secrets.token_hex(6)}"
        assert self("POST", "accounts", account=name).status_code == 201
        key = self("POST", f"accounts/{name}/keys").json()
        for asset, amount in (("USDT", "10000"), ("BTC", "10")):
            deposit = self("POST", f"accounts/{name}/deposits", asset=asset, amount=amount)
            assert deposit.status_code == 201, deposit.text
        return Trader(self._http, name, key["api_key"], key["api_secret"])
