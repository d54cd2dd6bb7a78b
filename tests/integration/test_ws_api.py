"""Orders over a WebSocket session: signed one by one, through the handlers of the REST door."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from api.auth import sign
from infra.installation import Installation
from infra.processes import Records
from tests.integration.rest import Administrator, Json, Trader, limit_order

LIMIT_S = 20


@pytest.fixture(scope="module")
def admin(installation: Installation, http: httpx.Client) -> Administrator:
    admin = Administrator(installation, http)
    admin.create_market()
    return admin


@pytest.fixture
def alice(admin: Administrator) -> Trader:
    return admin.open_account()


@pytest.fixture
def line(installation: Installation) -> Iterator[ClientConnection]:
    with at(installation) as connection:
        yield connection


def at(installation: Installation, path: str = "/ws-api/v3") -> ClientConnection:
    url = installation.api_url.replace("http://", "ws://")
    return connect(url + path, compression=None, open_timeout=LIMIT_S, close_timeout=LIMIT_S)


def signed(trader: Trader, **terms: Any) -> dict[str, Any]:
    params = {**terms, "apiKey": trader.key, "timestamp": time.time_ns() // 1_000_000}
    payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
    return {**params, "signature": sign(payload.encode(), trader.secret)}


def send(line: ClientConnection, method: str, call_id: object = 1, **params: Any) -> None:
    line.send(json.dumps({"id": call_id, "method": method, "params": params}))


def hear(line: ClientConnection) -> Json:
    return json.loads(line.recv(LIMIT_S))


def call(line: ClientConnection, method: str, **params: Any) -> Json:
    """The result."""
    send(line, method, "x", **params)
    heard = hear(line)
    assert (heard["id"], heard["status"]) == ("x", 200), heard
    return heard["result"]


def refused(line: ClientConnection, method: str, **params: Any) -> tuple[int, int]:
    """The status and the code."""
    send(line, method, None, **params)
    heard = hear(line)
    assert heard["id"] is None
    return heard["status"], heard["error"]["code"]


def test_an_order_is_placed_and_cancelled_as_over_rest(
    line: ClientConnection, alice: Trader
) -> None:
    assert call(line, "ping") == {}
    assert call(line, "v3/time")["serverTime"] > 0
    order = limit_order("BUY", "1", "10")
    assert call(line, "order.test", **signed(alice, **order)) == {}
    placed = call(line, "order.place", **signed(alice, **order, newClientOrderId="mine"))
    assert (placed["status"], placed["clientOrderId"]) == ("NEW", "mine")
    (found,) = alice.ask("GET", "openOrders", symbol="BTCUSDT")
    assert found["orderId"] == placed["orderId"]
    gone = call(line, "order.cancel", **signed(alice, symbol="BTCUSDT", origClientOrderId="mine"))
    assert (gone["orderId"], gone["status"]) == (placed["orderId"], "CANCELED")
    assert alice.balances()["USDT"] == (10000, 0)


def test_orders_of_one_session_reach_the_log_in_the_order_sent(
    line: ClientConnection, alice: Trader
) -> None:
    for number in range(300):
        order = limit_order("BUY", "0.1", f"{10 + number}")
        send(line, "order.place", number, **signed(alice, **order, newOrderRespType="ACK"))
    answers = {answer["id"]: answer["result"]["orderId"] for answer in map(hear, [line] * 300)}
    assert [answers[number] for number in range(300)] == sorted(answers.values())
    assert len(alice.ask("GET", "openOrders", symbol="BTCUSDT")) == 300
    alice.ask("DELETE", "openOrders", symbol="BTCUSDT")


def test_refusals_are_those_of_rest(
    line: ClientConnection, alice: Trader, http: httpx.Client
) -> None:
    order = limit_order("BUY", "1", "10")
    assert refused(line, "order.place", **signed(alice, **{**order, "price": "0"})) == (400, -1013)
    assert refused(line, "order.place", **signed(alice, **order, typo="1")) == (400, -1104)
    assert refused(line, "order.place", **order) == (401, -2014)
    late = {**signed(alice, **order), "timestamp": 1}
    assert refused(line, "order.place", **late) == (400, -1022)
    impostor = Trader(http, alice.name, alice.key, "x" * 64)
    assert refused(line, "order.place", **signed(impostor, **order)) == (400, -1022)
    assert refused(line, "order.sneak") == (400, -1020)
    assert refused(line, "order.cancel", **signed(alice, symbol="BTCUSDT", orderId=7)) == (
        400,
        -2011,
    )
    line.send("{")
    assert hear(line)["error"]["code"] == -1135
    line.send(b"binary")
    assert hear(line)["error"]["code"] == -1135
    assert call(line, "ping") == {}


def test_what_is_too_large_closes_the_session_and_other_paths_are_not_served(
    installation: Installation, line: ClientConnection
) -> None:
    line.send("x" * 70_000)
    with pytest.raises(ConnectionClosed) as closed:
        line.recv(LIMIT_S)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009
    with pytest.raises(InvalidStatus) as elsewhere:
        at(installation, "/ws")
    assert elsewhere.value.response.status_code == 404


def test_a_restart_is_told_and_the_connection_closed(
    installation: Installation, admin: Administrator
) -> None:
    """Last in this module: the api is gone then."""
    with at(installation) as line:
        assert call(line, "ping") == {}
        Records(installation.settings.home).stop("api")
        assert hear(line)["event"]["e"] == "serverShutdown"
        with pytest.raises(ConnectionClosed) as closed:
            line.recv(LIMIT_S)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
