"""What the log has after the positions that are compared, up to a later moment.

A running system does not stand still to be compared, and its partitions never stand at one moment.
So the replayed machines are driven on over what came meanwhile: that tells which orders were on
their way between a ledger and a market, which settlements, and which updates a row of the database
may already show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, assert_never

from infra.verify.replay import History, Replay
from streams.messages import (
    AccountCommand,
    Amend,
    AmendOrder,
    Asset,
    BalanceUpdate,
    Cancel,
    CancelOrder,
    CancelReplace,
    CancelReplaceOrder,
    DecideWithdrawal,
    Deposit,
    DescribeAccount,
    FindRequest,
    MoveHold,
    OpenAccount,
    OrderId,
    OrderUpdate,
    Place,
    PlaceOrder,
    ReleaseName,
    Replace,
    RequestWithdrawal,
    Sequence,
    SetAccountStatus,
    SetFees,
    Settle,
    Withdraw,
    account_frames,
    market_frames,
    request_id,
)
from streams.outputs import Output
from streams.runtime.ports import Kept
from streams.runtime.ports import Place as TopicPlace
from streams.topics import UPDATES


class Edge(NamedTuple):
    """A source's numbering in one partition of accounts."""

    source: str
    partition: int


@dataclass(slots=True)
class Tail:
    """What came after.

    `moving` are orders on their way between a ledger and its market when positions were taken, or
    just before or after. `settlements` are those on
    `commands`, `updates` what machines say, by name. `assets` says what later orders pay with.
    """

    moving: set[OrderId] = field(default_factory=set)
    settlements: dict[tuple[Edge, Sequence], Settle] = field(default_factory=dict)
    updates: dict[tuple[Edge, Sequence], OrderUpdate | BalanceUpdate] = field(default_factory=dict)
    assets: dict[OrderId, Asset] = field(default_factory=dict)

    @property
    def updated(self) -> set[OrderId]:
        """The orders that later updates are about."""
        return {
            update.order_id for update in self.updates.values() if isinstance(update, OrderUpdate)
        }


async def follow(
    history: History,
    ledgers: Mapping[int, Replay],
    books: Mapping[int, Replay],
    near: Mapping[TopicPlace, int],
    far: Mapping[TopicPlace, int],
) -> Tail:
    """Drive replayed machines on and note what passes: what was under way up to where topics ended
    just after the positions were taken, `near`, and what was said up to a later end, `far`.

    Raises as `History.records` and `Replay.take` do.
    """
    tail = Tail()
    for replays, note in ((ledgers, _note_account), (books, _note_market)):
        for partition, replay in replays.items():
            stop, place = far[replay.place], replay.place
            async for record in history.records(place, replay.position, stop):
                malformed = len(replay.malformed)
                outputs = replay.take(record)
                if len(replay.malformed) == malformed:
                    _note_updates(tail, outputs)
                    if record.offset < near[place]:
                        note(tail, partition, record)
                        _note_forwarded(tail, outputs)
    return tail


def _note_account(tail: Tail, partition: int, record: Kept) -> None:
    frame = account_frames.decode(record.value)
    for index, command in enumerate(frame.commands):
        order_id = OrderId(request_id(partition, record.offset, index))
        name = Edge(frame.source, partition), Sequence(frame.first_seq + index)
        _note_command(tail, command, order_id, name)


def _note_command(
    tail: Tail, command: AccountCommand, order_id: OrderId, name: tuple[Edge, Sequence]
) -> None:
    match command:
        case PlaceOrder():
            tail.assets[order_id] = command.hold_asset
        case CancelReplaceOrder(order=order):
            tail.assets[order_id] = order.hold_asset
        case MoveHold():
            tail.moving |= {command.from_order_id, command.order_id}
        case Settle():
            tail.settlements[name] = command
            tail.moving.add(command.order_id)
        case (
            OpenAccount()
            | Deposit()
            | Withdraw()
            | CancelOrder()
            | FindRequest()
            | DescribeAccount()
            | SetAccountStatus()
            | SetFees()
            | RequestWithdrawal()
            | DecideWithdrawal()
            | AmendOrder()
            | ReleaseName()
        ):
            pass
        case _:
            assert_never(command)


def _note_market(tail: Tail, partition: int, record: Kept) -> None:
    for command in market_frames.decode(record.value).commands:
        if isinstance(command, CancelReplace):
            tail.moving |= {command.order_id, command.place.order_id}
        elif isinstance(command, Place | Cancel | Replace | Amend):
            tail.moving.add(command.order_id)


def _note_updates(tail: Tail, outputs: list[Output]) -> None:
    for output in outputs:
        message = output.message
        if output.topic is UPDATES and isinstance(message, OrderUpdate | BalanceUpdate):
            tail.updates[Edge(output.source, output.partition), output.seq] = message


def _note_forwarded(tail: Tail, outputs: list[Output]) -> None:
    for output in outputs:
        if isinstance(output.message, CancelReplace):
            tail.moving |= {output.message.order_id, output.message.place.order_id}
        elif isinstance(output.message, Place | Cancel | Replace | Amend):
            tail.moving.add(output.message.order_id)
