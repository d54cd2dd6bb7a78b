"""What accounts are told of themselves: each its own, in order, nothing missed, nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import ApiError, unavailable
from api.private.events import Event, events_of, offset_of, position_after
from api.private.feed import RECORDS_MAX, Listener, PrivateFeed, Told
from api.ws.payloads import in_microseconds
from infra.settings import Settings
from streams.messages import (
    AccountId,
    BalanceChange,
    BalanceUpdate,
    Execution,
    Offset,
    OrderId,
    OrderStatus,
    OrderUpdate,
    PreventedMatch,
    Reason,
    SelfTradePrevention,
    Sequence,
    Units,
    Update,
)
from streams.messages.epoch import Epoch
from tests.unit.rest.updates import balance_update, order_update

ALICE, BOB = AccountId("alice"), AccountId("bob")
EPOCH = Epoch(1)


class Log:
    """One partition of `updates`, and whoever follows it."""

    ready = True
    followers = 0

    def __init__(self) -> None:
        self.records: list[Update] = []
        self._tell: Callable[[int, Offset, Update], None] = lambda *_: None
        self.may_read = asyncio.Event()
        self.may_read.set()

    def on_update(self, callback: Callable[[int, Offset, Update], None]) -> None:
        self._tell = callback

    def seen(self, partition: int) -> Offset:
        return Offset(len(self.records) - 1)

    async def follow(self) -> None:
        if not self.ready:
            raise unavailable()
        self.followers += 1

    def release(self) -> None:
        self.followers -= 1

    def write(self, update: Update) -> None:
        self.records.append(update)
        self._tell(0, Offset(len(self.records) - 1), update)

    async def since(
        self, account: AccountId, partition: int, position: int, until: Offset, epoch: Epoch
    ) -> list[Event]:
        await self.may_read.wait()
        found = []
        for offset in range(epoch.physical(offset_of(position)), len(self.records)):
            update = self.records[offset]
            if update.account == account:
                found += events_of(update, epoch.logical(offset))
        return [event for event in found if event.position > position]


class Venue:
    def __init__(self) -> None:
        self.log = Log()
        self.feed = PrivateFeed(Settings(account_partitions=1), self.log, self.log, self._epoch)

    async def _epoch(self) -> Epoch:
        return EPOCH


def told(events: list[Told]) -> list[Any]:
    return [msgspec.json.decode(each.payload) for each in events]


def order(account: AccountId, **changes: Any) -> OrderUpdate:
    made = order_update(7, Execution.NEW, OrderStatus.NEW)
    return msgspec.structs.replace(made, account=account, **changes)


def deposit(account: AccountId, amount: int) -> BalanceUpdate:
    made = balance_update(BalanceChange.DEPOSIT, amount)
    return msgspec.structs.replace(made, account=account, came_in=Units(amount))


async def test_each_is_told_of_itself_alone() -> None:
    venue, alice, bob = Venue(), list[Told](), list[Told]()
    await venue.feed.listen(ALICE, alice.append)
    listener = await venue.feed.listen(BOB, bob.append)
    venue.log.write(order(ALICE))
    venue.log.write(deposit(BOB, 5))
    assert [each["e"] for each in told(alice)] == ["executionReport"]
    assert [each["e"] for each in told(bob)] == ["outboundAccountPosition", "balanceUpdate"]
    assert told(bob)[1]["d"] == "0.00000005"
    venue.feed.stop(listener)
    venue.feed.stop(listener)
    assert venue.log.followers == 1
    venue.log.write(order(BOB))
    assert len(bob) == 2


async def test_positions_hold_at_any_instance_and_over_epochs() -> None:
    venue, heard = Venue(), list[Told]()
    venue.log.write(order(ALICE))
    listener = await venue.feed.listen(ALICE, heard.append)
    assert listener.began_after == position_after(EPOCH.logical(0))
    venue.log.write(deposit(ALICE, 5))
    first = 16 * EPOCH.logical(1)
    assert [each.position for each in heard] == [first + 1, first + 2]


async def test_who_comes_before_anything_happened_can_go_on_from_there() -> None:
    venue, heard = Venue(), list[Told]()
    listener = await venue.feed.listen(ALICE, heard.append)
    venue.feed.stop(listener)
    venue.log.write(order(ALICE))
    assert offset_of(listener.began_after) >= EPOCH.first
    await venue.feed.listen(ALICE, heard.append, listener.began_after)
    assert len(heard) == 1


async def test_what_comes_while_the_log_is_read_is_told_once_and_in_order() -> None:
    venue, first, again = Venue(), list[Told](), list[Told]()
    listener = await venue.feed.listen(ALICE, first.append)
    venue.log.write(order(ALICE))
    venue.feed.stop(listener)
    for amount in (1, 2):
        venue.log.write(deposit(ALICE, amount))
    venue.log.may_read.clear()
    resuming = asyncio.create_task(venue.feed.listen(ALICE, again.append, first[-1].position))
    await asyncio.sleep(0)
    venue.log.write(deposit(ALICE, 3))
    assert again == []
    venue.log.may_read.set()
    await resuming
    venue.log.write(deposit(ALICE, 4))
    assert [each["d"][-1] for each in told(again) if each["e"] == "balanceUpdate"] == list("1234")
    positions = [each.position for each in first + again]
    assert positions == sorted(set(positions))


async def test_a_place_that_never_was_is_refused() -> None:
    venue = Venue()
    beyond = position_after(EPOCH.logical(RECORDS_MAX))
    with pytest.raises(ApiError) as refused:
        await venue.feed.listen(ALICE, lambda _: None, beyond)
    assert refused.value.code == -1130
    assert venue.log.followers == 0


async def test_nobody_listens_before_the_log_is_in_view() -> None:
    venue = Venue()
    venue.log.ready = False
    with pytest.raises(ApiError) as refused:
        await venue.feed.listen(ALICE, lambda _: None)
    assert refused.value.status == 503


breaks = st.lists(st.tuples(st.sampled_from([ALICE, BOB]), st.booleans()), max_size=40)


@given(breaks)
def test_over_any_breaks_everything_comes_once(steps: list[tuple[AccountId, bool]]) -> None:
    """Each event may be the last before the listener is gone, in the middle of an update too."""

    async def run() -> None:
        venue, heard = Venue(), list[Told]()
        listener = await venue.feed.listen(ALICE, heard.append)
        here = listener.began_after
        for number, (account, leaves) in enumerate(steps, 1):
            venue.log.write(deposit(account, number))
            if leaves:
                venue.feed.stop(listener)
                del heard[len(heard) - number % 2 :]
                since = heard[-1].position if heard else here
                listener = await venue.feed.listen(ALICE, heard.append, since)
        expected = [
            event.position
            for offset, update in enumerate(venue.log.records)
            if update.account == ALICE
            for event in events_of(update, EPOCH.logical(offset))
        ]
        assert [each.position for each in heard] == expected

    asyncio.run(run())


async def test_a_listener_tells_in_order_what_it_held_back() -> None:
    heard: list[Told] = []
    listener = Listener(ALICE, heard.append)
    (event,) = events_of(order(ALICE), 7)
    listener.hear(Told(event, b""))
    listener.go_on([event])
    assert len(heard) == 1


def test_an_execution_report_says_what_binances_does() -> None:
    update = order(
        ALICE, execution=Execution.EXPIRED, status=OrderStatus.EXPIRED, reason=Reason.FILL_OR_KILL
    )
    (event,) = events_of(update, 3)
    shown = msgspec.json.decode(msgspec.json.encode(event))
    assert shown["eR"] == "UNFILLED_FOK_ORDER_EXPIRED"
    assert (shown["w"], shown["r"], shown["N"], shown["position"]) == (False, "NONE", None, 49)
    assert "W" not in shown
    refused = order(
        ALICE,
        execution=Execution.REJECTED,
        status=OrderStatus.REJECTED,
        reason=Reason.INSUFFICIENT_BALANCE,
    )
    (event,) = events_of(refused, 3)
    assert msgspec.json.decode(msgspec.json.encode(event))["r"] == "INSUFFICIENT_BALANCES"


def test_what_self_trade_prevention_took_is_told() -> None:
    match = PreventedMatch(
        maker_order_id=OrderId(5),
        taker_order_id=OrderId(7),
        mode=SelfTradePrevention.EXPIRE_TAKER,
        price=Units(100),
        maker_quantity=Units(0),
        taker_quantity=Units(10),
    )
    update = order(
        ALICE,
        execution=Execution.TRADE_PREVENTION,
        status=OrderStatus.EXPIRED_IN_MATCH,
        self_trade_prevention=SelfTradePrevention.EXPIRE_TAKER,
        market_seq=Sequence(9),
        prevented=Units(10),
        prevention=match,
    )
    (event,) = events_of(update, 3)
    shown = msgspec.json.decode(msgspec.json.encode(event))
    assert (shown["V"], shown["v"], shown["U"]) == ("EXPIRE_TAKER", 9, 5)
    assert (shown["A"], shown["B"], shown["pL"]) == ("0.00000010", "0.00000010", "0.00000100")


def test_times_of_a_report_can_be_in_microseconds_where_it_has_them() -> None:
    for update in (order(ALICE), order(ALICE, status=OrderStatus.FILLED)):
        (event,) = events_of(update, 3)
        shown = msgspec.json.decode(msgspec.json.encode(in_microseconds(event)))
        assert (shown["E"], shown["O"], shown["position"]) == (1000, 1000, 49)
        assert shown.get("W") == (1000 if update.status.is_open else None)
