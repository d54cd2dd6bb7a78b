"""The database, through CQL: checkpoints, marks, and the archive that the projections write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import islice

import msgspec

from infra.settings import Settings
from projections.archive import COMMAND_LOG, ORDER_LOG
from projections.session import Database, DatabaseUnavailable
from streams.runtime.ports import Checkpoint, Kept, Mark, StoreUnavailable
from streams.topics import COMMANDS, ORDERS, Topic

ARCHIVES = {COMMANDS: COMMAND_LOG, ORDERS: ORDER_LOG}
CHUNKS_PER_PART = 64
CHUNKS_PER_PAGE = 8
CHUNKS_AT_ONCE = 16

_outputs = msgspec.msgpack.Decoder(list[tuple[str, int, int]])

INSERT_CHUNK = (
    "INSERT INTO {venue}.checkpoint_chunks (role, partition, position, part, chunk, state)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)
INSERT = (
    "INSERT INTO {venue}.checkpoints (role, partition, position, at, digest, chunks, outputs)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
SELECT = (
    "SELECT position, at, digest, chunks, outputs"
    " FROM {venue}.checkpoints WHERE role = ? AND partition = ?"
)
SELECT_CHUNKS = (
    "SELECT state FROM {venue}.checkpoint_chunks"
    " WHERE role = ? AND partition = ? AND position = ? AND part = ?"
)
INSERT_MARK = "INSERT INTO {venue}.marks (role, partition, position, outputs) VALUES (?, ?, ?, ?)"
SELECT_MARK = "SELECT position, outputs FROM {venue}.marks WHERE role = ? AND partition = ?"
DELETE = "DELETE FROM {venue}.checkpoints WHERE role = ? AND partition = ? AND position = ?"
DELETE_CHUNKS = (
    "DELETE FROM {venue}.checkpoint_chunks"
    " WHERE role = ? AND partition = ? AND position = ? AND part = ?"
)


class CqlStore:
    """Connects when it is first asked; while there is no database, it says so each time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._database: Database | None = None
        self._connecting = asyncio.Lock()

    async def checkpoints(self, role: str, partition: int) -> list[Checkpoint]:
        with _translated():
            rows = (await self.connected()).rows(SELECT, (role, partition))
            return [
                Checkpoint(role, partition, position, at, digest, chunks, _outputs.decode(outputs))
                async for position, at, digest, chunks, outputs in rows
            ]

    async def chunks(self, checkpoint: Checkpoint) -> list[bytes]:
        found: list[bytes] = []
        with _translated():
            database = await self.connected()
            for part in _parts(checkpoint):
                rows = database.rows(SELECT_CHUNKS, (*_key(checkpoint), part), CHUNKS_PER_PAGE)
                found += [state async for (state,) in rows]
        # Behind them there may be some of another that was saved at the same position before.
        return found[: checkpoint.chunks]

    async def save(self, checkpoint: Checkpoint, chunks: list[bytes]) -> None:
        with _translated():
            database = await self.connected()
            numbered = enumerate(chunks)
            # One by one they would take turns with whatever else the event loop has to do.
            while some := list(islice(numbered, CHUNKS_AT_ONCE)):
                await asyncio.gather(
                    *(
                        database.execute(
                            INSERT_CHUNK,
                            (*_key(checkpoint), number // CHUNKS_PER_PART, number, state),
                        )
                        for number, state in some
                    )
                )
            outputs = msgspec.msgpack.encode(checkpoint.outputs)
            await database.execute(
                INSERT,
                (
                    *_key(checkpoint),
                    checkpoint.at,
                    checkpoint.digest,
                    checkpoint.chunks,
                    outputs,
                ),
            )

    async def forget(self, checkpoint: Checkpoint) -> None:
        with _translated():
            database = await self.connected()
            await database.execute(DELETE, _key(checkpoint))
            for part in _parts(checkpoint):
                await database.execute(DELETE_CHUNKS, (*_key(checkpoint), part))

    async def mark(self, mark: Mark) -> None:
        with _translated():
            database = await self.connected()
            outputs = msgspec.msgpack.encode(mark.outputs)
            await database.execute(INSERT_MARK, (mark.role, mark.partition, mark.position, outputs))

    async def marked(self, role: str, partition: int) -> Mark | None:
        with _translated():
            async for position, outputs in (await self.connected()).rows(
                SELECT_MARK, (role, partition)
            ):
                return Mark(role, partition, position, _outputs.decode(outputs))
        return None

    async def archived(self, topic: Topic, partition: int, start: int) -> AsyncIterator[Kept]:
        archive = ARCHIVES.get(topic)
        if archive is None:
            return
        with _translated():
            database = await self.connected()
            async for offset, at, value in archive.frames(database, partition, start):
                yield Kept(offset, at, b"", value, [])

    async def close(self) -> None:
        if self._database is not None:
            await self._database.close()

    async def connected(self) -> Database:
        """The session. Raises `DatabaseUnavailable`."""
        async with self._connecting:
            if self._database is None:
                self._database = await Database.connect(self._settings)
            return self._database


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DatabaseUnavailable as error:
        raise StoreUnavailable(str(error)) from error


def _key(checkpoint: Checkpoint) -> tuple[str, int, int]:
    return checkpoint.role, checkpoint.partition, checkpoint.position


def _parts(checkpoint: Checkpoint) -> range:
    return range(-(-checkpoint.chunks // CHUNKS_PER_PART))
