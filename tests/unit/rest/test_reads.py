"""A read shows what the account was told: the database and the end of the log as one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

import msgspec
import pytest

from api.accounts import view as viewing
from api.accounts.reads import Reads
from api.accounts.sender import Placed
from api.accounts.view import AccountView
from api.errors import ApiError
from infra.settings import Settings
from projections.queries import Window
from streams.messages import (
    Asset,
    Balance,
    BalanceChange,
    Execution,
    Millis,
    Offset,
    OrderId,
    OrderStatus,
    OrderUpdate,
    Units,
    Update,
    encode_event,
)
from streams.topics import UPDATES
from tests.unit.rest.updates import ALICE, BTCUSDT, balance_update, order_update

Result = TypeVar("Result")

NEW = order_update(7, Execution.NEW, OrderStatus.NEW, last=True)
FILLED = order_update(7, Execution.TRADE, OrderStatus.FILLED, trade_id=3, settlement=5)


class Stored:
    """A database with these rows."""

    def __init__(self) -> None:
        self.orders: list[OrderUpdate] = []
        self.held: list[Balance] = []

    async def read(self, ask: Callable[[Stored], Awaitable[Result]]) -> Result:
        return await ask(self)

    async def order(self, *_: object) -> OrderUpdate | None:
        return self.orders[-1] if self.orders else None

    async def open_orders(self, *_: object) -> list[OrderUpdate]:
        return self.orders

    async def all_orders(self, *_: object) -> list[OrderUpdate]:
        return self.orders

    async def balances(self, *_: object) -> list[Balance]:
        return self.held


class Record(NamedTuple):
    offset: int
    timestamp: int
    value: bytes


class View(AccountView):
    """A view that is told of updates by its test."""

    def __init__(self) -> None:
        super().__init__(Settings(venue="test", kafka="nowhere:1", account_partitions=1))
        self._told = 0

    @property
    def ready(self) -> bool:
        return True

    def tell(self, *told: Update) -> None:
        for update in told:
            self._told += 1
            named = msgspec.structs.replace(update, seq=self._told)
            self._deliver(UPDATES, 0, [Record(self._told, 0, encode_event(named))])


class World(NamedTuple):
    stored: Stored
    view: View
    reads: Reads


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(viewing, "CATCH_UP_LIMIT_S", 0.05)
    stored, view = Stored(), View()
    return World(stored, view, Reads(stored, view))  # type: ignore[arg-type]


def placed(order: int) -> Placed:
    """Where the log put the request that became this order, in partition 0."""
    place = order // 32
    return Placed(0, Offset(place // 256 - 1), place % 256, Millis(0))


async def test_the_log_says_it_before_the_database_has_it(world: World) -> None:
    world.view.tell(NEW)
    assert await world.reads.open_orders(ALICE, BTCUSDT) == [
        world.view.tail(ALICE).orders[OrderId(7)]
    ]


async def test_an_order_the_database_still_calls_open_is_closed_when_the_log_says_so(
    world: World,
) -> None:
    world.stored.orders = [NEW]
    world.view.tell(FILLED)
    assert await world.reads.open_orders(ALICE, None) == []
    (listed,) = await world.reads.all_orders(ALICE, BTCUSDT, Window(limit=10))
    assert listed.status is OrderStatus.FILLED


async def test_a_rejected_order_never_came_to_be_but_can_be_asked_for(world: World) -> None:
    world.view.tell(order_update(7, Execution.REJECTED, OrderStatus.REJECTED))
    assert await world.reads.all_orders(ALICE, BTCUSDT, Window(limit=10)) == []
    found = await world.reads.order(ALICE, BTCUSDT, 7, None)
    assert found is not None
    assert found.status is OrderStatus.REJECTED


async def test_an_order_of_another_market_is_not_found_in_this_one(world: World) -> None:
    world.view.tell(NEW)
    assert await world.reads.order(ALICE, "ETHUSDT", 7, None) is None  # type: ignore[arg-type]
    assert await world.reads.order(ALICE, BTCUSDT, 7, "not-its-name") is None


async def test_balances_wait_for_the_settlement_of_a_fill_that_was_told(world: World) -> None:
    world.stored.held = [Balance(Asset("USDT"), Units(100), Units(0))]
    world.view.tell(FILLED)
    reading = asyncio.create_task(world.reads.balances(ALICE))
    await asyncio.sleep(0)
    world.view.tell(balance_update(BalanceChange.SETTLEMENT, 60, settled=5))
    (balance,) = await reading
    assert balance.available == 60


async def test_a_settlement_that_does_not_come_is_an_honest_503(world: World) -> None:
    world.view.tell(FILLED)
    with pytest.raises(ApiError) as refused:
        await world.reads.balances(ALICE)
    assert (refused.value.code, refused.value.status) == (-1001, 503)


async def test_orders_wait_for_the_outcome_of_what_was_acknowledged(world: World) -> None:
    order = 7 * 256 * 32
    world.view.acknowledge(ALICE, placed(order))
    reading = asyncio.create_task(world.reads.open_orders(ALICE, None))
    await asyncio.sleep(0)
    world.view.tell(order_update(order, Execution.NEW, OrderStatus.NEW, last=True))
    assert [update.order_id for update in await reading] == [order]


async def test_an_update_told_twice_counts_once(world: World) -> None:
    world.view.tell(NEW, FILLED)
    again = msgspec.structs.replace(NEW, seq=1)
    world.view._deliver(UPDATES, 0, [Record(9, 0, encode_event(again))])
    assert await world.reads.open_orders(ALICE, None) == []


async def test_garbage_in_the_log_is_counted_and_stepped_over(world: World) -> None:
    world.view._deliver(UPDATES, 0, [Record(1, 0, b"garbage")])
    world.view.tell(NEW)
    assert world.view.malformed == 1
    assert len(await world.reads.open_orders(ALICE, None)) == 1
