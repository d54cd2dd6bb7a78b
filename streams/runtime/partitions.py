"""The machines of the partitions a worker holds: brought up, driven, given up.

A machine is brought up in this order, and only then given traffic:

1. the newest checkpoint whose digest verifies; an empty machine if there is none,
2. what it had published since, known up to its last mark, and from there on read off its output
   partitions: up to there it will be silent; what follows from records before the mark need not
   even be made,
3. the archived records that follow, checked to be without a gap,
4. where the archive ends or has a hole, the log itself.

Alternatives: Faust's tables (a changelog record for each change costs more than the change, and
recovery overwrites live objects), or transactions (one producer for each partition, a commit
interval of latency, and Faust's have open bugs). Both would be reconsidered if names could no
longer be functions of the input.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

from infra.health import Health
from infra.settings import Settings
from streams.outputs import MalformedRecord, Output
from streams.runtime import checkpoints
from streams.runtime.checkpoints import Held
from streams.runtime.dead_letters import DeadLetter
from streams.runtime.keeper import Keeper
from streams.runtime.photograph import Photograph, by_fork
from streams.runtime.ports import (
    Kept,
    Log,
    Place,
    Record,
    Store,
    StoreUnavailable,
)
from streams.runtime.progress import Phase, Progress
from streams.runtime.published import published
from streams.runtime.publisher import Publisher
from streams.runtime.role import Role

RELEASE_LIMIT_S = 50.0
"""Less than the group waits for a member to rejoin."""

STORE_LIMIT_S = 600.0
STORE_RETRY_S = 1.0
REPLAY_RECORDS = 2_000
PORTION_OUTPUTS = 4_000
"""Outputs that go to the log together: so many that their requests cost little beside them, so few
that whoever waits for the first of a backlog does not wait for all of it."""

QUIET_S = 3_600.0

log = logging.getLogger(__name__)
T = TypeVar("T")


class PositionError(RuntimeError):
    """The log's next record does not follow the last one taken; going on would lose orders."""


class _Released(Exception):
    """Partitions were let go of before they were held."""


class Partitions:
    """Drives one machine for each partition held, and publishes before it acknowledges."""

    def __init__(
        self,
        role: Role,
        settings: Settings,
        records: Log,
        store: Store,
        health: Health,
        portion_outputs: int = PORTION_OUTPUTS,
        photograph: Photograph = by_fork,
    ) -> None:
        self._role = role
        self._portion_outputs = portion_outputs
        self._settings = settings
        self._log = records
        self._store = store
        self._publisher = Publisher(records, settings.venue)
        self._keeper = Keeper(role, settings, store, self._publisher.written, photograph)
        self._progress = Progress(role.name, health)
        self.held: dict[int, Held] = {}
        # A rebalance may come while a batch is being published; recovery waits for its end.
        self._turn = asyncio.Lock()
        self._is_released = False

    def grant(self) -> None:
        """The group has made this worker a member again; what it gives comes with `assign`.

        Not left to `assign`, which comes late, maybe after the next `release`: it would undo it.
        """
        self._is_released = False

    async def release(self) -> None:
        """Return once nothing is on its way to the log; nothing more is sent until `grant`.

        Whoever gets the partitions next reads off the log what was published, so this must have
        ended before. Raises `TimeoutError`.
        """
        self._is_released = True
        async with asyncio.timeout(RELEASE_LIMIT_S), self._settled():
            log.info("%s lets go of %s", self._role.name, sorted(self.held))

    async def assign(self, partitions: Iterable[int]) -> dict[int, int]:
        """Hold exactly these; returns where to read each from.

        Where they were released meanwhile there is nothing to read: another `assign` will follow.
        """
        async with self._settled():
            try:
                positions = await self._hold(set(partitions))
            except _Released:
                log.info("%s was to hold what it has let go of again", self._role.name)
                return {}
            log.info("%s holds %s", self._role.name, positions)
            return positions

    async def _hold(self, wanted: set[int]) -> dict[int, int]:
        self._check_granted()
        for partition in self.held.keys() - wanted:
            del self.held[partition]
        self._progress.enter(Phase.CHECKPOINT, self.held)
        for partition in sorted(wanted):
            if partition not in self.held:
                self.held[partition] = await self._patiently(
                    lambda partition=partition: self._bring_back(partition)  # type: ignore[misc]
                )
        await self._look_ahead()
        ends = await self._find_published(wanted)
        # After the outputs were read, so that all of them follow from what lies before these ends.
        bounds = await self._log.bounds((self._role.source, partition) for partition in wanted)
        for partition in sorted(wanted):
            first, self.held[partition].end = bounds[self._role.source, partition]
            await self._catch_up(partition, self.held[partition], first)
            self.held[partition].outputs = {
                place: ends[place] for place in self._role.written(partition, self._settings)
            }
        self._progress.enter(Phase.LOG, self.held)
        return {partition: self.held[partition].position for partition in wanted}

    async def _bring_back(self, partition: int) -> Held:
        held = await checkpoints.bring_back(self._role, partition, self._settings, self._store)
        held.mark = await self._store.marked(self._role.name, partition)
        return held

    def _check_granted(self) -> None:
        if self._is_released:
            raise _Released

    async def _look_ahead(self) -> None:
        """See how much there is to do, for those who are told of progress."""
        sources: dict[int, Place] = {
            partition: (self._role.source, partition) for partition in self.held
        }
        bounds = await self._log.bounds(sources.values()) if sources else {}
        for partition, held in self.held.items():
            held.began, held.end = held.position, bounds[sources[partition]][1]

    async def _find_published(self, wanted: Iterable[int]) -> dict[Place, int]:
        """Learn what these have published since their states; returns where its places end.

        Each place is read once for all of them, as they share most. What has nothing to say again
        has nothing to be silent about: that a quiet partition's state is old costs nothing.
        """
        self._progress.enter(Phase.OUTPUTS, self.held)
        written = {p: list(self._role.written(p, self._settings)) for p in wanted}
        bounds = await self._log.bounds({place for places in written.values() for place in places})
        ends = {place: end for place, (_, end) in bounds.items()}
        starts: dict[Place, int] = {}
        for partition, places in written.items():
            held = self.held[partition]
            if not held.catches_up:
                continue
            outputs = self._marked(partition, held, ends) or held.outputs
            for place in places:
                start = outputs.get(place, 0)
                starts[place] = min(start, starts.get(place, start))
        self._publisher.keep_silent_about(await published(self._log, starts))
        return ends

    def _marked(
        self, partition: int, held: Held, ends: Mapping[Place, int]
    ) -> dict[Place, int] | None:
        """Take the partition's mark into account, if it says more than its checkpoint does; returns
        from where its outputs are to be read then.
        """
        mark = held.mark
        if mark is None or mark.position <= max(held.position, held.published):
            return None
        outputs = checkpoints.as_places(mark.outputs, self._role, partition, self._settings)
        if any(end < outputs.get(place, 0) for place, end in ends.items()):
            log.error("the log has lost what %s/%d had published", self._role.name, partition)
            return None
        held.published = mark.position
        return outputs

    async def _catch_up(self, partition: int, held: Held, first: int) -> None:
        """Take what the archive has; the rest comes from the log, which begins at `first`."""
        source: Place = (self._role.source, partition)
        self._progress.enter(Phase.ARCHIVE, self.held)
        await self._patiently(lambda: self._replay(partition, held))
        if held.position < first:
            raise PositionError(_gap(source, held, first, self._settings))
        if held.position > held.end:
            # The archive may have had records that were appended since.
            _, held.end = (await self._log.bounds([source]))[source]
        if held.position > held.end:
            raise PositionError(
                f"{self._role.source.short}/{partition}: the state stands at {held.position}, "
                f"the log ends at {held.end}: has the broker lost its data? See: velocity recover"
            )

    async def _replay(self, partition: int, held: Held) -> None:
        """Take from the archive what follows the state, up to its end or its first hole."""
        began, batch = held.position, list[Kept]()
        async for record in self._store.archived(self._role.source, partition, held.position):
            batch.append(record)
            if len(batch) >= REPLAY_RECORDS:
                await self._apply(partition, held, batch)
                self._progress.tell(self.held)
                batch = []
        await self._apply(partition, held, batch)
        await self._publisher.settle()
        if held.position > began:
            replayed = held.position - began
            log.info("%s/%d: replayed %d archived", self._role.name, partition, replayed)

    async def process(
        self, partition: int, records: Iterable[Kept], *, more_follow: bool = False
    ) -> None:
        """Apply a polled batch and publish what follows from it; returns once the log has it.

        Where more records follow at once it returns before the log has the last of these: they are
        worked on meanwhile. Whoever said so calls `settle` if none come.

        Whatever is raised here must end the process: the state is ahead of what is published.
        """
        async with self._turn:
            held = self.held.get(partition)
            if held is None or self._is_released:
                return  # it was polled before a rebalance; whoever has the partition polls it again
            await self._apply(partition, held, records)
            if more_follow and not self._keeper.is_due(held):
                await self._publisher.leave()
            else:
                await self._publisher.settle()
                self._keeper.keep_if_due(partition, held)
            if not self._progress.is_ready:
                self._progress.tell(self.held)

    async def settle(self) -> None:
        """Return once the log has all that follows from what was processed. Raises as that does."""
        async with self._settled():
            pass

    @asynccontextmanager
    async def _settled(self) -> AsyncIterator[None]:
        """A turn that begins once nothing is on its way to the log."""
        async with self._turn:
            await self._publisher.settle()
            yield

    async def _apply(self, partition: int, held: Held, records: Iterable[Kept]) -> None:
        """Let the machine take records, and publish what follows, a portion at a time.

        While the log takes one portion the next is computed, but nothing of it is sent before the
        log has the one before. The last may still be on its way when this returns.
        """
        try:
            for outputs, dead in self._take(partition, held, records):
                is_last = len(outputs) < self._portion_outputs
                portion = self._publisher.encode(outputs, dead)
                # Not to be kept, with all they refer to, while the log takes what they say.
                outputs.clear()
                await self._publisher.send(portion)
                if not is_last:
                    await self._publisher.leave()
        except BaseException:
            # The machines are ahead of what the log has. The process is about to end, but until it
            # has, its other tasks must not take a checkpoint of them, nor go on from them.
            self.held.clear()
            await self._publisher.give_up()
            raise

    def _take(
        self, partition: int, held: Held, records: Iterable[Kept]
    ) -> Iterator[tuple[list[Output], list[DeadLetter]]]:
        """Let the machine take records; gives what is to be published, in portions of which all but
        the last have at least as many outputs as a portion has.
        """
        sampled = held.sampled
        take = sampled.observe if sampled else held.machine.apply
        outputs: list[Output] = []
        dead: list[DeadLetter] = []
        for record in records:
            if record.offset < held.position:
                continue
            if record.offset > held.position:
                raise PositionError(
                    f"{self._role.source.short}/{partition}: "
                    f"expected offset {held.position}, got {record.offset}"
                )
            held.position, held.at = record.offset + 1, record.at
            held.moved = time.monotonic()
            try:
                if record.offset < held.published:
                    held.machine.retake(record.offset, record.at, record.value)
                else:
                    outputs += take(record.offset, record.at, record.value)
            except MalformedRecord as error:
                if record.offset >= held.published:
                    dead.append(self._dead_letter(partition, record, error))
            if held.position == held.published and sampled:
                sampled.sample()  # said, as all before
            if len(outputs) >= self._portion_outputs:
                yield outputs, dead
                outputs, dead = [], []
        if sampled and held.position > held.published:
            outputs += sampled.sample()
        yield outputs, dead

    def _dead_letter(self, partition: int, record: Kept, error: MalformedRecord) -> DeadLetter:
        letter = DeadLetter(self._role.source, partition, record.offset, record.value, str(error))
        log.warning("dead letter %s@%s: %s", letter.edge.source, letter.offset, letter.reason)
        return letter

    async def checkpoint_if_due(self) -> None:
        """Take the checkpoints that are due although nothing arrives."""
        async with self._settled():
            for partition, held in self.held.items():
                self._keeper.keep_if_due(partition, held)

    async def tick_if_quiet(self) -> None:
        """Append a tick where nothing has come for an hour, if the machine does anything then."""
        if self._role.tick is None:
            return
        async with self._settled():
            since = time.monotonic() - QUIET_S
            quiet = [p for p, held in self.held.items() if held.moved < since]
            if quiet and not self._is_released:
                tick = [Record(b"", self._role.tick, [])]
                await self._log.append({(self._role.source, p): tick for p in quiet})

    async def digests(self) -> list[dict[str, object]]:
        """Where each machine stands between two batches, all that follows being sent, and its
        digest there.
        """
        found: list[dict[str, object]] = []
        for partition in sorted(self.held):
            # One turn each: the digest of a large state takes its time.
            async with self._settled():
                held = self.held.get(partition)
                if held is not None:
                    digest = held.machine.digest()
                    found.append(
                        {"partition": partition, "position": held.position, "digest": digest}
                    )
        return found

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask the database again while it is away; a release need not wait for it.

        Raises `TimeoutError` after ten minutes.
        """
        async with asyncio.timeout(STORE_LIMIT_S):
            while True:
                try:
                    return await ask()
                except StoreUnavailable as error:
                    self._check_granted()
                    log.warning("%s waits for the database: %s", self._role.name, error)
                    self._progress.waits()
                    await asyncio.sleep(STORE_RETRY_S)

    async def close(self) -> None:
        """Wait for checkpoints that are being kept."""
        await self._keeper.close()


def _gap(source: Place, held: Held, first: int, settings: Settings) -> str:
    """Why a machine can't be brought up although both archive and log were asked."""
    topic, partition = source
    what = (
        f"{topic.short}/{partition}: the state stands at {held.position}, "
        f"the archive goes no further and the log begins at {first}"
    )
    if settings.from_scratch and held.position == held.began:
        what += "; from scratch takes the last 24 hours again: start from a newer checkpoint"
    return what
