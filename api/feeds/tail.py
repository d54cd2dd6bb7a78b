"""Follows topics from the outside: no group, own offsets, every partition, in order.

A consumer group would share the partitions among the instances of a door; here each instance needs
all of them, and its place in them is its own business. So the tail assigns itself every partition
and keeps its positions, and a connection that fails is replaced by another which goes on from them.

Partitions that nothing is written to cost the broker as much at each fetch as those that have
something: it looks at each. So of some topics only those are followed that somebody has asked for.

Data cuts an idle fetch short: it costs no latency. What is followed in addition waits for the fetch
that is under way, for `IDLE_FETCH_MS` at most.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Container, Mapping, Sequence
from typing import NoReturn, Protocol

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from infra.kafka.consumer import is_cancelled
from infra.kafka.reader import Reader
from infra.settings import Settings
from streams.topics import Topic

log = logging.getLogger(__name__)

IDLE_FETCH_MS = 250
"""How long the broker holds a fetch that finds nothing; idle CPU falls as it rises."""

POLL_S = 1.0
RECORDS_PER_POLL = 500
"""A batch is delivered in one go: more would hold up everything else on the loop."""

CHECK_EVERY_S = 2.0
REQUEST_LIMIT_S = 5.0
CONNECT_LIMIT_S = 10.0
BACKOFF_MIN_S = 0.1
BACKOFF_MAX_S = 5.0


class Record(Protocol):
    """A record as the log has it; `timestamp` is the log's, in milliseconds."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def value(self) -> bytes: ...


Deliver = Callable[[Topic, int, Sequence[Record]], None]
"""Takes records of one partition, in order. What it raises ends the tail."""

Start = Callable[[int, int, int], int]
"""Chooses where to begin from a partition's number, first offset, and end."""


def from_beginning(partition: int, first: int, end: int) -> int:
    return first


def from_end(partition: int, first: int, end: int) -> int:
    return end


def last(records: int) -> Start:
    """Begin so many records before the end."""
    return lambda partition, first, end: max(first, end - records)


def at_offsets(offsets: Mapping[int, int]) -> Start:
    """Begin at these offsets, by partition; at the end of those not named."""
    return lambda partition, first, end: offsets.get(partition, end)


class TopicTail:
    """Delivers what is written to some topics, from chosen places on, until cancelled.

    Of the topics that are `asked_for`, those partitions are followed that `follow` names.

    `ready` says that the connection stands and that everything that was in the topics when it was
    made has been delivered. `on_caught_up` is called just before, each time; it may `reach_back`.
    """

    def __init__(
        self,
        settings: Settings,
        starts: Mapping[Topic, Start],
        deliver: Deliver,
        *,
        asked_for: Container[Topic] = (),
        on_caught_up: Callable[[], None] = lambda: None,
        name: str = "tail",
    ) -> None:
        self._settings = settings
        self._starts = starts
        self._deliver = deliver
        self._on_caught_up = on_caught_up
        self._name = name
        self._topics = {topic.name(settings.venue): topic for topic in starts}
        self._partitions: dict[tuple[Topic, int], TopicPartition] = {}
        # Partitions that are followed from the next poll on.
        self._has_more = False
        for topic in starts:
            if topic not in asked_for:
                for number in range(
                    topic.partitions(settings.account_partitions, settings.market_partitions)
                ):
                    self.follow(topic, number)
        self._positions: dict[TopicPartition, int] = {}
        self._first: dict[TopicPartition, int] = {}
        self._earliest: dict[TopicPartition, int] = {}
        self._behind: dict[TopicPartition, int] = {}
        self._seeks: dict[TopicPartition, int] = {}
        self._backoff_s = BACKOFF_MIN_S
        self._ready = asyncio.Event()
        self.lag = 0
        """How many records were waiting when the broker was last asked."""

    @property
    def ready(self) -> bool:
        return self._ready.is_set()

    async def wait_ready(self, timeout_s: float) -> None:
        """Raises `TimeoutError`."""
        async with asyncio.timeout(timeout_s):
            await self._ready.wait()

    def follow(self, topic: Topic, partition: int) -> None:
        """Deliver this partition as well, if it is not followed yet.

        While the tail runs, only for who is being delivered to; another would wait for a record.
        """
        if (topic, partition) not in self._partitions:
            name = topic.name(self._settings.venue)
            self._partitions[topic, partition] = TopicPartition(name, partition)
            self._has_more = True

    def position(self, topic: Topic, partition: int) -> int | None:
        """The offset that is delivered next, None before the first connection."""
        return self._positions.get(self._partitions[topic, partition])

    def reach_back(self, topic: Topic, partition: int, records: int) -> bool:
        """Deliver a partition again, from so many records before the earliest delivered so far.

        False when the log has nothing earlier. Only for `on_caught_up`.
        """
        place = self._partitions[topic, partition]
        earliest = self._earliest[place]
        if earliest <= self._first[place]:
            return False
        self._seeks[place] = max(self._first[place], earliest - records)
        return True

    async def run(self) -> NoReturn:
        """Follow the topics; an unreachable broker is tried again and again.

        Raises what the callbacks raise.
        """
        while True:
            lost = await self._follow_until_lost()
            wait_s = self._backoff_s
            self._backoff_s = min(2 * wait_s, BACKOFF_MAX_S)
            log.warning("%s: no broker: %r; again in %.1f s", self._name, lost, wait_s)
            await asyncio.sleep(wait_s)

    async def _follow_until_lost(self) -> BaseException:
        """How the broker was lost."""
        try:
            await self._follow()
        except (KafkaError, TimeoutError, OSError) as error:
            return error
        except asyncio.CancelledError as error:
            # aiokafka cancels the requests of a connection that breaks, and so, seemingly, us.
            if is_cancelled():
                raise
            return error

    async def _follow(self) -> NoReturn:
        reader = Reader(
            **self._settings.kafka_client,
            client_id=f"velocity-{self._name}",
            wait_ms=IDLE_FETCH_MS,
            records_max=RECORDS_PER_POLL,
        )
        try:
            async with asyncio.timeout(CONNECT_LIMIT_S):
                await reader.start()
            self._has_more = True
            await self._poll(reader)
        finally:
            self._ready.clear()
            await reader.stop()

    async def _begin(self, reader: Reader) -> None:
        """Go on where each partition stands; what was fetched, not delivered, is fetched again."""
        self._has_more = False
        places = list(self._partitions.values())
        async with asyncio.timeout(REQUEST_LIMIT_S):
            self._first = await reader.firsts(places)
            ends = await reader.ends(places)
            for place in places:
                self._positions[place] = self._resume(place, ends[place])
            await reader.assign(self._positions)
        self._behind = ends
        self._seeks.clear()

    def _resume(self, place: TopicPartition, end: int) -> int:
        first, position = self._first[place], self._positions.get(place)
        if position is None:
            start = self._starts[self._topics[place.topic]]
            position = min(max(start(place.partition, first, end), first), end)
            self._earliest[place] = position
        elif not first <= position <= end:
            # Too far behind for the topic's retention, or the broker's data is new.
            log.error("%s: %s has %d to %d, not %d", self._name, place, first, end, position)
            position = self._earliest[place] = first
        return position

    async def _poll(self, reader: Reader) -> NoReturn:
        loop = asyncio.get_running_loop()
        check_at = loop.time() + CHECK_EVERY_S
        while True:
            if self._has_more:
                await self._begin(reader)
            await self._catch_up(reader)
            batches = await reader.poll(POLL_S)
            for place, records in batches.items():
                self._deliver(self._topics[place.topic], place.partition, records)
                self._positions[place] = records[-1].offset + 1
            if loop.time() >= check_at:
                await self._check(reader)
                check_at = loop.time() + CHECK_EVERY_S
            # Whoever was handed a batch gets to run before the next one.
            await asyncio.sleep(0)

    async def _catch_up(self, reader: Reader) -> None:
        if self.ready and not self._behind:
            return
        # Asked of the reader, which also knows of records that compaction has taken away.
        reached = [p for p, end in self._behind.items() if reader.position(p) >= end]
        for place in reached:
            del self._behind[place]
        if self._behind:
            return
        self._on_caught_up()
        for place, offset in self._seeks.items():
            self._behind[place] = self._positions[place]
            self._positions[place] = self._earliest[place] = offset
            reader.seek(place, offset)
        self._seeks.clear()
        if not self._behind:
            self._backoff_s = BACKOFF_MIN_S
            self._ready.set()

    async def _check(self, reader: Reader) -> None:
        # Without those that are followed from the next poll on.
        places = list(self._positions)
        async with asyncio.timeout(REQUEST_LIMIT_S):
            ends = await reader.ends(places)
        self.lag = sum(max(0, ends[p] - self._positions[p]) for p in places)
