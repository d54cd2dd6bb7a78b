"""What the database lacks is here, the newest of it, and no more than fits."""

from __future__ import annotations

import asyncio

import pytest

from api.accounts.progress import Progress
from api.accounts.unprojected import Unprojected
from streams.messages import (
    BalanceChange,
    Execution,
    Offset,
    OrderId,
    OrderStatus,
    Sequence,
    Update,
)
from tests.unit.rest.updates import ALICE, BTCUSDT, balance_update, order_update

NEW = order_update(7, Execution.NEW, OrderStatus.NEW)
FILLED = order_update(7, Execution.TRADE, OrderStatus.FILLED, trade_id=3, settlement=5)


def test_of_an_order_the_newest_state_is_seen_and_every_trade() -> None:
    unprojected = Unprojected(100)
    unprojected.apply(Offset(0), NEW)
    unprojected.apply(Offset(1), FILLED)
    tail = unprojected.account(ALICE)
    assert tail.orders[OrderId(7)] == FILLED
    assert tail.trades == {(BTCUSDT, 3, OrderId(7)): FILLED}


def test_what_the_database_has_is_forgotten_and_what_it_lacks_is_not() -> None:
    unprojected = Unprojected(100)
    unprojected.apply(Offset(0), NEW)
    unprojected.apply(Offset(1), FILLED)
    unprojected.forget(Offset(1))
    assert unprojected.account(ALICE).orders[OrderId(7)] == FILLED
    unprojected.forget(Offset(2))
    assert not unprojected.account(ALICE).orders
    assert not len(unprojected)


def test_a_balance_is_the_last_one_told() -> None:
    unprojected = Unprojected(100)
    unprojected.apply(Offset(0), balance_update(BalanceChange.DEPOSIT, 10))
    unprojected.apply(Offset(1), balance_update(BalanceChange.HOLD, 4))
    unprojected.forget(Offset(1))
    (balance,) = unprojected.account(ALICE).balances.values()
    assert balance.available == 4


def test_when_the_database_lags_too_far_memory_stays_bounded_and_says_what_it_lost() -> None:
    unprojected = Unprojected(2)
    for offset in range(5):
        order = order_update(offset, Execution.NEW, OrderStatus.NEW)
        unprojected.apply(Offset(offset), order)
    assert len(unprojected) == 2
    assert unprojected.lost == 3
    assert set(unprojected.account(ALICE).orders) == {3, 4}


def test_what_stretches_of_the_log_say_is_one_and_the_newest_counts() -> None:
    unprojected = Unprojected(100)
    told: list[Update] = [NEW, balance_update(BalanceChange.HOLD, 9), FILLED]
    for offset, update in enumerate(told):
        unprojected.apply(Offset(offset), update)
        unprojected.forget(Offset(0))
    tail = unprojected.account(ALICE)
    assert tail.orders == {OrderId(7): FILLED}
    assert len(tail.trades) == len(tail.balances) == 1


def test_a_settlement_is_waited_for_while_anything_of_its_account_is_here() -> None:
    unprojected = Unprojected(100)
    unprojected.apply(Offset(0), FILLED)
    unprojected.forget(Offset(0))
    unprojected.apply(Offset(1), balance_update(BalanceChange.HOLD, 9))
    unprojected.forget(Offset(1))
    assert unprojected.settlements(ALICE) == {"matching:0": 5}
    unprojected.forget(Offset(2))
    assert unprojected.settlements(ALICE) == {}


async def test_a_read_waits_until_the_settlement_it_knows_of_is_in_the_balances() -> None:
    progress, unprojected = Progress(0), Unprojected(100)
    unprojected.apply(Offset(1), FILLED)
    waiting = asyncio.create_task(
        progress.until(lambda: progress.has_settled(unprojected.settlements(ALICE)), timeout_s=1)
    )
    await asyncio.sleep(0)
    progress.apply(balance_update(BalanceChange.SETTLEMENT, 1, settled=4))
    progress.wake()
    await asyncio.sleep(0)
    assert not waiting.done()
    progress.apply(balance_update(BalanceChange.SETTLEMENT, 1, settled=5))
    progress.wake()
    await waiting
    assert progress.has_settled({"matching:0": Sequence(5)})


async def test_a_read_waits_until_the_ledger_has_reached_what_was_acknowledged() -> None:
    progress = Progress(0)
    progress.apply(balance_update(BalanceChange.HOLD, 1, offset=8))
    assert progress.has_reached((8, 0))
    assert not progress.has_reached((8, 1))
    with pytest.raises(TimeoutError):
        await progress.until(lambda: progress.has_reached((9, 0)), timeout_s=0.01)
