"""What users of three clients hear: unmodified, with only the addresses changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import ccxt
import ccxt.pro
import pytest_asyncio
from binance.async_client import AsyncClient
from binance.ws.streams import BinanceSocketManager
from binance_common.configuration import ConfigurationWebSocketAPI, ConfigurationWebSocketStreams
from binance_sdk_spot import Spot
from binance_sdk_spot.websocket_streams.models import (
    KlineOffsetIntervalEnum,
    RollingWindowTickerWindowSizeEnum,
)

from infra.installation import Installation
from tests.clients.test_ccxt import PAIR, connected
from tests.integration.rest import Trader

LIMIT_S = 30
SYMBOL = "BTCUSDT"


def call_url(exchange: Installation) -> str:
    return exchange.api_url.replace("http://", "ws://") + "/ws-api/v3"


async def trade(user: Trader, other: Trader, price: str = "100") -> None:
    """Half a bitcoin is bought, and another is offered still."""
    await asyncio.to_thread(other.limit, "SELL", "1", price)
    await asyncio.to_thread(user.limit, "BUY", "0.5", price)


async def once(listen: Callable[[], Awaitable[Any]], cause: Callable[[], Awaitable[None]]) -> Any:
    """What is heard once something happens, which is made to until it is."""
    async with asyncio.timeout(LIMIT_S):
        hearing = asyncio.ensure_future(listen())
        while not hearing.done():
            await cause()
            await asyncio.wait((hearing,), timeout=0.3)
        return await hearing


@pytest_asyncio.fixture
async def watcher(exchange: Installation, user: Trader) -> AsyncIterator[Any]:
    """ccxt.pro, with the addresses of streams and of the WebSocket API changed as well."""
    streams = ccxt.pro.binance().urls["api"]["ws"]
    client = connected(exchange.api_url, user, ccxt.pro.binance)
    client.urls["api"]["ws"] = {
        **streams,
        "spot": f"{exchange.ws_url}/ws",
        "ws-api": {**streams["ws-api"], "spot": call_url(exchange)},
    }
    try:
        await client.load_markets()
        yield client
    finally:
        await client.close()


async def test_ccxt_pro_watches_a_market(watcher: Any, user: Trader, other: Trader) -> None:
    async def happens() -> None:
        await trade(user, other)

    async def best_ask() -> float:
        """The first it hears is how things stand: nobody may offer anything yet."""
        while (best := (await watcher.watch_bids_asks([PAIR]))[PAIR]["ask"]) is None:
            pass
        return float(best)

    trades, ticker, candles, ask = await asyncio.gather(
        once(lambda: watcher.watch_trades(PAIR), happens),
        once(lambda: watcher.watch_ticker(PAIR), happens),
        once(lambda: watcher.watch_ohlcv(PAIR, "1m"), happens),
        once(best_ask, happens),
    )
    assert (trades[-1]["price"], trades[-1]["amount"]) == (100, 0.5)
    assert ticker["last"] == 100
    assert candles[-1][4] == 100
    assert ask == 100


async def test_ccxt_pro_keeps_the_book_and_finds_no_gap_in_it(
    watcher: Any, user: Trader, other: Trader
) -> None:
    """It raises `ChecksumError` where one diff does not follow the other."""
    await asyncio.to_thread(other.limit, "SELL", "1", "200")
    async with asyncio.timeout(LIMIT_S):
        book = await watcher.watch_order_book(PAIR)
        for price in range(50, 60):
            await asyncio.to_thread(user.limit, "BUY", "1", str(price))
            while not book["bids"] or book["bids"][0][0] != price:
                book = await watcher.watch_order_book(PAIR)
        shown = await watcher.fetch_order_book(PAIR)
    assert [level[:2] for level in book["bids"]] == shown["bids"]
    assert [level[:2] for level in book["asks"]] == shown["asks"]


async def test_ccxt_pro_watches_its_own_account(watcher: Any, user: Trader, other: Trader) -> None:
    await watcher.fetch_balance()
    await asyncio.to_thread(other.limit, "SELL", "1", "100")
    async with asyncio.timeout(LIMIT_S):
        await watcher.authenticate()
        orders = asyncio.ensure_future(watcher.watch_orders(PAIR))
        balance = asyncio.ensure_future(watcher.watch_balance())
        fills = asyncio.ensure_future(watcher.watch_my_trades(PAIR))
        placed = await watcher.create_order(PAIR, "limit", "buy", 0.5, 100)
        (order, *_), _, (fill, *_) = await asyncio.gather(orders, balance, fills)
        assert order["id"] == fill["order"] == placed["id"]
        assert (fill["price"], fill["amount"], fill["takerOrMaker"]) == (100, 0.5, "taker")
        while watcher.balance["spot"].get("BTC", {}).get("free") != 10.4995:
            await watcher.watch_balance()
    assert watcher.balance["spot"]["USDT"]["free"] == 9950


async def test_python_binance_hears_a_market_and_its_own_account(
    exchange: Installation, user: Trader, other: Trader
) -> None:
    client: Any = AsyncClient(user.key, user.secret)
    client.API_URL = f"{exchange.api_url}/api"
    client.ws_api._url = call_url(exchange)
    manager: Any = BinanceSocketManager(client)
    manager.STREAM_URL = f"{exchange.ws_url}/"

    async def happens() -> None:
        await trade(user, other)

    try:
        names = [f"{SYMBOL.lower()}@{kind}" for kind in ("trade", "kline_1m", "depth@100ms")]
        async with (
            manager.multiplex_socket(names) as several,
            manager.user_socket() as own,
        ):
            heard = {(await once(several.recv, happens))["stream"]}
            async with asyncio.timeout(LIMIT_S):
                while heard != set(names):
                    heard.add((await several.recv())["stream"])
                kinds: set[str] = set()
                while kinds != {"executionReport", "outboundAccountPosition"}:
                    kinds.add((await own.recv())["e"])
    finally:
        await client.close_connection()


async def test_binances_own_client_hears_a_market_and_its_own_account(
    exchange: Installation, user: Trader, other: Trader
) -> None:
    """Its models refuse what is not as Binance documents it."""
    client: Any = Spot(
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=exchange.ws_url),
        config_ws_api=ConfigurationWebSocketAPI(
            api_key=user.key, api_secret=user.secret, stream_url=call_url(exchange)
        ),
    )
    heard: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

    async def happens() -> None:
        await trade(user, other)

    streams = await client.websocket_streams.create_connection()
    calls = await client.websocket_api.create_connection()
    try:
        symbol = SYMBOL.lower()
        opened = {
            "trade": await streams.trade(symbol=symbol),
            "avgPrice": await streams.avg_price(symbol=symbol),
            "1hTicker": await streams.rolling_window_ticker(
                symbol=symbol,
                window_size=RollingWindowTickerWindowSizeEnum["WINDOW_SIZE_1h"].value,
            ),
            "kline": await streams.kline_offset(
                symbol=symbol, interval=KlineOffsetIntervalEnum["INTERVAL_1d"].value
            ),
        }
        for name, stream in opened.items():
            stream.on("message", lambda told, name=name: heard.put_nowait((name, told)))
        own = await calls.user_data_stream_subscribe_signature()
        own.stream.on("message", lambda told: heard.put_nowait(("own", told)))

        async def all_heard() -> dict[str, Any]:
            last: dict[str, Any] = {}
            while last.keys() != {*opened, "own"}:
                name, told = await heard.get()
                last[name] = told
            return last

        last = await once(all_heard, happens)
        assert (last["trade"].p, last["avgPrice"].i) == ("100.00000000", "5m")
        assert (last["1hTicker"].e, last["1hTicker"].c) == ("1hTicker", "100.00000000")
        assert last["kline"].k.i == "1d"
        placed = await calls.order_test(
            symbol=SYMBOL, side="BUY", type="LIMIT", time_in_force="GTC", quantity=1, price=100
        )
        assert placed.data().status == 200
    finally:
        await streams.close_connection(close_session=True)
        await calls.close_connection(close_session=True)
