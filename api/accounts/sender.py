"""The way of commands into the log: many callers, one frame at a time for each partition.

While a frame is on its way to the broker, further commands for its partition pile up and make the
next one (the Disruptor's smart batching): at rest a command goes alone and waits for nothing,
under load the cost of a record is shared. One frame in flight keeps a partition's commands in the
order they were taken.

Commands that a client sends together are one entry, and go in one frame: one future and one wake-up
for all of them.

The log's `Appender` repeats a frame until the log has it, so a broker that is away for
a while delays its frame and never doubles it. What a caller waits for is bounded all the same, and
so is what may pile up. A command whose caller has given up before it was sent is not sent, nor is
one that its client wanted sooner or not at all.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from typing import Generic, NamedTuple, NoReturn, TypeVar

import msgspec

from api.accounts.deadlines import Deadlines
from api.errors import late_timestamp, overloaded, unknown_status
from infra.kafka.appender import Appender
from infra.settings import Settings
from streams.messages import (
    FRAME_BYTES_MAX,
    FRAME_COMMANDS_MAX,
    FRAME_VERSION,
    AccountCommand,
    Frame,
    MarketCommand,
    Millis,
    Offset,
    RequestId,
    Sequence,
    encode_frame,
    request_id,
)
from streams.messages.epoch import Epoch
from streams.topics import Topic

PENDING_MAX = 4096
"""Commands that may wait for a partition. A command takes less than 1 KiB."""

ACK_LIMIT_S = 5.0
STALLED_S = 2.0
ANSWER_LIMIT_S = 30.0
"""A frame that the broker does not answer is sent again then."""

log = logging.getLogger(__name__)

Command = TypeVar("Command", AccountCommand, MarketCommand)


class Placed(msgspec.Struct, frozen=True, gc=False):
    """Where the log put a command, and when."""

    partition: int
    offset: Offset
    index: int
    at: Millis

    @property
    def request(self) -> RequestId:
        """The command's name, if its topic is `commands`."""
        return request_id(self.partition, self.offset, self.index)


class LogBeganAnew(RuntimeError):
    """The log acknowledged a frame at a place that another frame had: the broker lost its data."""


class _Waiting(NamedTuple, Generic[Command]):
    """Commands that were sent together; `expires_us` is 0 for never."""

    commands: Collection[Command]
    key: str
    placed: asyncio.Future[list[Placed]]
    expires_us: int


class Sender(Generic[Command]):
    """Sends commands to one topic. `run` has to run for anything to be sent.

    `epoch` tells what a command's place in the log is called; nothing is sent before it has.
    """

    def __init__(
        self,
        log: Appender,
        settings: Settings,
        topic: Topic,
        epoch: Callable[[], Awaitable[Epoch]],
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._log = log
        self._clock_ns = clock_ns
        self._ask_epoch = epoch
        self._epoch = Epoch()
        self._topic = topic.name(settings.venue)
        count = topic.partitions(settings.account_partitions, settings.market_partitions)
        self._lanes: list[_Lane[Command]] = [_Lane(partition) for partition in range(count)]
        self._answers: Deadlines[list[Placed]] = Deadlines(ACK_LIMIT_S, unknown_status)

    @property
    def stalled(self) -> bool:
        """Whether a frame has been on its way for longer than the log should need."""
        return any(lane.stalled for lane in self._lanes)

    def check_room(self, partition: int, count: int) -> None:
        """Raise -1008 where so many more than wait for a partition would be too many."""
        if self._lanes[partition].size + count > PENDING_MAX:
            raise overloaded()

    async def send(self, command: Command, key: str, partition: int) -> Placed:
        """Append a command to a partition, and say where it is once the log has it.

        Raises -1008 when too many wait already, -1007 when the log did not answer in time.
        """
        (placed,) = await self.send_all((command,), key, partition)
        return placed

    async def send_all(
        self, commands: Collection[Command], key: str, partition: int, expires_us: int = 0
    ) -> list[Placed]:
        """Append commands to a partition in one frame: the log has all of them or none.

        `FRAME_COMMANDS_MAX` at most. Raises as `send`, and -1021 where they were still waiting at
        `expires_us`: then the log has none.
        """
        if not 0 < len(commands) <= FRAME_COMMANDS_MAX:
            raise ValueError(f"{len(commands)} commands make no frame")
        self.check_room(partition, len(commands))
        lane = self._lanes[partition]
        placed = self._answers.future()
        lane.add(_Waiting(commands, key, placed, expires_us))
        return await placed

    async def run(self) -> None:
        """Send what is waiting, until cancelled.

        Raises when the producer can't go on, and `LogBeganAnew` before a client is told of it.
        """
        self._epoch = await self._ask_epoch()
        async with asyncio.TaskGroup() as group:
            for lane in self._lanes:
                group.create_task(self._drain(lane), name=f"{self._topic}/{lane.partition}")
            group.create_task(self._watch(), name=f"{self._topic}, watched")

    async def _drain(self, lane: _Lane[Command]) -> None:
        while True:
            await lane.wake.wait()
            frame = lane.next_frame(self._clock_ns() // 1000)
            if frame:
                await self._send_frame(lane, frame)

    async def _send_frame(self, lane: _Lane[Command], frame: list[_Waiting[Command]]) -> None:
        commands = [command for waiting in frame for command in waiting.commands]
        value = encode_frame(Frame(FRAME_VERSION, "", Sequence(0), commands))
        if len(value) > FRAME_BYTES_MAX:
            raise ValueError(f"a frame of {len(commands)} commands took {len(value)} bytes")
        lane.sent_at = time.monotonic()
        acknowledged = await self._log.send(
            self._topic, value, key=frame[0].key.encode(), partition=lane.partition
        )
        # As long as it takes: a frame can't be taken back, and no other may overtake it.
        record = await acknowledged
        lane.sent_at = 0.0
        if record.offset < lane.end:
            # Names follow from offsets: these were given to others, in a log that is gone.
            raise LogBeganAnew(f"{self._topic}/{lane.partition}: {record.offset} after {lane.end}")
        lane.end = record.offset + 1
        offset = self._epoch.logical(record.offset)
        index = 0
        for waiting in frame:
            count = len(waiting.commands)
            if not waiting.placed.done():
                waiting.placed.set_result(
                    [
                        Placed(lane.partition, offset, number, Millis(record.timestamp))
                        for number in range(index, index + count)
                    ]
                )
            index += count

    async def _watch(self) -> NoReturn:
        while True:
            await asyncio.sleep(STALLED_S)
            for lane in self._lanes:
                if lane.stalled:
                    place = (self._topic, lane.partition)
                    log.warning("no acknowledgement yet from %s partition %d", *place)


class _Lane(Generic[Command]):
    """One partition: what waits for it, how many commands that is, where its log ended when it last
    took any, and since when a frame has been on its way (monotonic seconds), 0 while none is.
    """

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.size = 0
        self.end = 0
        self.wake = asyncio.Event()
        self.sent_at = 0.0
        self._pending: deque[_Waiting[Command]] = deque()

    @property
    def stalled(self) -> bool:
        return 0.0 < self.sent_at < time.monotonic() - STALLED_S

    def add(self, waiting: _Waiting[Command]) -> None:
        """Queue commands for the next frame that has room for them."""
        self._pending.append(waiting)
        self.size += len(waiting.commands)
        self.wake.set()

    def next_frame(self, now_us: int) -> list[_Waiting[Command]]:
        """Take what goes next: in the order it came, without what nobody waits for any more, and
        without what has expired, whose sender is told.
        """
        frame: list[_Waiting[Command]] = []
        room = FRAME_COMMANDS_MAX
        while self._pending and len(self._pending[0].commands) <= room:
            waiting = self._pending.popleft()
            self.size -= len(waiting.commands)
            if waiting.placed.done():
                continue
            if 0 < waiting.expires_us < now_us:
                waiting.placed.set_exception(late_timestamp())
            else:
                frame.append(waiting)
                room -= len(waiting.commands)
        if not self._pending:
            self.wake.clear()
        return frame


def appender(settings: Settings) -> Appender:
    """The api's way into the log: a frame is acknowledged once every replica has it."""
    return Appender(
        limit_s=ANSWER_LIMIT_S, client_id=f"velocity-api-{settings.worker}", **settings.kafka_client
    )
