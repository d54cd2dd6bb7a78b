"""Who has fees of its own pays those: as a taker, and as a maker also after a restart."""

from __future__ import annotations

import msgspec
import pytest

from streams.matching import MatchingPartition
from streams.messages import AccountFees, OrderUpdate, Place, Settle, Side
from tests.unit.matching.log import (
    ACCOUNT_PARTITIONS,
    PARTITION,
    Log,
    messages,
    opened,
    order_id,
    place,
)

FREE, DEAR = AccountFees(0, 0), AccountFees(100, 200)


def with_fees(command: Place, fees: AccountFees | None) -> Place:
    return msgspec.structs.replace(command, fees=fees)


def bps(settle: Settle) -> int:
    gross = settle.received + settle.fee
    return round(settle.fee * 10_000 / gross)


@pytest.mark.parametrize(
    ("maker", "taker", "paid"),
    [
        (None, None, (10, 20)),
        (FREE, None, (0, 20)),
        (None, FREE, (10, 0)),
        (DEAR, DEAR, (100, 200)),
    ],
)
@pytest.mark.parametrize("restarted", [False, True])
def test_each_side_of_a_trade_pays_by_its_own_order(
    maker: AccountFees | None, taker: AccountFees | None, paid: tuple[int, int], restarted: bool
) -> None:
    log = opened()
    log.send(with_fees(place(1, Side.SELL, 5_000, 2_000), maker))
    if restarted:
        again = MatchingPartition(PARTITION, ACCOUNT_PARTITIONS)
        again.restore(list(log.machine.snapshot()))
        assert again.digest() == log.machine.digest()
        log.machine = again
    outputs = log.send(with_fees(place(2, Side.BUY, 5_000, 2_000), taker))
    settles = {settle.order_id: bps(settle) for settle in messages(outputs, Settle)}
    assert (settles[order_id(1)], settles[order_id(2)]) == paid
    told = {
        update.order_id: update.fee
        for update in messages(outputs, OrderUpdate)
        if update.last_quantity
    }
    assert told == {settle.order_id: settle.fee for settle in messages(outputs, Settle)}


def test_a_markets_new_fees_are_not_for_those_that_have_their_own() -> None:
    log: Log = opened()
    log.send(with_fees(place(1, Side.SELL, 5_000, 2_000), DEAR))
    log.configure(maker_fee_bps=1, taker_fee_bps=2)
    outputs = log.send(place(2, Side.BUY, 5_000, 2_000))
    assert sorted(map(bps, messages(outputs, Settle))) == [2, 100]
