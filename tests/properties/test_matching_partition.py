"""Laws of a partition of markets, on any stream of commands: money, memory, names, the feed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.matching import MatchingPartition
from streams.matching.settlement import unspent
from streams.matching.snapshot import write_market
from streams.messages import (
    Amend,
    Cancel,
    CancelReplace,
    CancelRestriction,
    Depth,
    DepthKind,
    MarketCommand,
    MoveHold,
    OrderId,
    OrderUpdate,
    Place,
    Reason,
    Sequence,
    Settle,
    Side,
    Units,
    encode_event,
    encode_frame,
    format_units,
    partition_of_request,
)
from streams.messages import Frame as Batch
from streams.outputs import Output, state_digest
from tests.properties.orders import ACCOUNT_PARTITIONS, MARKET, Order, orders
from tests.unit.matching.floor import LOT, TICK, TICK_LOT
from tests.unit.matching.log import PARTITION, configure, frame, messages

HOUR_MS = 3_600_000

sizes = st.lists(st.integers(1, 5), min_size=1, max_size=8)


def new() -> MatchingPartition:
    """A partition with one market, made by the record at offset 0."""
    machine = MatchingPartition(PARTITION, ACCOUNT_PARTITIONS)
    machine.apply(0, 1_000, frame(configure(min_notional=60)))
    return machine


def frames(commands: list[Order], sizes: list[int]) -> Iterator[bytes]:
    """What the ledgers send for these commands: neighbours of one ledger, so many a frame."""
    sent = [0] * ACCOUNT_PARTITIONS
    run: list[MarketCommand] = []
    ledger, cut = 0, 0
    for command in [*commands, None]:
        came_from = None if command is None else partition_of_request(command.order_id)
        if run and (came_from != ledger or len(run) == sizes[cut % len(sizes)]):
            yield frame(*run, source=f"ledger:{ledger}", first=sent[ledger] + 1)
            sent[ledger] += len(run)
            run, cut = [], cut + 1
        if command is not None and came_from is not None:
            ledger = came_from
            run.append(command)


def feed(machine: MatchingPartition, values: Iterator[bytes]) -> list[Output]:
    """Apply records from where the machine stands, all stamped with one time."""
    outputs: list[Output] = []
    for value in values:
        outputs += machine.apply(machine.position + 1, 1_000, value)
    return outputs


@settings(max_examples=30, deadline=None)
@given(orders)
def test_money_is_conserved(commands: list[Order]) -> None:
    """What is held for an order is paid or released, to the unit, and no trade makes or loses."""
    machine = new()
    book = machine.markets[MARKET].book
    held: dict[OrderId, int] = defaultdict(int)
    for value, command in zip(frames(commands, [1]), commands, strict=True):
        # A ledger never holds for an order that it has already: a duplicate brings nothing.
        duplicate = isinstance(command, Place) and book.find(command.order_id) is not None
        if not isinstance(command, Cancel | Amend) and not duplicate:
            held[command.order_id] += command.hold
        outputs = feed(machine, iter([value]))
        for settle in messages(outputs, Settle):
            assert min(settle.paid, settle.received, settle.fee, settle.released) >= 0
            held[settle.order_id] -= settle.paid + settle.released
            assert not (settle.done and held[settle.order_id])
        _assert_trades_balance(outputs)
        for order_id, amount in held.items():
            order = book.find(order_id)
            if order is None:
                assert amount == 0
            else:
                value_of_lot = order.price * TICK_LOT if order.side is Side.BUY else LOT
                assert amount == order.remaining * value_of_lot


picks = st.lists(
    st.tuples(st.integers(1, 24), st.sampled_from(CancelRestriction), st.booleans()),
    min_size=20,
    max_size=20,
)


@settings(max_examples=40, deadline=None)
@given(orders, picks)
def test_money_is_conserved_when_orders_take_the_place_of_others(
    commands: list[Order], picks: list[tuple[int, CancelRestriction, bool]]
) -> None:
    """As a ledger has it: what is lacking of a new order's hold is moved from the old one's."""
    machine, sent = new(), 0
    held: dict[OrderId, int] = {}
    book = machine.markets[MARKET].book
    for command, (number, restriction, stop) in zip(commands, picks * 3, strict=False):
        if not isinstance(command, Place) or book.find(command.order_id) is not None:
            continue
        ledger = partition_of_request(command.order_id)
        resting = list(book.resting())
        old = resting[number % len(resting)] if resting and number % 4 else None
        lacking = Units(0)
        if old is not None and old.side is command.side:
            lacking = Units(min(command.hold, held[old.order_id]))
        asked = CancelReplace(
            OrderId(0 if old is None else old.order_id),
            restriction,
            stop,
            lacking,
            Reason.NONE,
            command,
        )
        if ledger:
            continue  # one ledger's frames are enough
        held[command.order_id] = command.hold - lacking
        sent += 1
        outputs = feed(machine, iter([frame(asked, source="ledger:0", first=sent)]))
        for output in outputs:
            match output.message:
                case MoveHold(from_order_id=source, order_id=target, amount=amount):
                    held[source] -= amount
                    held[target] += amount
                case Settle(order_id=order_id) as settle:
                    held[order_id] -= settle.paid + settle.released
                    assert held[order_id] == 0 if settle.done else held[order_id] >= 0
        for order_id, still_held in held.items():
            order = book.find(order_id)
            rest = 0 if order is None else unspent(machine.markets[MARKET].config, order)
            assert still_held == rest


def _assert_trades_balance(outputs: list[Output]) -> None:
    settles = {(o.partition, o.seq): o.message for o in outputs if isinstance(o.message, Settle)}
    trades: dict[int, list[Settle]] = defaultdict(list)
    for update in messages(outputs, OrderUpdate):
        if update.trade_id:
            place = partition_of_request(update.order_id), update.settlement
            trades[update.trade_id].append(settles[place])
    for one, other in trades.values():
        assert one.paid == other.received + other.fee
        assert other.paid == one.received + one.fee


@settings(max_examples=12, deadline=None)
@given(orders, sizes)
def test_the_same_records_give_the_same_bytes(commands: list[Order], sizes: list[int]) -> None:
    first, second = new(), new()
    values = list(frames(commands, sizes))
    assert _bytes(feed(first, iter(values))) == _bytes(feed(second, iter(values)))
    assert first.digest() == second.digest()


def _bytes(outputs: list[Output]) -> list[tuple[str, int, str, bytes]]:
    encoded = []
    for output in outputs:
        message = output.message
        if isinstance(message, Settle):
            value = encode_frame(Batch(1, output.source, output.seq, [message]))
        else:
            value = encode_event(message)  # type: ignore[arg-type]
        encoded.append((output.topic.short, output.partition, output.key, value))
    return encoded


@settings(max_examples=12, deadline=None)
@given(orders, sizes, st.integers(0, 30))
def test_a_restored_partition_goes_on_the_same(
    commands: list[Order], sizes: list[int], cut: int
) -> None:
    machine, restored = new(), MatchingPartition(PARTITION, ACCOUNT_PARTITIONS)
    values = list(frames(commands, sizes))
    feed(machine, iter(values[:cut]))
    restored.restore(list(machine.snapshot()))
    assert restored.digest() == machine.digest()
    assert feed(restored, iter(values[cut:])) == feed(machine, iter(values[cut:]))
    assert restored.digest() == machine.digest()


@settings(max_examples=40, deadline=None)
@given(orders, sizes, st.integers(0, 30))
def test_a_partition_that_retakes_what_it_has_said_goes_on_the_same(
    commands: list[Order], sizes: list[int], cut: int
) -> None:
    """With an hour from record to record, so that books are told whole now and then."""
    machine, silent = new(), new()
    for offset, value in enumerate(frames(commands, sizes), 1):
        outputs = machine.apply(offset, offset * HOUR_MS, value)
        if offset <= cut:
            silent.retake(offset, offset * HOUR_MS, value)
        else:
            assert silent.apply(offset, offset * HOUR_MS, value) == outputs
        assert silent.digest() == machine.digest()


@settings(max_examples=12, deadline=None)
@given(orders, sizes, sizes, st.integers(0, 30))
def test_a_ledger_that_sends_again_in_other_frames_changes_nothing(
    commands: list[Order], before: list[int], after: list[int], crash: int
) -> None:
    straight, again = new(), new()
    wanted = feed(straight, frames(commands, before))
    sent = feed(again, frames(commands[:crash], before))
    sent += feed(again, frames(commands, after))
    assert _names(sent) == _names(wanted)
    assert _market_digest(again) == _market_digest(straight)


def _names(outputs: list[Output]) -> list[tuple[str, int, str, Sequence]]:
    """Of all but depth, which is cut as the frames are."""
    return [
        (o.topic.short, o.partition, o.source, o.seq)
        for o in outputs
        if not isinstance(o.message, Depth)
    ]


def _market_digest(machine: MatchingPartition) -> str:
    return state_digest(write_market(machine.markets[MARKET]))


@settings(max_examples=12, deadline=None)
@given(orders, sizes)
def test_the_diffs_rebuild_the_book(commands: list[Order], sizes: list[int]) -> None:
    machine = new()
    bids: dict[str, str] = {}
    asks: dict[str, str] = {}
    last = 1
    for diff in messages(feed(machine, frames(commands, sizes)), Depth):
        assert (diff.kind, diff.first_seq) == (DepthKind.DIFF, last + 1)
        last = diff.seq
        for levels, changes in ((bids, diff.bids), (asks, diff.asks)):
            levels.update(changes)
    book = machine.markets[MARKET].book
    for levels, side in ((bids, book.bids), (asks, book.asks)):
        assert {price: quantity for price, quantity in levels.items() if quantity.strip("0.")} == {
            format_units(level.price * TICK): format_units(level.quantity * LOT) for level in side
        }
