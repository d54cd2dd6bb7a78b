"""When a checkpoint is taken, how it is kept, and how a machine comes back from one.

A checkpoint is taken only when every output up to its position is acknowledged, and not while a
machine still catches up: until then its outputs lie in the log before the offsets that a worker
recovering from that checkpoint would look from, and it would publish them again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

import msgspec

from infra.settings import Settings
from streams.messages.epoch import OFFSETS_PER_EPOCH
from streams.outputs import Processor, Sampled, state_digest
from streams.runtime.ports import Checkpoint, Mark, Place, Store
from streams.runtime.role import Role

SECONDS_BETWEEN = 3_600.0
WINDOW_MS = 24 * 3_600_000
"""The replay window: what a worker from scratch takes again."""

KEPT_MS = 2 * WINDOW_MS
"""Twice the replay window, so that a checkpoint always stands before it."""

KEPT_AT_LEAST = 2
KEPT_NEWEST = 3
HOUR_MS = 3_600_000

OUTPUTS_PER_CHUNK = 500
"""A large state is written out less often: a chunk costs about as much as a hundred outputs."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Held:
    """A partition this worker holds.

    `position` is the offset of the next record for its machine; from `began` up to `end`, where the
    log ended when the partition was assigned, it catches up. `outputs` is as in `Checkpoint`, for
    all places it may write to, as of now. `last` is the position of the newest checkpoint, kept or
    recovered from, `last_outputs` and `chunks` are that one's, and `last_time` is when it was; none
    is tried before `not_before`. `moved` is when the last record was taken. All three are in
    monotonic seconds.

    What follows from the records before `published` is known to be on the log, and not said again.
    `mark` is the newest mark there is; the next is made at `mark_at`, in the event loop's seconds.
    `sampled` is the machine, if it is one to be sampled.
    """

    machine: Processor
    position: int
    outputs: dict[Place, int]
    last: int
    began: int = 0
    end: int = 0
    at: int = 0
    last_outputs: Mapping[Place, int] = field(default_factory=dict)
    chunks: int = 0
    last_time: float = field(default_factory=time.monotonic)
    not_before: float = 0.0
    moved: float = field(default_factory=time.monotonic)
    published: int = 0
    mark: Mark | None = None
    mark_at: float = 0.0
    sampled: Sampled | None = field(init=False)

    def __post_init__(self) -> None:
        # Once: to ask an instance for a protocol's methods takes longer than to place an order.
        self.sampled = self.machine if isinstance(self.machine, Sampled) else None

    @property
    def catches_up(self) -> bool:
        return self.position < self.end

    @property
    def behind(self) -> int:
        """How many records are left to catch up with."""
        return max(self.end - self.position, 0)

    @property
    def replayed(self) -> int:
        """How many records it has caught up with."""
        return max(min(self.position, self.end) - self.began, 0)

    def is_due(self, settings: Settings) -> bool:
        """Whether it is time for a checkpoint: after so many records or outputs, or hourly.

        Outputs, because a record may be a frame of a thousand commands, and because a recovery has
        to read them back: all that lie where this machine writes, whoever's they are.
        """
        records = self.position - self.last
        if not records or self.catches_up or time.monotonic() < self.not_before:
            return False
        if records >= settings.checkpoint_records:
            return True
        last = self.last_outputs
        outputs = sum(end - last.get(place, 0) for place, end in self.outputs.items())
        return (
            outputs >= max(settings.checkpoint_outputs, self.chunks * OUTPUTS_PER_CHUNK)
            or time.monotonic() - self.last_time >= SECONDS_BETWEEN
        )


class Damaged(ValueError):
    """The chunks of a checkpoint are not those that were saved."""


def sealed(chunks: Iterable[bytes]) -> list[bytes]:
    """Chunks with their checksum behind them."""
    whole = list(chunks)
    return [*whole, _checksum(whole)]


def unsealed(chunks: list[bytes]) -> list[bytes]:
    """What was sealed; a machine is shown nothing else. Raises `Damaged`."""
    if not chunks or chunks[-1] != _checksum(chunks[:-1]):
        raise Damaged(f"{len(chunks)} chunks that do not have their checksum")
    return chunks[:-1]


def _checksum(chunks: list[bytes]) -> bytes:
    checksum = blake2b(digest_size=16)
    for chunk in chunks:
        checksum.update(len(chunk).to_bytes(8))
        checksum.update(chunk)
    return checksum.digest()


UNREADABLE = (ValueError, LookupError, RuntimeError)
"""What is raised of chunks that were torn, changed, or made by another version."""


class Unusable(Exception):
    """A checkpoint from which no machine comes back as it was."""


def restored(
    role: Role, checkpoint: Checkpoint, chunks: list[bytes], settings: Settings
) -> Processor:
    """The machine as a checkpoint has it. Raises `Unusable`."""
    if len(chunks) != checkpoint.chunks:
        raise Unusable(f"{len(chunks)} of {checkpoint.chunks} chunks")
    machine = role.new(checkpoint.partition, settings)
    try:
        machine.restore(unsealed(chunks))
        digest = state_digest(machine.snapshot())
    except UNREADABLE as error:
        raise Unusable(f"unreadable: {error!r}") from error
    if digest != checkpoint.digest:
        raise Unusable(f"digest {digest}, taken with {checkpoint.digest}")
    return machine


async def bring_back(role: Role, partition: int, settings: Settings, store: Store) -> Held:
    """The machine as the newest checkpoint that verifies has it; else an empty one.

    From scratch, as one does that anchors the replay window. Raises `StoreUnavailable`.
    """
    newest_first = await store.checkpoints(role.name, partition)
    for checkpoint in anchors(newest_first) if settings.from_scratch else newest_first:
        try:
            machine = restored(role, checkpoint, await store.chunks(checkpoint), settings)
        except Unusable as error:
            log.error("%s: %s", _name(checkpoint), error)
            continue
        outputs = as_places(checkpoint.outputs, role, partition, settings)
        log.info("%s: restored", _name(checkpoint))
        return Held(
            machine,
            checkpoint.position,
            outputs,
            checkpoint.position,
            at=checkpoint.at,
            last_outputs=outputs,
            chunks=checkpoint.chunks,
        )
    return Held(role.new(partition, settings), 0, {}, 0)


def as_rows(outputs: Mapping[Place, int]) -> list[tuple[str, int, int]]:
    """Offsets of places as checkpoints and marks have them."""
    return sorted((topic.short, target, offset) for (topic, target), offset in outputs.items())


def as_places(
    rows: Iterable[tuple[str, int, int]], role: Role, partition: int, settings: Settings
) -> dict[Place, int]:
    """Back from `as_rows`."""
    topics = {topic.short: topic for topic, _ in role.written(partition, settings)}
    return {(topics[short], target): offset for short, target, offset in rows}


def stand(role: Role, partition: int, held: Held) -> Checkpoint:
    """Where a machine stands now: the checkpoint of it, but for its state. See `with_state`."""
    outputs = as_rows(held.outputs)
    return Checkpoint(role.name, partition, held.position, held.at, "", 0, outputs)


def with_state(where: Checkpoint, chunks: list[bytes]) -> tuple[Checkpoint, list[bytes]]:
    """The checkpoint of a machine that stood there with this state, and its chunks as kept."""
    whole = sealed(chunks)
    return msgspec.structs.replace(where, digest=state_digest(chunks), chunks=len(whole)), whole


def take(role: Role, partition: int, held: Held) -> tuple[Checkpoint, list[bytes]]:
    """The checkpoint of a machine as it stands, with its chunks."""
    return with_state(stand(role, partition, held), list(held.machine.snapshot()))


async def keep(checkpoint: Checkpoint, chunks: list[bytes], store: Store) -> None:
    """Save a checkpoint, then forget those that it makes superfluous. Raises `StoreUnavailable`."""
    await store.save(checkpoint, chunks)
    log.info("%s: taken, %d chunks", _name(checkpoint), len(chunks))
    for old in superfluous(await store.checkpoints(checkpoint.role, checkpoint.partition)):
        await store.forget(old)


def anchors(newest_first: list[Checkpoint]) -> list[Checkpoint]:
    """Those that a replay of the whole window may begin with, newest first.

    They are from before the window, which ends with the newest of all, or are what a recovery began
    the epoch with. Where there is none the venue is younger than its window, and its partitions
    began empty.
    """
    horizon = newest_first[0].at - WINDOW_MS if newest_first else 0
    return [
        checkpoint
        for checkpoint in newest_first
        if checkpoint.at <= horizon or checkpoint.position % OFFSETS_PER_EPOCH == 0
    ]


def superfluous(newest_first: list[Checkpoint]) -> list[Checkpoint]:
    """Those that are not needed any more.

    What stays: the newest few, of each hour that is kept the newest, what an epoch began with, and
    one from before the time that is kept.
    """
    horizon = newest_first[0].at - KEPT_MS
    older = [checkpoint for checkpoint in newest_first if checkpoint.at < horizon]
    recent = newest_first[: len(newest_first) - len(older)]
    hours = {checkpoint.at // HOUR_MS for checkpoint in recent[:KEPT_NEWEST]}
    thinned: list[Checkpoint] = []
    for checkpoint in recent[KEPT_NEWEST:]:
        hour = checkpoint.at // HOUR_MS
        if hour in hours and checkpoint.position % OFFSETS_PER_EPOCH:
            thinned.append(checkpoint)
        hours.add(hour)
    return thinned + older[max(1, KEPT_AT_LEAST - len(recent)) :]


def _name(checkpoint: Checkpoint) -> str:
    return f"checkpoint {checkpoint.role}/{checkpoint.partition}@{checkpoint.position}"
