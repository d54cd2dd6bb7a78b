"""A machine made again from the log, in this process, by nothing but its records."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar, cast

from infra.settings import Settings
from infra.verify.checks import CannotVerify, Difference
from infra.verify.kept import restored
from streams.ledger.books import LedgerCorrupt
from streams.market_data.partition import TradeGap
from streams.outputs import MalformedRecord, Output, Processor, Sampled
from streams.runtime.checkpoints import Unusable
from streams.runtime.ports import Kept, Log, Place, Store
from streams.runtime.role import Role

T = TypeVar("T")


class Source(StrEnum):
    """What a replay starts from: the newest checkpoint, the log's start, or the archive's."""

    CHECKPOINT = "checkpoint"
    START = "start"
    ARCHIVE = "archive"


@dataclass(slots=True)
class Replay:
    """A machine, the offset of its next record, and how it came there."""

    role: Role
    partition: int
    machine: Processor
    position: int = 0
    began: int = 0
    malformed: list[int] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.role.name}/{self.partition}"

    @property
    def place(self) -> Place:
        return self.role.source, self.partition

    @property
    def records(self) -> int:
        """How many records were replayed."""
        return self.position - self.began

    def take(self, record: Kept) -> list[Output]:
        """Apply the next record as a worker does. Raises `Difference` where that one would stop."""
        if record.offset != self.position:
            raise Difference(f"{self.name}: record {record.offset} where {self.position} is due")
        self.position = record.offset + 1
        machine = self.machine
        take = machine.observe if isinstance(machine, Sampled) else machine.apply
        try:
            return take(record.offset, record.at, record.value)
        except MalformedRecord:
            self.malformed.append(record.offset)
            return []
        except (LedgerCorrupt, TradeGap) as error:
            raise Difference(f"{self.name}: at record {record.offset}: {error}") from error


class History:
    """The records of the log, from the broker or from the archive that the database keeps."""

    def __init__(self, log: Log, store: Store, source: Source) -> None:
        self._log = log
        self._store = store
        self._source = source

    async def replay(self, role: Role, partition: int, stop: int, settings: Settings) -> Replay:
        """Make a machine again as it was before record `stop`.

        Raises `Difference` where a worker would crash, `CannotVerify` where records are missing.
        """
        replay = await self._begin(role, partition, stop, settings)
        async for record in self.records(replay.place, replay.position, stop):
            replay.take(record)
        if replay.position < stop:
            raise CannotVerify(f"{replay.name}: no record {replay.position}, due before {stop}")
        return replay

    async def _begin(self, role: Role, partition: int, stop: int, settings: Settings) -> Replay:
        kept = await self._store.checkpoints(role.name, partition)
        usable = [checkpoint for checkpoint in kept if checkpoint.position <= stop]
        if self._source is Source.START:
            usable = []
        elif self._source is Source.ARCHIVE:
            usable.reverse()
            if await self._reaches_back(role, partition):
                usable = []
        for checkpoint in usable:
            try:
                machine = await restored(role, checkpoint, self._store, settings)
            except Unusable:
                continue
            at = checkpoint.position
            return Replay(role, partition, machine, at, at)
        return Replay(role, partition, role.new(partition, settings))

    async def _reaches_back(self, role: Role, partition: int) -> bool:
        """Whether the archive still holds the first record, or the log itself does."""
        async with closing(self._store.archived(role.source, partition, 0)) as archived:
            async for _ in archived:
                return True
        place = (role.source, partition)
        first, _ = (await self._log.bounds([place]))[place]
        return first == 0

    async def records(self, place: Place, start: int, stop: int) -> AsyncIterator[Kept]:
        """The records from `start` to before `stop`; fewer only where the log ends before that.

        The broker's, or the archive's where it is asked for or the broker's begin too late.
        Raises `CannotVerify` where neither has them.
        """
        if start >= stop:
            return
        first, _ = (await self._log.bounds([place]))[place]
        if self._source is Source.ARCHIVE or start < first:
            async with closing(self._store.archived(*place, start)) as archived:
                async for record in archived:
                    if record.offset >= stop:
                        return
                    yield record
                    start = record.offset + 1
        if start >= stop:
            return
        if start < first:
            topic, partition = place
            raise CannotVerify(
                f"{topic.short}/{partition}: record {start} is needed, the log begins at {first}"
                f" and the archive does not have it; try --from {Source.CHECKPOINT}"
            )
        async with closing(self._log.read({place: start})) as batches:
            async for _, batch in batches:
                for record in batch:
                    if record.offset >= stop:
                        return
                    yield record


def closing(records: AsyncIterator[T]) -> aclosing[AsyncGenerator[T, None]]:
    """Who leaves a generator half-way must close it: it holds a connection."""
    return aclosing(cast("AsyncGenerator[T, None]", records))
