"""An order is passed on only with its funds held."""

from __future__ import annotations

import pytest

from streams.messages import (
    BalanceChange,
    BalanceUpdate,
    Cancel,
    Execution,
    OrderId,
    OrderStatus,
    OrderUpdate,
    Place,
    PlaceOrder,
    Reason,
    RequestRejected,
    partition_of_request,
    request_id,
)
from streams.topics import ORDERS, UPDATES
from tests.unit.ledger.log import MARKET_PARTITIONS, USDT, cancel, frame, funded, place, the


def test_an_order_is_forwarded_under_the_id_the_api_could_tell_beforehand() -> None:
    log = funded(partition=1)
    offset = len(log.records)
    order = place("ann", hold=400, market_partition=3)
    held, forwarded = log.append(frame(order))
    assert forwarded.topic is ORDERS
    assert (forwarded.partition, forwarded.key) == (3, "BTCUSDT")
    assert (forwarded.source, forwarded.seq) == ("ledger:1", 1)
    assert forwarded.message == Place(
        OrderId(request_id(1, offset, 0)),
        order.account,
        order.market,
        order.client_order_id,
        order.side,
        order.order_type,
        order.time_in_force,
        order.price,
        order.quantity,
        order.budget,
        order.hold,
    )
    assert partition_of_request(request_id(1, offset, 0)) == 1
    assert (held.topic, held.partition, held.key) == (UPDATES, 1, "ann")
    update = the(BalanceUpdate, [held.message])
    assert update.change is BalanceChange.HOLD
    assert update.request == request_id(1, offset, 0)
    assert log.balance("ann", USDT) == (600, 400)


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (place("eve"), Reason.UNKNOWN_ACCOUNT),
        (place("ann", hold=1_001), Reason.INSUFFICIENT_BALANCE),
        (place("bob", hold=1), Reason.INSUFFICIENT_BALANCE),
        (place("ann", hold=0), Reason.AMOUNT_OUT_OF_RANGE),
        (place("ann", hold=-1), Reason.AMOUNT_OUT_OF_RANGE),
        (place("ann", hold=2**63), Reason.AMOUNT_OUT_OF_RANGE),
        (place("ann", market_partition=MARKET_PARTITIONS), Reason.UNKNOWN_MARKET),
        (place("ann", market_partition=-1), Reason.UNKNOWN_MARKET),
    ],
)
def test_an_order_without_funds_never_reaches_its_market(order: PlaceOrder, reason: Reason) -> None:
    log = funded()
    (rejected,) = log.tell(order)
    assert isinstance(rejected, OrderUpdate)
    assert rejected.execution is Execution.REJECTED
    assert rejected.status is OrderStatus.REJECTED
    assert rejected.reason is reason
    assert rejected.request == request_id(0, len(log.records) - 1, 0)
    assert rejected.order_id == OrderId(rejected.request)
    assert (rejected.client_order_id, rejected.account) == ("mine", order.account)
    assert log.balance("ann", USDT) == (1_000, 0)


def test_a_client_order_id_is_unique_among_an_accounts_open_orders_only() -> None:
    log = funded()
    log.order_id(place("ann", "1"))
    rejected = the(OrderUpdate, log.tell(place("ann", "1")))
    assert rejected.reason is Reason.DUPLICATE_ORDER_ID
    log.order_id(place("ann", "2"))
    log.tell(place("bob", "1"))
    assert log.balance("ann", USDT) == (800, 200)


def test_commands_to_each_market_partition_are_numbered_without_a_gap() -> None:
    log = funded()
    outputs = [
        output
        for partition in (0, 3, 0, 3, 3)
        for output in log.append(
            frame(place("ann", f"{len(log.records)}", hold=1, market_partition=partition))
        )
        if output.topic is ORDERS
    ]
    assert [(o.partition, o.seq) for o in outputs] == [(0, 1), (3, 1), (0, 2), (3, 2), (3, 3)]


def test_updates_are_numbered_without_a_gap() -> None:
    log = funded()
    log.tell(place("ann"), place("ann"), cancel("ann", 1), cancel("ann", client_order_id="mine"))
    updates = [output for output in log.outputs if output.topic is UPDATES]
    assert [output.seq for output in updates] == list(range(1, len(updates) + 1))


@pytest.mark.parametrize("by_client_order_id", [False, True])
def test_a_cancel_follows_its_order(by_client_order_id: bool) -> None:
    log = funded()
    order_id = log.order_id(place("ann", "mine", market_partition=2))
    request = cancel("ann", *((0, "mine") if by_client_order_id else (order_id,)))
    (output,) = log.append(frame(request))
    assert (output.topic, output.partition, output.seq) == (ORDERS, 2, 2)
    expected = Cancel(
        request_id(0, len(log.records) - 1, 0), order_id, request.account, request.market
    )
    assert output.message == expected
    assert log.balance("ann", USDT) == (900, 100), "held until the market says it is closed"


def test_only_its_owner_can_cancel_an_order_and_only_in_its_market() -> None:
    log = funded()
    order_id = log.order_id(place("ann", "mine"))
    for wrong in (
        cancel("bob", order_id),
        cancel("bob", client_order_id="mine"),
        cancel("eve", order_id),
        cancel("ann", order_id + 1),
        cancel("ann", client_order_id="other"),
        cancel("ann", order_id, market="ETHUSDT"),
    ):
        assert the(RequestRejected, log.tell(wrong)).reason is Reason.UNKNOWN_ORDER
