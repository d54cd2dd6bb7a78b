"""The database is killed while it is written to: what it acknowledged is there when it is back."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.local.cassandra import Cassandra
from infra.processes import Records
from infra.settings import Settings
from projections import schema
from projections.session import Database, DatabaseUnavailable
from projections.tables import Table, Write
from projections.writer import Writer

ACCOUNTS = Table("accounts", ("name",), (), ("account",))

WRITERS = 8
ROWS_AT_ONCE = 20
KILLED_AFTER = 2_000


class Node:
    """A database of this test's own."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._cassandra = Cassandra(home, Settings().cache, quick=True)

    def start(self) -> str:
        self._cassandra.install()
        return self._cassandra.start()

    def stop(self) -> None:
        self._cassandra.stop()

    def kill(self) -> None:
        running = Records(self._home).running(self._cassandra.name)
        assert running is not None
        os.kill(running.pid, signal.SIGKILL)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path)
    yield node
    node.stop()


async def _write_until_killed(settings: Settings, node: Node) -> set[str]:
    """The rows that the database acknowledged, some of them in the moment it was killed."""
    database = await Database.connect(settings)
    acknowledged: set[str] = set()

    async def write(writer: Writer, number: int) -> None:
        for turn in range(10 * KILLED_AFTER):
            names = [f"{number}-{turn}-{place}" for place in range(ROWS_AT_ONCE)]
            try:
                await writer.store([Write(ACCOUNTS, (name,), (), (name,), 1) for name in names])
            except DatabaseUnavailable:
                return
            before = len(acknowledged)
            acknowledged.update(names)
            if before < KILLED_AFTER <= len(acknowledged):
                node.kill()

    try:
        await asyncio.gather(*(write(Writer(database), number) for number in range(WRITERS)))
    finally:
        await database.close()
    return acknowledged


async def test_what_it_acknowledged_survives_a_kill(
    node: Node, make_settings: Callable[..., Settings]
) -> None:
    venue, address = f"t{secrets.token_hex(8)}", await asyncio.to_thread(node.start)
    settings = make_settings(venue=venue, cql=address)
    await asyncio.to_thread(schema.create, settings)

    acknowledged = await _write_until_killed(settings, node)
    settings = make_settings(venue=venue, cql=await asyncio.to_thread(node.start))

    database = await Database.connect(settings)
    try:
        kept = {name async for (name,) in database.rows("SELECT name FROM {venue}.accounts")}
    finally:
        await database.close()
    assert len(acknowledged) >= KILLED_AFTER
    assert acknowledged <= kept
