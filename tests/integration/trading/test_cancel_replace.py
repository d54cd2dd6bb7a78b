"""An order in place of another: one step of the market, two answers."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

from infra.installation import Installation
from tests.integration.rest import Administrator, Json, Trader, limit_order
from tests.integration.test_ws_api import at, call, signed

REPLACE = "order/cancelReplace"
SYMBOL = {"symbol": "BTCUSDT"}
STOP = {"cancelReplaceMode": "STOP_ON_FAILURE"}
ALLOW = {"cancelReplaceMode": "ALLOW_FAILURE"}


def failed(trader: Trader, **terms: Any) -> tuple[int, int, Json]:
    """Status, code and both halves."""
    answer = trader.send("POST", REPLACE, **terms)
    told = answer.json()
    return answer.status_code, told["code"], told.get("data")


def test_all_funds_of_one_order_pay_for_the_next(alice: Trader) -> None:
    old = alice.limit("BUY", "100", "100", newClientOrderId="quote")
    assert alice.balances()["USDT"] == (0, 10_000)
    terms = {**limit_order("BUY", "99", "101"), **STOP, "newClientOrderId": "quote"}
    answer = alice.ask("POST", REPLACE, cancelOrigClientOrderId="quote", **terms)
    assert (answer["cancelResult"], answer["newOrderResult"]) == ("SUCCESS", "SUCCESS")
    assert answer["cancelResponse"]["orderId"] == old["orderId"]
    assert answer["cancelResponse"]["status"] == "CANCELED"
    placed = answer["newOrderResponse"]
    assert (placed["status"], placed["clientOrderId"], placed["fills"]) == ("NEW", "quote", [])
    assert alice.balances()["USDT"] == (Decimal(1), 9_999)
    (open_order,) = alice.ask("GET", "openOrders", **SYMBOL)
    assert open_order["orderId"] == placed["orderId"]
    alice.ask("DELETE", "order", **SYMBOL, origClientOrderId="quote")
    assert alice.balances()["USDT"] == (10_000, 0)


def test_where_the_cancel_fails_the_mode_says_what_becomes_of_the_order(alice: Trader) -> None:
    terms = {**limit_order("BUY", "1", "100"), "cancelOrderId": "7"}
    unknown = {"code": -2011, "msg": "Unknown order sent."}
    status, code, halves = failed(alice, **terms, **STOP)
    assert (status, code, halves["newOrderResult"]) == (400, -2022, "NOT_ATTEMPTED")
    assert (halves["cancelResponse"], halves["newOrderResponse"]) == (unknown, None)
    status, code, halves = failed(alice, **terms, **ALLOW)
    assert (status, code, halves["cancelResult"]) == (409, -2021, "FAILURE")
    assert halves["cancelResponse"] == unknown
    assert halves["newOrderResponse"]["status"] == "NEW"
    assert len(alice.ask("DELETE", "openOrders", **SYMBOL)) == 1


def test_where_the_order_fails_the_other_is_cancelled_all_the_same(alice: Trader) -> None:
    old = alice.limit("BUY", "1", "100")
    too_much = {**limit_order("BUY", "1000", "100"), "cancelOrderId": str(old["orderId"])}
    status, code, halves = failed(alice, **too_much, **STOP)
    assert (status, code, halves["cancelResult"]) == (409, -2021, "SUCCESS")
    assert halves["newOrderResponse"]["code"] == -2010
    assert alice.balances()["USDT"] == (10_000, 0)
    status, code, halves = failed(alice, **too_much, **ALLOW)
    assert (status, code, halves["newOrderResult"]) == (400, -2022, "FAILURE")


def test_what_the_door_refuses_leaves_the_order_as_it_was(alice: Trader) -> None:
    old = alice.limit("BUY", "1", "100")
    named = {"cancelOrderId": old["orderId"]}
    too_small = limit_order("BUY", "0.00001", "100")
    assert alice.refused("POST", REPLACE, **too_small, **named, **STOP)[0] == -1013
    good = limit_order("BUY", "1", "100")
    assert alice.refused("POST", REPLACE, **good, **named)[0] == -1102
    assert alice.refused("POST", REPLACE, **good, **STOP)[0] == -1102
    assert alice.refused("POST", REPLACE, **good, **named, cancelReplaceMode="X")[0] == -1130
    assert alice.refused("POST", REPLACE, **good, **named, **STOP, cancelRestrictions="X")[0] == (
        -1145
    )
    assert alice.ask("GET", "order", **SYMBOL, orderId=old["orderId"])["status"] == "NEW"
    alice.ask("DELETE", "openOrders", **SYMBOL)


def test_a_restricted_cancel_is_for_orders_that_are_so(alice: Trader, admin: Administrator) -> None:
    bob = admin.open_account()
    old = alice.limit("BUY", "2", "100")
    named = {**SYMBOL, "orderId": old["orderId"]}
    restricted = (-2011, "Order was not canceled due to cancel restrictions.")
    partly = {"cancelRestrictions": "ONLY_PARTIALLY_FILLED"}
    assert alice.refused("DELETE", "order", **named, **partly) == restricted
    bob.limit("SELL", "1", "100")
    assert alice.refused("DELETE", "order", **named, cancelRestrictions="ONLY_NEW") == restricted
    terms = {**limit_order("BUY", "1", "90"), "cancelOrderId": old["orderId"], **STOP}
    status, code, halves = failed(alice, **terms, cancelRestrictions="ONLY_NEW")
    assert (status, code, halves["cancelResponse"]["msg"]) == (400, -2022, restricted[1])
    assert alice.balances()["USDT"] == (9_800, 100)
    answer = alice.ask("POST", REPLACE, **terms, **partly)
    assert answer["cancelResponse"]["executedQty"] == "1.00000000"
    assert alice.balances()["USDT"] == (9_810, 90)
    alice.ask("DELETE", "openOrders", **SYMBOL)


def test_it_is_done_once_however_often_it_is_sent(alice: Trader) -> None:
    old = alice.limit("BUY", "1", "100")
    terms = {**limit_order("BUY", "2", "50"), "cancelOrderId": str(old["orderId"]), **STOP}
    key = f"replace-{time.time_ns()}"
    first = alice.ask("POST", REPLACE, key, **terms)
    again = alice.ask("POST", REPLACE, key, **terms)
    assert again["newOrderResponse"] == first["newOrderResponse"]
    assert again["cancelResponse"]["orderId"] == old["orderId"]
    alice.ask("DELETE", "openOrders", **SYMBOL)


def test_over_a_websocket_session(installation: Installation, alice: Trader) -> None:
    old = alice.limit("BUY", "1", "100")
    terms = {**limit_order("BUY", "2", "50"), "cancelOrderId": old["orderId"], **STOP}
    with at(installation) as line:
        answer = call(line, "order.cancelReplace", **signed(alice, **terms))
    assert answer["newOrderResponse"]["status"] == "NEW"
    alice.ask("DELETE", "openOrders", **SYMBOL)
