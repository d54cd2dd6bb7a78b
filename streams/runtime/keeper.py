"""Takes checkpoints and marks of a worker's machines when they are due, beside the work.

A mark is a checkpoint without the state: it says up to where outputs are on the log. It costs next
to nothing, so it is never old, and what a recovery reads back begins with it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Mapping

from infra.settings import Settings
from streams.runtime import checkpoints
from streams.runtime.checkpoints import Held
from streams.runtime.photograph import NotDeveloped, Photograph
from streams.runtime.ports import Checkpoint, Mark, Place, Store, StoreUnavailable
from streams.runtime.role import Role

RETRY_S = 30.0
MARK_EVERY_S = 2.0

log = logging.getLogger(__name__)


class Keeper:
    """Keeps one checkpoint and one mark at a time for each partition.

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
        self._marking: dict[int, asyncio.Task[None]] = {}

    def is_due(self, held: Held) -> bool:
        """Whether there is anything to take by now."""
        return held.is_due(self._settings) or self._is_mark_due(held)

    def keep_if_due(self, partition: int, held: Held) -> None:
        """Take what it is time for; to be called only where the log has all that followed."""
        for place, end in held.outputs.items():
            held.outputs[place] = max(end, self._written.get(place, 0))
        if held.is_due(self._settings):
            self._checkpoint(partition, held)
        if self._is_mark_due(held):
            self._mark(partition, held)
            held.mark_at = asyncio.get_running_loop().time() + MARK_EVERY_S

    @staticmethod
    def _is_mark_due(held: Held) -> bool:
        return not held.catches_up and asyncio.get_running_loop().time() >= held.mark_at

    def _mark(self, partition: int, held: Held) -> None:
        if _is_under_way(self._marking.get(partition)):
            return
        last = held.mark.position if held.mark else 0
        if held.position > max(last, held.last):
            outputs = checkpoints.as_rows(held.outputs)
            mark = Mark(self._role.name, partition, held.position, outputs)
            self._marking[partition] = asyncio.create_task(self._keep_mark(held, mark))

    async def _keep_mark(self, held: Held, mark: Mark) -> None:
        try:
            await self._store.mark(mark)
        except StoreUnavailable as error:
            log.warning("no mark of %s/%d: %s", mark.role, mark.partition, error)
            held.mark_at = asyncio.get_running_loop().time() + RETRY_S
        else:
            held.mark = mark

    def _checkpoint(self, partition: int, held: Held) -> None:
        if _is_under_way(self._keeping.get(partition)):
            return
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
        await asyncio.gather(*self._keeping.values(), *self._marking.values())


def _is_under_way(task: asyncio.Task[None] | None) -> bool:
    """Raises what a task that has ended failed with."""
    if task is None or not task.done():
        return task is not None
    task.result()
    return False
