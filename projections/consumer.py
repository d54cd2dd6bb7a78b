"""The loop that all feeds share: read the log, write rows, then say how far it came.

The order within one turn is what makes it safe:

1. Take what has arrived, and make rows of it. A malformed record is appended to `dead-letters`.
2. Write the rows, again and again if need be, until the database has acknowledged all of them.
3. Only then note the offsets as done, and commit them from time to time.

Whatever dies in between, the records are read again, and writing their rows again changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any, NoReturn

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    IllegalStateError,
    KafkaError,
)

from infra.kafka.consumer import fetch_together, is_cancelled, stop
from infra.settings import Settings
from projections.dead_letters import DeadLetters
from projections.feeds import Feed, MalformedRecord, Record
from projections.patience import until_done, will_pass
from projections.status import FeedStatus
from projections.tables import Write
from projections.writer import Writer
from streams.messages.epoch import Epoch
from streams.topics import Topic

POLL_MS = 1000
POLL_RECORDS = 4096
COMMIT_EVERY_S = 0.25
"""A commit costs service and broker as much as some dozens of records, and who goes by what is
committed (the api, `velocity verify`) has seconds."""

BROKER_LIMIT_S = 5.0
PULSE_EVERY_S = 5.0

log = logging.getLogger(__name__)


class FeedConsumer:
    """Brings one feed into the database until it is cancelled."""

    def __init__(
        self,
        settings: Settings,
        feed: Feed,
        writer: Writer,
        dead_letters: DeadLetters,
        status: FeedStatus,
        epoch: Epoch,
    ) -> None:
        self._settings = settings
        self._feed = feed
        self._writer = writer
        self._dead_letters = dead_letters
        self._status = status
        self._epoch = epoch
        self._topics = {topic.name(settings.venue): topic for topic in feed.reads}
        self._done: dict[TopicPartition, int] = {}
        self._commit_due = 0.0
        self._pulse_due = 0.0

    async def run(self) -> None:
        """Read and write; while the broker or the database is away, wait for it and say so.

        Raises what it does not expect.
        """
        try:
            await self._run()
        except asyncio.CancelledError as error:
            if is_cancelled():
                raise
            # Let out as it is, it would end this feed alone, and nobody would notice.
            raise RuntimeError(f"{self._feed.name}: what it waited for was cancelled") from error

    async def _run(self) -> NoReturn:
        consumer = await until_done(self._connect, "broker", self._status.faults)
        try:
            while True:
                poll_ms = int(COMMIT_EVERY_S * 1000) if self._done else POLL_MS
                polled = await consumer.getmany(timeout_ms=poll_ms, max_records=POLL_RECORDS)
                if polled:
                    await self._take(polled)
                    await asyncio.sleep(self._feed.gather_s)
                now = time.monotonic()
                if self._done and now >= self._commit_due:
                    await self._commit(consumer)
                    self._commit_due = now + COMMIT_EVERY_S
                if now >= self._pulse_due:
                    await self._feel_pulse(consumer)
                    self._pulse_due = now + PULSE_EVERY_S
        finally:
            try:
                await self._commit(consumer)
            finally:
                await stop(consumer)

    async def leave(self, consumer: Any) -> None:
        """Partitions are about to move: what is done must not be committed after their new owner
        has come further.
        """
        await self._commit(consumer)
        self._done.clear()

    def joined(self, partitions: int) -> None:
        """The group has settled who reads what."""
        self._writer.forget()
        self._status.joined(partitions)

    async def _connect(self) -> Any:
        settings, feed = self._settings, self._feed
        consumer = AIOKafkaConsumer(
            **settings.kafka_client,
            group_id=feed.group(settings.venue),
            # A member that comes back under its name gets its partitions without a rebalance.
            group_instance_id=f"{feed.name}-{settings.worker}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=feed.idle_fetch_ms,
            # Topics that are created after this service has started go unnoticed for so long.
            metadata_max_age_ms=10_000,
        )
        consumer.subscribe(list(self._topics), listener=_Listener(self, consumer))
        try:
            async with asyncio.timeout(BROKER_LIMIT_S * 4):
                await consumer.start()
            fetch_together(consumer)
        except BaseException:
            await stop(consumer)
            raise
        return consumer

    async def _take(self, polled: dict[TopicPartition, list[Any]]) -> None:
        """Bring what was polled into the database."""
        writes: list[Write] = []
        for place, records in polled.items():
            topic = self._topics[place.topic]
            read = self._feed.reads[topic]
            for record in records:
                ours = _record(topic, record, self._epoch)
                try:
                    writes += read(ours)
                except MalformedRecord as error:
                    await self._bury(ours, str(error))
        await until_done(lambda: self._writer.store(writes), "database", self._status.faults)
        for place, records in polled.items():
            self._done[place] = records[-1].offset + 1
        self._status.took(sum(map(len, polled.values())))

    async def _bury(self, record: Record, reason: str) -> None:
        log.error(
            "malformed record: %s/%d at %d: %s",
            record.topic.short,
            record.partition,
            record.offset,
            reason,
        )
        await until_done(
            lambda: self._dead_letters.put(record, reason), "broker", self._status.faults
        )

    async def _commit(self, consumer: Any) -> None:
        """Commit what is done. What is not committed is only written once more, later."""
        owned = consumer.assignment()
        offsets = {place: offset for place, offset in self._done.items() if place in owned}
        try:
            if offsets:
                async with asyncio.timeout(BROKER_LIMIT_S):
                    await consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError) as error:
            log.warning("%s: not committed, partitions have moved: %s", self._feed.name, error)
        except (KafkaError, TimeoutError) as error:
            if not will_pass(error):
                raise
            self._status.faults.failed("broker", f"takes no commits: {error!r}")
            return
        self._done.clear()

    async def _feel_pulse(self, consumer: Any) -> None:
        """Ask the broker where the log ends: whether it answers, and how far behind we are."""
        places = consumer.assignment()
        try:
            async with asyncio.timeout(BROKER_LIMIT_S):
                ends = await consumer.end_offsets(places) if places else {}
                lag = sum([end - await consumer.position(place) for place, end in ends.items()])
        except IllegalStateError:
            return  # partitions have moved meanwhile
        except (KafkaError, TimeoutError) as error:
            if not will_pass(error):
                raise
            self._status.faults.failed("broker", repr(error))
            return
        self._status.faults.recovered("broker")
        self._status.behind(lag)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Tells a feed when its partitions are about to move, and when they have."""

    def __init__(self, feed: FeedConsumer, consumer: Any) -> None:
        self._feed = feed
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        if revoked:
            await self._feed.leave(self._consumer)

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._feed.joined(len(assigned))


def _record(topic: Topic, record: Any, epoch: Epoch) -> Record:
    offset = epoch.logical(record.offset)
    return Record(topic, record.partition, offset, record.timestamp, record.value or b"")
