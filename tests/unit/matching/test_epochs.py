"""Markets go on in a new log: as they stood, under numbers that nobody has seen."""

from __future__ import annotations

from streams.matching.partition import MarketNumbers
from streams.messages import (
    Depth,
    DepthKind,
    Market,
    OrderStatus,
    OrderUpdate,
    Settle,
    Side,
    Trade,
)
from streams.messages.epoch import Epoch
from tests.unit.matching.log import BTCUSDT, Log, frame, messages, opened, place

FIRST = Epoch(1).first
USED = MarketNumbers(seq=5_000, trade_id=300, aggregate_id=200)
BUY, SELL = Side.BUY, Side.SELL


def recovered() -> Log:
    """After two orders of ledger 0: 5 lots offered at 100, of which 2 are sold."""
    log = opened()
    log.send(place(1, SELL, 5, 100))
    log.send(place(2, BUY, 2, 100))
    return log


def test_each_market_is_said_afresh_as_of_its_last_number() -> None:
    log = recovered()
    said = log.machine.begin_epoch(FIRST, [70, 80], {BTCUSDT: USED})
    (market,) = messages(said, Market)
    (depth,) = messages(said, Depth)
    assert (market.market, market.seq) == (BTCUSDT, 5_000)
    assert (depth.kind, depth.seq, depth.bids) == (DepthKind.SNAPSHOT, 5_000, [])
    assert len(depth.asks) == 1


def test_public_numbers_go_on_after_those_used_and_internal_ones_as_before() -> None:
    log = recovered()
    settled = log.machine.outbox.last_commands[0]
    log.machine.begin_epoch(FIRST, [70, 80], {BTCUSDT: USED})
    buy = frame(place(3, BUY, 1, 100), source="ledger:0", first=3)
    said = log.machine.apply(FIRST, 9_000, buy)
    (trade,) = messages(said, Trade)
    assert (trade.seq, trade.trade_id, trade.aggregate_id) == (5_002, 301, 201)
    assert trade.cause.offset == FIRST
    assert messages(said, OrderUpdate)[0].seq == 71
    (diff,) = messages(said, Depth)
    assert (diff.kind, diff.first_seq, diff.seq) == (DepthKind.DIFF, 5_001, 5_002)
    numbers = [output.seq for output in said if isinstance(output.message, Settle)]
    assert numbers == [settled + 1, settled + 2]


def test_a_record_of_the_new_log_is_the_next_and_one_of_the_old_is_not() -> None:
    log = recovered()
    log.machine.begin_epoch(FIRST, [0, 0], {BTCUSDT: USED})
    assert log.machine.apply(*log.records[-1]) == []
    assert log.machine.position == FIRST - 1


def test_resting_orders_are_told_as_they_stand() -> None:
    log = recovered()
    log.machine.begin_epoch(FIRST, [70, 80], {BTCUSDT: USED})
    (order,) = log.machine.standing()
    assert (order.client_order_id, order.status) == ("client-1", OrderStatus.PARTIALLY_FILLED)
    assert (order.seq, order.executed * 5) == (70, order.quantity * 2)
