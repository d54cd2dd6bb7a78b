"""The read models, set right after a recovery: they may lag behind the cut, or be beyond it.

- What followed from the records replayed is written again, as the projections would have.
- Balances become those of the recovered ledgers.
- Resting orders become as the books have them; orders that were open and are in no book, nor on
  their way to one, expire with the reason `LOST`.
- The index of open orders is that of the books.

Trades and fills beyond the cut stay: they were told, and a tape is not rewritten.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping

import msgspec

from infra.verify.rows import BalanceRow
from projections.balances import BALANCES
from projections.feeds import MARKETS_FEED, UPDATES_FEED, Record
from projections.orders import OPEN_ORDERS, ORDERS, rows_of_orders
from projections.session import Database
from projections.tables import Key, Write
from streams.ledger import LedgerPartition
from streams.matching import MatchingPartition
from streams.messages import (
    AccountId,
    Execution,
    MarketId,
    OrderId,
    OrderStatus,
    OrderUpdate,
    Reason,
    Sequence,
    Units,
    encode_event,
    partition_of_account,
)
from streams.outputs import Output

READS = {**UPDATES_FEED.reads, **MARKETS_FEED.reads}
COMPARED_AT_ONCE = 1_000

CHUNKS = "SELECT account, market, chunk, order_ids, WRITETIME(order_ids) FROM {venue}.open_orders"


def projected(outputs: Iterable[Output]) -> Iterator[Write]:
    """What the projections make of outputs, but for the index of open orders."""
    for output in outputs:
        read = READS.get(output.topic)
        if read is None:
            continue
        value = encode_event(output.message)  # type: ignore[arg-type]
        for write in read(Record(output.topic, output.partition, 0, 0, value)):
            if write.table is not OPEN_ORDERS:
                yield write


def balances(ledgers: Iterable[LedgerPartition], rows: Iterable[BalanceRow]) -> Iterator[Write]:
    """Every balance of the ledgers; what the database has besides is nothing."""
    by_partition = {ledger.partition: ledger for ledger in ledgers}
    known: set[tuple[AccountId, str]] = set()
    for ledger in by_partition.values():
        version = ledger.outbox.last_update
        for account_id, account in ledger.ledger.accounts.items():
            for asset, purse in account.purses.items():
                known.add((account_id, asset))
                amounts = (purse.available.units, purse.held.units)
                yield Write(BALANCES, (account_id,), (asset,), amounts, version)
    for row in rows:
        if (row.account, row.asset) not in known and (row.available or row.held):
            partition = partition_of_account(row.account, len(by_partition))
            version = by_partition[partition].outbox.last_update
            yield Write(BALANCES, (row.account,), (row.asset,), (0, 0), version)


async def resting(
    matching: MatchingPartition, database: Database
) -> AsyncIterator[tuple[OrderUpdate, list[Write]]]:
    """Each resting order, with the rows it takes where the database shows it otherwise."""
    group: dict[tuple[AccountId, MarketId], list[OrderUpdate]] = defaultdict(list)
    size = 0
    for order in matching.standing():
        group[order.account, order.market].append(order)
        size += 1
        if size == COMPARED_AT_ONCE:
            async for compared in _compared(group, database):
                yield compared
            group.clear()
            size = 0
    async for compared in _compared(group, database):
        yield compared


async def _compared(
    group: Mapping[tuple[AccountId, MarketId], list[OrderUpdate]], database: Database
) -> AsyncIterator[tuple[OrderUpdate, list[Write]]]:
    for (account, market), orders in group.items():
        orders.sort(key=lambda order: order.order_id)
        numbers = [int(order.order_id) for order in orders]
        found = await ORDERS.some(database, (market, account), numbers)
        shown = {order.order_id: order for order in found}
        for order in orders:
            if _same(order, shown.get(order.order_id)):
                yield order, []
            else:
                text = encode_event(order).decode()
                writes = rows_of_orders(order, text)
                yield order, [write for write in writes if write.table is not OPEN_ORDERS]


def _same(order: OrderUpdate, shown: OrderUpdate | None) -> bool:
    return shown is not None and all(
        getattr(order, field) == getattr(shown, field)
        for field in ("status", "price", "quantity", "executed", "executed_quote")
    )


def lost(shown: OrderUpdate, matching: MatchingPartition | None, partition: int) -> Iterator[Write]:
    """An order that was open and is not any more, expired.

    `matching` is what it would rest in; None if its market is lost as well. `partition` is that of
    its account.
    """
    seq = shown.seq + 1 if matching is None else matching.outbox.last_updates[partition]
    expired = msgspec.structs.replace(
        shown,
        seq=Sequence(seq),
        at=shown.at if matching is None else max(matching.time, shown.at),
        execution=Execution.EXPIRED,
        status=OrderStatus.EXPIRED,
        reason=Reason.LOST,
        trade_id=0,
        last_price=Units(0),
        last_quantity=Units(0),
        last_quote=Units(0),
        fee=Units(0),
        settlement=Sequence(0),
        last=False,
    )
    for write in rows_of_orders(expired, encode_event(expired).decode()):
        if write.table is not OPEN_ORDERS:
            yield write


class OpenIndex:
    """The index of open orders as the books have it, held against the database's."""

    def __init__(self) -> None:
        self._wanted: dict[tuple[Key, Key], set[int]] = defaultdict(set)
        self._versions: dict[tuple[Key, Key], int] = {}

    def add(self, account: AccountId, market: MarketId, order: OrderId, version: int) -> None:
        """An order is open; `version` is above that of any row of its account on the market."""
        chunk = order // OPEN_ORDERS.numbers_per_row
        name: tuple[Key, Key] = ((account,), (market, chunk))
        self._wanted[name].add(int(order))
        self._versions[name] = version

    async def changes(self, database: Database) -> list[Write]:
        """What the database lacks, and what it has too much."""
        packed = OPEN_ORDERS.packed
        writes: list[Write] = []
        missing = dict(self._wanted)
        async for account, market, chunk, order_ids, version in database.rows(CHUNKS):
            name: tuple[Key, Key] = ((account,), (market, chunk))
            wanted = missing.pop(name, set())
            if wanted != set(order_ids):
                values = (tuple(sorted(wanted)),) if wanted else None
                writes.append(Write(packed, *name, values, version + 1))
        writes += [
            Write(packed, *name, (tuple(sorted(numbers)),), self._versions[name])
            for name, numbers in missing.items()
        ]
        return writes
