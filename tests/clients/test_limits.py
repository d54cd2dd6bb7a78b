"""What clients make of the limits: their own exceptions, told when to come again."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import ccxt
import httpx
import pytest
from binance.client import Client
from binance.exceptions import BinanceAPIException
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from api.auth import sign
from api.weight_limit import REFUSALS_MAX
from infra.installation import Installation
from tests.clients.test_ccxt import PAIR, connected
from tests.integration.doors import Door, another_door
from tests.integration.rest import Trader, limit_order

WEIGHT = 1_000
ORDERS = 3


@pytest.fixture(scope="module")
def door(exchange: Installation) -> Iterator[Door]:
    """A door with limits. What is asked there counts for all of this module."""
    with limited_door(exchange, request_weight=WEIGHT) as door:
        yield door


@pytest.fixture(scope="module")
def other_door(exchange: Installation) -> Iterator[Door]:
    with limited_door(exchange) as door:
        yield door


def limited_door(exchange: Installation, **more: int) -> AbstractContextManager[Door]:
    limits = {"orders_10s": ORDERS, "orders_1d": 10 * ORDERS, **more}
    settings = exchange.settings.model_copy(update=limits)
    return another_door(Installation(settings, exchange.urls))


def test_an_account_places_so_many_orders_by_whatever_door_it_comes(
    door: Door, other_door: Door, user: Trader
) -> None:
    terms = limit_order("BUY", "0.1", "100")
    doors = itertools.cycle((user.at(door.http), user.at(other_door.http)))
    # The ten seconds can end meanwhile, but not twice; what is answered after them counts for none.
    answers = [next(doors).send("POST", "order", **terms) for _ in range(2 * ORDERS + 1)]
    placed = [each for each in answers if each.status_code == 200]
    refused = [each for each in answers if each.status_code == 429]
    assert len(placed) >= ORDERS
    assert len(placed) + len(refused) == len(answers)
    told = [int(each.headers["X-MBX-ORDER-COUNT-1D"]) for each in placed]
    assert told == list(range(1, len(placed) + 1))
    assert {int(each.headers["X-MBX-ORDER-COUNT-10S"]) for each in placed} - {0} == {1, 2, 3}
    assert refused[-1].json() == {"code": -1015, "msg": "Too many new orders."}
    assert 0 < int(refused[-1].headers["Retry-After"]) <= 10
    counts = user.at(other_door.http).ask("GET", "rateLimit/order")
    day = {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1}
    assert counts[1] == {**day, "limit": 10 * ORDERS, "count": len(placed)}
    assert user.ask("GET", "rateLimit/order") == []

    pair = connected(str(other_door.http.base_url).rstrip("/"), user)
    pair.load_markets()
    with pytest.raises(ccxt.DDoSProtection, match="-1015"):
        keep_placing(pair)


def test_a_websocket_session_counts_towards_the_same_limits(door: Door, user: Trader) -> None:
    with websocket(door) as line:
        said = call(line, "time")
        (limit,) = said["rateLimits"]
        used = int(door.http.get("/api/v3/ping").headers["X-MBX-USED-WEIGHT-1M"])
        assert (limit["rateLimitType"], limit["limit"]) == ("REQUEST_WEIGHT", WEIGHT)
        # The minute can end in between.
        assert used in (limit["count"] + 1, 1)
        assert "rateLimits" not in call(line, "time", returnRateLimits=False)
        params = {**limit_order("BUY", "0.1", "100"), "apiKey": user.key}
        params["timestamp"] = str(time.time_ns() // 1_000_000)
        payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
        placed = call(line, "order.place", **params, signature=sign(payload.encode(), user.secret))
        counts = {each["rateLimitType"] + each["interval"]: each for each in placed["rateLimits"]}
        assert (placed["status"], counts["ORDERSDAY"]["count"]) == (200, 1)
        assert counts["ORDERSSECOND"]["limit"] == ORDERS
    with websocket(door, "?returnRateLimits=false") as line:
        assert "rateLimits" not in call(line, "time")
        assert "rateLimits" in call(line, "time", returnRateLimits=True)


def websocket(door: Door, query: str = "") -> ClientConnection:
    url = str(door.http.base_url).replace("http://", "ws://").rstrip("/")
    return connect(f"{url}/ws-api/v3{query}", compression=None, open_timeout=20, close_timeout=20)


def call(line: ClientConnection, method: str, **params: Any) -> Any:
    line.send(json.dumps({"id": 1, "method": method, "params": params}))
    return json.loads(line.recv(20))


def keep_placing(pair: Any) -> None:
    for _ in range(2 * ORDERS + 1):
        pair.create_order(PAIR, "limit", "buy", 0.1, 100)


def use_up(door: Door) -> httpx.Response:
    """Ask until it is refused. Markets' rules weigh 20."""
    for _ in range(2 * WEIGHT // 20):
        answer = door.http.get("/api/v3/exchangeInfo")
        if answer.status_code != 200:
            return answer
    raise AssertionError("nothing was refused")


def test_who_asks_for_too_much_is_told_and_who_goes_on_is_banned(door: Door, user: Trader) -> None:
    url = str(door.http.base_url).rstrip("/")
    limits = door.http.get("/api/v3/exchangeInfo").json()["rateLimits"]
    assert [(each["rateLimitType"], each["interval"], each["limit"]) for each in limits] == [
        ("REQUEST_WEIGHT", "MINUTE", WEIGHT),
        ("ORDERS", "SECOND", ORDERS),
        ("ORDERS", "DAY", 10 * ORDERS),
    ]
    pair = connected(url, user)
    pair.load_markets()

    refused = use_up(door)
    assert refused.status_code == 429
    assert int(refused.headers["X-MBX-USED-WEIGHT-1M"]) > WEIGHT
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert refused.json()["code"] == -1003

    # Whatever the code, ccxt's binance raises this for 429 and 418; RateLimitExceeded never.
    with pytest.raises(ccxt.DDoSProtection):
        pair.fetch_order_book(PAIR)
    assert binance_refused(url, user).status_code == 429

    banned = [door.http.get("/api/v3/ping") for _ in range(REFUSALS_MAX + 1)][-1]
    assert banned.status_code == 418
    assert int(banned.headers["Retry-After"]) == 120
    with pytest.raises(ccxt.DDoSProtection):
        pair.fetch_order_book(PAIR)
    error = binance_refused(url, user)
    assert (error.status_code, error.code) == (418, -1003)
    with pytest.raises(InvalidStatus) as shut_out:
        websocket(door)
    assert shut_out.value.response.status_code == 418
    assert door.http.get("/ready").status_code == 200


def binance_refused(url: str, user: Trader) -> BinanceAPIException:
    """What python-binance raises for a request that is refused."""
    with asyncio.Runner() as runner:
        asyncio.set_event_loop(runner.get_loop())
        client: Any = Client(user.key, user.secret, ping=False)
        client.API_URL = f"{url}/api"
        try:
            with pytest.raises(BinanceAPIException) as refused:
                client.get_account()
        finally:
            client.close_connection()
    asyncio.set_event_loop(None)
    return refused.value
