"""A ledger's state as chunks of MessagePack, in one canonical order, and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, TypeVar, assert_never

import msgspec

from streams.ledger.accounts import Account, OpenOrder
from streams.ledger.books import Purse, SystemAccounts
from streams.ledger.ledger import Ledger
from streams.ledger.requests import Remembered
from streams.ledger.standing import OPEN, Standing
from streams.messages import (
    AccountFees,
    AccountId,
    AccountStatus,
    Asset,
    MarketId,
    OrderCounts,
    OrderId,
    Withdrawal,
)
from streams.outputs import SnapshotMismatch

if TYPE_CHECKING:
    from streams.ledger.partition import LedgerPartition

SNAPSHOT_VERSION = 1
ROWS_MAX = 1_000
"""Rows in a chunk; with names as long as they may be, a chunk stays under 300 kB."""


class Head(msgspec.Struct, frozen=True, array_like=True, tag="head"):
    """Where the state stands; `taken` and `last_commands` are by market partition."""

    version: int
    partition: int
    position: int
    time: int
    taken: list[int]
    last_commands: list[int]
    last_update: int


class SystemRow(msgspec.Struct, frozen=True, array_like=True):
    asset: Asset
    external: int
    fees: int
    clearing: int


class PurseRow(msgspec.Struct, frozen=True, array_like=True):
    account: AccountId
    asset: Asset
    available: int
    held: int


class OrderRow(msgspec.Struct, frozen=True, array_like=True):
    account: AccountId
    order_id: OrderId
    market: MarketId
    market_partition: int
    client_order_id: str
    hold_asset: Asset
    held: int


class NamesRow(msgspec.Struct, frozen=True, array_like=True):
    account: AccountId
    order_id: OrderId
    other_names: tuple[str, ...]
    replaces: OrderId = OrderId(0)


class System(msgspec.Struct, frozen=True, array_like=True, tag="system"):
    rows: list[SystemRow]


class Accounts(msgspec.Struct, frozen=True, array_like=True, tag="accounts"):
    rows: list[AccountId]


class Purses(msgspec.Struct, frozen=True, array_like=True, tag="purses"):
    rows: list[PurseRow]


class Orders(msgspec.Struct, frozen=True, array_like=True, tag="orders"):
    rows: list[OrderRow]


class Names(msgspec.Struct, frozen=True, array_like=True, tag="names"):
    """Of orders with amendments under way, or whose name was that of one they replace; where there
    are none, there is no such chunk.
    """

    rows: list[NamesRow]


class StandingRow(msgspec.Struct, frozen=True, array_like=True):
    account: AccountId
    status: AccountStatus
    reason: str
    fees: AccountFees | None


class Standings(msgspec.Struct, frozen=True, array_like=True, tag="standings"):
    """Of accounts that have ever been frozen, had fees of their own, or taken anything out."""

    rows: list[StandingRow]


class WithdrawalRow(msgspec.Struct, frozen=True, array_like=True):
    account: AccountId
    withdrawal: Withdrawal


class Withdrawals(msgspec.Struct, frozen=True, array_like=True, tag="withdrawals"):
    """After the standings; of each account in the order in which they were asked for."""

    rows: list[WithdrawalRow]


class CountsRow(msgspec.Struct, frozen=True, array_like=True):
    account: AccountId
    ten_seconds: int
    day: int


class Counts(msgspec.Struct, frozen=True, array_like=True, tag="counts"):
    """Of accounts' orders, in the windows that the head's time is in."""

    rows: list[CountsRow]


class Unfilled(msgspec.Struct, frozen=True, array_like=True, tag="unfilled"):
    """Orders that were counted and have no fill yet."""

    rows: list[OrderId]


class Requests(msgspec.Struct, frozen=True, array_like=True, tag="requests"):
    """Those with an idempotency key, the oldest first. Snapshots from before there were any have
    none of these chunks, and are read all the same.
    """

    rows: list[Remembered]


Chunk = (
    Head
    | System
    | Accounts
    | Purses
    | Orders
    | Names
    | Standings
    | Withdrawals
    | Counts
    | Unfilled
    | Requests
)

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Chunk)

Row = TypeVar("Row")


def write(state: LedgerPartition) -> Iterator[bytes]:
    """The state in chunks of bounded size: its head, then rows sorted by their keys."""
    yield _encoder.encode(
        Head(
            SNAPSHOT_VERSION,
            state.partition,
            state.position,
            state.time,
            state.inbox.watermarks,
            state.outbox.last_commands,
            state.outbox.last_update,
        )
    )
    ledger = state.ledger
    for systems in _chunks(_system_rows(ledger)):
        yield _encoder.encode(System(systems))
    accounts = sorted(ledger.accounts.items())
    for account_names in _chunks(name for name, _ in accounts):
        yield _encoder.encode(Accounts(account_names))
    for purses in _chunks(_purse_rows(accounts)):
        yield _encoder.encode(Purses(purses))
    for orders in _chunks(_order_rows(accounts)):
        yield _encoder.encode(Orders(orders))
    for names in _chunks(_names_rows(accounts)):
        yield _encoder.encode(Names(names))
    for standings in _chunks(_standing_rows(accounts)):
        yield _encoder.encode(Standings(standings))
    for withdrawals in _chunks(_withdrawal_rows(accounts)):
        yield _encoder.encode(Withdrawals(withdrawals))
    for counts in _chunks(CountsRow(*row) for row in state.unfilled.rows()):
        yield _encoder.encode(Counts(counts))
    for unfilled in _chunks(sorted(state.unfilled.orders)):
        yield _encoder.encode(Unfilled(unfilled))
    for requests in _chunks(state.requests):
        yield _encoder.encode(Requests(requests))


def read(state: LedgerPartition, chunks: Iterable[bytes]) -> None:
    """Fill a new partition's state from its chunks, and check the books."""
    rest = iter(chunks)
    head = _decoder.decode(next(rest, b""))
    if not isinstance(head, Head) or head.version != SNAPSHOT_VERSION:
        raise SnapshotMismatch(f"not the head of a snapshot of version {SNAPSHOT_VERSION}: {head}")
    if head.partition != state.partition or len(head.taken) != state.market_partitions:
        raise SnapshotMismatch(
            f"partition {head.partition} of a venue with {len(head.taken)} market partitions,"
            f" wanted {state.partition} with {state.market_partitions}"
        )
    state.position = head.position
    state.time = head.time
    state.unfilled.turn(head.time)
    state.inbox.watermarks = head.taken
    state.outbox.last_commands = head.last_commands
    state.outbox.last_update = head.last_update
    for chunk in rest:
        _fill(state, _decoder.decode(chunk))
    state.ledger.check()


def _fill(state: LedgerPartition, chunk: Chunk) -> None:
    ledger = state.ledger
    match chunk:
        case System(rows=systems):
            for system in systems:
                ledger.system[system.asset] = SystemAccounts(
                    system.external, system.fees, system.clearing
                )
        case Accounts(rows=names):
            ledger.accounts.update((name, Account()) for name in names)
        case Purses(rows=purses):
            for row in purses:
                purse = Purse(row.asset, row.available, row.held)
                ledger.accounts[row.account].purses[row.asset] = purse
        case Orders(rows=orders):
            for order in orders:
                account = ledger.accounts[order.account]
                account.add(order.order_id, _open_order(account, order))
        case Names(rows=named):
            for row_of_names in named:
                account = ledger.accounts[row_of_names.account]
                account.orders[row_of_names.order_id].replaces = row_of_names.replaces
                for name in row_of_names.other_names:
                    account.add_name(row_of_names.order_id, name)
        case Standings(rows=standings):
            for row_of_standing in standings:
                account = ledger.accounts[row_of_standing.account]
                account.standing = Standing(
                    row_of_standing.status, row_of_standing.reason, row_of_standing.fees
                )
        case Withdrawals(rows=withdrawals):
            for withdrawal in withdrawals:
                ledger.accounts[withdrawal.account].standing.add(withdrawal.withdrawal)
        case Counts(rows=counts):
            for count in counts:
                state.unfilled.fill(count.account, OrderCounts(count.ten_seconds, count.day))
        case Unfilled(rows=unfilled):
            state.unfilled.orders.update(unfilled)
        case Requests(rows=requests):
            state.requests.extend(requests)
        case Head():
            raise SnapshotMismatch("a snapshot with two heads")
        case _:
            assert_never(chunk)


def _open_order(account: Account, row: OrderRow) -> OpenOrder:
    purse = account.purses[row.hold_asset]
    return OpenOrder(row.market, row.market_partition, row.client_order_id, purse, row.held)


def _system_rows(ledger: Ledger) -> Iterator[SystemRow]:
    for asset, system in sorted(ledger.system.items()):
        yield SystemRow(asset, system.external.units, system.fees.units, system.clearing.units)


def _purse_rows(accounts: list[tuple[AccountId, Account]]) -> Iterator[PurseRow]:
    for name, account in accounts:
        for asset, purse in sorted(account.purses.items()):
            yield PurseRow(name, asset, purse.available.units, purse.held.units)


def _order_rows(accounts: list[tuple[AccountId, Account]]) -> Iterator[OrderRow]:
    for name, account in accounts:
        for order_id, order in sorted(account.orders.items()):
            yield OrderRow(
                name,
                order_id,
                order.market,
                order.market_partition,
                order.client_order_id,
                order.purse.asset,
                order.held,
            )


def _names_rows(accounts: list[tuple[AccountId, Account]]) -> Iterator[NamesRow]:
    for name, account in accounts:
        for order_id, order in sorted(account.orders.items()):
            if order.other_names or order.replaces:
                yield NamesRow(name, order_id, order.other_names, order.replaces)


def _standing_rows(accounts: list[tuple[AccountId, Account]]) -> Iterator[StandingRow]:
    for name, account in accounts:
        standing = account.standing
        if standing is not OPEN:
            yield StandingRow(name, standing.status, standing.reason, standing.fees)


def _withdrawal_rows(accounts: list[tuple[AccountId, Account]]) -> Iterator[WithdrawalRow]:
    for name, account in accounts:
        for withdrawal in account.standing.withdrawals.values():
            yield WithdrawalRow(name, withdrawal)


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Cut rows into lists of at most `ROWS_MAX`."""
    rest = iter(rows)
    while chunk := list(islice(rest, ROWS_MAX)):
        yield chunk
