"""What this api stands on: a broker whose log is the venue's own, in the venue's epoch.

An acknowledgement is a place in the log. On a broker that has lost its data, places come again that
were given out before, so an api must not acknowledge there before the venue is recovered, nor go on
in the old epoch after it. It looks three times:

1. at the start: the log must reach as far as what the database archived of it,
2. every few seconds: the venue must still be in the epoch that this api names places in,
3. at each acknowledgement, before its client has it: offsets rise (`Sender`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import NoReturn, Protocol, TypeVar

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from api.accounts.archive import Archive
from api.errors import ApiError
from infra.kafka.consumer import consuming
from infra.settings import Settings
from projections.queries import Queries
from streams.messages.epoch import Epoch
from streams.topics import COMMANDS, ORDERS, Topic

CHECK_EVERY_S = 5.0
RETRY_MIN_S = 0.1
RETRY_MAX_S = 5.0
REQUEST_LIMIT_S = 10.0

log = logging.getLogger(__name__)

Result = TypeVar("Result")
Place = tuple[Topic, int]


class LogLost(RuntimeError):
    """The broker does not have the log that this venue's names were made of."""


class Startable(Protocol):
    """What has to be connected to the broker before it is used. Raises `KafkaError`."""

    async def start(self) -> None: ...


class Footing:
    """Connects who writes to the log, and watches. `run` has to run for anything to be sent."""

    def __init__(
        self, settings: Settings, writers: Collection[Startable], archive: Archive
    ) -> None:
        self._settings = settings
        self._writers = writers
        self._archive = archive
        self._known: asyncio.Future[Epoch] | None = None

    async def epoch(self) -> Epoch:
        """The epoch that places are named in, once it is known that they may be."""
        return await asyncio.shield(self._epoch())

    async def run(self) -> NoReturn:
        """Wait for broker and database, for as long as it may take; then watch until cancelled.

        Raises `LogLost`, `RecoveryUnfinished`: this api must not acknowledge anything any more.
        """
        for writer in self._writers:
            await _patiently(writer.start)
        epoch = await self._archive.epoch()
        archived = await self._asked(self._archived)
        check_reaches(archived, await _patiently(self._ends), epoch)
        self._epoch().set_result(epoch)
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            now = await self._asked(Queries.epoch)
            if now != epoch:
                raise LogLost(f"the venue has gone on from epoch {epoch.number} to {now.number}")

    async def _archived(self, queries: Queries) -> dict[Place, int]:
        return {
            (topic, partition): await queries.archive_end(topic, partition)
            for topic in (COMMANDS, ORDERS)
            for partition in range(self._count(topic))
        }

    async def _ends(self) -> dict[Place, int]:
        places = {
            TopicPartition(topic.name(self._settings.venue), partition): (topic, partition)
            for topic in (COMMANDS, ORDERS)
            for partition in range(self._count(topic))
        }
        async with (
            asyncio.timeout(REQUEST_LIMIT_S),
            consuming(**self._settings.kafka_client) as consumer,
        ):
            ends = await consumer.end_offsets(list(places))
        return {places[place]: end for place, end in ends.items()}

    def _count(self, topic: Topic) -> int:
        return topic.partitions(self._settings.account_partitions, self._settings.market_partitions)

    async def _asked(self, ask: Callable[[Queries], Awaitable[Result]]) -> Result:
        """What the database answers, when it does."""
        while True:
            try:
                return await self._archive.read(ask)
            except ApiError:
                await asyncio.sleep(RETRY_MAX_S)

    def _epoch(self) -> asyncio.Future[Epoch]:
        # A future belongs to a loop, and this object may be older than its loop.
        if self._known is None:
            self._known = asyncio.get_running_loop().create_future()
        return self._known


def check_reaches(archived: Mapping[Place, int], ends: Mapping[Place, int], epoch: Epoch) -> None:
    """Raise `LogLost` where a log ends before its archive: that was written from it."""
    for (topic, partition), archive_end in archived.items():
        end = epoch.logical(ends[topic, partition])
        if end < archive_end:
            raise LogLost(
                f"{topic.short}/{partition}: the log ends at {end}, its archive at {archive_end}:"
                " has the broker lost its data? See: velocity recover"
            )


async def _patiently(ask: Callable[[], Awaitable[Result]]) -> Result:
    """Ask until the broker answers: meanwhile this api serves what needs none."""
    pause_s = RETRY_MIN_S
    while True:
        try:
            return await ask()
        except (KafkaError, TimeoutError) as error:
            log.warning("no broker yet: %r", error)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, RETRY_MAX_S)
