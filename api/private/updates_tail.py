"""`updates`, followed by a door that needs nothing of it but to pass it on.

Each fetch costs a good part of a millisecond of CPU, and there is one for nearly every order while
the venue is not busy. So it is followed only while somebody listens, and for a while after: the
door of streams has many clients who hear of markets alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import NoReturn

import msgspec

from api.accounts.view import AccountView
from api.errors import unavailable
from api.feeds.tail import Record, TopicTail, from_end
from infra.settings import Settings
from streams.messages import Offset, Update, updates
from streams.topics import UPDATES, Topic

IDLE_S = 30.0
"""How long it is followed after the last listener has gone, at least."""

READY_LIMIT_S = 3.0

Callback = Callable[[int, Offset, Update], None]

log = logging.getLogger(__name__)


class UpdatesTail:
    """Tells every update once, from where the log ends when somebody begins to listen."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._callbacks: list[Callback] = []
        self._watermarks: dict[tuple[int, str], int] = {}
        self._tail: TopicTail | None = None
        self._begun = asyncio.Event()
        self._followers = 0
        self.malformed = 0

    async def run(self) -> NoReturn:
        """Until cancelled; an unreachable broker only makes it not ready."""
        while True:
            await self._begun.wait()
            self._begun.clear()
            if self._tail is not None:
                await self._run(self._tail)

    async def _run(self, tail: TopicTail) -> None:
        """Until nobody listens any more. Raises what the tail ends with."""
        following = asyncio.create_task(tail.run())
        try:
            while True:
                await asyncio.wait((following,), timeout=IDLE_S)
                if following.done():
                    following.result()
                if not self._followers:
                    # Who comes from now on begins another.
                    self._tail = None
                    return
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    def on_update(self, callback: Callback) -> None:
        self._callbacks.append(callback)

    async def follow(self) -> None:
        """Raises -1001 where the log can't be followed, for now."""
        self._followers += 1
        if self._tail is None:
            self._tail = TopicTail(
                self._settings, {UPDATES: from_end}, self._deliver, name="private"
            )
            self._begun.set()
        try:
            await self._tail.wait_ready(READY_LIMIT_S)
        except TimeoutError as error:
            self.release()
            raise unavailable() from error
        except asyncio.CancelledError:
            self.release()
            raise

    def release(self) -> None:
        self._followers -= 1

    def seen(self, partition: int) -> Offset:
        assert self._tail is not None, "nobody follows"
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


class Followed:
    """The updates that a door follows anyway."""

    def __init__(self, view: AccountView) -> None:
        self._view = view

    def on_update(self, callback: Callback) -> None:
        self._view.on_update(callback)

    async def follow(self) -> None:
        """Raises -1001 while the view is not up to date."""
        if not self._view.ready:
            raise unavailable()

    def release(self) -> None:
        """It goes on being followed."""

    def seen(self, partition: int) -> Offset:
        return self._view.seen(partition)
