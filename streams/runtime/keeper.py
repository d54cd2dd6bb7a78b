"""Takes the checkpoints of a worker's machines when they are due, beside the work."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Mapping

from infra.settings import Settings
from streams.runtime import checkpoints
from streams.runtime.checkpoints import Held
from streams.runtime.photograph import NotDeveloped, Photograph
from streams.runtime.ports import Checkpoint, Place, Store, StoreUnavailable
from streams.runtime.role import Role

RETRY_S = 30.0

log = logging.getLogger(__name__)


class Keeper:
    """Keeps one checkpoint at a time for each partition.

    `written` says up to where the worker has written at each place.
    """

    def __init__(
        self,
        role: Role,
        settings: Settings,
        store: Store,
        written: Mapping[Place, int],
        photograph: Photograph,
    ) -> None:
        self._role = role
        self._settings = settings
        self._store = store
        self._written = written
        self._photograph = photograph
        self._keeping: dict[int, asyncio.Task[None]] = {}

    def keep_if_due(self, partition: int, held: Held) -> None:
        """Take one now if it is time; to be called only where the log has all that followed."""
        for place, end in held.outputs.items():
            held.outputs[place] = max(end, self._written.get(place, 0))
        if not held.is_due(self._settings):
            return
        keeping = self._keeping.get(partition)
        if keeping is not None:
            if not keeping.done():
                return
            keeping.result()  # raises what is not expected
        where = checkpoints.stand(self._role, partition, held)
        try:
            chunks = self._photograph(held.machine)
        except OSError as error:
            self._postpone(where, held, error)
        else:
            keep = self._keep(held, where, dict(held.outputs), chunks)
            self._keeping[partition] = asyncio.create_task(keep)

    async def _keep(
        self,
        held: Held,
        where: Checkpoint,
        outputs: Mapping[Place, int],
        chunks: Awaitable[list[bytes]],
    ) -> None:
        try:
            checkpoint, whole = checkpoints.with_state(where, await chunks)
            await checkpoints.keep(checkpoint, whole, self._store)
        except (StoreUnavailable, NotDeveloped) as error:
            self._postpone(where, held, error)
        else:
            held.last, held.last_time = checkpoint.position, time.monotonic()
            held.last_outputs, held.chunks = outputs, checkpoint.chunks

    def _postpone(self, where: Checkpoint, held: Held, error: Exception) -> None:
        """Go on without: there will be more to replay, and nothing is lost."""
        log.warning("no checkpoint of %s/%d: %s", self._role.name, where.partition, error)
        held.not_before = time.monotonic() + RETRY_S

    async def close(self) -> None:
        """Wait for those that are being kept."""
        await asyncio.gather(*self._keeping.values())
