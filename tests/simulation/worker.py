"""A worker's process: the real `Partitions`, driven as `streams.runtime.worker` drives them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, NoReturn

from infra.health import Health
from infra.settings import Settings
from streams.outputs import Processor
from streams.runtime.partitions import Partitions
from streams.runtime.role import Role
from streams.runtime.transport import Lease, LeaseLost
from streams.runtime.worker import HEARTBEATS_PER_SESSION
from tests.simulation.group import Assignment, Group, Standing
from tests.simulation.log import Broker, BrokerLost, SimulatedLog
from tests.simulation.process import Process
from tests.simulation.store import Database, SimulatedStore
from tests.simulation.trace import Trace

IDLE_CHECK_S = 5.0
DYING_S = 8.0
POLL_RECORDS = (1, 2, 5, 50)
PORTION_OUTPUTS = (1, 8, 8_000)


FORESEEN = (BrokerLost, LeaseLost, TimeoutError)
"""What may end a worker's process when its surroundings fail; anything else is a bug."""


def in_place(machine: Processor) -> asyncio.Future[list[bytes]]:
    """A state at once: a world that is to be repeated has no processes."""
    chunks = asyncio.get_running_loop().create_future()
    chunks.set_result(list(machine.snapshot()))
    return chunks


class Worker:
    """One incarnation of a slot of a role."""

    def __init__(
        self,
        role: Role,
        settings: Settings,
        name: str,
        incarnation: int,
        group: Group,
        database: Database,
        trace: Trace,
    ) -> None:
        self.name = name
        self.role = role
        self.process = Process(name)
        self.failure: Exception | None = None
        self._is_busy = False
        self._is_stopping = False
        self._incarnation = incarnation
        self._group = group
        self._broker: Broker = database.broker
        self._weather = self._broker.weather
        self._trace = trace
        self._session_s = settings.session_s
        self._lease = Lease(settings.session_s)
        self.partitions = Partitions(
            role,
            settings,
            SimulatedLog(self._broker, self.process, self._lease),
            SimulatedStore(database, self.process),
            Health(),
            self._weather.rng.choice(PORTION_OUTPUTS),
            in_place,
        )
        self._assignment = Assignment(-1, [])
        self._assigned = asyncio.Event()
        self._flow = asyncio.Event()
        self._wake = asyncio.Event()
        self._fetch: dict[int, int] = {}

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing that it was given to do is under way."""
        return self._flow.is_set() and not self._is_busy and self.failure is None

    async def live(self) -> None:
        """Run until the process is dead."""
        self._broker.listeners.append(self._wake.set)
        for task in (self._be_member(), self._assign(), self._consume(), self._check_when_idle()):
            self.process.start(self._watched(task))
        await self.process.dead.wait()
        self._broker.listeners.remove(self._wake.set)
        self._trace(self.name, "is dead")

    async def stop(self) -> None:
        """End as after SIGTERM."""
        await self.process.start(self._watched(self._stop()))
        self.process.kill()

    async def _stop(self) -> None:
        self._is_stopping = True
        self._flow.clear()
        await self.partitions.release()
        await self._travel()
        self._group.leave(self.name)
        await self.partitions.close()

    async def _watched(self, task: Coroutine[Any, Any, None]) -> None:
        try:
            await task
        except Exception as error:  # noqa: BLE001 - every failure ends the process
            self._trace(self.name, f"fails: {type(error).__name__}: {error}")
            if self.failure is None or isinstance(self.failure, FORESEEN):
                self.failure = error
            # Stopping takes a while, in which its other tasks still run.
            delay = self._weather.rng.random() * DYING_S
            asyncio.get_running_loop().call_later(delay, self.process.kill)

    # -- the consumer's thread: membership -------------------------------------------------------

    async def _be_member(self) -> NoReturn:
        loop = asyncio.get_running_loop()
        while True:
            await self._travel()
            await self.process.connected()
            joined = await self._group.join(self.name, self._incarnation)
            sent_at = loop.time()
            await self._travel()
            self._lease.renew(sent_at)
            self._trace(self.name, f"is given {joined.partitions} of generation {joined[0]}")
            # An assignment that took long may have let records flow again meanwhile.
            self._flow.clear()
            self._assignment = joined
            if not self._is_stopping:
                self.partitions.grant()
            self._assigned.set()
            await self._beat(joined.generation)
            self._flow.clear()
            await self._revoked()

    async def _beat(self, generation: int) -> None:
        """Send heartbeats until told to rejoin."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._session_s / HEARTBEATS_PER_SESSION)
            await self.process.gate()
            sent_at = loop.time()
            await self._broker.reached()
            await self.process.connected()
            await self._travel()
            match self._group.heartbeat(self.name, self._incarnation, generation):
                case Standing.MEMBER:
                    await self._travel()
                    self._lease.renew(sent_at)
                case Standing.REJOIN:
                    await self._travel()
                    return

    async def _travel(self) -> None:
        await self._weather.pass_network()
        await self.process.gate()

    # -- the main loop: signals and the agent ----------------------------------------------------

    async def _revoked(self) -> None:
        """Faust's signal `on_partitions_revoked`, awaited before the group is joined again."""
        await self.partitions.release()

    async def _assign(self) -> NoReturn:
        """Faust's signal `on_rebalance_complete`, awaited before records flow."""
        while True:
            await self._assigned.wait()
            self._assigned.clear()
            assignment = self._assignment
            # Faust asks the broker about its table's changelog before it sends the signal.
            await self._broker.reached()
            await self.process.connected()
            await self._travel()
            positions = await self.partitions.assign(assignment.partitions)
            self._trace(self.name, f"goes on from {positions}")
            if assignment is self._assignment:
                self._fetch = positions
                self._flow.set()
                self._wake.set()

    async def _consume(self) -> NoReturn:
        """The agent: one batch after another."""
        while True:
            await self.process.gate()
            await self._flow.wait()
            ready = [p for p, at in self._fetch.items() if at < self._broker.end(self._place(p))]
            if not ready:
                self._wake.clear()
                # It may have been told that more follow.
                self._is_busy = True
                await self.partitions.settle()
                self._is_busy = False
                await self._wake.wait()
                continue
            await self._take_batch(self._weather.rng.choice(ready))

    async def _take_batch(self, partition: int) -> None:
        assignment, rng = self._assignment, self._weather.rng
        start = self._fetch[partition]
        if self._weather.happens("repeated"):
            start = max(start - rng.randint(1, 5), 0)
        stop = start + rng.randint(1, rng.choice(POLL_RECORDS))
        records = self._broker.records(self._place(partition))[start:stop]
        self._fetch[partition] = start + len(records)
        await self._broker.reached()
        await self.process.connected()
        await self._travel()
        if assignment is not self._assignment:
            return  # it was still in the agent's queue, which a rebalance clears
        self._is_busy = True
        more_follow = rng.random() < 0.5
        await self.partitions.process(partition, records, more_follow=more_follow)
        self._is_busy = False

    async def _check_when_idle(self) -> NoReturn:
        while True:
            await asyncio.sleep(IDLE_CHECK_S)
            await self.process.gate()
            await self.partitions.tick_if_quiet()
            await self.partitions.checkpoint_if_due()

    def _place(self, partition: int) -> tuple[Any, int]:
        return self.role.source, partition
