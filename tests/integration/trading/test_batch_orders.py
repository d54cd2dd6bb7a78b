"""Several orders in one request: each is accepted or refused by itself, and answered in order."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest

from api.auth import API_KEY_HEADER, sign
from api.idempotency import IDEMPOTENCY_KEY_HEADER
from tests.integration.rest import Json, Trader, limit_order


def order(side: str = "BUY", price: object = "100", **more: object) -> dict[str, Any]:
    return {**limit_order(side, "1", "100"), "price": price, **more}


def batch(trader: Trader, *orders: object, key: str = "") -> list[Json]:
    """Place orders as a form."""
    answers: list[Json] = trader.ask("POST", "batchOrders", key, batchOrders=json.dumps(orders))
    assert len(answers) == len(orders)
    return answers


def batch_as_json(http: httpx.Client, trader: Trader, orders: object) -> httpx.Response:
    body = json.dumps({"batchOrders": orders, "timestamp": time.time_ns() // 1_000_000}).encode()
    return http.post(
        "/api/v3/batchOrders",
        params={"signature": sign(body, trader.secret)},
        content=body,
        headers={API_KEY_HEADER: trader.key, "Content-Type": "application/json"},
    )


def open_orders(trader: Trader) -> list[Json]:
    found: list[Json] = trader.ask("GET", "openOrders", symbol="BTCUSDT")
    return found


def test_each_order_is_accepted_or_refused_by_itself_and_answered_in_its_place(
    alice: Trader,
) -> None:
    answers = batch(
        alice,
        order(price="10", newOrderRespType="ACK"),
        order(price="10.001"),
        order(price="11", newOrderRespType="RESULT"),
        order(price="9000000"),
        {"symbol": "NOPE", **order()} | {"symbol": "NOPE"},
        {"symbol": "BTCUSDT"},
        order(typo="1"),
        order(price=None),
        order(quantity={"of": 1}),
        order("SELL", price="11"),
        order("BUY", price="11"),
    )
    told = [answer.get("code") or answer.get("status", "ACK") for answer in answers]
    assert told[:9] == ["ACK", -1013, "NEW", -2010, -1121, -1102, -1104, -1105, -1130]
    assert told[9:] == ["FILLED", "NEW"]
    assert answers[9]["fills"][0]["price"] == "11.00000000"
    placed = [answer["orderId"] for answer in answers if "orderId" in answer]
    assert placed == sorted(placed)
    assert {found["orderId"] for found in open_orders(alice)} == {placed[0], placed[3]}


def test_a_batch_may_come_as_json_with_numbers_to_the_last_digit(
    http: httpx.Client, alice: Trader
) -> None:
    exact = {**order(), "price": 10.10, "quantity": 1}
    answer = batch_as_json(http, alice, [exact, order(price="0.1000000000000000055")])
    assert answer.status_code == 200, answer.text
    placed, refused = answer.json()
    assert (placed["price"], placed["origQty"]) == ("10.10000000", "1.00000000")
    assert refused["code"] == -1111


def test_as_many_as_a_batch_holds_are_placed_and_no_more(alice: Trader) -> None:
    answers = batch(alice, *(order(price=f"{10 + n}", newOrderRespType="ACK") for n in range(100)))
    assert len({answer["orderId"] for answer in answers}) == 100
    too_many = json.dumps([order() for _ in range(101)])
    assert alice.refused("POST", "batchOrders", batchOrders=too_many)[0] == -4082
    assert len(open_orders(alice)) == 100


@pytest.mark.parametrize(
    ("sent", "code"),
    [("[]", -1105), ("[1]", -1130), ("[{]", -1135), ("{}", -1100), ("", -1105)],
)
def test_what_is_no_batch_is_refused_as_a_whole(alice: Trader, sent: str, code: int) -> None:
    assert alice.refused("POST", "batchOrders", batchOrders=sent)[0] == code


def test_a_batch_without_a_list_or_a_good_signature_places_nothing(
    http: httpx.Client, alice: Trader
) -> None:
    assert alice.refused("POST", "batchOrders")[0] == -1102
    impostor = Trader(http, alice.name, alice.key, "x" * 64)
    refused = batch_as_json(http, impostor, [order()])
    assert (refused.status_code, refused.json()["code"]) == (400, -1022)
    assert open_orders(alice) == []


def test_of_two_orders_of_one_name_in_a_batch_the_second_is_refused(alice: Trader) -> None:
    named = order(price="10", newClientOrderId="twin")
    first, second = batch(alice, named, named)
    assert first["status"] == "NEW"
    assert second == {"code": -2010, "msg": "Duplicate order sent."}


def test_a_batch_sent_again_under_its_key_is_done_once(alice: Trader) -> None:
    """Each order is remembered by its place in the batch: the refused stay refused."""
    orders = [order(price="10"), order(price="90000"), order(price="11", newOrderRespType="ACK")]
    first = batch(alice, *orders, key="once")
    assert [answer.get("code") for answer in first] == [None, -2010, None]
    assert batch(alice, *orders, key="once") == first
    assert len(open_orders(alice)) == 2
    # An order that changed is another request under a key that was used.
    changed = batch(alice, orders[0], orders[1], order(price="12"), key="once")
    assert changed[:2] == first[:2]
    assert changed[2]["code"] == -1130
    longer = batch(alice, *orders, order(price="13"), key="once")
    assert longer[:3] == first
    assert longer[3]["status"] == "NEW"


def test_the_key_of_a_batch_is_not_that_of_a_single_order(alice: Trader) -> None:
    (first,) = batch(alice, order(price="10"), key="both")
    single = alice.ask("POST", "order", "both", **order(price="10"))
    assert single["orderId"] != first["orderId"]


def test_the_document_shows_both_ways_to_send_a_batch(http: httpx.Client) -> None:
    described = http.get("/openapi.json").json()["paths"]["/api/v3/batchOrders"]["post"]
    names = [parameter["name"] for parameter in described["parameters"]]
    assert {"batchOrders", "timestamp", "signature", IDEMPOTENCY_KEY_HEADER} <= set(names)
    assert "application/json" in described["requestBody"]["content"]
