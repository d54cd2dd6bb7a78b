"""`updates`, followed by a door that needs nothing of it but to pass it on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import NoReturn

import msgspec

from api.feeds.tail import Record, TopicTail, from_end
from infra.settings import Settings
from streams.messages import Offset, Update, updates
from streams.topics import UPDATES, Topic

log = logging.getLogger(__name__)


class UpdatesTail:
    """Tells every update once, from where the log ends when this begins."""

    def __init__(self, settings: Settings) -> None:
        self._callbacks: list[Callable[[int, Offset, Update], None]] = []
        self._watermarks: dict[tuple[int, str], int] = {}
        self._tail = TopicTail(settings, {UPDATES: from_end}, self._deliver, name="private")
        self.malformed = 0

    async def run(self) -> NoReturn:
        """Until cancelled; an unreachable broker only makes it not ready."""
        await self._tail.run()

    @property
    def ready(self) -> bool:
        return self._tail.ready

    def on_update(self, callback: Callable[[int, Offset, Update], None]) -> None:
        self._callbacks.append(callback)

    def seen(self, partition: int) -> Offset:
        return Offset((self._tail.position(UPDATES, partition) or 0) - 1)

    def _deliver(self, topic: Topic, partition: int, records: Sequence[Record]) -> None:
        for record in records:
            try:
                update = updates.decode(record.value)
            except msgspec.DecodeError as error:
                self.malformed += 1
                log.error("malformed: updates %d at %d: %s", partition, record.offset, error)
                continue
            edge = (partition, update.source)
            if update.seq <= self._watermarks.get(edge, 0):
                continue
            self._watermarks[edge] = update.seq
            for callback in self._callbacks:
                callback(partition, Offset(record.offset), update)
