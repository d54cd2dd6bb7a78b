"""What became of a request of the past, read off `updates` from the time of the request on.

A retry may come a day after its request, to an instance that was not there then. The topic has what
the request's owner was told, word for word, and keeps it for longer than retries are recognised;
the database has only how the order stands now.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, NamedTuple

import msgspec
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from api.accounts.outcomes import OUTCOME_LIMIT_S, part_of_outcome
from api.errors import unknown_status
from infra.kafka.consumer import consuming
from infra.settings import Settings
from streams.messages import Millis, Offset, RequestId, Sequence, Update, updates
from streams.topics import UPDATES

READERS_MAX = 8
"""Each has a connection and up to a megabyte of records; further retries wait for their turn."""

EARLIER_MS = 5_000
"""A partition of `updates` may be led by a broker whose clock is behind that of `commands`."""

POLL_MS = 250

log = logging.getLogger(__name__)


class Past(NamedTuple):
    """The updates a request made, and the offset in `updates` of the last of them."""

    updates: list[Update]
    offset: Offset


class History:
    """Finds the outcomes of requests on the log."""

    def __init__(self, settings: Settings) -> None:
        self._kafka = settings.kafka_client
        self._topic = UPDATES.name(settings.venue)
        self._readers = asyncio.Semaphore(READERS_MAX)

    async def outcome(self, partition: int, request: RequestId, since: Millis) -> Past:
        """What a request taken by the ledger at `since` (log time) made, once it is complete.

        Raises -1007 when it isn't in time, or the broker is away.
        """
        try:
            async with asyncio.timeout(OUTCOME_LIMIT_S), self._readers:
                return await self._read(TopicPartition(self._topic, partition), request, since)
        except (KafkaError, TimeoutError, OSError) as error:
            log.warning("no outcome of request %d: %r", request, error)
            raise unknown_status() from error

    async def _read(self, place: TopicPartition, request: RequestId, since: Millis) -> Past:
        async with consuming(**self._kafka, client_id="velocity-api-history") as consumer:
            consumer.assign([place])
            found = await consumer.offsets_for_times({place: max(since - EARLIER_MS, 0)})
            if found[place] is None:
                await consumer.seek_to_end(place)
            else:
                consumer.seek(place, found[place].offset)
            outcome = _Outcome(request)
            while True:
                for record in (await consumer.getmany(timeout_ms=POLL_MS)).get(place, ()):
                    if outcome.completed_by(record):
                        return Past(outcome.updates, record.offset)


class _Outcome:
    """Picks the updates of one request out of records."""

    def __init__(self, request: RequestId) -> None:
        self._request = request
        # Most records are of other requests: those are told by this, twenty times as fast.
        self._digits = b"%d" % request
        self._watermarks: dict[str, Sequence] = {}
        self.updates: list[Update] = []

    def completed_by(self, record: Any) -> bool:
        if record.value is None or self._digits not in record.value:
            return False
        try:
            update = updates.decode(record.value)
        except msgspec.DecodeError:
            return False  # the view that follows the topic logs and counts it
        part = part_of_outcome(update)
        if part is None or part[0] != self._request:
            return False
        if update.seq <= self._watermarks.get(update.source, 0):
            return False
        self._watermarks[update.source] = update.seq
        self.updates.append(update)
        return part[1]
