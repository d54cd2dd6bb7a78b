"""What market data lets in, what it says when, and that its state can be kept."""

from __future__ import annotations

import msgspec
import pytest

from streams.market_data import INTERVALS, MarketDataPartition, TradeGap
from streams.messages import encode_event
from streams.messages.epoch import RECOVERY_JUMP, Epoch
from streams.outputs import MalformedRecord, SnapshotMismatch
from streams.topics import KLINES, TICKERS
from tests.unit.market_data.trades import (
    HOUR,
    MINUTE,
    NOON,
    SECOND,
    Feed,
    kline,
    ticker,
    trade,
)


def test_every_edge_is_named_by_market_or_interval_and_the_last_trade() -> None:
    outputs = Feed(partition=5).say(trade(1), trade(2))
    names = {(output.topic, output.partition, output.source, output.seq) for output in outputs}
    expected = {(KLINES, 5, f"BTCUSDT/{interval.name}", 6) for interval in INTERVALS}
    assert names == expected | {(TICKERS, 5, "BTCUSDT", 6)}


def test_the_middle_of_an_aggregate_is_not_said_but_counted() -> None:
    feed = Feed()
    assert feed.say(trade(1, quantity=1, last=False)) == []
    assert ticker(feed.say(trade(2, quantity=1))).volume == "2.00000000"


def test_a_driver_may_sample_once_for_many_trades_and_says_the_same_last() -> None:
    feed, sampled = Feed(), MarketDataPartition(0)
    each = [trade(n, NOON + n * SECOND, price=100 + n) for n in range(1, 130)]
    last = feed.say(*each)
    closed = [output for record in feed.records for output in sampled.observe(*record)]
    assert sampled.sample() == last
    assert sampled.sample() == [], "nothing new"
    assert set(map(str, closed)) <= set(map(str, feed.outputs))
    assert kline(closed, "1m", NOON + MINUTE).trades == 60
    assert sampled.digest() == feed.machine.digest()


def test_a_trade_delivered_again_is_not_counted_again() -> None:
    feed = Feed()
    feed.say(trade(1), trade(2))
    assert feed.machine.apply(*feed.records[-1]) == [], "the same record"
    assert feed.say(trade(2)) == [], "another record of the same trade"
    assert ticker(feed.say(trade(3))).volume == "3.00000000"


def test_a_missing_trade_stops_the_process() -> None:
    feed = Feed()
    feed.say(trade(7), trade(8))
    with pytest.raises(TradeGap, match="10 after 8"):
        feed.say(trade(10))


def test_the_jump_that_marks_a_recovery_is_no_gap() -> None:
    feed = Feed()
    before = ticker(feed.say(trade(7), trade(8)))
    assert ticker(feed.machine.begin_epoch(Epoch(1).first)) == before, "it is said afresh"
    after = feed.machine.apply(Epoch(1).first, 0, encode_event(trade(9 + RECOVERY_JUMP)))
    assert ticker(after).volume == "3.00000000"


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"garbage",
        b"{}",
        b'{"market":"\xff\xff"}',
        encode_event(msgspec.structs.replace(trade(3), price="1e5")),
        encode_event(msgspec.structs.replace(trade(3), quantity="-1")),
    ],
)
def test_a_malformed_record_changes_nothing_and_the_partition_goes_on(value: bytes) -> None:
    feed, spared = Feed(), Feed()
    feed.say(trade(1), trade(2))
    spared.say(trade(1), trade(2))
    with pytest.raises(MalformedRecord):
        feed.append(value)
    spared.machine.position += 1
    assert feed.machine.digest() == spared.machine.digest()
    assert ticker(feed.say(trade(3))).trades == 3


def test_restored_market_data_is_the_same_and_goes_on_the_same() -> None:
    feed = Feed()
    feed.say(*[trade(n, NOON + n * 3 * MINUTE, price=n) for n in range(1, 700)])
    feed.say(trade(1, NOON, market="ETHUSDT"))
    restored = MarketDataPartition(0)
    restored.restore(feed.machine.snapshot())
    assert restored.digest() == feed.machine.digest()
    last = (len(feed.records), 0, encode_event(trade(700, NOON + 36 * HOUR)))
    assert ticker(restored.apply(*last)) == ticker(feed.machine.apply(*last))
    assert restored.digest() == feed.machine.digest()


def test_sums_beyond_64_bits_can_be_kept() -> None:
    feed = Feed()
    feed.say(*[trade(n, price=9_000_000_000, quantity=9) for n in range(1, 30)])
    restored = MarketDataPartition(0)
    restored.restore(feed.machine.snapshot())
    assert restored.digest() == feed.machine.digest()


def test_a_snapshot_of_another_partition_is_refused() -> None:
    chunks = list(Feed().machine.snapshot())
    with pytest.raises(SnapshotMismatch):
        MarketDataPartition(1).restore(chunks)
