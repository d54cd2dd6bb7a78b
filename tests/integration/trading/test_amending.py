"""An order made smaller in its place, over both order doors."""

from __future__ import annotations

import time
from decimal import Decimal

from tests.integration.rest import Trader

AMEND = "order/amend/keepPriority"


def test_an_amended_order_keeps_its_place_and_frees_what_it_holds_too_much(
    alice: Trader, bob: Trader
) -> None:
    first = alice.limit("BUY", "2", "100", newClientOrderId="first")
    behind = bob.limit("BUY", "1", "100")
    answer = alice.ask("PUT", AMEND, symbol="BTCUSDT", origClientOrderId="first", newQty="1.5")
    amended = answer["amendedOrder"]
    assert (amended["orderId"], amended["qty"]) == (first["orderId"], "1.50000000")
    assert amended["origClientOrderId"] == "first"
    assert alice.balances()["USDT"] == (Decimal(9_850), 150)
    bob.limit("SELL", "2", "100")
    assert [trade["qty"] for trade in alice.ask("GET", "myTrades", symbol="BTCUSDT")] == [
        "1.50000000"
    ]
    done = alice.ask("GET", "order", symbol="BTCUSDT", orderId=first["orderId"])
    assert (done["status"], done["clientOrderId"]) == ("FILLED", amended["clientOrderId"])
    left = bob.ask("GET", "order", symbol="BTCUSDT", orderId=behind["orderId"])
    assert left["executedQty"] == "0.50000000"
    bob.ask("DELETE", "openOrders", symbol="BTCUSDT")


def test_its_amendments_are_told_by_their_executions(alice: Trader) -> None:
    order = alice.limit("BUY", "2", "50", newClientOrderId="one")
    order_id = order["orderId"]
    executions = []
    for number, quantity in enumerate(("1.5", "1", "0.5")):
        terms = {"symbol": "BTCUSDT", "orderId": order_id, "newQty": quantity}
        answer = alice.ask("PUT", AMEND, newClientOrderId=f"name-{number}", **terms)
        executions.append(answer["executionId"])
    asked = {"symbol": "BTCUSDT", "orderId": order_id}
    told = alice.ask("GET", "order/amendments", **asked)
    assert [(each["executionId"], each["origQty"], each["newQty"]) for each in told] == [
        (executions[0], "2.00000000", "1.50000000"),
        (executions[1], "1.50000000", "1.00000000"),
        (executions[2], "1.00000000", "0.50000000"),
    ]
    assert [each["origClientOrderId"] for each in told] == ["one", "name-0", "name-1"]
    later = alice.ask("GET", "order/amendments", **asked, fromExecutionId=executions[1], limit=1)
    assert later == told[1:2]
    named = alice.ask("GET", "order", symbol="BTCUSDT", origClientOrderId="name-2")
    assert named["orderId"] == order_id


def test_what_is_refused_leaves_the_order_as_it_was(alice: Trader) -> None:
    order = alice.limit("BUY", "2", "100", newClientOrderId="mine")
    other = alice.limit("BUY", "1", "90", newClientOrderId="other")
    terms = {"symbol": "BTCUSDT", "orderId": order["orderId"]}
    assert alice.refused("PUT", AMEND, **terms, newQty="2") == (
        -2038,
        "The requested action would change no state; rejecting",
    )
    assert alice.refused("PUT", AMEND, **terms, newQty="3") == (
        -2038,
        "Order amend (quantity increase) is not supported.",
    )
    taken = alice.refused("PUT", AMEND, **terms, newQty="1", newClientOrderId="other")
    assert taken == (-2038, "Duplicate order sent.")
    assert alice.refused("PUT", AMEND, **terms, newQty="0.005")[0] == -1013
    assert alice.refused("PUT", AMEND, **terms, newQty="0")[0] == -1013
    assert alice.refused("PUT", AMEND, **terms, newQty="0.000001")[0] == -1013
    assert alice.refused("PUT", AMEND, symbol="BTCUSDT", newQty="1")[0] == -1102
    assert alice.refused("PUT", AMEND, **terms)[0] == -1102
    unknown = alice.refused("PUT", AMEND, symbol="BTCUSDT", orderId=7, newQty="1")
    assert unknown == (-2038, "Unknown order sent.")
    wrong = alice.refused("PUT", AMEND, **terms, origClientOrderId="other", newQty="1")
    assert wrong == (-2038, "Unknown order sent.")
    listed = alice.ask("GET", "openOrders", symbol="BTCUSDT")
    assert [(each["orderId"], each["origQty"]) for each in listed] == [
        (order["orderId"], "2.00000000"),
        (other["orderId"], "1.00000000"),
    ]
    assert alice.balances()["USDT"] == (Decimal(9_710), 290)


def test_an_amendment_that_is_sent_again_is_made_once(alice: Trader) -> None:
    order = alice.limit("BUY", "2", "100")
    terms = {"symbol": "BTCUSDT", "orderId": order["orderId"], "newQty": "1"}
    key = f"amend-{time.time_ns()}"
    first = alice.ask("PUT", AMEND, key, **terms)
    assert alice.ask("PUT", AMEND, key, **terms) == first
    told = alice.ask("GET", "order/amendments", symbol="BTCUSDT", orderId=order["orderId"])
    assert len(told) == 1
