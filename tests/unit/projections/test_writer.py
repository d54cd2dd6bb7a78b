"""Rows leave in batches of bounded size; rows that come and go share rows that stay right."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pytest

from projections.packing import PARTITIONS_PER_READ, Packer
from projections.session import Database, DatabaseUnavailable, Row
from projections.tables import Table, Write
from projections.writer import BATCH_BYTES, BATCH_ROWS, batches

OPEN = Table("open_orders", ("account",), ("market", "order_id"), numbers_per_row=100)
PACKED = OPEN.packed


@dataclass
class BoundRow:
    """As much of a bound statement as batching looks at."""

    values: list[bytes]
    keyspace: str | None = None
    routing_key: bytes | None = None
    custom_payload: None = None
    prepared_statement: Any = None


class Rows:
    """A database that holds packed rows and nothing else."""

    def __init__(self) -> None:
        self.kept: dict[tuple[object, ...], tuple[int, list[int]]] = {}
        self.reads = 0
        self.away = False

    async def rows(self, cql: str, parameters: Sequence[object] = ()) -> AsyncIterator[Row]:
        assert cql == PACKED.select_many
        if self.away:
            raise DatabaseUnavailable("away")
        self.reads += 1
        (accounts,) = cast("Sequence[list[str]]", parameters)
        for (account, *row), (_, numbers) in self.kept.items():
            if account in accounts and numbers:
                yield account, *row, numbers

    def store(self, writes: Sequence[Write]) -> None:
        for write in writes:
            name = (*write.partition, *write.row)
            there = self.kept.get(name)
            if there is None or there[0] <= write.version:
                numbers = write.values[0] if write.values else ()
                self.kept[name] = (write.version, list(cast("tuple[int, ...]", numbers)))

    def packer(self) -> Packer:
        return Packer(cast(Database, self))

    def open_orders(self) -> list[int]:
        return sorted(number for _, numbers in self.kept.values() for number in numbers)


def opened(order_id: int, seq: int, account: str = "alice") -> Write:
    return Write(OPEN, (account,), ("BTCUSDT", order_id), (), seq)


def closed(order_id: int, seq: int) -> Write:
    return Write(OPEN, ("alice",), ("BTCUSDT", order_id), None, seq)


async def take(database: Rows, packer: Packer, *writes: Write) -> list[Write]:
    due = await packer.pack(writes)
    database.store(due)
    packer.saved()
    return due


async def test_orders_of_one_chunk_share_a_row() -> None:
    database = Rows()
    due = await take(database, database.packer(), opened(7, 1), opened(9, 2), opened(107, 3))
    assert [(write.row, write.values, write.version) for write in due] == [
        (("BTCUSDT", 0), ((7, 9),), 2),
        (("BTCUSDT", 1), ((107,),), 3),
    ]


async def test_a_row_goes_with_the_last_of_its_orders() -> None:
    database = Rows()
    packer = database.packer()
    await take(database, packer, opened(7, 1))
    (due,) = await take(database, packer, closed(7, 2))
    assert (due.cql, due.parameters) == (PACKED.delete, (2, "alice", "BTCUSDT", 0))


async def test_an_order_that_was_open_only_between_two_polls_costs_no_write() -> None:
    database = Rows()
    packer = database.packer()
    await take(database, packer, opened(7, 1))
    assert await take(database, packer, closed(8, 3)) == []


async def test_many_accounts_are_read_at_once() -> None:
    database = Rows()
    packer = database.packer()
    accounts = [f"account-{number}" for number in range(PARTITIONS_PER_READ + 1)]
    for seq in (1, 2):
        await take(database, packer, *(opened(seq, seq, name) for name in accounts))
    assert database.reads == 2
    assert len(database.open_orders()) == 2 * len(accounts)


async def test_what_is_remembered_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projections.packing.REMEMBERED_MAX", 2)
    database = Rows()
    packer = database.packer()
    for number in range(10):
        await take(database, packer, opened(number, number + 1, f"account-{number % 5}"))
    assert database.reads == 10
    assert database.open_orders() == list(range(10))


async def test_a_row_is_read_once_for_all_its_changes() -> None:
    database = Rows()
    packer = database.packer()
    for number in range(10):
        await take(database, packer, opened(number, number + 1))
    assert database.reads == 1


async def test_a_restart_goes_on_from_the_rows_there_are() -> None:
    database = Rows()
    await take(database, database.packer(), opened(7, 1), opened(9, 2))
    await take(database, database.packer(), closed(7, 3))
    assert database.open_orders() == [9]


async def test_reading_the_same_events_again_ends_where_it_was() -> None:
    database = Rows()
    history = [opened(7, 1), opened(9, 2), closed(7, 3), opened(11, 4), closed(9, 5)]
    await take(database, database.packer(), *history[:3])
    await take(database, database.packer(), *history[3:])
    packer = database.packer()
    for write in history:
        await take(database, packer, write)
    assert database.open_orders() == [11]


async def test_what_another_writer_did_meanwhile_is_kept() -> None:
    database = Rows()
    ours, theirs = database.packer(), database.packer()
    await take(database, ours, opened(7, 1))
    await take(database, theirs, opened(9, 2))
    ours.forget()
    await take(database, ours, closed(7, 3))
    assert database.open_orders() == [9]


async def test_a_change_whose_write_failed_is_due_again() -> None:
    database = Rows()
    packer = database.packer()
    lost = await packer.pack([opened(7, 1)])
    assert lost == await packer.pack([opened(7, 1)])


async def test_nothing_changes_while_the_database_is_away() -> None:
    database = Rows()
    packer = database.packer()
    database.away = True
    with pytest.raises(DatabaseUnavailable):
        await packer.pack([opened(7, 1)])
    database.away = False
    await take(database, packer, opened(7, 1))
    assert database.open_orders() == [7]


def sizes(monkeypatch: pytest.MonkeyPatch, rows: list[BoundRow]) -> list[int]:
    monkeypatch.setattr("projections.writer._together", len)
    return list(batches(rows))


SMALL = BoundRow([b"k"])
HALF = BoundRow([b"v" * (BATCH_BYTES // 2)])
LARGE = BoundRow([b"v" * BATCH_BYTES * 3])


def test_a_batch_has_a_bounded_number_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [SMALL] * (2 * BATCH_ROWS + 1)
    assert sizes(monkeypatch, rows) == [BATCH_ROWS, BATCH_ROWS, 1]


def test_a_batch_has_a_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sizes(monkeypatch, [SMALL, LARGE, SMALL, HALF, HALF]) == [1, 1, 2, 1]
