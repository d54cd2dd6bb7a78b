"""To each account its events, from where its listeners have left off.

A listener is first told what the log has after its position, then what comes. What comes while the
log is read waits meanwhile, so that nothing is missed, and what both show is told once: an event's
position rises. Who asks for more than can be read for one listener is refused, and told: the state
of things is to be had from REST.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple, Protocol

import msgspec
from aiokafka.errors import KafkaError

from api.errors import position_lost, unavailable
from api.feeds.past import opened
from api.private.events import (
    Event,
    account_in,
    events_of,
    offset_of,
    position_after,
)
from infra.settings import Settings
from streams.messages import (
    AccountId,
    Offset,
    Update,
    partition_of_account,
    updates,
)
from streams.messages.epoch import Epoch
from streams.topics import UPDATES

RECORDS_MAX = 200_000
"""Read for one listener who resumes: some seconds' work."""

EVENTS_MAX = 4_000
"""Told at once: less than a slow listener may have waiting."""

READERS_MAX = 4
READ_LIMIT_S = 10.0
EPOCH_LIMIT_S = 3.0

_encode = msgspec.json.Encoder().encode


class Told(NamedTuple):
    """An event, and as JSON: encoded once however many listen."""

    event: Event
    payload: bytes

    @property
    def position(self) -> int:
        return self.event.position


class Updates(Protocol):
    """Whoever follows `updates`: each update once, in the order of its partition."""

    def on_update(self, callback: Callable[[int, Offset, Update], None]) -> None:
        """Have every update told, with its partition and physical offset."""
        ...

    def seen(self, partition: int) -> Offset:
        """The physical offset of the last record that was told, -1 before the first; to be asked
        only while somebody follows."""
        ...

    async def follow(self) -> None:
        """Be told from now on, until as many have released. Raises -1001 where that can't be."""
        ...

    def release(self) -> None: ...


class Past(Protocol):
    """Reads what an account was told after a position, up to a physical offset at least."""

    def since(
        self, account: AccountId, partition: int, position: int, until: Offset, epoch: Epoch
    ) -> Awaitable[list[Event]]:
        """Raises `ApiError` where it can't all be had."""
        ...


class Listener:
    """One who is told of an account, in order, without waiting. `PrivateFeed.stop` ends it."""

    def __init__(self, account: AccountId, tell: Callable[[Told], None]) -> None:
        self.account = account
        self.position = -1
        self.began_after = -1
        self._tell = tell
        self._held: list[Told] | None = []

    def hear(self, told: Told) -> None:
        if self._held is not None:
            self._held.append(told)
        elif told.position > self.position:
            self.position = told.position
            self._tell(told)

    def go_on(self, missed: list[Event]) -> None:
        """Tell what was missed, then what was held back, and from now on what comes."""
        held, self._held = self._held or [], None
        for event in missed:
            self.hear(Told(event, _encode(event)))
        for told in held:
            self.hear(told)


class PrivateFeed:
    """Tells listeners of their accounts."""

    def __init__(
        self,
        settings: Settings,
        updates: Updates,
        past: Past,
        epoch: Callable[[], Awaitable[Epoch]],
    ) -> None:
        self._partitions = settings.account_partitions
        self._updates = updates
        self._past = past
        self._ask_epoch = epoch
        self._epoch: Epoch | None = None
        self._listeners: dict[AccountId, set[Listener]] = {}
        updates.on_update(self._hear)

    async def listen(
        self, account: AccountId, tell: Callable[[Told], None], since: int | None = None
    ) -> Listener:
        """Tell of an account what comes after a position, or from now on; `began_after`
        says where that is.

        Raises -1001 where that can't be known now, `position_lost` where it is no place to go on.
        """
        epoch = await self._known_epoch()
        await self._updates.follow()
        partition = partition_of_account(account, self._partitions)
        listener = Listener(account, tell)
        self._listeners.setdefault(account, set()).add(listener)
        until = self._updates.seen(partition)
        here = position_after(epoch.logical(until))
        try:
            missed: list[Event] = []
            if since is not None and since < here:
                missed = await self._past.since(account, partition, since, until, epoch)
            elif since is not None and offset_of(since) > epoch.logical(until) + RECORDS_MAX:
                raise position_lost()
        except BaseException:
            self.stop(listener)
            raise
        listener.position = listener.began_after = here if since is None else since
        listener.go_on(missed)
        return listener

    def stop(self, listener: Listener) -> None:
        """Tell it no more. Nothing happens if it was stopped before."""
        listeners = self._listeners.get(listener.account)
        if listeners is None or listener not in listeners:
            return
        listeners.discard(listener)
        if not listeners:
            del self._listeners[listener.account]
        self._updates.release()

    def _hear(self, partition: int, offset: Offset, update: Update) -> None:
        listeners = self._listeners.get(update.account)
        if not listeners or self._epoch is None:
            return
        for event in events_of(update, self._epoch.logical(offset)):
            told = Told(event, _encode(event))
            for listener in list(listeners):
                listener.hear(told)

    async def _known_epoch(self) -> Epoch:
        """Raises -1001 while the database has not told."""
        if self._epoch is None:
            try:
                async with asyncio.timeout(EPOCH_LIMIT_S):
                    self._epoch = await self._ask_epoch()
            except TimeoutError as error:
                raise unavailable() from error
        return self._epoch


class LogPast:
    """Reads it off the log, for a few listeners at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._readers = asyncio.Semaphore(READERS_MAX)

    async def since(
        self, account: AccountId, partition: int, position: int, until: Offset, epoch: Epoch
    ) -> list[Event]:
        """Raises `position_lost` where that lies too far back, -1001 where the log is not to be
        read in time.
        """
        first = offset_of(position)
        if first < epoch.first or epoch.logical(until) - first > RECORDS_MAX:
            raise position_lost()
        try:
            async with asyncio.timeout(READ_LIMIT_S), self._readers:
                return await self._read(account, partition, position, until, epoch)
        except (KafkaError, TimeoutError, OSError) as error:
            raise unavailable() from error

    async def _read(
        self, account: AccountId, partition: int, position: int, until: Offset, epoch: Epoch
    ) -> list[Event]:
        found: list[Event] = []
        watermarks: dict[str, int] = {}
        start = epoch.physical(offset_of(position))
        async for offset, update in self._updates(account, partition, start, until):
            if update.seq <= watermarks.get(update.source, 0):
                continue
            watermarks[update.source] = update.seq
            logical = epoch.logical(offset)
            found += [each for each in events_of(update, logical) if each.position > position]
            if len(found) > EVENTS_MAX:
                raise position_lost()
        return found

    async def _updates(
        self, account: AccountId, partition: int, start: int, until: Offset
    ) -> AsyncIterator[tuple[Offset, Update]]:
        """Those of an account, as the log has them."""
        async with opened(self._settings, UPDATES, partition) as log:
            if start < log.first:
                raise position_lost()
            async for records in log.records(start):
                for record in records:
                    if record.offset > until:
                        return
                    if record.value is None or not account_in(record.value, account):
                        continue
                    update = _decoded(record.value)
                    if update is not None and update.account == account:
                        yield Offset(record.offset), update


def _decoded(value: bytes) -> Update | None:
    try:
        update: Update = updates.decode(value)
    except msgspec.DecodeError:
        return None  # whoever follows the topic logs and counts it
    return update
