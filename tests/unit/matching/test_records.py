"""What the markets of a partition let in, that they take nothing twice, and what they remember."""

from __future__ import annotations

import msgspec
import pytest

from streams.matching import MatchingPartition
from streams.matching.snapshot import ROWS_MAX, write_market
from streams.messages import (
    FRAME_BYTES_MAX,
    FRAME_COMMANDS_MAX,
    REQUEST_MAX,
    MarketCommand,
    OrderUpdate,
    Place,
    Side,
)
from streams.outputs import MalformedRecord, SnapshotMismatch, state_digest
from tests.unit.matching.floor import TICK
from tests.unit.matching.log import (
    ACCOUNT_PARTITIONS,
    BTCUSDT,
    PARTITION,
    Log,
    cancel,
    configure,
    frame,
    messages,
    opened,
    order_id,
    place,
)

BUY, SELL = Side.BUY, Side.SELL
LEDGER = "ledger:0"
ASK = place(1, SELL, 5, 100)


def but(**fields: object) -> Place:
    return msgspec.structs.replace(ASK, **fields)


MALFORMED = {
    "nothing": b"",
    "no MessagePack": b"\xc1\xff garbage",
    "no frame": msgspec.msgpack.encode({"version": 1}),
    "nested without end": b"\x95\x01\xa0\x01\x90" + b"\x91" * 200_000,
    "broken text": frame(ASK, source=LEDGER, first=1).replace(b"client-1", b"client-\xff"),
    "another version": frame(ASK, source=LEDGER, first=1, version=2),
    "no command": frame(source=LEDGER, first=1),
    "too many commands": frame(*[ASK] * (FRAME_COMMANDS_MAX + 1), source=LEDGER, first=1),
    "too many bytes": b"\x00" * (FRAME_BYTES_MAX + 1),
    "a stranger": frame(ASK, source="ledger:99", first=1),
    "an order of no ledger": frame(ASK),
    "a configuration of a ledger": frame(configure(), source=LEDGER, first=1),
    "numbered from zero": frame(ASK, source=LEDGER, first=0),
    "after a gap": frame(ASK, source=LEDGER, first=2),
    "another ledger's order": frame(but(order_id=order_id(1, 1)), source=LEDGER, first=1),
    "a cancel of another ledger's": frame(
        msgspec.structs.replace(cancel(1, 2), order_id=order_id(1, 1)), source=LEDGER, first=1
    ),
    "order zero": frame(but(order_id=0), source=LEDGER, first=1),
    "an order beyond all": frame(but(order_id=(REQUEST_MAX + 1) * 2), source=LEDGER, first=1),
    "a negative hold": frame(but(hold=-1), source=LEDGER, first=1),
    "a boundless hold": frame(but(hold=2**63), source=LEDGER, first=1),
    "an endless name": frame(but(client_order_id="x" * 65), source=LEDGER, first=1),
    "another partition's market": frame(configure(partition=PARTITION + 1)),
    "a market that can't be counted": frame(configure(tick=1, lot=1)),
    "a market without a step": frame(configure(tick=0)),
    "a fee above all": frame(configure(taker_fee_bps=10_001)),
}


@pytest.mark.parametrize("value", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_record_changes_nothing_and_the_partition_goes_on(value: bytes) -> None:
    log, twin = opened(), opened()
    with pytest.raises(MalformedRecord):
        log.append(value)
    twin.machine.position += 1
    assert log.machine.digest() == twin.machine.digest()
    assert messages(log.send(ASK), OrderUpdate)


def test_one_bad_command_keeps_its_whole_frame_out() -> None:
    log = opened()
    with pytest.raises(MalformedRecord):
        log.append(frame(ASK, but(hold=-1), source=LEDGER, first=1))
    assert len(log.machine.markets[BTCUSDT].book) == 0


def test_commands_sent_again_in_other_frames_are_dropped() -> None:
    sent: list[MarketCommand] = [place(n, SELL, 5, 100 + n) for n in range(1, 7)]
    log = opened()
    log.append(frame(*sent[:4], source=LEDGER, first=1))
    assert log.append(frame(*sent[:2], source=LEDGER, first=1)) == []
    outputs = log.append(frame(*sent[2:], source=LEDGER, first=3))
    taken = [update.order_id for update in messages(outputs, OrderUpdate)]
    assert taken == [order_id(5), order_id(6)]
    assert [update.cause.index for update in messages(outputs, OrderUpdate)] == [2, 3]


def test_a_record_taken_before_is_dropped() -> None:
    log = opened()
    log.send(ASK)
    before = log.machine.digest()
    for record in log.records:
        assert log.machine.apply(*record) == []
    assert log.machine.digest() == before


def test_time_never_goes_back() -> None:
    log = opened()
    log.send(place(1, SELL, 5, 100), at=9_000)
    (update,) = messages(log.send(place(2, SELL, 5, 101), at=8_000), OrderUpdate)
    assert (update.at, update.created) == (9_000, 9_000)


def test_a_restored_partition_goes_on_as_the_first_would() -> None:
    log = opened()
    log.configure(market="ETHUSDT", base="ETH", tick=10 * TICK)
    for n in range(1, ROWS_MAX + 10):
        log.send(place(n, SELL, 5, 100 + n % 7))
    log.send(place(ROWS_MAX + 10, BUY, 12, 101), cancel(3, request=ROWS_MAX + 11))
    chunks = list(log.machine.snapshot())
    twin = MatchingPartition(PARTITION, ACCOUNT_PARTITIONS)
    twin.restore(chunks)
    assert list(twin.snapshot()) == chunks
    assert twin.digest() == log.machine.digest()
    more = frame(
        place(2_000, BUY, 900, 103), cancel(8, request=2_001), source=LEDGER, first=ROWS_MAX + 12
    )
    offset = len(log.records)
    assert twin.apply(offset, 9_000, more) == log.machine.apply(offset, 9_000, more) != []


def test_equal_markets_have_equal_digests_however_their_commands_were_framed() -> None:
    together, apart = opened(), opened()
    together.send(place(1, SELL, 5, 100), place(2, SELL, 5, 100), cancel(1, request=8), at=2_000)
    apart.send(place(1, SELL, 5, 100), at=2_000)
    apart.send(place(2, SELL, 5, 100), at=2_000)
    assert _digest(together) != _digest(apart)
    apart.send(cancel(1, request=8), at=2_000)
    assert _digest(together) == _digest(apart)


def _digest(log: Log) -> str:
    return state_digest(write_market(log.machine.markets[BTCUSDT]))


@pytest.mark.parametrize("lost", [0, 1, 2, 3])
def test_a_torn_snapshot_is_refused(lost: int) -> None:
    log = opened()
    log.send(ASK)
    chunks = list(log.machine.snapshot())
    assert len(chunks) == 4
    del chunks[lost]
    with pytest.raises(SnapshotMismatch):
        MatchingPartition(PARTITION, ACCOUNT_PARTITIONS).restore(chunks)


@pytest.mark.parametrize("kept", [0, 1])
def test_half_a_snapshot_is_refused(kept: int) -> None:
    chunks = list(opened().machine.snapshot())[:kept]
    with pytest.raises(SnapshotMismatch):
        MatchingPartition(PARTITION, ACCOUNT_PARTITIONS).restore(chunks)


def test_a_snapshot_of_another_partition_is_refused() -> None:
    chunks = list(opened().machine.snapshot())
    with pytest.raises(SnapshotMismatch):
        MatchingPartition(PARTITION + 1, ACCOUNT_PARTITIONS).restore(chunks)
    with pytest.raises(SnapshotMismatch):
        MatchingPartition(PARTITION, ACCOUNT_PARTITIONS + 1).restore(chunks)
