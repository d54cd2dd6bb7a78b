"""What happened before a client came: candles out of the database, diffs off the log.

Nobody waits for it but the one who asked: channels go on meanwhile. Each queue is bounded, each
read has its time. What can't be had is tried again (candles) or made good by a snapshot (diffs),
which is right in every case.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

from aiokafka.errors import KafkaError

from api.accounts.archive import Archive
from api.errors import ApiError
from api.feeds.candles import Interval
from api.feeds.market_view import MarketView
from api.feeds.past import diffs_since
from api.ws.channels import Channel, Subscriber, Want
from api.ws.depth_channels import DiffChannel, Missed
from api.ws.hub import Hub, now_ms
from api.ws.payloads import SnapshotReason
from infra.settings import Settings
from streams.messages import Depth, DepthKind, Kline, MarketId, Millis

RETRY_S = 1.0
RESUMING_MAX = 256
RESUME_LIMIT_S = 5.0

log = logging.getLogger(__name__)

Diffs = Callable[[MarketId, int, int], Awaitable[list[Depth] | None]]
"""A market's records of `depth` after an event, up to another at least; None where they lie too far
back. It may raise `KafkaError`."""


class Candles:
    """Loads what channels lack, one after the other."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._wanting: dict[Channel[Any], None] = {}
        self._woken = asyncio.Event()

    def wanted(self, channel: Channel[Any]) -> None:
        self._wanting[channel] = None
        self._woken.set()

    async def run(self, hub: Hub, view: MarketView) -> NoReturn:
        """Until cancelled. A database that is away is asked again and again."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._wanting:
                channel = next(iter(self._wanting))
                try:
                    await self._load(channel, hub, view)
                except ApiError:
                    log.warning("candles of %s are still to be loaded", channel.name)
                    await asyncio.sleep(RETRY_S)
                else:
                    self._wanting.pop(channel)

    async def _load(self, channel: Channel[Any], hub: Hub, view: MarketView) -> None:
        while wants := hub.wants(channel):
            for want in wants:
                klines: list[Kline] = []
                if want.market in view.feeds:
                    klines = await self._candles(want, view)
                hub.load(channel, want, klines)

    async def _candles(self, want: Want, view: MarketView) -> list[Kline]:
        """The database's, and of those that the log has shown, what is newer."""
        start, end = Millis(want.start), Millis(now_ms())
        stored = await self._archive.klines(
            want.market, want.interval.value, start, end, _count(want.interval, start, end)
        )
        recent = view.feeds[want.market].candles.recent(want.interval.value)
        merged = {kline.open_time: kline for kline in (*stored, *recent)}
        return [merged[opens] for opens in sorted(merged)]


def _count(interval: Interval, start: int, end: int) -> int:
    assert interval.length_ms is not None, "no span is made of months"
    return (end - start) // interval.length_ms + 2


class Resumptions:
    """Lets subscribers go on after the last event that they have, one market after the other.

    All who wait for the same channel are served by one reading of the log.
    """

    def __init__(self, diffs: Diffs) -> None:
        self._diffs = diffs
        self._waiting: dict[DiffChannel, dict[Subscriber, int]] = {}
        self._woken = asyncio.Event()

    def resume(self, channel: DiffChannel, subscriber: Subscriber, since: int) -> bool:
        """False where too many wait."""
        if sum(map(len, self._waiting.values())) >= RESUMING_MAX:
            return False
        self._waiting.setdefault(channel, {})[subscriber] = since
        self._woken.set()
        return True

    def give_up(self, channel: DiffChannel, subscriber: Subscriber) -> None:
        self._waiting.get(channel, {}).pop(subscriber, None)

    async def run(self) -> NoReturn:
        """Until cancelled."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._waiting:
                channel = next(iter(self._waiting))
                await self._serve(channel)
                if not self._waiting[channel]:
                    del self._waiting[channel]

    async def _serve(self, channel: DiffChannel) -> None:
        """Those who wait for a channel now: together, if all of them can be."""
        waiting = self._waiting[channel]
        if not waiting:
            return
        since, found = min(waiting.values()), None
        channel.recent = []
        try:
            found = await self._read(channel, since)
            # Those who have seen more may still be helped.
            ended = [each for each in waiting if found is not None or waiting[each] == since]
        except (KafkaError, TimeoutError, OSError) as error:
            log.warning("%s: nobody can resume after %d: %r", channel.market, since, error)
            ended = list(waiting)
        for subscriber in ended:
            if not _begin(channel, subscriber, waiting.pop(subscriber), found):
                channel.begin_with_snapshot(subscriber, SnapshotReason.TOO_FAR_BACK)
        channel.recent = None

    async def _read(self, channel: DiffChannel, since: int) -> list[Depth] | None:
        until = channel.seq
        if until is None:
            return None
        async with asyncio.timeout(RESUME_LIMIT_S):
            return await self._diffs(channel.market, since, until)


def _begin(
    channel: DiffChannel, subscriber: Subscriber, since: int, found: list[Depth] | None
) -> bool:
    missed = Missed(since)
    return (
        found is not None
        and all(missed.take(diff) for diff in found if _counts(diff))
        and channel.begin_with(subscriber, missed)
    )


def _counts(record: Depth) -> bool:
    return record.kind is DepthKind.DIFF


class FromLogAndDatabase:
    """The past as the hub asks for it. `run` has to run for it to be had."""

    def __init__(self, settings: Settings, archive: Archive, view: MarketView) -> None:
        self._settings = settings
        self._view = view
        self._candles = Candles(archive)
        self._resumptions = Resumptions(self._diffs)

    def wanted(self, channel: Channel[Any]) -> None:
        self._candles.wanted(channel)

    def resume(self, channel: DiffChannel, subscriber: Subscriber, since: int) -> bool:
        return self._resumptions.resume(channel, subscriber, since)

    def give_up(self, channel: DiffChannel, subscriber: Subscriber) -> None:
        self._resumptions.give_up(channel, subscriber)

    async def run(self, hub: Hub) -> NoReturn:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._candles.run(hub, self._view))
            group.create_task(self._resumptions.run())
        raise RuntimeError("neither of them ends")

    async def _diffs(self, market: MarketId, since: int, until: int) -> list[Depth] | None:
        number = self._view.rules[market].config.partition
        return await diffs_since(self._settings, number, market, since, until)
