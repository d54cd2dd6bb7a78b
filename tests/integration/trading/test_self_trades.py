"""Orders that do not trade with others of their own account, over both order doors."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from infra.installation import Installation
from tests.integration.rest import Administrator, Json, Trader, limit_order
from tests.integration.test_ws_api import at, call, signed

SYMBOL = {"symbol": "BTCUSDT"}
MODE = "selfTradePreventionMode"


@pytest.fixture(params=["rest", "websocket"])
def place(request: pytest.FixtureRequest, installation: Installation, alice: Trader) -> Any:
    """Places an order of alice's and returns its FULL answer."""

    def over_rest(**terms: str) -> Json:
        return alice.ask("POST", "order", **terms)

    def over_websocket(**terms: str) -> Json:
        with at(installation) as line:
            return call(line, "order.place", **signed(alice, **terms))

    return over_rest if request.param == "rest" else over_websocket


def test_the_market_says_which_modes_it_allows(http: httpx.Client, admin: Administrator) -> None:
    (market,) = http.get("/api/v3/exchangeInfo", params=SYMBOL).json()["symbols"]
    assert market["defaultSelfTradePreventionMode"] == "NONE"
    assert market["allowedSelfTradePreventionModes"] == [
        "NONE",
        "EXPIRE_TAKER",
        "EXPIRE_MAKER",
        "EXPIRE_BOTH",
        "DECREMENT",
    ]


@pytest.mark.parametrize(
    ("mode", "taker", "maker", "of_taker", "of_maker"),
    [
        ("NONE", "FILLED", "PARTIALLY_FILLED", None, None),
        ("EXPIRE_TAKER", "EXPIRED_IN_MATCH", "NEW", "1.00000000", None),
        ("EXPIRE_MAKER", "NEW", "EXPIRED_IN_MATCH", None, "3.00000000"),
        ("EXPIRE_BOTH", "EXPIRED_IN_MATCH", "EXPIRED_IN_MATCH", "1.00000000", "3.00000000"),
        ("DECREMENT", "EXPIRED_IN_MATCH", "NEW", "1.00000000", "1.00000000"),
    ],
)
def test_what_becomes_of_both_orders(
    alice: Trader, place: Any, mode: str, taker: str, maker: str, of_taker: str, of_maker: str
) -> None:
    resting = alice.limit("BUY", "3", "100")
    answer = place(**limit_order("SELL", "1", "90"), **{MODE: mode})
    assert (answer["status"], answer[MODE]) == (taker, mode)
    assert answer["origQty"] == "1.00000000"
    shown = alice.ask("GET", "order", **SYMBOL, orderId=resting["orderId"])
    assert (shown["status"], shown[MODE], shown["origQty"]) == (maker, "NONE", "3.00000000")
    assert answer.get("preventedQuantity") == of_taker
    assert shown.get("preventedQuantity") == of_maker
    trades = alice.ask("GET", "myTrades", **SYMBOL)
    if mode == "NONE":
        assert len(trades) == 2
        assert "preventedMatches" not in answer
    else:
        assert trades == answer["fills"] == []
        _check_match(alice, answer, resting["orderId"], of_taker, of_maker)
    _check_held(alice)
    if alice.ask("GET", "openOrders", **SYMBOL):
        alice.ask("DELETE", "openOrders", **SYMBOL)


def _check_match(
    alice: Trader, answer: Json, maker: int, of_taker: str | None, of_maker: str | None
) -> None:
    """The match is in the answer, and found by its id and by both of its orders."""
    (match,) = answer["preventedMatches"]
    assert (match["makerOrderId"], match["price"]) == (maker, "100.00000000")
    found = alice.ask(
        "GET", "myPreventedMatches", **SYMBOL, preventedMatchId=match["preventedMatchId"]
    )
    for order_id in (maker, answer["orderId"]):
        assert alice.ask("GET", "myPreventedMatches", **SYMBOL, orderId=order_id) == found
    ((told),) = found
    assert (told["takerOrderId"], told[MODE]) == (answer["orderId"], answer[MODE])
    assert told.get("takerPreventedQuantity") == match.get("takerPreventedQuantity") == of_taker
    assert told.get("makerPreventedQuantity") == match.get("makerPreventedQuantity") == of_maker
    later = match["preventedMatchId"] + 1
    asked = {**SYMBOL, "orderId": maker, "fromPreventedMatchId": later}
    assert alice.ask("GET", "myPreventedMatches", **asked) == []


def _check_held(alice: Trader) -> None:
    """No more is locked than the open orders need."""
    locked = {"BTC": 0.0, "USDT": 0.0}
    for order in alice.ask("GET", "openOrders", **SYMBOL):
        taken = float(order["executedQty"]) + float(order.get("preventedQuantity", 0))
        rest = float(order["origQty"]) - taken
        buys = order["side"] == "BUY"
        locked["USDT" if buys else "BTC"] += rest * (float(order["price"]) if buys else 1)
    assert {asset: float(held) for asset, (_, held) in alice.balances().items()} == locked


def test_what_is_no_mode_has_its_code(alice: Trader) -> None:
    assert alice.refused(
        "POST", "order", **limit_order("BUY", "1", "90"), **{MODE: "TRANSFER"}
    ) == (
        -1013,
        "This symbol does not allow the specified self-trade prevention mode.",
    )
    assert (
        alice.refused("POST", "order", **limit_order("BUY", "1", "90"), **{MODE: "X"})[0] == -1130
    )
    assert alice.refused("GET", "myPreventedMatches", **SYMBOL)[0] == -1102
    both = {"orderId": "1", "preventedMatchId": "1"}
    assert alice.refused("GET", "myPreventedMatches", **SYMBOL, **both)[0] == -1128
