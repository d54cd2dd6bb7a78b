"""A request that is sent again under its key is done once, whichever api takes it, and whatever
became of the one that took it first.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from infra.installation import Installation
from infra.processes import Records
from infra.settings import Settings
from streams.topics import COMMANDS, Topic
from tests.integration.doors import LIMIT_S, another_door, wait
from tests.integration.rest import Administrator, Json, Trader, limit_order

BUY = limit_order("BUY", "2", "100")


@pytest.fixture(scope="module")
def other(installation: Installation, admin: Administrator) -> Iterator[httpx.Client]:
    """Another api, which runs all the time."""
    with another_door(installation) as door:
        yield door.http


def records(settings: Settings, topic: Topic) -> int:
    """How many records a topic has had."""

    async def count() -> int:
        consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka)
        await consumer.start()
        try:
            partitions = topic.partitions(settings.account_partitions, settings.market_partitions)
            name = topic.name(settings.venue)
            ends = await consumer.end_offsets([TopicPartition(name, p) for p in range(partitions)])
            return sum(ends.values())
        finally:
            await consumer.stop()

    return asyncio.run(count())


def orders_of(trader: Trader) -> list[Json]:
    found: list[Json] = trader.ask("GET", "allOrders", symbol="BTCUSDT")
    return found


def test_an_order_sent_twice_is_placed_once(alice: Trader, other: httpx.Client) -> None:
    first = alice.ask("POST", "order", "once", **BUY)
    for door in (alice, alice.at(other)):
        assert door.ask("POST", "order", "once", **BUY) == first
    assert [order["orderId"] for order in orders_of(alice)] == [first["orderId"]]
    assert alice.balances()["USDT"] == (9800, 200)


def test_sent_twice_at_once_it_is_placed_once(alice: Trader, other: httpx.Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        doors = [alice, alice.at(other)] * 4
        answers = list(pool.map(lambda door: door.ask("POST", "order", "race", **BUY), doors))
    assert answers == [answers[0]] * len(doors)
    assert len(orders_of(alice)) == 1


def test_the_answer_is_the_first_whatever_became_of_the_order_since(
    installation: Installation, alice: Trader, bob: Trader
) -> None:
    """Another api that was not there then knows it as well: the log has what was told."""
    bob.limit("SELL", "1", "100")
    first = alice.ask("POST", "order", "fills", **BUY)
    assert (first["status"], len(first["fills"])) == ("PARTIALLY_FILLED", 1)
    bob.limit("SELL", "0.25", "100")
    cancel = {"symbol": "BTCUSDT", "orderId": first["orderId"]}
    canceled = alice.ask("DELETE", "order", "done", **cancel)
    assert (canceled["status"], canceled["executedQty"]) == ("CANCELED", "1.25000000")

    with another_door(installation) as door:
        late = alice.at(door.http)
        assert late.ask("POST", "order", "fills", **BUY) == first
        assert late.ask("DELETE", "order", "done", **cancel) == canceled
        ack = late.ask("POST", "order", "fills", **BUY, newOrderRespType="ACK")
        assert set(ack) < set(first)
        assert ack["orderId"] == first["orderId"]
        assert len(orders_of(late)) == 1


def test_the_log_took_it_and_the_api_died(installation: Installation, alice: Trader) -> None:
    """Nobody was answered; the retry elsewhere is, with the order that the dead api had placed."""
    settings = installation.settings
    ledger = Records(settings.home).running("ledger")
    assert ledger is not None
    with another_door(installation) as door, ThreadPoolExecutor(1) as pool:
        before = records(settings, COMMANDS)
        os.kill(ledger.pid, signal.SIGSTOP)
        try:
            waiting = pool.submit(alice.at(door.http).send, "POST", "order", "orphan", **BUY)
            wait(lambda: records(settings, COMMANDS) > before)
            door.kill()
            with pytest.raises(httpx.TransportError):
                waiting.result(LIMIT_S)
        finally:
            os.kill(ledger.pid, signal.SIGCONT)

    retried = alice.ask("POST", "order", "orphan", **BUY)
    assert retried["status"] == "NEW"
    assert [order["orderId"] for order in orders_of(alice)] == [retried["orderId"]]
    assert alice.balances()["USDT"] == (9800, 200)
    assert alice.ask("POST", "order", "orphan", **BUY) == retried


def test_a_refusal_is_repeated_even_when_it_would_be_accepted_now(
    admin: Administrator, alice: Trader, other: httpx.Client
) -> None:
    large = limit_order("BUY", "200", "100")
    refused = alice.refused("POST", "order", "large", **large)
    assert refused == (-2010, "Account has insufficient balance for requested action.")
    admin("POST", f"accounts/{alice.name}/deposits", asset="USDT", amount="90000")
    assert alice.at(other).refused("POST", "order", "large", **large) == refused
    assert alice.refused("DELETE", "order", "none", symbol="BTCUSDT", orderId=7)[0] == -2011
    assert alice.refused("DELETE", "order", "none", symbol="BTCUSDT", orderId=7)[0] == -2011


def test_a_market_order_is_recognised_though_the_market_has_moved(
    alice: Trader, bob: Trader
) -> None:
    terms = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.5"}
    bob.limit("BUY", "0.5", "100")
    sold = alice.ask("POST", "order", "sell", **terms)
    assert sold["status"] == "FILLED"
    bob.limit("BUY", "0.5", "90")
    assert alice.ask("POST", "order", "sell", **terms) == sold
    bob.ask("DELETE", "openOrders", symbol="BTCUSDT")
    assert alice.balances()["BTC"] == (Decimal("9.5"), 0)


def test_what_would_be_refused_now_is_answered_as_it_was_accepted_then(
    alice: Trader, bob: Trader
) -> None:
    """What the order is worth has fallen below the least that the market takes."""
    terms = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.02"}
    bob.limit("BUY", "0.02", "100")
    sold = alice.ask("POST", "order", "small", **terms)
    bob.limit("BUY", "1", "10")
    assert alice.refused("POST", "order", "new", **terms) == (-1013, "Filter failure: MIN_NOTIONAL")
    assert alice.ask("POST", "order", "small", **terms) == sold
    ack = alice.ask("POST", "order", "small", **terms, newOrderRespType="ACK")
    assert ack == {name: sold[name] for name in ack}
    alice.limit("SELL", "1", "1000", idempotency_key="other")
    answer = alice.send("POST", "order", "other", **terms)
    assert (answer.status_code, answer.json()["code"]) == (409, -1130)


def test_a_deposit_is_credited_once(admin: Administrator, alice: Trader) -> None:
    terms = {"asset": "USDT", "amount": "5", "reference": "wire 7"}
    path = f"accounts/{alice.name}/deposits"
    first = admin("POST", path, "wire-7", **terms)
    alice.limit("BUY", "1", "100")
    again = admin("POST", path, "wire-7", **terms)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert alice.balances()["USDT"] == (9905, 100)


def test_a_key_sent_with_another_request_is_refused(admin: Administrator, alice: Trader) -> None:
    alice.ask("POST", "order", "mine", **BUY)
    for method, terms in (
        ("POST", limit_order("BUY", "2", "101")),
        ("DELETE", {"symbol": "BTCUSDT", "orderId": "1"}),
        ("POST", {**BUY, "newOrderRespType": "ACK", "newClientOrderId": "other"}),
    ):
        answer = alice.send(method, "order", "mine", **terms)
        assert (answer.status_code, answer.json()["code"]) == (409, -1130)
    path = f"accounts/{alice.name}/deposits"
    assert admin("POST", path, "mine", asset="USDT", amount="5").status_code == 409
    assert len(orders_of(alice)) == 1


def test_what_is_not_remembered_takes_no_key(alice: Trader) -> None:
    alice.limit("BUY", "1", "100")
    refused = alice.refused("DELETE", "openOrders", "all", symbol="BTCUSDT")
    assert refused == (-1106, "Parameter 'Idempotency-Key' sent when not required.")
    assert alice.refused("POST", "order", "k" * 65, **BUY)[0] == -1100


def test_a_client_order_id_is_unique_among_open_orders(alice: Trader, other: httpx.Client) -> None:
    named = {**BUY, "newClientOrderId": "mine"}
    first = alice.ask("POST", "order", **named)
    for door in (alice, alice.at(other)):
        assert door.refused("POST", "order", **named) == (-2010, "Duplicate order sent.")
    alice.ask("DELETE", "order", symbol="BTCUSDT", origClientOrderId="mine")
    second = alice.ask("POST", "order", **named)
    assert second["orderId"] != first["orderId"]
