"""Faust's Kafka transport, made to hand over whole polled batches.

Stock Faust spends 85-100 µs on each message between the broker and an agent. Here each
partition's polled records reach the stream as one event whose value is the list of them, so that
cost is shared, and they come on the loop they are worked on, from a client of their own; all of the
rest (group membership, rebalancing, tables, supervision) stays Faust's. Positions are ours as well:
a worker starts where its state stands, not where Faust last committed. Rests on internals of
faust-streaming 0.15.3, which is pinned for it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import faust
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.protocol.group import HeartbeatRequest, SyncGroupRequest
from faust.tables.manager import TableManager
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode import Service

from infra.kafka.consumer import stop
from infra.kafka.reader import Reader

FETCH_WAIT_MS = 250
"""How long the broker may keep an empty fetch: the first after a seek waits for the one before."""

POLL_S = 1.0
FEW_RECORDS = 100
RENEWING = (HeartbeatRequest, SyncGroupRequest)
"""Requests whose answer says that the broker counts us as a member."""


class LeaseLost(KafkaError):  # type: ignore[misc]
    """This worker can't know that its partitions are still its own; it must not write.

    Nothing is to be tried again then: the process must end, and be started anew.
    """


class Lease:
    """How long this worker may take its partitions for its own.

    The broker gives them to another once it has not heard of us for the session time-out. So a
    worker may write only while the last heartbeat it *sent* and saw answered is younger: one that
    was paused for longer finds its lease lost, whatever it had ready to send.
    """

    def __init__(self, session_s: float) -> None:
        self._session_s = session_s
        self._renewed = float("-inf")

    def renew(self, sent_at: float) -> None:
        """The broker heard of us at or after `sent_at` (monotonic seconds)."""
        self._renewed = max(self._renewed, sent_at)

    def check(self) -> None:
        """Raise `LeaseLost` unless the broker has heard of us within the session time-out."""
        age = time.monotonic() - self._renewed
        if age >= self._session_s:
            raise LeaseLost(f"no heartbeat for {age:.1f} s of {self._session_s} s")


class Polled(NamedTuple):
    """What one poll gave for one partition, after how many seeks in it, and whether the log is
    known to have more behind it.
    """

    records: list[Any]
    seeks: int
    more_follow: bool


class Batch:
    """The records one poll gave for one partition.

    To Faust it is a message like any other, at the place of its last record; its value is `Polled`.
    """

    __slots__ = (
        "checksum",
        "headers",
        "key",
        "offset",
        "partition",
        "serialized_key_size",
        "serialized_value_size",
        "timestamp",
        "timestamp_type",
        "topic",
        "value",
    )

    def __init__(self, place: TopicPartition, polled: Polled) -> None:
        last = polled.records[-1]
        self.topic, self.partition = place
        self.offset, self.timestamp = last.offset, last.timestamp
        self.timestamp_type, self.checksum = last.timestamp_type, last.checksum
        self.headers, self.key = last.headers, last.key
        self.serialized_key_size = len(last.key or b"")
        self.serialized_value_size = len(last.value or b"")
        self.value = polled


class ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """The group's member. Its heartbeats renew the lease; records come another way, see `Consumer`.

    It has a thread of its own, so that they go on while the app's loop is busy: a machine that is
    brought back may hold it for longer than a session.
    """

    async def on_start(self) -> None:
        await super().on_start()
        coordinator = self._consumer._coordinator
        lease: Lease = self.app.lease
        send = coordinator._send_req

        async def renewing_send(request: Any) -> Any:
            sent_at = time.monotonic()
            response = await send(request)
            if isinstance(request, RENEWING) and response.error_code == 0:
                lease.renew(sent_at)
            return response

        coordinator._send_req = renewing_send

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        # Before its fetcher has had a turn since it learnt of them.
        ours = [TopicPartition(*tp) for tp in assigned if tp.topic == self.app.source_name]
        self._consumer.pause(*ours)
        await super().on_partitions_assigned(assigned, generation_id)

    def polls(self) -> None:
        """Say that records are asked for: a member that does not is taken for stuck by aiokafka."""
        self._consumer._subscription._last_fetch_ended = time.monotonic()

    async def on_thread_stop(self) -> None:
        if self._consumer is None:
            await super().on_thread_stop()
            return
        if self.app.has_let_go:
            # A static member that goes without a word keeps its partitions for the session.
            self._consumer._coordinator._group_instance_id = None
        # A cancellation would end this thread, and Faust would wait for it for ever.
        await stop(self._consumer, by=super().on_thread_stop)


class Consumer(driver.Consumer):  # type: ignore[misc]
    """Hands the app's source topic over in batches, from the positions its state stands at.

    Its records come through a client on the app's own loop, where they are worked on: from the
    thread of Faust's they would cross over twice, and two loops would fight for one interpreter.
    Nothing is polled before all that was polled is worked on, and what came meanwhile is one batch.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._records = Reader(
            **self.app.client,
            wait_ms=FETCH_WAIT_MS,
            records_max=self.app.conf.broker_max_poll_records,
        )
        self._idle = asyncio.Event()

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def on_start(self) -> None:
        await super().on_start()
        await self._records.start()

    async def on_stop(self) -> None:
        await super().on_stop()
        await self._records.stop()

    async def seek_to_committed(self) -> Mapping[TP, int]:
        offsets = dict(await super().seek_to_committed())
        positions: dict[TP, int] = {}
        for tp in self.assignment():
            if tp.topic == self.app.source_name:
                position = self.app.positions.get(tp.partition)
                if position is None:
                    continue  # the next rebalance has begun: nothing of it is taken before its end
                positions[tp] = position
                # What was polled before may still be on its way, and would leave a gap.
                self.app.seeks[tp.partition] += 1
        await self._records.assign({TopicPartition(*tp): at for tp, at in positions.items()})
        return offsets | positions

    def worked_off(self) -> None:
        """What was handed over is worked on: there may be more."""
        self._idle.set()

    def stop_flow(self) -> None:
        super().stop_flow()
        # Faust may drop what was handed over; nobody would say of it that it is worked on.
        self._idle.set()

    def resume_flow(self) -> None:
        super().resume_flow()
        self._idle.set()

    async def _drain_messages(self, fetcher: Service) -> None:
        """Hand over what is polled until this or the fetcher is told to stop.

        Faust's own keeps account of gaps between records, and has a task for each to be able to
        give up waiting for a full queue. Here batches are acknowledged in order, and none waits.
        """
        try:
            while not (self.should_stop or fetcher.should_stop):
                polled, _ = await self._wait_next_records(POLL_S)
                taken = 0
                for tp, messages in (polled or {}).items():
                    for message in messages:
                        taken += await self._hand_over(tp, message)
                if not taken:
                    await self.app.settle()
                if self.app.gather_s and 0 < taken < FEW_RECORDS:
                    await self.sleep(self.app.gather_s)
        except (asyncio.CancelledError, *self.consumer_stopped_errors):
            if not self.app.should_stop:
                raise

    async def _hand_over(self, tp: TP, message: Any) -> int:
        """Return once a batch is worked on; how many records were in it."""
        if not self.flow_active:
            return 0  # before it flows again there is a seek
        self._idle.clear()
        await self.callback(self._to_message(tp, message))
        if not isinstance(message, Batch):
            return 0  # a table's, which Faust takes for itself
        await self._idle.wait()
        return len(message.value.records)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        source, seeks = self.app.source_name, self.app.seeks
        if not any(tp.topic == source for tp in active_partitions or ()):
            return await super()._getmany(active_partitions, timeout)  # a table comes back
        self._thread.polls()
        polled = await self._records.poll(timeout)
        more_follow = self._records.is_behind
        return {
            TP(*place): [Batch(place, Polled(records, seeks[place.partition], more_follow))]
            for place, records in polled.items()
        }

    def _new_offset(self, tp: TP) -> int | None:
        acked: list[int] = self._acked[tp]
        offset = max(acked) + 1 if acked else None
        acked.clear()
        self._acked_index[tp].clear()
        return offset

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing: Faust would look at the thread's client, which does not fetch."""


class Transport(driver.Transport):  # type: ignore[misc]
    Consumer = Consumer


class Tables(TableManager):  # type: ignore[misc]
    """Faust gives an app a second to name its tables. Ours are named before it starts, and whoever
    waits for a market that comes back waits for that second.
    """

    async def on_start(self) -> None:
        await self._update_channels()
        await self.recovery.start()


class App(faust.App):  # type: ignore[misc]
    """A Faust app on this transport, reading one source topic.

    `positions` says, for each partition assigned to this worker, the offset to go on from; it is
    filled before Faust seeks, by whoever handles `on_rebalance_complete`. `seeks` counts how often
    it did in each: what was polled before the last time is not to be taken. `ground` is started
    before anything of Faust's and stopped after all of it. `let_go` returns once nothing is on its
    way to the log any more: only then may others be told to take over. `settle` is called where no
    records follow those before, which may have been told that some do. `granted` is called at each
    assignment, after the revocation before it and before the one after it. `client` are aiokafka's
    options for reading its source; few records that were taken are followed by no others for
    `gather_s`.
    """

    def __init__(
        self,
        *args: Any,
        source_name: str,
        gather_s: float,
        lease: Lease,
        ground: Service,
        let_go: Callable[[], Awaitable[None]],
        settle: Callable[[], Awaitable[None]],
        granted: Callable[[], None],
        client: Mapping[str, Any],
        **options: Any,
    ) -> None:
        self.source_name = source_name
        self.gather_s = gather_s
        self.client = client
        self.lease = lease
        self.ground = ground
        self.positions: dict[int, int] = {}
        self.seeks = Counter[int]()
        self.has_let_go = False
        self.settle = settle
        self._let_go = let_go
        self._granted = granted
        super().__init__(*args, TableManager=Tables, **options)

    async def on_first_start(self) -> None:
        await super().on_first_start()
        # What fails in it then ends the app, as a failure of the app's own would.
        self.ground.beacon.reattach(self.beacon)
        await self.ground.start()

    async def on_stop(self) -> None:
        # After a crash, what was sent may still get there: then the session has to run out.
        if not self.crashed:
            await self._let_go()
            self.has_let_go = True
        await super().on_stop()

    async def on_shutdown(self) -> None:
        await super().on_shutdown()
        await self.ground.stop()

    async def _on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        # `on_rebalance_complete` comes from another task, maybe after the next revocation.
        if not self.should_stop:
            self._granted()
        await super()._on_partitions_assigned(assigned, generation_id)

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker, self, loop=self.loop)
