"""What the ledger lets in, and that it takes nothing twice."""

from __future__ import annotations

import msgspec
import pytest

from streams.ledger import LedgerPartition
from streams.ledger.snapshot import ROWS_MAX
from streams.messages import (
    FRAME_BYTES_MAX,
    FRAME_COMMANDS_MAX,
    AccountOpened,
    BalanceUpdate,
    Cause,
    Offset,
    Update,
    request_id,
)
from streams.outputs import MalformedRecord, SnapshotMismatch
from tests.unit.ledger.log import (
    BTC,
    MARKET_PARTITIONS,
    USDT,
    Log,
    cancel,
    deposit,
    frame,
    funded,
    open_account,
    place,
    settle,
    the,
)

MALFORMED = {
    "nothing": b"",
    "garbage": b"\xc1garbage",
    "text that is not UTF-8": b"\x94\x01\xa2\xff\xff\x00\x91\x92\x01\xa3ann",
    "truncated": frame(open_account("cy"))[:-1],
    "of another version": frame(open_account("cy"), version=2),
    "without commands": frame(),
    "with too many commands": frame(*[open_account("cy")] * (FRAME_COMMANDS_MAX + 1)),
    "too large": b"\x00" * (FRAME_BYTES_MAX + 1),
    "of an unknown command": msgspec.msgpack.encode([1, "", 0, [[99, "cy"]]]),
    "of an unknown source": frame(settle("ann", 1), source="matching:99", first_seq=1),
    "a settlement from the api": frame(open_account("cy"), settle("ann", 1)),
    "a deposit from a market": frame(deposit("ann", BTC, 1), source="matching:0", first_seq=1),
    "after a gap": frame(settle("ann", 1), source="matching:0", first_seq=2),
    "numbered from zero": frame(settle("ann", 1), source="matching:0", first_seq=0),
    "an account with no name": frame(open_account("")),
    "an account with a long name": frame(open_account("a" * 65)),
    "an account that is not ASCII": frame(open_account("änn")),
    "an account with a control character": frame(open_account("ann\n")),
    "an asset with a long name": frame(deposit("ann", "A" * 33, 1)),
    "a cancel of nothing": frame(cancel("ann")),
    "an order without a client order id": frame(place("ann", "")),
}


@pytest.mark.parametrize("value", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_record_changes_nothing_and_the_partition_goes_on(value: bytes) -> None:
    log, spared = funded(), funded()
    with pytest.raises(MalformedRecord):
        log.append(value)
    spared.machine.position += 1
    assert log.machine.digest() == spared.machine.digest()
    the(AccountOpened, log.tell(open_account("dan")))


def test_each_command_of_a_frame_has_its_own_name_and_cause() -> None:
    log = Log(partition=3)
    first, second = log.append(frame(open_account("ann"), open_account("bob")))
    for index, output in enumerate((first, second)):
        opened = the(AccountOpened, [output.message])
        assert opened.request == request_id(3, 0, index)
        assert opened.cause == Cause(3, Offset(0), index)
        assert (opened.source, opened.seq) == ("ledger:3", index + 1)


def test_a_record_delivered_again_is_not_taken_again() -> None:
    log = funded()
    before = log.machine.digest()
    assert all(log.machine.apply(*record) == [] for record in log.records)
    assert log.machine.digest() == before


def test_a_settlement_sent_again_in_other_frames_is_posted_once() -> None:
    log = funded()
    order_id = log.order_id(place("ann", hold=100))
    fills = [settle("ann", order_id, paid=10, received=1) for _ in range(4)]
    log.settled(1, fills[0], fills[1])
    assert log.settled(1, fills[0]) == []
    names = [
        the(BalanceUpdate, [message]).settled
        for message in log.settled(2, fills[1], fills[2], fills[3])
    ]
    assert names == [("matching:0", 3), ("matching:0", 4)]
    assert log.balance("ann", USDT) == (900, 60)
    assert log.balance("ann", BTC) == (4, 0)


def test_each_market_partition_has_a_numbering_of_its_own() -> None:
    log = funded()
    order_id = log.order_id(place("ann", hold=100))
    fill = settle("ann", order_id, paid=10, received=1)
    log.settled(1, fill, source="matching:0")
    log.settled(1, fill, source="matching:2")
    assert log.balance("ann", USDT) == (900, 80)


def test_time_never_goes_back() -> None:
    machine = LedgerPartition(0, MARKET_PARTITIONS)
    times = [
        message.at
        for offset, at in enumerate((5_000, 4_000, 6_000))
        for output in machine.apply(offset, at, frame(open_account(f"a{offset}")))
        if isinstance(message := output.message, Update)
    ]
    assert times == [5_000, 5_000, 6_000]


def busy() -> Log:
    """A ledger with something in each part of its state, and several chunks of it."""
    log = funded()
    for start in range(0, ROWS_MAX + 10, 100):
        log.tell(*[open_account(f"a{n}") for n in range(start, start + 100)])
    orders = [log.order_id(place("ann", f"{n}", hold=10)) for n in range(3)]
    log.settled(1, settle("ann", orders[1], paid=4, received=1, fee=1))
    return log


def test_a_restored_ledger_is_the_same_and_goes_on_the_same() -> None:
    log = busy()
    restored = LedgerPartition(0, MARKET_PARTITIONS)
    restored.restore(log.machine.snapshot())
    assert restored.digest() == log.machine.digest()
    order_id = request_id(0, len(log.records) - 2, 0)
    last = (len(log.records), 99_000_000, frame(cancel("ann", order_id), place("ann", "next")))
    assert restored.apply(*last) == log.machine.apply(*last)
    assert restored.digest() == log.machine.digest()


def test_a_snapshot_comes_in_chunks_of_bounded_size() -> None:
    chunks = list(busy().machine.snapshot())
    assert len(chunks) > 5
    assert max(map(len, chunks)) < 300_000


def test_a_snapshot_of_another_partition_or_venue_is_refused() -> None:
    chunks = list(busy().machine.snapshot())
    with pytest.raises(SnapshotMismatch):
        LedgerPartition(1, MARKET_PARTITIONS).restore(chunks)
    with pytest.raises(SnapshotMismatch):
        LedgerPartition(0, MARKET_PARTITIONS + 1).restore(chunks)
    with pytest.raises(SnapshotMismatch):
        LedgerPartition(0, MARKET_PARTITIONS).restore(chunks[1:])
