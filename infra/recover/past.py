"""A machine's past, as far as the database has it: checkpoints, and the archive behind them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import cast

from infra.recover.cut import Counter, Path
from infra.settings import Settings
from infra.verify.kept import restored
from infra.verify.replay import closing
from streams.ledger import LedgerPartition
from streams.matching import MatchingPartition
from streams.messages.epoch import Epoch
from streams.outputs import MalformedRecord, Output
from streams.runtime.checkpoints import Unusable
from streams.runtime.cql_store import ARCHIVES, CqlStore
from streams.runtime.ledger_worker import ROLE as LEDGER
from streams.runtime.ports import Checkpoint, Kept
from streams.runtime.role import Role

Machine = LedgerPartition | MatchingPartition

REDONE_MS = 600_000
"""What followed from the last so much of the log is written to the read models again: so far behind
may projections have been when the broker was lost."""

log = logging.getLogger(__name__)


class CannotRecover(Exception):
    """The database does not have what a recovery takes; the message says what is missing."""


class Past:
    """One machine's way back. `older` goes further back where the newest checkpoints won't do."""

    def __init__(self, role: Role, partition: int, settings: Settings, store: CqlStore) -> None:
        self.role = role
        self.partition = partition
        self.name = f"{role.name}:{partition}"
        self.begins_with: Checkpoint | None = None
        self.path = Path(0, 0)
        self.archive_end = 0
        self._settings = settings
        self._store = store
        self._options: list[Checkpoint | None] = []
        self._choice = 0

    @property
    def begins(self) -> str:
        """What it starts from, as an operator is told."""
        return "nothing" if self.begins_with is None else f"checkpoint {self.begins_with.position}"

    async def look(self, epoch: Epoch) -> None:
        """Find out what there is of this epoch, and go once through all of it.

        Raises `CannotRecover`, `StoreUnavailable`.
        """
        kept = await self._store.checkpoints(self.role.name, self.partition)
        self._options = [each for each in kept if each.position >= epoch.first]
        newest = self._options[0] if self._options else None
        archive = ARCHIVES[self.role.source]
        self.archive_end = await archive.end(await self._store.connected(), self.partition)
        if epoch.number == 0 and (not self.archive_end or await self._reaches_back()):
            self._options.append(None)
        if not self._options:
            raise CannotRecover(
                f"{self.name}: no checkpoint of this epoch, and an archive without its beginning"
            )
        self._choice = next(
            (
                number
                for number, each in enumerate(self._options)
                if newest is None or each is None or each.at <= newest.at - REDONE_MS
            ),
            len(self._options) - 1,
        )
        await self._go()
        if newest is not None and self.path.end < newest.position:
            # A hole in the archive: what is behind it can only be reached from the newest.
            log.warning("%s: the archive has a hole at %d", self.name, self.path.end)
            self._choice = 0
            await self._go()

    async def older(self) -> None:
        """Start further back. Raises `CannotRecover` where there is nothing older."""
        self._choice += 1
        if self._choice == len(self._options):
            raise CannotRecover(
                f"{self.name}: no checkpoint is old enough to fit what the other archives have"
            )
        await self._go()

    async def replay(self, end: int, take: Callable[[list[Output]], Awaitable[None]]) -> Machine:
        """The machine as it was before record `end`; `take` is given what followed from each."""
        machine = await self._restored()
        async with closing(self._records(self.path.start)) as records:
            async for record in records:
                if record.offset >= end:
                    break
                await take(_applied(machine, record))
        return machine

    async def left_out(self, end: int) -> AsyncIterator[Kept]:
        """What the archive has from `end` on."""
        async with closing(self._records(end)) as records:
            async for record in records:
                yield record

    async def _go(self) -> None:
        """Go through the archive once, noting what was taken and sent on the way."""
        while True:
            self.begins_with = self._options[self._choice]
            try:
                machine = await self._restored()
                break
            except Unusable as error:
                log.error("%s: %s is unusable: %s", self.name, self.begins, error)
                self._choice += 1
                if self._choice == len(self._options):
                    raise CannotRecover(f"{self.name}: no checkpoint is usable") from error
        start = 0 if self.begins_with is None else self.begins_with.position
        self.path = path = Path(start, start)
        peers = "matching" if self.role is LEDGER else "ledger"
        taken = [Counter(number) for number in machine.inbox.watermarks]
        sent = [Counter(number) for number in machine.outbox.last_commands]
        async with closing(self._records(start)) as records:
            async for record in records:
                _applied(machine, record)
                path.end = position = record.offset + 1
                for counter, number in zip(taken, machine.inbox.watermarks, strict=True):
                    counter.rise(position, number)
                for counter, number in zip(sent, machine.outbox.last_commands, strict=True):
                    counter.rise(position, number)
        path.taken = {f"{peers}:{number}": counter for number, counter in enumerate(taken)}
        path.sent = {f"{peers}:{number}": counter for number, counter in enumerate(sent)}

    async def _restored(self) -> Machine:
        if self.begins_with is None:
            machine = self.role.new(self.partition, self._settings)
        else:
            machine = await restored(self.role, self.begins_with, self._store, self._settings)
        return cast(Machine, machine)

    def _records(self, start: int) -> AsyncIterator[Kept]:
        return self._store.archived(self.role.source, self.partition, start)

    async def _reaches_back(self) -> bool:
        """Whether the archive still has the partition's first record."""
        async with closing(self._records(0)) as records:
            async for _ in records:
                return True
        return False


def _applied(machine: Machine, record: Kept) -> list[Output]:
    try:
        return machine.apply(record.offset, record.at, record.value)
    except MalformedRecord:
        return []  # it lies in `dead-letters`, or did
