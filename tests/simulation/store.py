"""The modelled database, and one process's connection to it: the twin of `CqlStore`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from streams.runtime.ports import Checkpoint, Kept, Mark, Place, StoreUnavailable
from streams.topics import COMMANDS, ORDERS, Topic
from tests.simulation.log import EPOCH_MS, Broker
from tests.simulation.pages import Pages
from tests.simulation.process import Process
from tests.simulation.weather import Weather
from tests.simulation.wire import Wire

ARCHIVED = (COMMANDS, ORDERS)
PAGE_ROWS_MAX = 30

Owner = tuple[str, int]
Key = tuple[str, int, int]


@dataclass
class Database:
    """What the database keeps: checkpoints, and an archive that runs `lag_s` behind the log.

    `holes` are places in the archive whose record was not written; `damaged` are the checkpoints
    whose chunks are not what was saved.
    """

    broker: Broker
    rows: dict[Owner, dict[int, Checkpoint]] = field(default_factory=dict)
    chunks: dict[Key, dict[int, bytes]] = field(default_factory=dict)
    marks: dict[Owner, Mark] = field(default_factory=dict)
    holes: set[tuple[Place, int]] = field(default_factory=set)
    damaged: set[Key] = field(default_factory=set)
    lag_s: float = 0.0
    is_away: bool = False
    _visible: dict[Place, int] = field(default_factory=dict)

    @property
    def weather(self) -> Weather:
        return self.broker.weather

    def archived(self, place: Place, start: int, most: int) -> list[Kept]:
        """Archived records from an offset on, up to the first that is missing."""
        if place[0] not in ARCHIVED:
            return []
        records = self.broker.records(place)
        now_ms = EPOCH_MS + (asyncio.get_running_loop().time() - self.lag_s) * 1000
        visible = self._visible.get(place, 0)
        while visible < len(records) and records[visible].at <= now_ms:
            visible += 1
        self._visible[place] = visible
        found: list[Kept] = []
        for record in records[start : min(visible, start + most)]:
            if (place, record.offset) in self.holes:
                break
            found.append(record._replace(key=b"", headers=[]))
        return found


class SimulatedStore:
    """The port `Store`, for one process."""

    def __init__(self, database: Database, process: Process) -> None:
        self._database = database
        self._wire = Wire(process, database.weather)

    async def checkpoints(self, role: str, partition: int) -> list[Checkpoint]:
        await self._ask()
        rows = self._database.rows.get((role, partition), {})
        found = [rows[position] for position in sorted(rows, reverse=True)]
        await self._wire.cross()
        return found

    async def chunks(self, checkpoint: Checkpoint) -> list[bytes]:
        await self._ask()
        chunks = self._database.chunks.get(key_of(checkpoint), {})
        found = [chunks[number] for number in sorted(chunks) if number < checkpoint.chunks]
        await self._wire.cross()
        return found

    async def save(self, checkpoint: Checkpoint, chunks: list[bytes]) -> None:
        key = key_of(checkpoint)
        for number, chunk in enumerate(chunks):
            await self._ask()
            self._database.chunks.setdefault(key, {})[number] = chunk
        await self._ask()
        self._database.damaged.discard(key)
        owner = (checkpoint.role, checkpoint.partition)
        self._database.rows.setdefault(owner, {})[checkpoint.position] = checkpoint
        await self._wire.cross()

    async def forget(self, checkpoint: Checkpoint) -> None:
        await self._ask()
        owner = (checkpoint.role, checkpoint.partition)
        self._database.rows.get(owner, {}).pop(checkpoint.position, None)
        await self._ask()
        self._database.chunks.pop(key_of(checkpoint), None)

    async def mark(self, mark: Mark) -> None:
        await self._ask()
        self._database.marks[mark.role, mark.partition] = mark
        await self._wire.cross()

    async def marked(self, role: str, partition: int) -> Mark | None:
        await self._ask()
        found = self._database.marks.get((role, partition))
        await self._wire.cross()
        return found

    def archived(self, topic: Topic, partition: int, start: int) -> Pages[Kept]:
        page: list[Kept] = []
        position = start

        async def ask() -> Kept | None:
            nonlocal position
            if not page:
                await self._ask()
                most = self._database.weather.rng.randint(1, PAGE_ROWS_MAX)
                page.extend(self._database.archived((topic, partition), position, most))
            if not page:
                return None
            position += 1
            return page.pop(0)

        return Pages(ask)

    async def _ask(self) -> None:
        await self._wire.leave()
        await self._wire.cross()
        if self._database.is_away:
            raise StoreUnavailable("no host answers")


def key_of(checkpoint: Checkpoint) -> Key:
    return checkpoint.role, checkpoint.partition, checkpoint.position
