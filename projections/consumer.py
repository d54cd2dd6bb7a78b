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
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from infra.kafka.consumer import is_cancelled
from infra.kafka.group import GroupReader
from infra.settings import Settings
from projections.dead_letters import DeadLetters
from projections.feeds import Feed, MalformedRecord, Record
from projections.patience import until_done, will_pass
from projections.status import FeedStatus
from projections.tables import Write
from projections.writer import Writer
from streams.messages.epoch import Epoch
from streams.topics import Topic

POLL_S = 1.0
COMMIT_EVERY_S = 0.25
"""A commit costs service and broker as much as some dozens of records, and who goes by what is
committed (the api, `velocity verify`) has seconds."""

PULSE_EVERY_S = 5.0

Polled = Mapping[TopicPartition, Sequence[Any]]

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
        reader = await until_done(self._connect, "broker", self._status.faults)
        try:
            while True:
                polled = await self._poll(reader)
                if polled:
                    await self._take(polled)
                    reader.done({place: of[-1].offset + 1 for place, of in polled.items()})
                    await asyncio.sleep(self._feed.gather_s)
                now = time.monotonic()
                if not reader.is_committed and now >= self._commit_due:
                    await self._commit(reader)
                    self._commit_due = now + COMMIT_EVERY_S
                if now >= self._pulse_due:
                    await self._feel_pulse(reader)
                    self._pulse_due = now + PULSE_EVERY_S
        finally:
            try:
                await self._commit(reader)
            finally:
                await reader.stop()

    async def _connect(self) -> GroupReader:
        settings, feed = self._settings, self._feed
        reader = GroupReader(
            self._topics,
            group=feed.group(settings.venue),
            member=f"{feed.name}-{settings.worker}",
            joined=self._joined,
            **settings.kafka_client,
        )
        await reader.start()
        return reader

    def _joined(self, partitions: int) -> None:
        """The group has settled who reads what."""
        self._writer.forget()
        self._status.joined(partitions)

    async def _poll(self, reader: GroupReader) -> Polled:
        try:
            return await reader.poll(POLL_S if reader.is_committed else COMMIT_EVERY_S)
        except (KafkaError, TimeoutError) as error:
            self._note(error)
            return {}

    async def _take(self, polled: Polled) -> None:
        """Bring what was polled into the database."""
        writes: list[Write] = []
        for place, records in polled.items():
            topic = self._topics[place.topic]
            read = self._feed.reads[topic]
            for record in records:
                ours = self._logical(topic, place.partition, record)
                try:
                    writes += read(ours)
                except MalformedRecord as error:
                    await self._bury(ours, str(error))
        await until_done(lambda: self._writer.store(writes), "database", self._status.faults)
        self._status.took(sum(map(len, polled.values())))

    def _logical(self, topic: Topic, partition: int, record: Any) -> Record:
        offset = self._epoch.logical(record.offset)
        return Record(topic, partition, offset, record.timestamp, record.value or b"")

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

    async def _commit(self, reader: GroupReader) -> None:
        """Commit what is done. What is not committed is only written once more, later."""
        try:
            await reader.commit()
        except (KafkaError, TimeoutError) as error:
            self._note(error)

    async def _feel_pulse(self, reader: GroupReader) -> None:
        """Ask the broker where the log ends: whether it answers, and how far behind we are."""
        try:
            lag = await reader.lag()
        except (KafkaError, TimeoutError) as error:
            self._note(error)
            return
        self._status.faults.recovered("broker")
        self._status.behind(lag)

    def _note(self, error: Exception) -> None:
        """That the broker is away; raises the error again where waiting will not cure it."""
        if not will_pass(error):
            raise error
        self._status.faults.failed("broker", repr(error))
