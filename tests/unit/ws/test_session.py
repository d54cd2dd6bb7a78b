"""The protocol as a client sees it: a real server, a real client, markets fed by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from api.feeds.markets import Markets
from api.ws.app import Door
from api.ws.hub import Hub
from api.ws.service import listen, server_of
from tests.unit.feeds.samples import BTC, amount, diff, levels, market, snapshot, ticker, trade

LIMIT_S = 5


class Shown(Markets):
    """Markets without a log behind them."""

    ready = True
    lag = 0


class Served:
    """A door that is open, and the markets behind it."""

    def __init__(self) -> None:
        self.markets = Shown()
        self.hub = Hub(self.markets)
        self.door = Door(self.markets, self.hub, frames_max=50, connections_5m=20)
        self._socket = listen("127.0.0.1", 0)
        host, port = self._socket.getsockname()
        self.address = f"{host}:{port}"
        self._server = server_of(self.door)
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))

    def connect(self, path: str) -> connect:
        return connect(f"ws://{self.address}{path}", compression=None, open_timeout=LIMIT_S)

    async def left_alone(self) -> None:
        """Until nobody is subscribed to anything."""
        async with (
            asyncio.timeout(LIMIT_S),
            httpx.AsyncClient(base_url=f"http://{self.address}") as http,
        ):
            while (await http.get("/ready")).json()["streams"]:
                pass

    async def stop(self) -> None:
        self._server.should_exit = True
        await asyncio.wait_for(self._task, LIMIT_S)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    served = Served()
    served.markets.take_market(market())
    served.markets.take_depth(snapshot(1, levels("100 x 1"), levels("101 x 1")))
    yield served
    await served.stop()


async def hear(client: ClientConnection) -> Any:
    return json.loads(await asyncio.wait_for(client.recv(), LIMIT_S))


async def ask(
    client: ClientConnection, method: str, *params: object, request_id: object = 1
) -> Any:
    request = {"method": method, "params": list(params), "id": request_id}
    await client.send(json.dumps(request))
    return await hear(client)


async def listening(client: ClientConnection) -> list[str]:
    """What it is subscribed to, which is certain once this is answered."""
    streams: list[str] = (await ask(client, "LIST_SUBSCRIPTIONS"))["result"]
    return streams


async def closed(client: ClientConnection) -> tuple[int, str]:
    """The code and reason the server closes with, after whatever else it sends."""
    async with asyncio.timeout(LIMIT_S):
        with suppress(ConnectionClosedError):
            async for _ in client:
                pass
        await client.wait_closed()
    assert client.close_code is not None
    return client.close_code, client.close_reason or ""


async def test_a_raw_stream_is_named_by_the_path(served: Served) -> None:
    async with served.connect("/ws/btcusdt@trade") as client:
        await listening(client)
        served.markets.take_trade(trade(1))

        assert (await hear(client))["t"] == 1


async def test_combined_streams_say_which_they_are(served: Served) -> None:
    async with served.connect("/stream?streams=btcusdt@trade/btcusdt@bookTicker") as client:
        top = await hear(client)
        await listening(client)
        served.markets.take_trade(trade(1))
        traded = await hear(client)

        assert (top["stream"], top["data"]["u"]) == ("btcusdt@bookTicker", 1)
        assert (traded["stream"], traded["data"]["t"]) == ("btcusdt@trade", 1)


@pytest.mark.parametrize("path", ["/ws", "/ws/", "/ws/7", "/stream"])
async def test_streams_come_and_go_on_any_connection(served: Served, path: str) -> None:
    async with served.connect(path) as client:
        done = {"result": None, "id": 1}
        assert await ask(client, "SUBSCRIBE", "btcusdt@trade", "btcusdt@aggTrade") == done
        assert await ask(client, "SUBSCRIBE", "btcusdt@trade") == done
        assert await ask(client, "UNSUBSCRIBE", "btcusdt@aggTrade", "ethusdt@trade") == done
        assert await ask(client, "LIST_SUBSCRIPTIONS", request_id="x") == {
            "result": ["btcusdt@trade"],
            "id": "x",
        }
        assert served.hub.streams == 1
    await served.left_alone()


async def test_the_answer_comes_before_the_first_frame(served: Served) -> None:
    served.markets.take_ticker(ticker())
    async with served.connect("/ws") as client:
        assert await ask(client, "SUBSCRIBE", "btcusdt@ticker") == {"result": None, "id": 1}
        assert (await hear(client))["c"] == amount("110")


async def test_the_form_can_be_changed(served: Served) -> None:
    async with served.connect("/ws") as client:
        assert (await ask(client, "GET_PROPERTY", "combined"))["result"] is False
        assert (await ask(client, "SET_PROPERTY", "combined", True))["result"] is None
        assert (await ask(client, "GET_PROPERTY", "combined"))["result"] is True
        await ask(client, "SUBSCRIBE", "btcusdt@bookTicker")
        assert (await hear(client))["stream"] == "btcusdt@bookTicker"


async def test_a_wrong_request_changes_nothing_and_costs_nothing_else(served: Served) -> None:
    async with served.connect("/ws") as client:
        refused = await ask(client, "SUBSCRIBE", "btcusdt@trade", "btcusdt@nonsense")
        assert refused == {
            "error": {"code": 2, "msg": "Invalid request: unknown stream btcusdt@nonsense"},
            "id": 1,
        }
        await client.send("not json")
        assert (await hear(client))["error"]["code"] == 3
        await client.send(b"\x00")
        assert (await hear(client))["error"]["code"] == 2
        assert await listening(client) == []


async def test_a_connection_has_so_many_streams_at_most(served: Served) -> None:
    names = [f"m{number}@trade" for number in range(1_024)]
    async with served.connect("/ws") as client:
        assert (await ask(client, "SUBSCRIBE", *names))["result"] is None
        refused = await ask(client, "SUBSCRIBE", "one@trade", "more@trade")
        assert refused["error"]["msg"] == "Invalid request: more than 1024 streams"
        assert served.hub.streams == 1_024


async def test_a_path_that_names_no_stream_is_closed_with_a_reason(served: Served) -> None:
    async with served.connect("/ws/btcusdt@nonsense") as client:
        assert await closed(client) == (1008, "Invalid request: unknown stream btcusdt@nonsense")


async def test_who_talks_too_much_is_closed(served: Served) -> None:
    async with served.connect("/ws") as client:
        for _ in range(6):
            await client.send('{"method":"LIST_SUBSCRIPTIONS","id":1}')
        assert await closed(client) == (1008, "too many messages: at most 5 a second")


async def test_a_message_too_large_is_closed(served: Served) -> None:
    async with served.connect("/ws") as client:
        await client.send("x" * 70_000)
        assert (await closed(client))[0] == 1009


async def test_who_falls_behind_is_closed_with_a_reason_and_the_others_go_on(
    served: Served,
) -> None:
    """More trades in one go than the outbox holds: the client can't have read them."""
    async with served.connect("/ws/btcusdt@trade") as slow, served.connect("/ws") as other:
        await ask(other, "SUBSCRIBE", "btcusdt@miniTicker")
        await listening(slow)
        for number in range(1, 60):
            served.markets.take_trade(trade(number))
        served.markets.take_ticker(ticker())
        served.hub.tick(10**15)

        assert await closed(slow) == (1008, "too slow: the outbound queue is full")
        assert (await hear(other))["e"] == "24hrMiniTicker"
    await served.left_alone()


async def test_the_newest_is_enough_where_only_the_newest_counts(served: Served) -> None:
    async with served.connect("/ws/btcusdt@bookTicker") as client:
        await hear(client)
        for seq in range(2, 200):
            served.markets.take_depth(diff(seq, seq, levels(f"100 x {seq}")))

        assert (await hear(client))["u"] == 199


async def test_clients_are_told_before_the_server_goes(served: Served) -> None:
    async with served.connect("/stream?streams=btcusdt@trade") as client:
        await listening(client)
        served.markets.take_trade(trade(1))
        shutting = asyncio.create_task(served.door.shut(LIMIT_S))

        assert (await hear(client))["data"]["t"] == 1
        notice = await hear(client)
        assert (notice["stream"], notice["data"]["e"]) == ("!serverShutdown", "serverShutdown")
        assert (await closed(client))[0] == 1012
        await shutting

    with pytest.raises(InvalidStatus) as refused:
        await served.connect("/ws")
    assert refused.value.response.status_code == 503


async def test_nobody_is_let_in_before_the_markets_are_in_view(served: Served) -> None:
    served.markets.ready = False

    with pytest.raises(InvalidStatus) as refused:
        await served.connect("/ws/btcusdt@trade")
    assert refused.value.response.status_code == 503
    assert refused.value.response.headers["Retry-After"] == "1"


async def test_probes_are_answered(served: Served) -> None:
    async with httpx.AsyncClient(base_url=f"http://{served.address}") as http:
        ready = await http.get("/ready")
        assert (ready.status_code, ready.json()["ready"]) == (200, True)
        assert ready.json()["markets"] == len({BTC})

        served.markets.ready = False
        assert (await http.get("/ready")).status_code == 503
        assert (await http.get("/live")).status_code == 200


async def test_an_address_may_ask_for_the_book_and_for_microseconds(served: Served) -> None:
    path = "/stream?streams=btcusdt@depth/btcusdt@trade&snapshot=true&timeUnit=MICROSECOND"
    async with served.connect(path) as client:
        first = await hear(client)
        assert (first["stream"], first["data"]["e"]) == ("btcusdt@depth", "depthSnapshot")
        assert await listening(client) == ["btcusdt@depth", "btcusdt@trade"]
        traded = trade(1)
        served.markets.take_trade(traded)
        assert (await hear(client))["data"]["T"] == traded.time * 1000


async def test_a_subscription_can_begin_anew(served: Served) -> None:
    async with served.connect("/ws/btcusdt@depth") as client:
        await client.send(
            json.dumps({"method": "SUBSCRIBE", "params": ["btcusdt@depth?snapshot=true"]})
        )
        assert (await hear(client))["result"] is None
        assert (await hear(client))["u"] == 1
        assert await listening(client) == ["btcusdt@depth"]
        assert await ask(client, "UNSUBSCRIBE", "btcusdt@depth") == {"result": None, "id": 1}
        assert served.hub.streams == 0


async def test_pings_are_messages(served: Served) -> None:
    async with served.connect("/ws") as client:
        for _ in range(6):
            await client.ping()
        assert (await closed(client))[0] == 1008


async def test_who_connects_too_often_waits(served: Served) -> None:
    for _ in range(20):
        async with served.connect("/ws"):
            pass
    with pytest.raises(InvalidStatus) as refused:
        await served.connect("/ws")
    assert refused.value.response.status_code == 429
    assert 0 < int(refused.value.response.headers["Retry-After"]) <= 300


async def test_a_listen_key_is_no_good_where_nobody_knows_of_any(served: Served) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await served.connect(f"/ws/{'x' * 64}")
    assert refused.value.response.status_code == 400
