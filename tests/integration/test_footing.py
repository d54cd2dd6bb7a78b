"""An api acknowledges only on the log that its venue's names were made of."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable

import pytest

from api.accounts import footing
from api.accounts.archive import Archive
from api.accounts.footing import Footing, LogLost
from api.accounts.sender import appender
from infra.settings import Settings
from projections import epoch as epochs
from projections import schema
from projections.archive import COMMAND_LOG
from projections.epoch import RecoveryUnfinished
from projections.session import Database
from projections.writer import Writer
from streams.messages.epoch import Epoch
from streams.runtime.provision import create_topics

LIMIT_S = 30.0


@pytest.fixture
async def settings(make_settings: Callable[..., Settings]) -> Settings:
    """A venue of each test's own."""
    venue = f"t{secrets.token_hex(8)}"
    settings = make_settings(venue=venue, account_partitions=2, market_partitions=2)
    await asyncio.to_thread(schema.create, settings)
    await create_topics(settings)
    return settings


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    database = await Database.connect(settings)
    yield database
    await database.close()


class Door:
    """What of an api looks after its footing."""

    def __init__(self, settings: Settings) -> None:
        self._frames = appender(settings)
        self._archive = Archive(settings)
        self.footing = Footing(settings, (self._frames,), self._archive)

    async def stand(self) -> None:
        """Until it may not any longer. Raises why."""
        try:
            async with asyncio.timeout(LIMIT_S), asyncio.TaskGroup() as group:
                group.create_task(self._archive.run())
                group.create_task(self.footing.run())
        finally:
            await self._frames.stop()


async def archive(database: Database, partition: int, records: int) -> None:
    writer = Writer(database)
    for offset in range(records):
        await writer.store([COMMAND_LOG.write(partition, offset, 1_000 + offset, b"frame")])


async def test_it_acknowledges_nothing_on_a_log_that_ends_before_its_archive(
    settings: Settings, database: Database
) -> None:
    await archive(database, 1, 3)
    door = Door(settings)
    with pytest.raises(ExceptionGroup) as raised:
        await door.stand()
    assert raised.group_contains(LogLost, match="commands/1.*velocity recover")


async def test_the_archive_of_an_earlier_epoch_says_nothing_of_this_one(
    settings: Settings, database: Database
) -> None:
    await archive(database, 1, 3)
    await epochs.finish_recovery(database, Epoch(1))
    door = Door(settings)
    standing = asyncio.create_task(door.stand())
    async with asyncio.timeout(LIMIT_S):
        assert await door.footing.epoch() == Epoch(1)
    standing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await standing


async def test_it_ends_when_a_recovery_begins(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(footing, "CHECK_EVERY_S", 0.05)
    door = Door(settings)
    standing = asyncio.create_task(door.stand())
    async with asyncio.timeout(LIMIT_S):
        assert await door.footing.epoch() == Epoch(0)
    await epochs.begin_recovery(database, Epoch(1))
    with pytest.raises(ExceptionGroup) as raised:
        await standing
    assert raised.group_contains(RecoveryUnfinished)


async def test_it_ends_when_the_venue_has_gone_on_in_another_epoch(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(footing, "CHECK_EVERY_S", 0.05)
    door = Door(settings)
    standing = asyncio.create_task(door.stand())
    async with asyncio.timeout(LIMIT_S):
        await door.footing.epoch()
    await epochs.finish_recovery(database, Epoch(1))
    with pytest.raises(ExceptionGroup) as raised:
        await standing
    assert raised.group_contains(LogLost, match="from epoch 0 to 1")
