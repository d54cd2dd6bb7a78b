"""What a user of python-binance relies on, sync and async."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from binance.async_client import AsyncClient
from binance.client import Client
from binance.exceptions import BinanceAPIException

from infra.installation import Installation
from tests.integration.rest import Trader

SYMBOL = "BTCUSDT"


@pytest.fixture
def client(exchange: Installation, user: Trader) -> Iterator[Any]:
    # The client takes the current event loop, or makes one that it never closes.
    with asyncio.Runner() as runner:
        asyncio.set_event_loop(runner.get_loop())
        client: Any = Client(user.key, user.secret, ping=False)
        client.API_URL = f"{exchange.api_url}/api"
        client.MARGIN_API_URL = f"{exchange.api_url}/sapi"
        yield client
        client.close_connection()
    asyncio.set_event_loop(None)


def test_it_learns_the_markets(client: Any) -> None:
    assert client.ping() == {}
    assert client.get_server_time()["serverTime"] > 0
    symbols = client.get_exchange_info()["symbols"]
    assert {each["symbol"] for each in symbols} == {SYMBOL, "ETHUSDT"}
    info = client.get_symbol_info(SYMBOL)
    assert "LIMIT_MAKER" in info["orderTypes"]
    assert client.get_symbol_info("NOPE") is None
    assert client.get_system_status()["msg"] == "normal"


def test_an_order_is_placed_asked_for_and_cancelled(client: Any) -> None:
    order = client.order_limit_buy(symbol=SYMBOL, quantity="2", price="100")
    assert (order["status"], order["fills"]) == ("NEW", [])
    assert client.get_asset_balance("USDT")["locked"] == "200.00000000"
    assert client.get_order(symbol=SYMBOL, orderId=order["orderId"])["status"] == "NEW"
    assert [each["orderId"] for each in client.get_open_orders()] == [order["orderId"]]
    canceled = client.cancel_order(symbol=SYMBOL, orderId=order["orderId"])
    assert canceled["status"] == "CANCELED"
    assert [each["status"] for each in client.get_all_orders(symbol=SYMBOL)] == ["CANCELED"]
    client.order_limit_sell(symbol=SYMBOL, quantity=1, price="200")
    assert len(client.cancel_all_open_orders(symbol=SYMBOL)) == 1


def test_an_order_takes_anothers_place_or_is_amended_in_its_own(client: Any) -> None:
    order = client.order_limit_buy(symbol=SYMBOL, quantity="2", price="100")
    terms = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    answer = client.cancel_replace_order(
        **terms,
        quantity="3",
        price="99",
        cancelReplaceMode="STOP_ON_FAILURE",
        cancelOrderId=order["orderId"],
    )
    placed = answer["newOrderResponse"]
    assert (answer["cancelResult"], placed["status"]) == ("SUCCESS", "NEW")
    amend = {"symbol": SYMBOL, "orderId": placed["orderId"], "newQty": "1"}
    amended = client._put("order/amend/keepPriority", True, data=amend)
    assert amended["amendedOrder"]["qty"] == "1.00000000"
    client.cancel_order(symbol=SYMBOL, orderId=placed["orderId"])


def test_every_kind_of_order_there_is(client: Any, other: Trader) -> None:
    other.limit("SELL", "4", "100")
    assert client.order_market_buy(symbol=SYMBOL, quantity=1)["status"] == "FILLED"
    by_quote = client.order_market_buy(symbol=SYMBOL, quoteOrderQty=50)
    assert by_quote["executedQty"] == "0.50000000"
    order = {"symbol": SYMBOL, "side": "BUY", "quantity": "1", "price": "99"}
    maker = client.create_order(**order, type=Client.ORDER_TYPE_LIMIT_MAKER)
    assert "status" not in maker
    assert client.get_order(symbol=SYMBOL, orderId=maker["orderId"])["type"] == "LIMIT_MAKER"
    for time_in_force in (Client.TIME_IN_FORCE_IOC, Client.TIME_IN_FORCE_FOK):
        expired = client.order_limit(**order, timeInForce=time_in_force)
        assert expired["status"] == "EXPIRED"
    assert client.create_test_order(**order, type="LIMIT", timeInForce="GTC") == {}


def test_trades_and_balances_tell_the_same_story(client: Any, other: Trader) -> None:
    other.limit("SELL", "1", "100")
    client.order_market_buy(symbol=SYMBOL, quantity="0.4")
    (trade,) = client.get_my_trades(symbol=SYMBOL)
    assert (trade["price"], trade["qty"]) == ("100.00000000", "0.40000000")
    received = Decimal("0.4") - Decimal(trade["commission"])
    assert Decimal(client.get_asset_balance("BTC")["free"]) == 10 + received
    assert client.get_recent_trades(symbol=SYMBOL)[-1]["id"] == trade["id"]
    assert client.get_historical_trades(symbol=SYMBOL, fromId=trade["id"])[0]["id"] == trade["id"]
    aggregate = client.get_aggregate_trades(symbol=SYMBOL)[-1]
    assert aggregate["l"] == trade["id"]
    newest = list(client.aggregate_trade_iter(SYMBOL, last_id=aggregate["a"] - 1))
    assert newest[-1] == aggregate


@pytest.mark.usefixtures("traded")
def test_the_market_as_everybody_sees_it(client: Any) -> None:
    assert client.get_order_book(symbol=SYMBOL)["asks"] == [["100.00000000", "0.50000000"]]
    assert client.get_symbol_ticker(symbol=SYMBOL)["price"] == "100.00000000"
    assert client.get_orderbook_ticker(symbol=SYMBOL)["askQty"] == "0.50000000"
    assert len(client.get_all_tickers()) == 2
    assert len(client.get_orderbook_tickers()) == 2
    assert client.get_ticker(symbol=SYMBOL)["count"] > 0
    candles = client.get_klines(symbol=SYMBOL, interval=Client.KLINE_INTERVAL_1MINUTE)
    assert candles[-1][4] == "100.00000000"
    hour = client.get_historical_klines(SYMBOL, Client.KLINE_INTERVAL_1MINUTE, "1 hour ago UTC")
    assert hour[-1][4] == "100.00000000"


@pytest.mark.parametrize(
    ("code", "status", "call"),
    [
        (-2010, 400, lambda c: c.order_limit_buy(symbol=SYMBOL, quantity=1000, price="100")),
        (-1121, 400, lambda c: c.get_order_book(symbol="NOPE")),
        (-2011, 400, lambda c: c.cancel_order(symbol=SYMBOL, orderId=7)),
        (-2013, 400, lambda c: c.get_order(symbol=SYMBOL, orderId=7)),
        (-1013, 400, lambda c: c.order_limit_buy(symbol=SYMBOL, quantity=1, price="100.001")),
        (-1102, 400, lambda c: c.get_order_book()),
        (-1104, 400, lambda c: c.get_account(typo=1)),
        (-1120, 400, lambda c: c.get_klines(symbol=SYMBOL, interval="7m")),
    ],
)
def test_errors_are_its_own_exceptions(client: Any, code: int, status: int, call: Any) -> None:
    with pytest.raises(BinanceAPIException) as raised:
        call(client)
    assert (raised.value.code, raised.value.status_code) == (code, status)


async def test_the_async_client_trades_as_well(
    exchange: Installation, user: Trader, other: Trader
) -> None:
    client: Any = AsyncClient(user.key, user.secret)
    client.API_URL = f"{exchange.api_url}/api"
    try:
        other.limit("SELL", "1", "100")
        bought = await client.order_market_buy(symbol=SYMBOL, quantity="0.5")
        assert bought["status"] == "FILLED"
        resting, account = await asyncio.gather(
            client.order_limit_buy(symbol=SYMBOL, quantity="1", price="10"), client.get_account()
        )
        assert account["canTrade"]
        canceled = await client.cancel_order(symbol=SYMBOL, orderId=resting["orderId"])
        assert canceled["status"] == "CANCELED"
        with pytest.raises(BinanceAPIException) as raised:
            await client.order_limit_buy(symbol=SYMBOL, quantity=1000, price="100")
        assert raised.value.code == -2010
    finally:
        await client.close_connection()
