"""Orders over a WebSocket session: signed one by one, through the handlers of the REST door."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from api.auth import API_KEY_HEADER, sign
from infra.installation import Installation
from infra.processes import Records
from tests.integration.rest import Administrator, Json, Trader, limit_order
from tests.integration.users import ed25519

LIMIT_S = 20


@pytest.fixture
def line(installation: Installation) -> Iterator[ClientConnection]:
    with at(installation) as connection:
        yield connection


def at(installation: Installation, path: str = "/ws-api/v3") -> ClientConnection:
    url = installation.api_url.replace("http://", "ws://")
    return connect(url + path, compression=None, open_timeout=LIMIT_S, close_timeout=LIMIT_S)


def now() -> int:
    return time.time_ns() // 1_000_000


def signed(trader: Trader, **terms: Any) -> dict[str, Any]:
    params = {**terms, "apiKey": trader.key, "timestamp": now()}
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


def test_what_anybody_may_ask_and_what_an_account_may(
    line: ClientConnection, alice: Trader
) -> None:
    """The handlers are those of REST, where they are tried: here, that each is found."""
    assert call(line, "depth", symbol="BTCUSDT", limit=5)["lastUpdateId"] >= 0
    assert call(line, "exchangeInfo", symbols=["BTCUSDT"])["symbols"][0]["symbol"] == "BTCUSDT"
    for method in ("trades.recent", "trades.historical", "trades.aggregate"):
        assert isinstance(call(line, method, symbol="BTCUSDT"), list)
    for method in ("klines", "uiKlines"):
        assert isinstance(call(line, method, symbol="BTCUSDT", interval="1m"), list)
    for method in ("ticker", "ticker.24hr", "ticker.tradingDay", "ticker.price", "ticker.book"):
        assert call(line, method, symbol="BTCUSDT")["symbol"] == "BTCUSDT"
    assert call(line, "avgPrice", symbol="BTCUSDT")["mins"] == 5

    placed = alice.limit("BUY", "1", "10")
    mine = {"symbol": "BTCUSDT"}
    found = call(line, "order.status", **signed(alice, **mine, orderId=placed["orderId"]))
    assert found["status"] == "NEW"
    (resting,) = call(line, "openOrders.status", **signed(alice))
    assert resting["orderId"] == placed["orderId"]
    assert call(line, "account.status", **signed(alice))["accountType"] == "SPOT"
    assert call(line, "account.commission", **signed(alice, **mine))["symbol"] == "BTCUSDT"
    (gone,) = call(line, "openOrders.cancelAll", **signed(alice, **mine))
    assert gone["status"] == "CANCELED"
    (listed,) = call(line, "allOrders", **signed(alice, **mine))
    assert listed["status"] == "CANCELED"
    assert call(line, "myTrades", **signed(alice, **mine)) == []


def subscribed(line: ClientConnection, trader: Trader, **terms: Any) -> int:
    """The position where it begins."""
    began = call(line, "userDataStream.subscribe.signature", **signed(trader, **terms))
    assert began["subscriptionId"] == 0
    return int(began["position"])


def told(line: ClientConnection, until: Callable[[Json], bool]) -> list[Json]:
    """Events up to one."""
    events: list[Json] = []
    while not events or not until(events[-1]):
        heard = hear(line)
        assert heard["subscriptionId"] == 0, heard
        events.append(heard["event"])
    return events


def test_an_account_is_told_of_itself_over_breaks_and_nobody_else_is(
    installation: Installation, admin: Administrator, alice: Trader
) -> None:
    stranger = admin.open_account()

    def closes(event: Json) -> bool:
        return bool(event["e"] == "outboundAccountPosition" and float(event["B"][0]["l"]) == 0)

    with at(installation) as line, at(installation) as other:
        position = subscribed(line, alice)
        subscribed(other, stranger)
        order = alice.limit("BUY", "1", "10")
        alice.ask("DELETE", "order", symbol="BTCUSDT", orderId=order["orderId"])
        live = told(line, closes)
        reports = [each for each in live if each["e"] == "executionReport"]
        assert [each["x"] for each in reports] == ["NEW", "CANCELED"]
        assert {each["i"] for each in reports} == {order["orderId"]}
        assert call(other, "ping") == {}  # and nothing before it

    # Each place where the connection could have broken.
    for number, since in enumerate([position, *(each["position"] for each in live[:-1])]):
        with at(installation) as line:
            assert subscribed(line, alice, **{"from": since}) == since
            assert told(line, closes) == live[number:]

    # While nobody listened.
    admin("POST", f"accounts/{alice.name}/deposits", asset="BTC", amount="3")
    with at(installation) as line:
        subscribed(line, alice, **{"from": live[-1]["position"]})
        first, second = hear(line)["event"], hear(line)["event"]
        assert (first["e"], second["e"], second["d"]) == (
            "outboundAccountPosition",
            "balanceUpdate",
            "3.00000000",
        )
        far = {"from": live[-1]["position"] + 10**9}
        assert refused(line, "userDataStream.subscribe.signature", **signed(stranger, **far)) == (
            400,
            -1130,
        )


def test_a_private_stream_is_for_who_may_read_and_ends_with_its_key(
    installation: Installation, admin: Administrator, alice: Trader, http: httpx.Client
) -> None:
    made = admin(
        "POST", f"accounts/{alice.name}/keys", permissions=["trade"], label="trades"
    ).json()
    trades_only = Trader(http, alice.name, made["api_key"], made["api_secret"])
    subscribe = "userDataStream.subscribe.signature"
    with at(installation) as line:
        assert refused(line, subscribe, **signed(trades_only)) == (401, -2015)
        impostor = Trader(http, alice.name, alice.key, "x" * 64)
        assert refused(line, subscribe, **signed(impostor)) == (400, -1022)
        assert refused(line, "userDataStream.subscribe") == (401, -2015)
        subscribed(line, alice)
        assert refused(line, subscribe, **signed(alice)) == (400, -2035)
        assert call(line, "session.subscriptions") == [{"subscriptionId": 0}]
        assert admin("DELETE", f"accounts/{alice.name}/keys/{alice.key}").status_code == 200
        assert hear(line)["event"]["e"] == "eventStreamTerminated"
        admin("POST", f"accounts/{alice.name}/deposits", asset="BTC", amount="3")
        assert call(line, "session.status")["userDataStream"] is False
        assert refused(line, "userDataStream.unsubscribe", subscriptionId=0) == (400, -2036)


def test_who_logs_on_need_not_sign_until_the_key_ends(
    line: ClientConnection, admin: Administrator, alice: Trader
) -> None:
    public, sign_it = ed25519()
    key = admin("POST", f"accounts/{alice.name}/keys", public_key=public).json()["api_key"]
    logon = {"apiKey": key, "timestamp": now()}
    payload = "&".join(f"{name}={logon[name]}" for name in sorted(logon)).encode()
    assert refused(line, "session.logon", **signed(alice)) == (400, -1020)
    wrong = sign_it(payload + b"1")
    assert refused(line, "session.logon", **logon, signature=wrong) == (400, -1022)
    status = call(line, "session.logon", **logon, signature=sign_it(payload))
    assert (status["apiKey"], status["userDataStream"]) == (key, False)

    began = call(line, "userDataStream.subscribe")
    order = limit_order("BUY", "1", "10")
    send(line, "order.place", "placed", **order, timestamp=now())
    heard = [hear(line) for _ in range(3)]
    (placed,) = (each for each in heard if "id" in each)
    events = [each["event"] for each in heard if "event" in each]
    assert placed["result"]["status"] == "NEW"
    assert sorted(each["e"] for each in events) == ["executionReport", "outboundAccountPosition"]
    assert all(each["position"] > began["position"] for each in events)
    # Somebody else's signature counts for what it signs.
    assert call(line, "openOrders.status", **signed(alice))[0]["clientOrderId"]
    assert refused(line, "openOrders.status") == (400, -1102)

    send(line, "session.logout")
    assert hear(line)["event"]["e"] == "eventStreamTerminated"
    assert hear(line)["result"]["apiKey"] is None
    assert refused(line, "openOrders.status", timestamp=now()) == (401, -2014)
    again = {"apiKey": key, "timestamp": now()}
    payload = "&".join(f"{name}={again[name]}" for name in sorted(again)).encode()
    call(line, "session.logon", **again, signature=sign_it(payload))
    admin("DELETE", f"accounts/{alice.name}/keys/{key}")
    assert refused(line, "openOrders.status", timestamp=now()) == (401, -2015)
    assert call(line, "session.status")["apiKey"] is None


def listen_key(http: httpx.Client, trader: Trader, method: str = "POST", **terms: str) -> Json:
    """The answer, or the code that it is refused with."""
    answer = http.request(
        method, "/api/v3/userDataStream", params=terms, headers={API_KEY_HEADER: trader.key}
    )
    body = answer.json()
    return body if answer.status_code == 200 else body["code"]


def streaming(installation: Installation, path: str) -> ClientConnection:
    return connect(installation.ws_url + path, compression=None, close_timeout=LIMIT_S)


def events(line: ClientConnection, count: int) -> list[Json]:
    return [hear(line) for _ in range(count)]


def test_a_listen_key_opens_its_accounts_stream_and_no_other(
    installation: Installation, admin: Administrator, alice: Trader, http: httpx.Client
) -> None:
    stranger = admin.open_account()
    key = listen_key(http, alice)["listenKey"]
    assert listen_key(http, alice) == {"listenKey": key}
    assert listen_key(http, alice, "PUT", listenKey=key) == {}
    for method in ("PUT", "DELETE"):
        assert listen_key(http, stranger, method, listenKey=key) == -1125
        assert listen_key(http, alice, method, listenKey="x" * 64) == -1125
        assert listen_key(http, alice, method, listenKey="x") == -1125
    trades_only = admin("POST", f"accounts/{alice.name}/keys", permissions=["trade"]).json()
    impostor = Trader(http, alice.name, "y" * 64, "")
    for other in (Trader(http, alice.name, trades_only["api_key"], ""), impostor):
        assert listen_key(http, other) == -2015
    # Neither a guess, nor the API key, nor the account's name will do.
    for guess in ("z" * 64, alice.key, key[:-1] + ("a" if key[-1] != "a" else "b")):
        with pytest.raises(InvalidStatus) as refused_there:
            streaming(installation, f"/ws/{guess}")
        assert refused_there.value.response.status_code == 400
        assert b"-1125" in (refused_there.value.response.body or b"")

    others = listen_key(http, stranger)["listenKey"]
    with (
        streaming(installation, f"/ws/{key}") as line,
        streaming(installation, f"/stream?streams={others}/btcusdt@trade") as another,
    ):
        order = alice.limit("BUY", "1", "10")
        live = events(line, 2)
        assert sorted(each["e"] for each in live) == ["executionReport", "outboundAccountPosition"]
        stranger.limit("BUY", "1", "11")
        theirs = [hear(another) for _ in range(2)]
        assert {each["stream"] for each in theirs} == {others}
        assert "11.00000000" in [each["data"].get("p") for each in theirs]
        with pytest.raises(TimeoutError):
            line.recv(0.3)
        alice.ask("DELETE", "order", symbol="BTCUSDT", orderId=order["orderId"])
        live += events(line, 2)
    with streaming(installation, f"/ws/{key}?from={live[0]['position']}") as line:
        assert events(line, 3) == live[1:]
    for since in ("x", str(live[-1]["position"] + 10**9)):
        with (
            pytest.raises((InvalidStatus, ConnectionClosed)),
            streaming(installation, f"/ws/{key}?from={since}") as line,
        ):
            line.recv(LIMIT_S)


def test_a_stream_ends_with_its_listen_key_or_the_api_key(
    installation: Installation, admin: Administrator, alice: Trader, http: httpx.Client
) -> None:
    bob = admin.open_account()
    keys = [listen_key(http, each)["listenKey"] for each in (alice, bob)]
    with (
        streaming(installation, f"/ws/{keys[0]}") as first,
        streaming(installation, f"/ws/{keys[1]}") as second,
    ):
        assert listen_key(http, alice, "DELETE", listenKey=keys[0]) == {}
        admin("DELETE", f"accounts/{bob.name}/keys/{bob.key}")
        for line in (first, second):
            assert hear(line)["e"] == "eventStreamTerminated"
            with pytest.raises(ConnectionClosed) as closed:
                line.recv(LIMIT_S)
            assert closed.value.rcvd is not None
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (
                1008,
                "the listen key has ended",
            )
    for key in keys:
        with pytest.raises(InvalidStatus):
            streaming(installation, f"/ws/{key}")
    assert listen_key(http, alice)["listenKey"] not in keys


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
