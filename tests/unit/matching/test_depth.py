"""What everybody can see: trades, and a book that can be followed diff by diff."""

from __future__ import annotations

import pytest

from streams.matching import depth
from streams.messages import Depth, DepthKind, Side, Tick, Trade
from streams.messages import Market as MarketEvent
from streams.outputs import MalformedRecord
from tests.unit.matching.log import (
    BTCUSDT,
    Log,
    cancel,
    frame,
    messages,
    opened,
    order_id,
    place,
)

BUY, SELL = Side.BUY, Side.SELL


def test_a_new_market_is_announced_and_begins_with_an_empty_book() -> None:
    outputs = Log().configure()
    (market,) = messages(outputs, MarketEvent)
    (snapshot,) = messages(outputs, Depth)
    assert (market.market, market.seq, market.tick_size) == (BTCUSDT, 1, "0.01000000")
    assert (snapshot.kind, snapshot.seq, snapshot.bids, snapshot.asks) == (
        DepthKind.SNAPSHOT,
        1,
        [],
        [],
    )


def test_a_change_of_configuration_is_announced_and_what_cant_change_stays() -> None:
    log = opened()
    log.send(place(1, SELL, 5, 100))
    outputs = log.configure(taker_fee_bps=7, tick=10**8, base="DOGE")
    (market,) = messages(outputs, MarketEvent)
    assert (market.seq, market.taker_fee_bps) == (3, 7)
    assert (market.tick_size, market.base) == ("0.01000000", "BTC")
    assert messages(outputs, Depth) == []


def test_a_trade_is_told_in_decimals_with_its_cause() -> None:
    log = opened()
    log.send(place(1, SELL, 5, 10_001))
    (trade,) = messages(log.send(cancel(9, request=8), place(2, BUY, 2, 10_002)), Trade)
    assert (trade.price, trade.quantity, trade.quote_quantity) == (
        "100.01000000",
        "0.00002000",
        "0.00200020",
    )
    assert (trade.seq, trade.trade_id, trade.taker_side) == (4, 1, BUY)
    assert (trade.maker_order_id, trade.taker_order_id) == (order_id(1), order_id(2))
    assert (trade.cause.offset, trade.cause.index) == (2, 1)


def test_trades_of_one_taker_at_one_price_make_an_aggregate() -> None:
    log = opened()
    log.send(place(1, SELL, 1, 100), place(2, SELL, 1, 100), place(3, SELL, 1, 101))
    trades = messages(log.send(place(4, BUY, 3, 101)), Trade)
    assert [(t.aggregate_id, t.aggregate_last) for t in trades] == [
        (1, False),
        (1, True),
        (2, True),
    ]


def test_a_frame_makes_one_diff_of_the_levels_it_changed() -> None:
    log = opened()
    (first,) = messages(
        log.send(place(1, SELL, 5, 102), place(2, SELL, 4, 101), place(3, BUY, 3, 99)), Depth
    )
    assert (first.first_seq, first.seq) == (2, 4)
    assert first.asks == [("1.01000000", "0.00004000"), ("1.02000000", "0.00005000")]
    assert first.bids == [("0.99000000", "0.00003000")]
    (second,) = messages(log.send(place(4, BUY, 6, 102)), Depth)
    assert (second.first_seq, second.seq) == (5, 7)
    assert second.asks == [("1.01000000", "0.00000000"), ("1.02000000", "0.00003000")]


def test_events_that_change_no_level_are_covered_by_the_next_diff() -> None:
    log = opened()
    log.send(place(1, SELL, 5, 102))
    assert messages(log.configure(), Depth) == []
    (diff,) = messages(log.send(place(2, SELL, 4, 101)), Depth)
    assert (diff.first_seq, diff.seq) == (3, 4)


def test_a_refusal_makes_no_diff() -> None:
    log = opened()
    assert messages(log.send(cancel(1, request=9)), Depth) == []


def test_a_full_snapshot_follows_every_so_many_diffs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(depth, "SNAPSHOT_EVERY_MIN", 3)
    log = opened()
    told = [messages(log.send(place(n, SELL, 1, 100 + n % 2)), Depth) for n in range(1, 7)]
    assert [len(depths) for depths in told] == [1, 1, 2, 1, 1, 2]
    diff, snapshot = told[-1]
    assert snapshot.kind is DepthKind.SNAPSHOT
    assert snapshot.first_seq == snapshot.seq == diff.seq
    assert snapshot.asks == [("1.00000000", "0.00003000"), ("1.01000000", "0.00003000")]


HOURS = 3_600_000


def test_the_book_of_a_quiet_market_is_told_again_as_time_passes() -> None:
    log = opened()
    log.send(place(1, SELL, 5, 100), at=2_000)
    assert log.append(frame(Tick()), at=2 * HOURS) == []
    (told,) = messages(log.append(frame(Tick()), at=7 * HOURS), Depth)
    assert told.kind is DepthKind.SNAPSHOT
    assert told.asks == [("1.00000000", "0.00005000")]
    assert told.seq == 3, "a name of its own: the order was event 2"
    (diff,) = messages(log.send(place(2, SELL, 5, 101), at=7 * HOURS + 1), Depth)
    assert (diff.first_seq, diff.seq) == (3, 4), "diffs follow each other without a gap"


def test_a_snapshot_that_is_due_by_time_follows_the_next_diff() -> None:
    log = opened()
    kinds = [
        depth.kind for depth in messages(log.send(place(1, SELL, 5, 100), at=7 * HOURS), Depth)
    ]
    assert kinds == [DepthKind.DIFF, DepthKind.SNAPSHOT]


def test_a_ledger_sends_no_ticks() -> None:
    with pytest.raises(MalformedRecord):
        opened().send(Tick())
