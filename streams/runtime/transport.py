"""Faust's Kafka transport, made to hand over whole polled batches.

Stock Faust spends 85-100 µs on each message between the broker and an agent. Here each
partition's polled records reach the stream as one event whose value is the list of them, so that
cost is shared; all of the rest (group membership, rebalancing, tables, supervision) stays
Faust's. Positions are ours as well: a worker starts where its state stands, not where Faust last
committed. Rests on internals of faust-streaming 0.15.3, which is pinned for it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import faust
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.protocol.group import HeartbeatRequest, SyncGroupRequest
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode import Service

FETCH_WAIT_MS = 250
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
    """What one poll gave for one partition, and after how many seeks in it."""

    records: list[Any]
    seeks: int


class Batch:
    """The records one poll gave for one partition.

    To Faust it is a message like any other, at the place of its last record; its value is `Polled`.
    """

    FIELDS = (
        "topic",
        "partition",
        "offset",
        "timestamp",
        "timestamp_type",
        "headers",
        "key",
        "checksum",
        "serialized_key_size",
        "serialized_value_size",
    )
    __slots__ = (*FIELDS, "value")

    def __init__(self, polled: Polled) -> None:
        last = polled.records[-1]
        for field in self.FIELDS:
            setattr(self, field, getattr(last, field))
        self.value = polled


class ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """Faust's consumer thread, with the group's heartbeats renewing the lease."""

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Faust has the broker hold an empty fetch for 1.5 s. A busy partition that was left out of
        # that fetch, because its last records were still being worked on, would wait as long.
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer

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

    async def on_thread_stop(self) -> None:
        if self.app.has_let_go:
            # A static member that goes without a word keeps its partitions for the session.
            self._consumer._coordinator._group_instance_id = None
        await super().on_thread_stop()


class Consumer(driver.Consumer):  # type: ignore[misc]
    """Hands the app's source topic over in batches, from the positions its state stands at."""

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        polled = await super()._getmany(active_partitions=active_partitions, timeout=timeout)
        source, seeks = self.app.source_name, self.app.seeks
        return {
            tp: [Batch(Polled(records, seeks[tp.partition]))]
            if tp.topic == source and records
            else records
            for tp, records in (polled or {}).items()
        }

    async def seek_to_committed(self) -> Mapping[TP, int]:
        offsets = dict(await super().seek_to_committed())
        for tp in self.assignment():
            if tp.topic == self.app.source_name:
                position = self.app.positions.get(tp.partition)
                if position is None:
                    continue  # the next rebalance has begun: nothing of it is taken before its end
                offsets[tp] = position
                await self.seek(tp, position)
                # What was polled before may still be on its way, and would leave a gap.
                self.app.seeks[tp.partition] += 1
        return offsets


class Transport(driver.Transport):  # type: ignore[misc]
    Consumer = Consumer


class App(faust.App):  # type: ignore[misc]
    """A Faust app on this transport, reading one source topic.

    `positions` says, for each partition assigned to this worker, the offset to go on from; it is
    filled before Faust seeks, by whoever handles `on_rebalance_complete`. `seeks` counts how often
    it did in each: what was polled before the last time is not to be taken. `ground` is started
    before anything of Faust's and stopped after all of it. `let_go` returns once nothing is on its
    way to the log any more: only then may others be told to take over. `granted` is called at each
    assignment, after the revocation before it and before the one after it.
    """

    def __init__(
        self,
        *args: Any,
        source_name: str,
        lease: Lease,
        ground: Service,
        let_go: Callable[[], Awaitable[None]],
        granted: Callable[[], None],
        **options: Any,
    ) -> None:
        self.source_name = source_name
        self.lease = lease
        self.ground = ground
        self.positions: dict[int, int] = {}
        self.seeks = Counter[int]()
        self.has_let_go = False
        self._let_go = let_go
        self._granted = granted
        super().__init__(*args, **options)

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
