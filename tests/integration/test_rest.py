"""A trader's session over REST, on the whole chain: real broker, real database, every service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

import httpx
import pytest

from api.auth import ADMIN_KEY_HEADER
from infra.installation import Installation
from tests.integration.rest import Administrator, Json, Trader, limit_order


@pytest.fixture(scope="module")
def admin(installation: Installation, http: httpx.Client) -> Administrator:
    return Administrator(installation, http)


@pytest.fixture(scope="module")
def market(admin: Administrator) -> Json:
    return admin.create_market()


@pytest.fixture
def trader(admin: Administrator, market: Json) -> Callable[[], Trader]:
    """Opens a new account with 10000 USDT and 10 BTC."""
    return admin.open_account


@pytest.fixture
def alice(trader: Callable[[], Trader]) -> Trader:
    return trader()


@pytest.fixture
def bob(trader: Callable[[], Trader], alice: Trader) -> Iterator[Trader]:
    """Another; what either leaves in the book is taken out of it."""
    bob = trader()
    yield bob
    for left in (alice, bob):
        left.send("DELETE", "openOrders", symbol="BTCUSDT")


# -- placing, cancelling, filling -----------------------------------------------------------------


def test_an_order_rests_with_its_funds_locked_until_it_is_cancelled(alice: Trader) -> None:
    order = alice.limit("BUY", "2", "100")
    assert (order["status"], order["fills"]) == ("NEW", [])
    assert alice.balances()["USDT"] == (9800, 200)
    (resting,) = alice.ask("GET", "openOrders", symbol="BTCUSDT")
    assert resting["orderId"] == order["orderId"]

    canceled = alice.ask("DELETE", "order", symbol="BTCUSDT", orderId=order["orderId"])
    assert canceled["status"] == "CANCELED"
    assert canceled["origClientOrderId"] == order["clientOrderId"]
    assert alice.ask("GET", "openOrders") == []
    assert alice.balances()["USDT"] == (10000, 0)


def test_a_fill_is_told_in_full_and_is_in_both_balances_at_once(alice: Trader, bob: Trader) -> None:
    resting = alice.limit("SELL", "1", "100")
    bought = bob.ask("POST", "order", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.4")
    assert bought["status"] == "FILLED"
    assert bought["cummulativeQuoteQty"] == "40.00000000"
    (fill,) = bought["fills"]
    assert (fill["price"], fill["qty"]) == ("100.00000000", "0.40000000")
    # The taker pays 10 basis points of what it receives, the maker 5.
    assert (fill["commission"], fill["commissionAsset"]) == ("0.00040000", "BTC")

    assert bob.balances() == {"BTC": (Decimal("10.3996"), 0), "USDT": (9960, 0)}
    assert alice.balances() == {"BTC": (9, Decimal("0.6")), "USDT": (Decimal("10039.98"), 0)}
    order = alice.ask("GET", "order", symbol="BTCUSDT", orderId=resting["orderId"])
    assert (order["status"], order["executedQty"]) == ("PARTIALLY_FILLED", "0.40000000")
    for side in (alice, bob):
        (trade,) = side.ask("GET", "myTrades", symbol="BTCUSDT")
        assert trade["id"] == fill["tradeId"]
        assert trade["isMaker"] is (side is alice)


def test_ack_says_that_the_log_has_it_and_a_query_what_became_of_it(alice: Trader) -> None:
    order = limit_order("BUY", "1", "10")
    ack = alice.ask("POST", "order", **order, newOrderRespType="ACK", newClientOrderId="mine")
    assert set(ack) == {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}
    found = alice.ask("GET", "order", symbol="BTCUSDT", origClientOrderId="mine")
    assert (found["orderId"], found["status"]) == (ack["orderId"], "NEW")
    assert alice.balances()["USDT"] == (9990, 10)
    alice.ask("DELETE", "openOrders", symbol="BTCUSDT")


def test_result_tells_the_outcome_without_the_fills(alice: Trader, bob: Trader) -> None:
    alice.limit("SELL", "1", "100")
    bought = bob.limit("BUY", "1", "101", newOrderRespType="RESULT")
    assert (bought["status"], bought["cummulativeQuoteQty"]) == ("FILLED", "100.00000000")
    assert "fills" not in bought


def test_what_ioc_and_fok_cannot_fill_expires(alice: Trader, bob: Trader) -> None:
    alice.limit("SELL", "1", "100")
    order = limit_order("BUY", "3", "100")
    killed = bob.ask("POST", "order", **{**order, "timeInForce": "FOK"})
    assert (killed["status"], killed["executedQty"]) == ("EXPIRED", "0.00000000")
    assert killed["expiryReason"] == "UNFILLED_FOK_ORDER_EXPIRED"
    immediate = bob.ask("POST", "order", **{**order, "timeInForce": "IOC"})
    assert (immediate["status"], immediate["executedQty"]) == ("EXPIRED", "1.00000000")
    assert bob.balances()["USDT"] == (9900, 0)


def test_a_market_order_by_amount_spends_that_amount(alice: Trader, bob: Trader) -> None:
    alice.limit("SELL", "1", "100")
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quoteOrderQty": "50"}
    bought = bob.ask("POST", "order", **order)
    assert (bought["status"], bought["executedQty"]) == ("FILLED", "0.50000000")
    assert bought["origQuoteOrderQty"] == "50.00000000"


def test_a_market_order_into_an_empty_book_expires_and_holds_nothing(bob: Trader) -> None:
    for terms in ({"side": "BUY", "quantity": "1"}, {"side": "SELL", "quantity": "1"}):
        expired = bob.ask("POST", "order", symbol="BTCUSDT", type="MARKET", **terms)
        assert expired["status"] == "EXPIRED"
    assert bob.balances() == {"BTC": (10, 0), "USDT": (10000, 0)}


def test_all_orders_of_a_market_are_cancelled_at_once(alice: Trader) -> None:
    placed = {alice.limit("BUY", "1", price)["orderId"] for price in ("10", "11", "12")}
    canceled = alice.ask("DELETE", "openOrders", symbol="BTCUSDT")
    assert {order["orderId"] for order in canceled} == placed
    assert alice.refused("DELETE", "openOrders", symbol="BTCUSDT")[0] == -2011
    listed = alice.ask("GET", "allOrders", symbol="BTCUSDT")
    assert [order["status"] for order in listed] == ["CANCELED"] * 3


# -- what the exchange refuses --------------------------------------------------------------------


def test_refusals_have_their_documented_code_and_text(alice: Trader, bob: Trader) -> None:
    alice.limit("SELL", "1", "100", newClientOrderId="taken")
    order = limit_order
    cases = [
        (bob, order("BUY", "1000", "100"), -2010, "Account has insufficient balance"),
        (alice, {**order("SELL", "1", "200"), "newClientOrderId": "taken"}, -2010, "Duplicate"),
        (bob, order("BUY", "1", "100.001"), -1013, "Filter failure: PRICE_FILTER"),
        (bob, order("BUY", "0.000001", "100"), -1013, "Filter failure: LOT_SIZE"),
        (bob, order("BUY", "0.00001", "100"), -1013, "Filter failure: MIN_NOTIONAL"),
        (bob, {**order("BUY", "1", "100"), "symbol": "NOPE"}, -1121, "Invalid symbol."),
        (bob, {**order("BUY", "1", "100"), "typo": "1"}, -1104, "Not all sent parameters"),
    ]
    for who, terms, code, text in cases:
        refused = who.refused("POST", "order", **terms)
        assert refused[0] == code
        assert text in refused[1]
    taking = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT_MAKER", "quantity": "1"}
    refused = bob.refused("POST", "order", **taking, price="100", newOrderRespType="RESULT")
    assert refused == (-2010, "Order would immediately match and take.")
    assert bob.balances()["USDT"] == (10000, 0)


def test_nobody_sees_or_cancels_anothers_order(alice: Trader, bob: Trader) -> None:
    order = alice.limit("BUY", "1", "10", newClientOrderId="private")
    for name in ({"orderId": order["orderId"]}, {"origClientOrderId": "private"}):
        assert bob.refused("GET", "order", symbol="BTCUSDT", **name)[0] == -2013
        assert bob.refused("DELETE", "order", symbol="BTCUSDT", **name)[0] == -2011
    assert bob.ask("GET", "openOrders") == []
    assert bob.ask("GET", "allOrders", symbol="BTCUSDT") == []
    assert bob.refused("DELETE", "order", symbol="BTCUSDT", orderId=0)[0] == -2011
    still = alice.ask("GET", "order", symbol="BTCUSDT", orderId=order["orderId"])
    assert still["status"] == "NEW"


def test_only_who_has_the_secret_speaks_for_an_account(http: httpx.Client, alice: Trader) -> None:
    impostor = Trader(http, alice.name, alice.key, "x" * 64)
    stranger = Trader(http, alice.name, "y" * 64, "x" * 64)
    assert impostor.refused("GET", "account")[0] == -1022
    assert stranger.refused("GET", "account")[0] == -2015
    assert http.get("/api/v3/account").json()["code"] == -2014


def test_administration_is_closed_to_others(http: httpx.Client) -> None:
    for headers in ({}, {ADMIN_KEY_HEADER: "guess"}):
        answer = http.post("/admin/v1/accounts", json={"account": "x"}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, -2015)


def test_a_market_or_account_is_created_once(
    admin: Administrator, market: Json, alice: Trader
) -> None:
    terms = {"symbol": "BTCUSDT", "base": "BTC", "quote": "USDT", "tick": "1", "lot": "1"}
    assert admin("POST", "markets", **terms).status_code == 409
    assert admin("POST", "accounts", account=alice.name).status_code == 409
    refused = admin(
        "POST", "markets", **{**terms, "symbol": "NEW", "tick": "0.00001"} | {"lot": "0.00001"}
    )
    assert refused.status_code == 400
    assert "whole number" in refused.json()["msg"]
    assert [each["symbol"] for each in admin("GET", "markets").json()] == ["BTCUSDT"]


# -- the market, as everybody sees it -------------------------------------------------------------


def test_the_book_shows_what_its_owner_was_told(http: httpx.Client, alice: Trader) -> None:
    for price in ("10", "11", "12"):
        alice.limit("BUY", "1", price)
        book = http.get("/api/v3/depth", params={"symbol": "BTCUSDT", "limit": 1}).json()
        assert book["bids"] == [[f"{price}.00000000", "1.00000000"]]
    best = http.get("/api/v3/ticker/bookTicker", params={"symbol": "BTCUSDT"}).json()
    assert best["bidPrice"] == "12.00000000"
    alice.ask("DELETE", "openOrders", symbol="BTCUSDT")
    assert http.get("/api/v3/depth", params={"symbol": "BTCUSDT"}).json()["bids"] == []


def test_trading_conserves_money_to_the_last_unit(
    http: httpx.Client, alice: Trader, bob: Trader
) -> None:
    before = [side.balances() for side in (alice, bob)]
    for number in range(20):
        seller, buyer = (alice, bob) if number % 2 else (bob, alice)
        seller.limit("SELL", f"0.01{number:03d}", f"{10000 + number}.01")
        buyer.limit("BUY", f"0.01{number + 2:03d}", f"{10000 + number}.01")
    fees = {"BTC": Decimal(0), "USDT": Decimal(0)}
    for side in (alice, bob):
        for trade in side.ask("GET", "myTrades", symbol="BTCUSDT"):
            fees[trade["commissionAsset"]] += Decimal(trade["commission"])
    after = [side.balances() for side in (alice, bob)]
    for asset, fee in fees.items():
        was = sum(sum(balances[asset]) for balances in before)
        now = sum(sum(balances[asset]) for balances in after)
        assert was == now + fee
    trades = http.get("/api/v3/trades", params={"symbol": "BTCUSDT"}).json()
    assert [trade["id"] for trade in trades] == list(range(1, len(trades) + 1))
    page = http.get("/api/v3/historicalTrades", params={"symbol": "BTCUSDT", "fromId": 2})
    assert page.json()[0] == trades[1]
    aggregates = http.get("/api/v3/aggTrades", params={"symbol": "BTCUSDT"}).json()
    assert sum(each["l"] - each["f"] + 1 for each in aggregates) == len(trades)


def test_an_errors_shape_does_not_depend_on_what_went_wrong(http: httpx.Client) -> None:
    answers = {
        404: http.get("/api/v3/nothing"),
        405: http.put("/api/v3/ping"),
        413: http.post("/api/v3/order", content=b"a" * 70_000),
        415: http.post("/api/v3/order", json={"symbol": "BTCUSDT"}),
        400: http.get("/api/v3/depth"),
    }
    for status, answer in answers.items():
        assert answer.status_code == status
        assert set(answer.json()) == {"code", "msg"}
    assert http.get("/docs").status_code == 200
    described = http.get("/openapi.json").json()
    assert "post" in described["paths"]["/api/v3/order"]
