"""How many orders an account may place, by the log's time, and which of them still count."""

from __future__ import annotations

import msgspec
import pytest

from streams.messages import (
    DAY_MS,
    TEN_SECONDS_MS,
    AccountId,
    AccountState,
    BalanceUpdate,
    DescribeAccount,
    OrderCounts,
    OrderId,
    OrderLimits,
    OrderUpdate,
    PlaceOrder,
    Reason,
    RequestRejected,
)
from tests.unit.ledger.log import Log, cancel, frame, funded, place, settle, the

LIMITS = OrderLimits(3, 5)


@pytest.fixture
def log() -> Log:
    """Ann and Bob have funds. A window begins with the next record, and there is one a second."""
    log = funded()
    log.passed_ms = TEN_SECONDS_MS - 1_000 * len(log.records)
    return log


def limited(client_order_id: str, account: str = "ann", limits: OrderLimits = LIMITS) -> PlaceOrder:
    return msgspec.structs.replace(place(account, client_order_id, hold=10), limits=limits)


def refused(log: Log, client_order_id: str, limits: OrderLimits = LIMITS) -> Reason:
    return the(OrderUpdate, log.tell(limited(client_order_id, limits=limits))).reason


def counts(log: Log, account: str = "ann") -> OrderCounts:
    return the(AccountState, log.tell(DescribeAccount(AccountId(account)))).orders


def all_told(log: Log, *names: str) -> list[OrderId]:
    return [log.order_id(limited(name)) for name in names]


def test_orders_over_the_limit_are_refused_and_hold_nothing(log: Log) -> None:
    for number, name in enumerate("abc", 1):
        assert the(BalanceUpdate, log.tell(limited(name))).orders == OrderCounts(number, number)
    held = log.balance("ann", "USDT")
    assert refused(log, "d") is Reason.TOO_MANY_ORDERS
    assert log.balance("ann", "USDT") == held
    assert counts(log) == OrderCounts(3, 3)


def test_each_account_has_its_own_count(log: Log) -> None:
    all_told(log, "a", "b", "c")
    assert counts(log, "bob") == OrderCounts(0, 0)


def test_the_next_ten_seconds_begin_at_nothing_and_the_day_goes_on(log: Log) -> None:
    all_told(log, "a", "b", "c")
    log.passed_ms += TEN_SECONDS_MS
    all_told(log, "d", "e")
    assert refused(log, "f") is Reason.TOO_MANY_ORDERS_TODAY
    log.passed_ms += DAY_MS
    assert counts(log) == OrderCounts(0, 0)
    all_told(log, "f")
    assert counts(log) == OrderCounts(1, 1)


def test_an_order_counts_no_more_from_its_first_fill_on(log: Log) -> None:
    first, _, _ = all_told(log, "a", "b", "c")
    log.settled(1, settle("ann", first, paid=4, received=1))
    assert counts(log) == OrderCounts(2, 2)
    log.settled(2, settle("ann", first, paid=6, received=1, done=True))
    assert counts(log) == OrderCounts(2, 2)
    all_told(log, "d")
    assert refused(log, "e") is Reason.TOO_MANY_ORDERS


def test_an_order_that_is_cancelled_still_counts(log: Log) -> None:
    first, _, _ = all_told(log, "a", "b", "c")
    log.tell(cancel("ann", first))
    log.settled(1, settle("ann", first, released=10, done=True))
    assert counts(log) == OrderCounts(3, 3)
    assert log.machine.unfilled.orders.isdisjoint({first})


def test_a_fill_of_yesterdays_order_takes_nothing_below_zero(log: Log) -> None:
    first, _, _ = all_told(log, "a", "b", "c")
    log.passed_ms += DAY_MS
    log.settled(1, settle("ann", first, paid=10, received=1, done=True))
    assert counts(log) == OrderCounts(0, 0)


def test_what_is_refused_is_not_counted(log: Log) -> None:
    all_told(log, "a")
    assert refused(log, "a") is Reason.DUPLICATE_ORDER_ID
    assert counts(log) == OrderCounts(1, 1)


def test_orders_without_limits_are_not_counted_and_a_limit_of_zero_is_none(log: Log) -> None:
    for number in range(10):
        log.order_id(place("ann", f"free-{number}", hold=1))
    assert counts(log) == OrderCounts(0, 0)
    for number in range(10):
        name = f"unlimited-{number}"
        log.order_id(limited(name, limits=OrderLimits(0, 0)))
    assert refused(log, "a", limits=OrderLimits(0, 10)) is Reason.TOO_MANY_ORDERS_TODAY


def test_of_an_account_that_is_not_there_nothing_is_told(log: Log) -> None:
    said = log.tell(DescribeAccount(AccountId("eve")))
    assert the(RequestRejected, said).reason is Reason.UNKNOWN_ACCOUNT


def test_a_snapshot_goes_on_counting_where_it_was_taken(log: Log) -> None:
    first, *_ = all_told(log, "a", "b")
    again = Log()
    again.machine.restore(list(log.machine.snapshot()))
    assert again.machine.digest() == log.machine.digest()
    at = log.records[-1][1]
    value = frame(
        settle("ann", first, paid=10, received=1, done=True), source="matching:0", first_seq=1
    )
    for machine in (log.machine, again.machine):
        machine.apply(len(log.records), at, value)
        assert machine.unfilled.of(AccountId("ann")) == OrderCounts(1, 1)
    assert again.machine.digest() == log.machine.digest()
