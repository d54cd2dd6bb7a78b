"""What the database shows of accounts, held against the replayed machines. Pure.

A row is written with the number of the update it shows, so that is what it must agree with: the
machines as they were, or, where the row is newer, an update that came later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from infra.verify.checks import Difference, count
from infra.verify.tail import Edge, Tail
from infra.verify.views import BooksView, LedgerView, resting
from streams.messages import (
    AccountId,
    Asset,
    Balance,
    BalanceUpdate,
    OrderUpdate,
    Sequence,
    Units,
    format_plain,
    partition_of_account,
    partition_of_request,
)


class BalanceRow(NamedTuple):
    """A row of `balances`; `seq` is the number of the update it shows, in its ledger's counting."""

    account: AccountId
    asset: Asset
    available: Units
    held: Units
    seq: Sequence


def balances_agree(
    rows: Iterable[BalanceRow], ledgers: Mapping[int, LedgerView], tail: Tail
) -> str:
    """Every purse is in the database, and every row is a purse. Raises `Difference`."""
    missing = {key for view in ledgers.values() for key in view.purses}
    compared = newer = 0
    for row in rows:
        missing.discard((row.account, row.asset))
        partition = partition_of_account(row.account, len(ledgers))
        view = ledgers[partition]
        expected = view.purses.get((row.account, row.asset))
        if row.seq > view.last_update:
            newer += 1
            expected = _told(row, Edge(f"ledger:{partition}", partition), tail)
        if expected is None:
            raise Difference(f"{row.account}: {row.asset}, which its ledger does not know of")
        if (row.available, row.held) != (expected.available, expected.held):
            raise Difference(
                f"{row.account}: {row.asset} {_amounts(row.available, row.held)} in the database,"
                f" {_amounts(expected.available, expected.held)} in its ledger"
            )
        compared += 1
    if missing:
        account, asset = min(missing)
        raise Difference(f"{account}: {asset} is not in the database")
    return f"{count(compared, 'balance')}, {newer:,} of them by later updates"


def _told(row: BalanceRow, edge: Edge, tail: Tail) -> Balance | None:
    """The balance as the update that the row shows has it."""
    update = tail.updates.get((edge, row.seq))
    if isinstance(update, BalanceUpdate) and update.account == row.account:
        return next((each for each in update.balances if each.asset == row.asset), None)
    raise Difference(
        f"{row.account}: {row.asset} {_amounts(row.available, row.held)} in the database,"
        f" which no update of {edge.source} says"
    )


def _amounts(available: int, held: int) -> str:
    return f"{format_plain(available)} + {format_plain(held)} held"


def open_orders_agree(
    rows: Iterable[OrderUpdate], books: Mapping[int, BooksView], tail: Tail
) -> str:
    """Every order in a book is open in the database as it stands there, and no other is.

    Raises `Difference`.
    """
    in_books = resting(books.values())
    by_source = {f"matching:{partition}": view for partition, view in books.items()}
    missing = set(in_books)
    compared = newer = 0
    for row in rows:
        missing.discard(row.order_id)
        partition = partition_of_request(row.order_id)
        view = by_source.get(row.source)
        if view is None:
            raise Difference(f"order {row.order_id}: by {row.source}, which is no market's")
        if row.seq > view.said[partition]:
            newer += 1
            if tail.updates.get((Edge(row.source, partition), row.seq)) != row:
                raise Difference(f"order {row.order_id}: as no update of {row.source} says")
            continue
        there = view.orders.get(row.order_id)
        if there is None:
            raise Difference(f"order {row.order_id}: open in the database, not in {row.market}")
        shown = (row.account, row.market, row.price, row.quantity, row.executed, row.executed_quote)
        if shown != there[: len(shown)]:
            raise Difference(f"order {row.order_id}: {shown} in the database, {there} in its book")
        compared += 1
    lost = missing - tail.updated
    if lost:
        order_id = min(lost)
        raise Difference(f"order {order_id}: in {in_books[order_id].market}, not in the database")
    return f"{count(compared, 'open order')}, {newer:,} more by later updates"
