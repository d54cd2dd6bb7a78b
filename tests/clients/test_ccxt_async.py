"""What a user of ccxt relies on, async: many requests at once, over shared connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import ccxt
import ccxt.async_support
import pytest_asyncio

from infra.installation import Installation
from tests.clients.test_ccxt import PAIR, connected
from tests.integration.rest import Trader


@pytest_asyncio.fixture
async def client(exchange: Installation, user: Trader) -> AsyncIterator[Any]:
    client = connected(exchange.api_url, user, ccxt.async_support.binance)
    try:
        await client.load_markets()
        yield client
    finally:
        await client.close()


async def test_many_orders_at_once_each_have_their_outcome(client: Any) -> None:
    prices = range(10, 30)
    placed = await asyncio.gather(
        *(client.create_limit_buy_order(PAIR, 1, price) for price in prices)
    )
    assert [order["price"] for order in placed] == list(prices)
    assert len({order["id"] for order in placed}) == len(prices)
    assert {order["id"] for order in await client.fetch_open_orders(PAIR)} == {
        order["id"] for order in placed
    }
    assert (await client.fetch_balance())["USDT"]["used"] == sum(prices)
    cancelled = await asyncio.gather(*(client.cancel_order(order["id"], PAIR) for order in placed))
    assert {order["status"] for order in cancelled} == {"canceled"}
    assert (await client.fetch_balance())["USDT"]["used"] == 0


async def test_trading_and_reading_side_by_side(client: Any, other: Trader) -> None:
    other.limit("SELL", "2", "100")
    bought, book, candles, ticker = await asyncio.gather(
        client.create_market_buy_order(PAIR, 0.5),
        client.fetch_order_book(PAIR),
        client.fetch_ohlcv(PAIR, "1m"),
        client.fetch_ticker(PAIR),
    )
    assert (bought["status"], bought["cost"]) == ("closed", 50)
    assert book["asks"][0][0] == 100
    assert all(len(candle) == 6 for candle in candles)
    assert ticker["symbol"] == PAIR
    (trade,) = await client.fetch_my_trades(PAIR)
    assert (trade["order"], trade["takerOrMaker"]) == (bought["id"], "taker")
    balance, trades = await asyncio.gather(client.fetch_balance(), client.fetch_trades(PAIR))
    assert balance["BTC"]["total"] == 10.4995
    assert trades[-1]["id"] == trade["id"]


async def test_an_error_of_one_is_not_that_of_another(client: Any) -> None:
    outcomes: Any = await asyncio.gather(
        client.create_limit_buy_order(PAIR, 1, 10),
        client.create_limit_buy_order(PAIR, 1000, 100),
        client.cancel_order("7", PAIR),
        return_exceptions=True,
    )
    assert outcomes[0]["status"] == "open"
    assert [type(each) for each in outcomes[1:]] == [ccxt.InsufficientFunds, ccxt.OrderNotFound]
