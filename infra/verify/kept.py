"""Checkpoints as they are kept, and whether a machine can come back from them."""

from __future__ import annotations

from collections.abc import Iterable

from infra.settings import Settings
from infra.verify.checks import Check, count
from streams.outputs import Processor
from streams.runtime.checkpoints import unsealed
from streams.runtime.ports import Checkpoint, Store
from streams.runtime.role import Role

UNREADABLE = (ValueError, LookupError, RuntimeError)
"""What is raised of chunks that were torn, changed, or made by another version."""


class Unusable(Exception):
    """A checkpoint from which no machine comes back as it was."""


async def restored(
    role: Role, checkpoint: Checkpoint, store: Store, settings: Settings
) -> Processor:
    """The machine as a checkpoint has it. Raises `Unusable`, `StoreUnavailable`."""
    return _restore(role, checkpoint, await store.chunks(checkpoint), settings)


def _restore(
    role: Role, checkpoint: Checkpoint, chunks: list[bytes], settings: Settings
) -> Processor:
    if len(chunks) != checkpoint.chunks:
        raise Unusable(f"{len(chunks)} of {count(checkpoint.chunks, 'chunk')}")
    machine = role.new(checkpoint.partition, settings)
    try:
        machine.restore(unsealed(chunks))
        digest = machine.digest()
    except UNREADABLE as error:
        raise Unusable(f"unreadable: {error}") from error
    if digest != checkpoint.digest:
        raise Unusable(f"digest {digest}, taken with {checkpoint.digest}")
    return machine


async def all_kept(
    roles: Iterable[Role], store: Store, settings: Settings
) -> list[tuple[Role, Checkpoint]]:
    """Every checkpoint kept, by role and partition, newest first. Raises `StoreUnavailable`."""
    return [
        (role, checkpoint)
        for role in roles
        for partition in range(role.partitions(settings))
        for checkpoint in await store.checkpoints(role.name, partition)
    ]


async def tried(role: Role, checkpoint: Checkpoint, store: Store, settings: Settings) -> Check:
    """Whether a machine comes back from a checkpoint. Raises `StoreUnavailable`."""
    name = f"{checkpoint.role}/{checkpoint.partition}@{checkpoint.position}"
    chunks = await store.chunks(checkpoint)
    size = f"{sum(map(len, chunks)):,} bytes in {count(len(chunks), 'chunk')}"
    try:
        _restore(role, checkpoint, chunks, settings)
    except Unusable as error:
        return Check(name, size, str(error))
    return Check(name, size)
