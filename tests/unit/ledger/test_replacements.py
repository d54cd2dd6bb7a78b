"""An order that takes another's place: whose funds it is held with, and whose name it bears."""

from __future__ import annotations

import msgspec
import pytest

from streams.ledger import LedgerCorrupt
from streams.messages import (
    AccountId,
    CancelReplace,
    CancelReplaceOrder,
    MoveHold,
    OrderId,
    OrderLimits,
    Reason,
    RequestRejected,
    Units,
)
from tests.unit.ledger.log import (
    USDT,
    Log,
    amend,
    cancel,
    frame,
    funded,
    leads_to,
    place,
    release_name,
    settle,
    the,
)

ANN = AccountId("ann")


def replace(
    old: int, name: str = "new", hold: int = 100, *, stop: bool = True, **more: object
) -> CancelReplaceOrder:
    order = msgspec.structs.replace(place("ann", name, hold=hold), **more)
    return CancelReplaceOrder(ANN, cancel("ann", old), order, stop)


def moved(log: Log, number: int, old: int, new: int, amount: int) -> None:
    move = MoveHold(ANN, OrderId(old), OrderId(new), Units(amount))
    assert log.append(frame(move, source="matching:0", first_seq=number)) == []


def test_what_is_lacking_for_it_comes_from_the_old_orders_hold() -> None:
    log = funded()
    old = log.order_id(place("ann", "old", hold=900))
    passed_on = the(CancelReplace, log.tell(replace(old, hold=950)))
    assert (passed_on.order_id, passed_on.lacking, passed_on.refusal) == (old, 850, Reason.NONE)
    assert log.balance("ann", USDT) == (0, 1_000)
    new = passed_on.place.order_id
    moved(log, 1, old, new, 850)
    log.settled(2, settle("ann", old, released=50, done=True))
    assert log.balance("ann", USDT) == (50, 950)
    log.settled(3, settle("ann", new, released=950, done=True))
    assert log.balance("ann", USDT) == (1_000, 0)
    log.machine.ledger.check()


def test_without_funds_its_market_cancels_alone() -> None:
    log = funded()
    old = log.order_id(place("ann", "old", hold=900))
    passed_on = the(CancelReplace, log.tell(replace(old, hold=1_001)))
    assert (passed_on.lacking, passed_on.refusal) == (0, Reason.INSUFFICIENT_BALANCE)
    assert log.balance("ann", USDT) == (100, 900)


def test_an_unknown_order_stops_it_or_is_left_to_the_market() -> None:
    log = funded()
    assert the(RequestRejected, log.tell(replace(7))).reason is Reason.UNKNOWN_ORDER
    passed_on = the(CancelReplace, log.tell(replace(7, stop=False)))
    assert (passed_on.order_id, passed_on.refusal) == (0, Reason.NONE)


def test_the_old_orders_name_is_the_new_ones_and_comes_back_if_that_is_refused() -> None:
    log = funded()
    old = log.order_id(place("ann", "name"))
    new = the(CancelReplace, log.tell(replace(old, "name"))).place.order_id
    assert leads_to(log, "name") == new
    log.settled(1, settle("ann", new, released=100, done=True))
    assert leads_to(log, "name") == old
    again = the(CancelReplace, log.tell(replace(old, "name"))).place.order_id
    log.settled(2, settle("ann", old, released=100, done=True))
    assert leads_to(log, "name") == again
    log.settled(3, settle("ann", again, released=100, done=True))
    assert leads_to(log, "name") is None


def test_a_name_comes_back_to_the_first_though_one_between_has_ended() -> None:
    """Of three in a row, where the first may not be cancelled."""
    log = funded()
    first = log.order_id(place("ann", "name"))
    second = the(CancelReplace, log.tell(replace(first, "name"))).place.order_id
    third = the(CancelReplace, log.tell(replace(second, "name"))).place.order_id
    log.settled(1, settle("ann", second, released=100, done=True))
    assert leads_to(log, "name") == third
    log.settled(2, settle("ann", third, released=100, done=True))
    assert leads_to(log, "name") == first
    log.settled(3, settle("ann", first, released=100, done=True))
    assert leads_to(log, "name") is None


def test_a_name_that_an_amendment_gives_up_comes_back_as_well() -> None:
    log = funded()
    first = log.order_id(place("ann", "name"))
    second = the(CancelReplace, log.tell(replace(first, "name"))).place.order_id
    log.tell(amend("", "amended", order_id=second))
    release_name(log, 1, second, "name")
    assert (leads_to(log, "name"), leads_to(log, "amended")) == (first, second)
    log.settled(2, settle("ann", first, released=100, done=True))
    log.settled(3, settle("ann", second, released=100, done=True))
    assert leads_to(log, "name") is leads_to(log, "amended") is None


def test_another_orders_name_is_a_duplicate() -> None:
    log = funded()
    log.tell(place("ann", "other"))
    old = log.order_id(place("ann", "old"))
    passed_on = the(CancelReplace, log.tell(replace(old, "other")))
    assert passed_on.refusal is Reason.DUPLICATE_ORDER_ID


def test_with_as_many_orders_as_it_may_have_it_does_nothing_or_cancels() -> None:
    log = funded()
    limits = OrderLimits(1, 0)
    old = log.order_id(msgspec.structs.replace(place("ann", "old"), limits=limits))
    wanted = replace(old, limits=limits)
    assert the(RequestRejected, log.tell(wanted)).reason is Reason.TOO_MANY_ORDERS
    wanted = msgspec.structs.replace(wanted, cancel_when_limited=True)
    assert the(CancelReplace, log.tell(wanted)).refusal is Reason.TOO_MANY_ORDERS


def test_a_hold_that_is_not_there_is_a_corrupt_log() -> None:
    log = funded()
    old, new = log.order_id(place("ann", "old")), log.order_id(place("ann", "new"))
    with pytest.raises(LedgerCorrupt):
        moved(log, 1, old, new, 101)
