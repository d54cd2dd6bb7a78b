"""Checkpoints as they are kept, and whether a machine can come back from them."""

from __future__ import annotations

from collections.abc import Iterable

from infra.settings import Settings
from infra.verify.checks import Check, count
from streams.outputs import Processor
from streams.runtime import checkpoints
from streams.runtime.checkpoints import Unusable
from streams.runtime.ports import Checkpoint, Store
from streams.runtime.role import Role


async def restored(
    role: Role, checkpoint: Checkpoint, store: Store, settings: Settings
) -> Processor:
    """The machine as a checkpoint has it. Raises `Unusable`, `StoreUnavailable`."""
    return checkpoints.restored(role, checkpoint, await store.chunks(checkpoint), settings)


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
        checkpoints.restored(role, checkpoint, chunks, settings)
    except Unusable as error:
        return Check(name, size, str(error))
    return Check(name, size)
