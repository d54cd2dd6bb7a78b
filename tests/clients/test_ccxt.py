"""What a user of ccxt relies on, sync: its unified API and its own exceptions."""

from __future__ import annotations

from typing import Any

import ccxt
import pytest

from infra.installation import Installation
from tests.integration.rest import Trader

PAIR = "BTC/USDT"


def connected(api_url: str, user: Trader, kind: type[Any] = ccxt.binance) -> Any:
    """A client as docs/api.md says to make one."""
    client = kind(
        {
            "apiKey": user.key,
            "secret": user.secret,
            "options": {"fetchMarkets": {"types": ["spot"]}},
        }
    )
    client.urls["api"] = {
        name: url.replace("https://api.binance.com", api_url)
        for name, url in client.urls["api"].items()
        if isinstance(url, str)
    }
    return client


@pytest.fixture
def client(exchange: Installation, user: Trader) -> Any:
    client = connected(exchange.api_url, user)
    client.load_markets()
    return client


def test_it_learns_the_markets_and_their_rules(client: Any) -> None:
    assert set(client.markets) == {PAIR, "ETH/USDT"}
    market = client.market(PAIR)
    assert market["active"]
    assert market["spot"]
    assert market["precision"] | {"price": 0.01, "amount": 0.00001} == market["precision"]
    assert market["limits"]["cost"]["min"] == 1
    assert client.price_to_precision(PAIR, 100.254) == "100.25"
    assert client.fetch_status()["status"] == "ok"
    assert abs(client.fetch_time() - client.milliseconds()) < 5_000
    assert {"BTC", "ETH", "USDT"} <= set(client.fetch_currencies())
    fees = client.fetch_trading_fees()[PAIR]
    assert (fees["maker"], fees["taker"]) == (0.0005, 0.001)
    assert client.fetch_trading_fee(PAIR)["taker"] == 0.001


def test_an_order_is_edited_by_another_in_its_place(client: Any) -> None:
    order = client.create_order(PAIR, "limit", "buy", 2, 100)
    edited = client.edit_order(order["id"], PAIR, "limit", "buy", 3, 99)
    assert (edited["status"], edited["amount"], edited["price"]) == ("open", 3, 99)
    assert client.fetch_order(order["id"], PAIR)["status"] == "canceled"
    with pytest.raises(ccxt.ExchangeError, match="-2022"):
        client.edit_order(order["id"], PAIR, "limit", "buy", 3, 98)
    assert [each["id"] for each in client.fetch_open_orders(PAIR)] == [edited["id"]]
    client.cancel_order(edited["id"], PAIR)


def test_a_limit_order_rests_is_listed_and_is_cancelled(client: Any) -> None:
    order = client.create_order(
        PAIR, "limit", "buy", 2, 100, {"clientOrderId": "ccxt-1", "timeInForce": "GTC"}
    )
    assert (order["status"], order["filled"], order["clientOrderId"]) == ("open", 0, "ccxt-1")
    assert client.fetch_balance()["USDT"] == {"free": 9800, "used": 200, "total": 10000}
    assert client.fetch_order(order["id"], PAIR)["price"] == 100
    by_client_id = client.fetch_order(None, PAIR, {"clientOrderId": "ccxt-1"})
    assert by_client_id["id"] == order["id"]
    assert [each["id"] for each in client.fetch_open_orders(PAIR)] == [order["id"]]
    assert client.cancel_order(order["id"], PAIR)["status"] == "canceled"
    assert client.fetch_open_orders(PAIR) == []
    assert [each["status"] for each in client.fetch_orders(PAIR)] == ["canceled"]
    assert client.fetch_canceled_orders(PAIR)[0]["id"] == order["id"]


def test_all_orders_of_a_pair_are_cancelled(client: Any) -> None:
    placed = {client.create_limit_buy_order(PAIR, 1, price)["id"] for price in (10, 11)}
    assert {each["id"] for each in client.cancel_all_orders(PAIR)} == placed


def test_every_kind_of_order_there_is(client: Any, other: Trader) -> None:
    other.limit("SELL", "4", "100")
    bought = client.create_market_buy_order(PAIR, 1)
    assert (bought["status"], bought["average"], bought["cost"]) == ("closed", 100, 100)
    assert bought["fee"]["currency"] == "BTC"
    by_cost = client.create_market_buy_order_with_cost(PAIR, 50)
    assert (by_cost["status"], by_cost["filled"]) == ("closed", 0.5)
    immediate = client.create_order(PAIR, "limit", "buy", 1, 99, {"timeInForce": "IOC"})
    assert (immediate["status"], immediate["timeInForce"]) == ("expired", "IOC")
    killed = client.create_order(PAIR, "limit", "buy", 9, 100, {"timeInForce": "FOK"})
    assert (killed["status"], killed["filled"]) == ("expired", 0)
    maker = client.create_order(PAIR, "limit", "buy", 1, 99, {"postOnly": True})
    assert client.fetch_order(maker["id"], PAIR)["status"] == "open"
    client.cancel_order(maker["id"], PAIR)
    other.limit("BUY", "1", "98")
    sold = client.create_market_sell_order(PAIR, 0.5)
    assert (sold["status"], sold["cost"]) == ("closed", 49)
    assert client.fetch_closed_orders(PAIR)[-1]["id"] == sold["id"]


def test_its_trades_and_its_balance_tell_the_same_story(client: Any, other: Trader) -> None:
    resting = client.create_limit_sell_order(PAIR, 1, 100)
    other.ask("POST", "order", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.4")
    (trade,) = client.fetch_my_trades(PAIR)
    assert (trade["order"], trade["price"], trade["amount"]) == (resting["id"], 100, 0.4)
    assert (trade["takerOrMaker"], trade["side"]) == ("maker", "sell")
    assert trade["fee"] == {"cost": 0.02, "currency": "USDT"}
    balance = client.fetch_balance()
    assert balance["BTC"] == {"free": 9, "used": 0.6, "total": 9.6}
    assert balance["USDT"]["free"] == 10039.98
    assert client.fetch_order_trades(resting["id"], PAIR)[0]["id"] == trade["id"]
    assert client.fetch_order(resting["id"], PAIR)["remaining"] == 0.6


@pytest.mark.usefixtures("traded")
def test_the_market_as_everybody_sees_it(client: Any, user: Trader) -> None:
    user.limit("BUY", "1", "98")
    book = client.fetch_order_book(PAIR, 5)
    assert (book["bids"], book["asks"]) == ([[98, 1]], [[100, 0.5]])
    assert book["nonce"] > 0
    trade = client.fetch_trades(PAIR)[-1]
    assert (trade["price"], trade["amount"], trade["side"]) == (100, 0.5, "buy")
    historical = client.fetch_trades(
        PAIR, params={"fetchTradesMethod": "publicGetHistoricalTrades"}
    )
    assert (
        historical[-1]["id"]
        == client.fetch_trades(PAIR, params={"fetchTradesMethod": "publicGetTrades"})[-1]["id"]
    )
    ticker = client.fetch_ticker(PAIR)
    assert (ticker["bid"], ticker["ask"]) == (98, 100)
    assert set(client.fetch_tickers()) == {PAIR, "ETH/USDT"}
    assert set(client.fetch_tickers([PAIR])) == {PAIR}
    assert client.fetch_bids_asks([PAIR])[PAIR]["ask"] == 100
    assert client.fetch_last_prices([PAIR])[PAIR]["price"] == 100


@pytest.mark.usefixtures("traded")
def test_candles_of_every_timeframe(client: Any) -> None:
    for timeframe in client.timeframes:
        candle = client.fetch_ohlcv(PAIR, timeframe, limit=3)[-1]
        assert candle[4] == 100


ORDER = (PAIR, "limit", "buy", 1, 100)


@pytest.mark.parametrize(
    ("error", "call"),
    [
        (ccxt.InsufficientFunds, lambda c: c.create_order(PAIR, "limit", "buy", 1000, 100)),
        (ccxt.OrderNotFound, lambda c: c.cancel_order("7", PAIR)),
        (ccxt.OrderNotFound, lambda c: c.fetch_order("7", PAIR)),
        (ccxt.BadSymbol, lambda c: c.publicGetDepth({"symbol": "NOPE"})),
        (
            ccxt.InvalidOrder,
            lambda c: c.privatePostOrder(
                {
                    "symbol": "BTCUSDT",
                    "side": "BUY",
                    "type": "LIMIT",
                    "timeInForce": "GTC",
                    "quantity": "1",
                    "price": "100.001",
                }
            ),
        ),
        (
            ccxt.OrderImmediatelyFillable,
            lambda c: c.create_order(
                PAIR, "limit", "buy", 1, 200, {"postOnly": True, "newOrderRespType": "RESULT"}
            ),
        ),
        (ccxt.BadRequest, lambda c: c.privateGetOrder({"symbol": "BTCUSDT", "typo": 1})),
        (
            ccxt.BadRequest,
            lambda c: c.privatePostOrder({"symbol": "BTCUSDT", "side": "UP", "type": "LIMIT"}),
        ),
    ],
)
def test_errors_are_its_own_exceptions(
    client: Any, other: Trader, error: type[Exception], call: Any
) -> None:
    other.limit("SELL", "1", "150")
    with pytest.raises(error) as raised:
        call(client)
    assert type(raised.value) is error


def test_a_client_order_id_in_use_is_refused(client: Any) -> None:
    """ccxt's binance has no DuplicateOrderId: it reads -2010 "Duplicate order sent." as this."""
    client.create_order(*ORDER, {"clientOrderId": "twice"})
    with pytest.raises(ccxt.InvalidOrder, match="Duplicate order sent"):
        client.create_order(*ORDER, {"clientOrderId": "twice"})


@pytest.mark.parametrize("wrong", [{"secret": "x" * 64}, {"apiKey": "y" * 64}, {"apiKey": "y"}])
def test_a_stranger_is_not_let_in(exchange: Installation, user: Trader, wrong: Any) -> None:
    stranger = connected(exchange.api_url, user)
    for name, value in wrong.items():
        setattr(stranger, name, value)
    with pytest.raises(ccxt.AuthenticationError):
        stranger.fetch_balance()
