"""What a user of binance-sdk-spot, the official client, relies on: typed models of every answer."""

from __future__ import annotations

from typing import Any

import pytest
from binance_common.configuration import ConfigurationRestAPI
from binance_common.errors import BadRequestError, UnauthorizedError
from binance_sdk_spot import Spot
from binance_sdk_spot.rest_api.models import (
    KlinesIntervalEnum,
    NewOrderSideEnum,
    NewOrderTimeInForceEnum,
    NewOrderTypeEnum,
    TickerWindowSizeEnum,
    UiKlinesIntervalEnum,
)

from infra.installation import Installation
from tests.integration.rest import Trader

SYMBOL = "BTCUSDT"
BUY, SELL = NewOrderSideEnum["BUY"], NewOrderSideEnum["SELL"]
LIMIT, MARKET = NewOrderTypeEnum["LIMIT"], NewOrderTypeEnum["MARKET"]
GTC = NewOrderTimeInForceEnum["GTC"]


def connected(exchange: Installation, key: str, secret: str) -> Any:
    configuration = ConfigurationRestAPI(
        api_key=key, api_secret=secret, base_path=exchange.api_url, timeout=20_000
    )
    return Spot(config_rest_api=configuration).rest_api


@pytest.fixture
def client(exchange: Installation, user: Trader) -> Any:
    return connected(exchange, user.key, user.secret)


def limit(client: Any, side: Any, quantity: float, price: float, **more: Any) -> Any:
    more = {"time_in_force": GTC, **more}
    return client.new_order(SYMBOL, side, LIMIT, quantity=quantity, price=price, **more).data()


def test_it_learns_the_markets(client: Any) -> None:
    client.ping()
    assert client.time().data().server_time > 0
    symbols = client.exchange_info().data().symbols
    assert {each.symbol for each in symbols} == {SYMBOL, "ETHUSDT"}
    (one,) = client.exchange_info(symbols=[SYMBOL]).data().symbols
    assert "LIMIT_MAKER" in one.order_types


def test_an_order_is_placed_asked_for_and_cancelled(client: Any) -> None:
    order = limit(client, BUY, 2, 100, new_client_order_id="sdk-1")
    assert (order.status, order.client_order_id) == ("NEW", "sdk-1")
    assert client.get_order(SYMBOL, order_id=order.order_id).data().status == "NEW"
    (resting,) = client.get_open_orders(SYMBOL).data()
    assert resting.order_id == order.order_id
    canceled = client.delete_order(SYMBOL, orig_client_order_id="sdk-1").data()
    assert canceled.status == "CANCELED"
    assert [each.status for each in client.all_orders(SYMBOL).data()] == ["CANCELED"]
    limit(client, SELL, 1, 200)
    assert len(client.delete_open_orders(SYMBOL).data()) == 1


def test_an_order_is_amended_in_its_place(client: Any) -> None:
    order = limit(client, BUY, 2, 100, new_client_order_id="sdk-1")
    answer = client.order_amend_keep_priority(
        SYMBOL, new_qty=1.5, orig_client_order_id="sdk-1", new_client_order_id="sdk-2"
    ).data()
    amended = answer.amended_order
    assert (amended.order_id, amended.qty) == (order.order_id, "1.50000000")
    assert (amended.orig_client_order_id, amended.client_order_id) == ("sdk-1", "sdk-2")
    (found,) = client.order_amendments(SYMBOL, order_id=order.order_id).data()
    assert (found.orig_qty, found.new_qty) == ("2.00000000", "1.50000000")
    assert found.execution_id == answer.execution_id
    with pytest.raises(BadRequestError) as raised:
        client.order_amend_keep_priority(SYMBOL, new_qty=2, order_id=order.order_id)
    assert raised.value.status_code == -2038


def test_every_kind_of_order_there_is(client: Any, other: Trader) -> None:
    other.limit("SELL", "4", "100")
    bought = client.new_order(SYMBOL, BUY, MARKET, quantity=1).data()
    assert bought.status == "FILLED"
    assert bought.fills[0].price == "100.00000000"
    by_quote = client.new_order(SYMBOL, BUY, MARKET, quote_order_qty=50).data()
    assert by_quote.executed_qty == "0.50000000"
    maker = client.new_order(
        SYMBOL, BUY, NewOrderTypeEnum["LIMIT_MAKER"], quantity=1, price=99
    ).data()
    assert maker.order_id
    for name in ("IOC", "FOK"):
        expired = limit(client, BUY, 1, 98, time_in_force=NewOrderTimeInForceEnum[name])
        assert expired.status == "EXPIRED"


def test_trades_and_balances_tell_the_same_story(client: Any, other: Trader) -> None:
    other.limit("SELL", "1", "100")
    client.new_order(SYMBOL, BUY, MARKET, quantity=0.4)
    (trade,) = client.my_trades(SYMBOL).data()
    assert (trade.price, trade.qty, trade.is_maker) == ("100.00000000", "0.40000000", False)
    account = client.get_account().data()
    free = {balance.asset: balance.free for balance in account.balances}
    assert free == {"BTC": "10.39960000", "USDT": "9960.00000000"}
    assert client.get_trades(SYMBOL).data()[-1].id == trade.id
    assert client.historical_trades(SYMBOL, from_id=trade.id).data()[0].id == trade.id
    assert client.agg_trades(SYMBOL).data()[-1].l == trade.id


@pytest.mark.usefixtures("traded")
def test_the_market_as_everybody_sees_it(client: Any) -> None:
    assert client.depth(SYMBOL).data().asks == [["100.00000000", "0.50000000"]]
    candles = client.klines(SYMBOL, KlinesIntervalEnum["INTERVAL_1m"]).data()
    assert candles[-1][4] == "100.00000000"
    assert client.ticker_price(SYMBOL).data().actual_instance.price == "100.00000000"
    assert client.ticker_book_ticker(SYMBOL).data().actual_instance.ask_qty == "0.50000000"
    assert client.ticker24hr(SYMBOL).data().actual_instance.count > 0
    assert len(client.ticker_price().data().actual_instance) == 2
    rolling = client.ticker(symbol=SYMBOL, window_size=TickerWindowSizeEnum["WINDOW_SIZE_1h"])
    today = client.ticker_trading_day(symbol=SYMBOL, time_zone="9")
    for window in (rolling, today):
        statistics = window.data().actual_instance
        assert (statistics.last_price, statistics.count > 0) == ("100.00000000", True)
    shown = client.ui_klines(SYMBOL, UiKlinesIntervalEnum["INTERVAL_1d"], time_zone="-5").data()
    assert shown[-1][4] == "100.00000000"
    assert float(client.avg_price(SYMBOL).data().price) > 0
    assert client.account_commission(SYMBOL).data().standard_commission.taker == "0.00100000"


@pytest.mark.parametrize(
    ("code", "call"),
    [
        (-2010, lambda c: limit(c, BUY, 1000, 100)),
        (-1121, lambda c: c.depth("NOPE")),
        (-2011, lambda c: c.delete_order(SYMBOL, order_id=7)),
        (-2013, lambda c: c.get_order(SYMBOL, order_id=7)),
        (-1013, lambda c: limit(c, BUY, 1, 100.001)),
    ],
)
def test_errors_are_its_own_exceptions(client: Any, code: int, call: Any) -> None:
    with pytest.raises(BadRequestError) as raised:
        call(client)
    assert raised.value.status_code == code


@pytest.mark.parametrize(("key", "code"), [("y" * 64, -2015), ("y", -2014)])
def test_a_stranger_is_not_let_in(exchange: Installation, key: str, code: int) -> None:
    with pytest.raises(UnauthorizedError) as raised:
        connected(exchange, key, "x" * 64).get_account()
    assert raised.value.status_code == code
