"""A ledger goes on in a new log: with its money, under numbers that nobody has seen."""

from __future__ import annotations

import msgspec

from streams.messages import BalanceUpdate, OrderId, Place, RequestRepeated, request_id
from streams.messages.epoch import Epoch
from tests.unit.ledger.log import frame, funded, place, the

FIRST = Epoch(1).first


def test_updates_and_orders_are_named_anew_and_what_is_passed_on_is_counted_on() -> None:
    log = funded()
    log.order_id(place("ann", "one"))
    ledger = log.machine

    ledger.begin_epoch(FIRST, last_update=900)
    assert ledger.apply(*log.records[-1]) == [], "it is of the old log"
    outputs = ledger.apply(FIRST, 60_000, frame(place("ann", "two")))

    said = [output.message for output in outputs]
    balance = the(BalanceUpdate, said)
    assert (balance.seq, balance.cause.offset) == (901, FIRST)
    assert (balance.balances[0].available, balance.balances[0].held) == (800, 200)
    assert the(Place, said).order_id == OrderId(request_id(0, FIRST, 0))
    assert [output.seq for output in outputs if isinstance(output.message, Place)] == [2]


def test_a_retry_from_before_a_recovery_is_recognised() -> None:
    """What it was answered was on the old log; but it must not be done again."""
    log = funded()
    order = msgspec.structs.replace(place("ann", "one"), idempotency_key="key-1")
    first = log.order_id(order)
    ledger = log.machine

    ledger.begin_epoch(FIRST, last_update=900)
    (output,) = ledger.apply(FIRST, 60_000, frame(order))

    repeated = the(RequestRepeated, [output.message])
    assert repeated.request == request_id(0, FIRST, 0)
    assert int(repeated.first) == int(first)
