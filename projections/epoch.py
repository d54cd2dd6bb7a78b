"""Which epoch the venue is in: every service asks the database once, when it starts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from projections.patience import Faults, until_done
from projections.session import Database
from streams.messages.epoch import Epoch

WAIT_LIMIT_S = 600.0
ROW = "venue"

SELECT = "SELECT epoch, recovering FROM {venue}.venue WHERE name = ?"
BEGIN = "UPDATE {venue}.venue SET recovering = ? WHERE name = ?"
FINISH = "UPDATE {venue}.venue SET epoch = ?, recovering = null WHERE name = ?"


class RecoveryUnfinished(RuntimeError):
    """A recovery began and did not end: what is on the broker is not whole."""


async def epoch_of(database: Database) -> Epoch:
    """The venue's epoch. Raises `DatabaseUnavailable`, `RecoveryUnfinished`."""
    epoch, recovering = await standing(database)
    if recovering is not None:
        raise RecoveryUnfinished(
            f"a recovery that is to begin epoch {recovering.number} was not finished;"
            " run again: velocity recover"
        )
    return epoch


async def awaited_epoch(connect: Callable[[], Awaitable[Database]], faults: Faults) -> Epoch:
    """The same, waiting for a database that is away; `faults` is told.

    Raises `TimeoutError` after ten minutes.
    """

    async def ask() -> Epoch:
        return await epoch_of(await connect())

    async with asyncio.timeout(WAIT_LIMIT_S):
        return await until_done(ask, "database", faults)


async def standing(database: Database) -> tuple[Epoch, Epoch | None]:
    """The venue's epoch, and the one that a recovery under way is going to begin."""
    rows = await database.execute(SELECT, (ROW,))
    epoch, recovering = rows[0] if rows else (None, None)
    return Epoch(epoch or 0), None if recovering is None else Epoch(recovering)


async def begin_recovery(database: Database, epoch: Epoch) -> None:
    """From now on until it is finished, no service starts."""
    await database.execute(BEGIN, (epoch.number, ROW))


async def finish_recovery(database: Database, epoch: Epoch) -> None:
    """The venue is in this epoch now."""
    await database.execute(FINISH, (epoch.number, ROW))
