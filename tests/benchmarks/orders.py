"""Orders as bytes: requests made and signed beforehand, so that sending them costs next to nothing.

Every second order of an account trades with the one before it, its own or another account's, and
the book stays small.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from itertools import cycle

import msgspec

from api.auth import API_KEY_HEADER, sign
from infra.admin import Admin
from infra.installation import Installation

RECV_WINDOW_MS = 60_000
"""Requests are made up to this long before they are sent."""

FUNDS = {"USDT": "10000000", "BTC": "10000"}
SYMBOL = "BTCUSDT"
MARKET = {
    "symbol": SYMBOL,
    "base": "BTC",
    "quote": "USDT",
    "tick": "0.01",
    "lot": "0.00001",
    "maker_fee_bps": 5,
    "taker_fee_bps": 10,
}

_encode = msgspec.json.encode


class Key(msgspec.Struct, frozen=True):
    """What an account signs with."""

    api_key: str
    api_secret: str


def open_market(installation: Installation, accounts: int) -> list[Key]:
    """A market, and accounts with all they need to trade on it for as long as a bench takes."""
    with Admin.of(installation) as admin:
        admin.create_market(**MARKET)
        keys = []
        for _ in range(accounts):
            name = f"b-{secrets.token_hex(5)}"
            admin.create_account(name)
            for asset, amount in FUNDS.items():
                admin.deposit(name, asset, amount)
            key = admin.create_key(name)
            keys.append(Key(key["api_key"], key["api_secret"]))
    return keys


def orders(response: str) -> Iterator[dict[str, str]]:
    """Orders without end; `response` says how much their answers tell."""
    for side in cycle(("BUY", "SELL")):
        yield {
            "symbol": SYMBOL,
            "side": side,
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": "0.01",
            "price": "100",
            "newOrderRespType": response,
        }


def empty(path: str) -> bytes:
    """A POST of nothing."""
    return f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Length: 0\r\n\r\n".encode()


def single(keys: Sequence[Key], count: int, response: str) -> list[bytes]:
    """POST order, so many times, the accounts taking turns by pairs of orders."""
    made = zip(range(count), orders(response), strict=False)
    return [_form(keys[number // 2 % len(keys)], "/api/v3/order", order) for number, order in made]


def one_by_one(key: Key, response: str) -> Iterator[bytes]:
    """POST order without end, each signed when it is asked for."""
    for order in orders(response):
        yield _form(key, "/api/v3/order", order)


def batches(keys: Sequence[Key], count: int, size: int) -> list[bytes]:
    """POST batchOrders as JSON, the accounts taking turns."""
    some = orders("ACK")
    requests = []
    for number in range(count):
        batch = [next(some) for _ in range(size)]
        body = {"batchOrders": batch, **_timing()}
        requests.append(_json(keys[number % len(keys)], "/api/v3/batchOrders", _encode(body)))
    return requests


def frames(keys: Sequence[Key], count: int) -> list[bytes]:
    """`order.place` for the WebSocket API, ids from 0."""
    made = zip(range(count), orders("ACK"), strict=False)
    return [_call(keys[number // 2 % len(keys)], number, order) for number, order in made]


def _timing() -> dict[str, int]:
    return {"recvWindow": RECV_WINDOW_MS, "timestamp": time.time_ns() // 1_000_000}


def _form(key: Key, path: str, order: dict[str, str]) -> bytes:
    body = "&".join(f"{name}={value}" for name, value in {**order, **_timing()}.items())
    body += f"&signature={sign(body.encode(), key.api_secret)}"
    return _head(key, path, "application/x-www-form-urlencoded", len(body)) + body.encode()


def _json(key: Key, path: str, body: bytes) -> bytes:
    target = f"{path}?signature={sign(body, key.api_secret)}"
    return _head(key, target, "application/json", len(body)) + body


def _head(key: Key, target: str, kind: str, length: int) -> bytes:
    return (
        f"POST {target} HTTP/1.1\r\nHost: bench\r\n{API_KEY_HEADER}: {key.api_key}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def _call(key: Key, number: int, order: dict[str, str]) -> bytes:
    params: dict[str, object] = {**order, **_timing(), "apiKey": key.api_key}
    payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
    params["signature"] = sign(payload.encode(), key.api_secret)
    return _encode({"id": number, "method": "order.place", "params": params})
