"""The client that comes with the exchange, on the exchange."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing
from decimal import Decimal

import pytest

from api.client import AsyncClient, Client, ExchangeError, LocalBook, calls, follow_book
from api.client.answers import OrderBook
from infra.installation import Installation
from tests.integration.rest import Trader

SYMBOL = "BTCUSDT"
LIMIT_S = 60.0
LIMIT = {"timeInForce": "GTC"}


def test_it_trades_without_await(exchange: Installation, user: Trader, other: Trader) -> None:
    with Client(exchange.api_url, user.key, user.secret) as client:
        client.send(calls.ping())
        assert {each.symbol for each in client.send(calls.exchange_info()).symbols} == {
            SYMBOL,
            "ETHUSDT",
        }
        other.limit("SELL", "1", "100")
        bought = client.send(calls.place_order(SYMBOL, "BUY", "MARKET", quantity="0.4"))
        assert (bought.status, bought.fills[0].price) == ("FILLED", "100.00000000")
        (trade,) = client.send(calls.my_trades(SYMBOL))
        assert trade.order_id == bought.order_id
        assert client.send(calls.trades(SYMBOL))[-1].id == trade.id
        assert client.send(calls.trades(SYMBOL, fromId=trade.id))[0].id == trade.id
        resting = client.send(
            calls.place_order(SYMBOL, "BUY", "LIMIT", price="50", quantity="1", **LIMIT)
        )
        assert client.send(calls.order(SYMBOL, orderId=resting.order_id)).status == "NEW"
        assert len(client.send(calls.open_orders())) == 1
        canceled = client.send(calls.cancel_order(SYMBOL, orderId=resting.order_id))
        assert canceled.status == "CANCELED"
        assert len(client.send(calls.all_orders(SYMBOL))) == 2
        free = {each.asset: each.free for each in client.send(calls.account()).balances}
        assert free == {"BTC": "10.39960000", "USDT": "9960.00000000"}
        with pytest.raises(ExchangeError) as raised:
            client.send(calls.cancel_order(SYMBOL, orderId=7))
        assert (raised.value.code, raised.value.unknown) == (-2011, False)


@pytest.mark.usefixtures("traded")
async def test_it_reads_the_market(exchange: Installation) -> None:
    async with AsyncClient(exchange.api_url) as client:
        now, book, candles, day, window = await asyncio.gather(
            client.send(calls.server_time()),
            client.send(calls.depth(SYMBOL)),
            client.send(calls.klines(SYMBOL, "1m", limit=1)),
            client.send(calls.day_ticker(SYMBOL)),
            client.send(calls.rolling_ticker(SYMBOL, "1h")),
        )
    assert candles[0].open_time <= now.server_time
    assert candles[0].close == day.last_price == window.last_price == "100.00000000"
    assert book.asks == [("100.00000000", "0.50000000")]


async def test_its_book_is_the_exchanges(
    exchange: Installation, user: Trader, other: Trader
) -> None:
    """Held against each snapshot that is of the same event, while two accounts trade at random."""
    async with (
        AsyncClient(exchange.api_url, user.key, user.secret) as client,
        AsyncClient(exchange.api_url, other.key, other.secret) as another,
        asyncio.timeout(LIMIT_S),
        asyncio.TaskGroup() as group,
        aclosing(follow_book(client, exchange.ws_url, SYMBOL)) as books,
    ):
        ended = asyncio.Event()
        group.create_task(trade([client, another], ended))
        compared = 0
        async for book in books:
            was_over = ended.is_set()
            shown = await client.send(calls.depth(SYMBOL, limit=100))
            if shown.last_update_id == book.last_update_id:
                assert seen(book) == decimals(shown)
                compared += 1
                if was_over:
                    break
    assert compared


async def trade(clients: list[AsyncClient], ended: asyncio.Event) -> None:
    dice = random.Random(7)
    for _ in range(150):
        client = dice.choice(clients)
        side = dice.choice(("BUY", "SELL"))
        price = str(dice.randrange(95, 105))
        await client.send(
            calls.place_order(SYMBOL, side, "LIMIT", price=price, quantity="0.02", **LIMIT)
        )
    ended.set()
    # One more change, so that the stream has something to say after the last comparison.
    await clients[0].send(
        calls.place_order(SYMBOL, "BUY", "LIMIT", price="1", quantity="1", **LIMIT)
    )


def seen(book: LocalBook) -> list[list[tuple[Decimal, Decimal]]]:
    return [book.bids(100), book.asks(100)]


def decimals(shown: OrderBook) -> list[list[tuple[Decimal, Decimal]]]:
    return [
        [(Decimal(price), Decimal(quantity)) for price, quantity in side]
        for side in (shown.bids, shown.asks)
    ]
