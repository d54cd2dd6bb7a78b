"""Reads partitions of the log, each from a place of one's own choosing, without a group.

What aiokafka's consumer does for one who has no group, made for few records at a time: whoever
follows the log is woken for each order. A fetch is sent when the next records are wanted, so those
that came meanwhile come together; only who is far behind has it sent ahead, while the records
before are worked on. Nothing is ever jumped over: where the log no longer has a position,
`poll` says so.

A broker that is away is tried again until it is back, as is a partition that nobody leads.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import (
    ConsumerStoppedError,
    CorruptRecordException,
    KafkaConnectionError,
    LeaderNotAvailableError,
    OffsetOutOfRangeError,
    TopicAuthorizationFailedError,
    for_code,
)
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.record.memory_records import MemoryRecords

from infra.kafka import fetch
from infra.kafka.brokers import NOBODY, REQUEST_LIMIT_S, RETRY_S, Brokers
from infra.kafka.fetch import Fetched, Session, SessionLost

log = logging.getLogger(__name__)

STOP_LIMIT_S = 5.0
AHEAD_BYTES = 64 << 10
"""Who is answered so much is behind, and has the next fetch sent ahead."""

TURNS_TO_SOCKET = 2
"""Turns of the loop until what a task sends has left the process."""

FIRST, END = -2, -1


class Reader:
    """Polls the partitions it is assigned: one task does, and others may assign meanwhile.

    `wait_ms` is how long a broker may keep a fetch that finds nothing. The options are those of
    `Settings.kafka_client`, and aiokafka's own for a client. It `is_behind` where what was fetched
    last was so much that more will follow.
    """

    def __init__(self, *, wait_ms: int, records_max: int, **options: Any) -> None:
        self._brokers = Brokers(fetch.API, fetch.VERSION, **options)
        self._wait_ms = wait_ms
        self._records_max = records_max
        self._positions: dict[TopicPartition, int] = {}
        self._is_assigned = asyncio.Event()
        # By the number of the broker that leads them. None where that has to be found out.
        self._shares: dict[int, list[TopicPartition]] | None = None
        self._sessions: defaultdict[int, Session] = defaultdict(Session)
        # By broker as well: an answer, or else what has to be done before it can be asked again.
        self._waits: dict[int, asyncio.Future[Any]] = {}
        self._arrived: deque[_Run] = deque()
        self.is_behind = False
        self._is_stopped = False

    async def start(self) -> None:
        """Connect. Raises `KafkaError`."""
        await self._brokers.start()

    async def stop(self) -> None:
        """Disconnect; whoever polls is told by `ConsumerStoppedError`. Raises `TimeoutError`."""
        self._is_stopped = True
        self._is_assigned.set()
        waits = self._waits.values()
        for wait in waits:
            wait.cancel()
        async with asyncio.timeout(STOP_LIMIT_S):
            await asyncio.gather(*waits, return_exceptions=True)
            await self._brokers.stop()

    async def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        """Poll exactly these from now on, from these offsets. Bound its time."""
        await self._brokers.know(positions)
        self._positions = dict(positions)
        self._shares = None
        if positions:
            self._is_assigned.set()
        else:
            self._is_assigned.clear()

    def seek(self, place: TopicPartition, offset: int) -> None:
        """Poll an assigned partition from there on."""
        self._positions[place] = offset

    def position(self, place: TopicPartition) -> int:
        """Where an assigned partition is read next. Records that compaction took are behind it."""
        return self._positions[place]

    async def poll(self, timeout_s: float) -> dict[TopicPartition, list[Any]]:
        """Records of each partition that has any, in order; none within the time, none at all.

        Raises `OffsetOutOfRangeError`, `TopicAuthorizationFailedError`, `CorruptRecordException`,
        `ConsumerStoppedError`, `IncompatibleBrokerVersion`.
        """
        if self._is_stopped:
            raise ConsumerStoppedError
        polled = self._take()
        if not polled:
            await self._await_answers(timeout_s)
            polled = self._take()
        if self.is_behind and not self._arrived:
            self._ask()
            for _ in range(TURNS_TO_SOCKET):
                await asyncio.sleep(0)
        return polled

    async def firsts(self, places: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """The first offset that each partition has. Raises `KafkaError`."""
        return await self._offsets(places, FIRST)

    async def ends(self, places: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """The offset that each partition's next record will have. Raises `KafkaError`."""
        return await self._offsets(places, END)

    def _take(self) -> dict[TopicPartition, list[Any]]:
        polled: dict[TopicPartition, list[Any]] = {}
        room = self._records_max
        while self._arrived and room > 0:
            run = self._arrived[0]
            # It may have been assigned, sought or taken from another broker meanwhile.
            if self._positions.get(run.place) == run.position:
                records = run.take(room)
                self._positions[run.place] = run.position
                room -= len(records)
                if records:
                    polled[run.place] = records
                if room == 0:
                    break  # there may be more of it
            self._arrived.popleft()
        return polled

    async def _await_answers(self, timeout_s: float) -> None:
        """Return once one has arrived, or the time is over."""
        if not self._is_assigned.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._is_assigned.wait()
            return
        self._ask()
        await asyncio.wait(
            self._waits.values(), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
        )
        if self._is_stopped:
            raise ConsumerStoppedError
        for node, wait in list(self._waits.items()):
            if wait.done():
                del self._waits[node]
                self._hear(node, wait)
            elif (wire := self._brokers.wire(node)) is not None:
                wire.close_if_silent(REQUEST_LIMIT_S)

    def _ask(self) -> None:
        """Fetch from every broker of which no answer is awaited."""
        if self._shares is None:
            self._shares = self._shared_out()
        for node, places in self._shares.items():
            if node not in self._waits:
                wire = self._brokers.wire(node)
                if wire is None:
                    self._waits[node] = asyncio.create_task(self._connect(node))
                else:
                    wanted = {p: self._positions[p] for p in places if p in self._positions}
                    body = self._sessions[node].ask(wanted, self._wait_ms)
                    self._waits[node] = wire.ask(fetch.API, fetch.VERSION, body)

    def _shared_out(self) -> dict[int, list[TopicPartition]]:
        shares: defaultdict[int, list[TopicPartition]] = defaultdict(list)
        for place in self._positions:
            shares[self._brokers.leader(place)].append(place)
        return shares

    def _hear(self, node: int, wait: asyncio.Future[Any]) -> None:
        session = self._sessions[node]
        try:
            answer = wait.result()
            if answer is None:
                return  # a connection, or news of who leads what
            fetched = session.take(answer)
        except KafkaConnectionError as error:
            self._brokers.lose(node, error)
            session.lose()
            self._waits[node] = asyncio.create_task(self._learn())
            return
        except SessionLost as error:
            log.info("broker %d goes on with no session: %s", node, error)
            self._waits[node] = asyncio.create_task(asyncio.sleep(RETRY_S))
            return
        failed = [each for each in fetched if each.error and self._is_wanted(each)]
        if failed:
            _check(failed)
            self._waits[node] = asyncio.create_task(self._learn())
        self._arrived += [_Run(each) for each in fetched if each.records]
        self.is_behind = len(answer) >= AHEAD_BYTES

    def _is_wanted(self, fetched: Fetched) -> bool:
        return self._positions.get(fetched.place) == fetched.asked

    async def _connect(self, node: int) -> None:
        await self._brokers.connect(node)
        self._shares = None

    async def _learn(self) -> None:
        await self._brokers.learn()
        self._shares = None

    async def _offsets(
        self, places: Collection[TopicPartition], which: int
    ) -> dict[TopicPartition, int]:
        await self._brokers.know(places)
        asked: defaultdict[int, defaultdict[str, list[tuple[int, int]]]]
        asked = defaultdict(lambda: defaultdict(list))
        for place in places:
            leader = self._brokers.leader(place)
            if leader == NOBODY:
                await self._brokers.learn()
                raise LeaderNotAvailableError(place)
            asked[leader][place.topic].append((place.partition, which))
        found: dict[TopicPartition, int] = {}
        for leader, topics in asked.items():
            request = OffsetRequest(-1, 0, list(topics.items()))
            answer = await self._brokers.send(request, leader)
            for topic, partitions in answer.topics:
                for number, code, _, offset in partitions:
                    if code:
                        await self._brokers.learn()
                        raise for_code(code)(TopicPartition(topic, number))
                    found[TopicPartition(topic, number)] = offset
        return found


class _Run:
    """Records of a partition that have arrived, taken out one after the other."""

    def __init__(self, fetched: Fetched) -> None:
        self.place = fetched.place
        self.position = fetched.asked
        self._records = self._unpacked(MemoryRecords(fetched.records))

    def take(self, most: int) -> list[Any]:
        """Fewer where these are the last; the position is behind them then, whatever there was."""
        taken = list(islice(self._records, most))
        if len(taken) == most:
            self.position = taken[-1].offset + 1
        return taken

    def _unpacked(self, batches: Any) -> Iterator[Any]:
        began = self.position
        while batches.has_next():
            batch = batches.next_batch()
            if not batch.validate_crc():
                raise CorruptRecordException(f"{self.place} at {self.position}")
            if not batch.is_control_batch:
                # A batch comes whole, also where it is asked for from its middle on.
                yield from (record for record in batch if record.offset >= began)
            self.position = batch.next_offset


def _check(failed: list[Fetched]) -> None:
    """Raise what trying again would not change."""
    for place, asked, code, _ in failed:
        error = for_code(code)
        if error is OffsetOutOfRangeError:
            raise OffsetOutOfRangeError({place: asked})
        if error is TopicAuthorizationFailedError:
            raise TopicAuthorizationFailedError(place.topic)
        log.warning("%s at %d: %s", place, asked, error.__name__)
