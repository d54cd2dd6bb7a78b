"""Follows topics as a member of a consumer group, at the price of one who has none.

The group says whose each partition is and keeps how far it is done: that is hard, and aiokafka's.
Its member here never fetches. What it is given, a `Reader` polls, whose fetch costs what it brings
(decision 37: for each order there were four members that fetched, and they were the busiest of
all processes).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    IllegalStateError,
    KafkaError,
    OffsetOutOfRangeError,
)

from infra.kafka.consumer import stop
from infra.kafka.reader import Reader

log = logging.getLogger(__name__)

START_LIMIT_S = 20.0
REQUEST_LIMIT_S = 5.0
POLL_RECORDS = 4096
FETCH_WAIT_MS = 500
"""How long a broker keeps a fetch that finds nothing: the first after a rebalance waits for it."""

NEWS_MAX_AGE_MS = 10_000
"""Topics that are created after a member has started go unnoticed for so long."""

UNBOUNDED_MS = 2**31 - 1


class GroupReader:
    """Polls what its group gives it: for one task, which awaits one call after the other.

    A partition is read from where it was committed, from its first record if it never was. `joined`
    is told how many it has, each time that the group has settled. The options are those of
    `Settings.kafka_client`.
    """

    def __init__(
        self,
        topics: Iterable[str],
        *,
        group: str,
        member: str,
        joined: Callable[[int], None],
        **options: Any,
    ) -> None:
        self._reader = Reader(wait_ms=FETCH_WAIT_MS, records_max=POLL_RECORDS, **options)
        self._member = AIOKafkaConsumer(
            **options,
            group_id=group,
            # A member that comes back under its name gets its partitions without a rebalance.
            group_instance_id=member,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            metadata_max_age_ms=NEWS_MAX_AGE_MS,
            # Who waits for a database is not stuck.
            max_poll_interval_ms=UNBOUNDED_MS,
        )
        self._topics = list(topics)
        self._joined = joined
        self._is_settled = asyncio.Event()
        self._has_begun = False
        self._done: dict[TopicPartition, int] = {}

    async def start(self) -> None:
        """Connect and join. Raises `KafkaError`, `TimeoutError`; what was begun is stopped then."""
        self._member.subscribe(self._topics, listener=_Listener(self))
        try:
            async with asyncio.timeout(START_LIMIT_S):
                await self._reader.start()
                await self._member.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Leave and disconnect. Raises `TimeoutError`."""
        try:
            await self._reader.stop()
        finally:
            await stop(self._member)

    async def poll(self, timeout_s: float) -> dict[TopicPartition, list[Any]]:
        """Records of each partition that has any, in order; none within the time, none at all.

        Raises `KafkaError`; `TimeoutError` while the broker does not say where to begin.
        """
        if not self._is_settled.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._is_settled.wait()
            return {}
        if not self._has_begun:
            await self._begin()
        try:
            polled = await self._reader.poll(timeout_s)
        except OffsetOutOfRangeError as error:
            await self._jump(error.args[0])
            return {}
        # What was on its way when partitions moved is their next owner's.
        return polled if self._has_begun else {}

    def done(self, offsets: Mapping[TopicPartition, int]) -> None:
        """What lies before these offsets is worked on."""
        self._done |= offsets

    @property
    def is_committed(self) -> bool:
        """Whether the group knows of all that is done."""
        return not self._done

    async def commit(self) -> None:
        """Tell the group how far partitions are done, of those that are still its own.

        Raises `KafkaError`, `TimeoutError`: what is not committed is polled again, by whoever has
        its partition then.
        """
        owned = self._member.assignment()
        offsets = {place: offset for place, offset in self._done.items() if place in owned}
        if offsets:
            try:
                async with asyncio.timeout(REQUEST_LIMIT_S):
                    await self._member.commit(offsets)
            except (CommitFailedError, IllegalStateError) as error:
                log.warning("not committed, partitions have moved: %s", error)
        self._done.clear()

    async def lag(self) -> int:
        """How many records the log has that were not polled. Raises `KafkaError`, `TimeoutError`.

        Also tells the member that somebody is there, and raises what it can't go on from.
        """
        async with asyncio.timeout(REQUEST_LIMIT_S):
            await self._member.getmany(timeout_ms=0)
            if not self._has_begun:
                return 0
            ends = await self._reader.ends(self._member.assignment())
        return sum(end - self._reader.position(place) for place, end in ends.items())

    async def _begin(self) -> None:
        """Read on where the group says that its partitions are done."""
        places = self._member.assignment()
        async with asyncio.timeout(REQUEST_LIMIT_S):
            with suppress(IllegalStateError):  # they have moved once more
                positions = {place: await self._member.position(place) for place in places}
                await self._reader.assign(positions)
                self._has_begun = places == self._member.assignment()

    async def _jump(self, gone: Mapping[TopicPartition, int]) -> None:
        """Read on from the first record there is: older ones have outlived their topic's keep."""
        async with asyncio.timeout(REQUEST_LIMIT_S):
            firsts = await self._reader.firsts(gone)
        for place, offset in gone.items():
            log.error("%s begins at %d, not at %d", place, firsts[place], offset)
            self._reader.seek(place, firsts[place])

    async def leave(self) -> None:
        """Partitions are about to move: to commit when their next owner has come further would
        have it all read once more.
        """
        self._is_settled.clear()
        self._has_begun = False
        try:
            await self.commit()
        except (KafkaError, TimeoutError) as error:
            log.warning("not committed before partitions move: %r", error)
            self._done.clear()

    def settle(self, assigned: set[TopicPartition]) -> None:
        """They have."""
        # Before its fetcher has had a turn since it learnt of them.
        self._member.pause(*assigned)
        self._is_settled.set()
        self._joined(len(assigned))


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Has aiokafka tell of partitions that move."""

    def __init__(self, reader: GroupReader) -> None:
        self._reader = reader

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        await self._reader.leave()

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._reader.settle(assigned)
