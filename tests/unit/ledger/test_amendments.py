"""By which client order ids an order goes while its market decides on amendments of it."""

from __future__ import annotations

import pytest

from streams.ledger import LedgerCorrupt, LedgerPartition
from streams.messages import (
    AccountId,
    Amend,
    Reason,
    RequestRejected,
)
from tests.unit.ledger.log import (
    MARKET_PARTITIONS,
    amend,
    funded,
    leads_to,
    place,
    release_name,
    settle,
    the,
)

ANN = AccountId("ann")


def test_an_amendment_is_passed_on_to_the_orders_market() -> None:
    log = funded()
    order_id = log.order_id(place("ann", "a"))
    forwarded = the(Amend, log.tell(amend("a", "b")))
    assert (forwarded.order_id, forwarded.client_order_id, forwarded.quantity) == (order_id, "b", 4)


def test_until_its_market_has_decided_an_order_goes_by_both_names() -> None:
    log = funded()
    order_id = log.order_id(place("ann", "a"))
    log.tell(amend("a", "b"))
    assert leads_to(log, "a") == leads_to(log, "b") == order_id
    release_name(log, 1, order_id, "a")
    assert (leads_to(log, "a"), leads_to(log, "b")) == (None, order_id)


def test_an_order_that_was_not_amended_keeps_its_name() -> None:
    log = funded()
    order_id = log.order_id(place("ann", "a"))
    log.tell(amend("a", "b"))
    release_name(log, 1, order_id, "b")
    assert (leads_to(log, "a"), leads_to(log, "b")) == (order_id, None)


def test_amendments_there_and_back_at_once_leave_the_first_name() -> None:
    log = funded()
    order_id = log.order_id(place("ann", "a"))
    log.tell(amend("a", "b"), amend("b", "a", lots=3))
    release_name(log, 1, order_id, "a")
    assert leads_to(log, "a") == order_id
    release_name(log, 2, order_id, "b")
    assert (leads_to(log, "a"), leads_to(log, "b")) == (order_id, None)


def test_keeping_the_name_is_no_duplicate_and_another_orders_name_is() -> None:
    log = funded()
    log.tell(place("ann", "a"), place("ann", "other"))
    the(Amend, log.tell(amend("a", "a")))
    refused = the(RequestRejected, log.tell(amend("a", "other")))
    assert refused.reason is Reason.DUPLICATE_ORDER_ID
    unknown = the(RequestRejected, log.tell(amend("nobody", "b")))
    assert unknown.reason is Reason.UNKNOWN_ORDER


def test_the_end_of_an_order_frees_all_its_names() -> None:
    log = funded()
    order_id = log.order_id(place("ann", "a"))
    log.tell(amend("a", "b"), amend("a", "b"), amend("a", "a"))
    log.settled(1, settle("ann", order_id, released=100, done=True))
    the(RequestRejected, log.tell(amend("b", "c")))
    log.order_id(place("ann", "a"))
    log.order_id(place("ann", "b"))


def test_amendments_under_way_are_bounded() -> None:
    log = funded()
    log.tell(place("ann", "a"))
    log.tell(*(amend("a", f"n{number}") for number in range(16)))
    assert the(RequestRejected, log.tell(amend("a", "b"))).reason is Reason.TOO_MANY_AMENDMENTS


def test_a_checkpoint_keeps_the_names_that_are_not_decided_on() -> None:
    log = funded()
    order_id = log.order_id(place("ann", "a"))
    log.tell(amend("a", "b"), amend("a", "c"))
    restored = LedgerPartition(0, MARKET_PARTITIONS)
    restored.restore(log.machine.snapshot())
    assert restored.digest() == log.machine.digest()
    log.machine = restored
    release_name(log, 1, order_id, "a")
    assert leads_to(log, "c") == order_id


def test_a_name_nobody_asked_for_is_a_corrupt_log() -> None:
    log = funded()
    order_id = log.order_id(place("ann", "a"))
    with pytest.raises(LedgerCorrupt):
        release_name(log, 1, order_id, "a")
