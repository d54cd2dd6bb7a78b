"""One seed: an exchange is set up, traded on and tormented, left in peace, and looked at."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from random import Random
from typing import Any

from infra.settings import Settings
from streams.runtime import ledger_worker, market_data_worker, matching_worker
from streams.runtime.ports import Place
from streams.runtime.role import Role
from tests.simulation import clock
from tests.simulation.clients import Clients
from tests.simulation.faults import Faults
from tests.simulation.group import Group
from tests.simulation.log import Broker
from tests.simulation.process import adopting
from tests.simulation.store import ARCHIVED, Database
from tests.simulation.trace import Trace
from tests.simulation.weather import Weather
from tests.simulation.worker import FORESEEN, Worker

ROLES = (ledger_worker.ROLE, matching_worker.ROLE, market_data_worker.ROLE)
DRAIN_LIMIT_S = 900
DAWN_S = 0.3


class Violation(AssertionError):
    """Something that the exchange promises did not hold."""


@dataclass
class Slot:
    """A worker's place in its role; whoever is in it is started again when it dies."""

    role: Role
    name: str
    worker: Worker | None = None
    is_wanted: bool = True


class Exchange:
    """A venue of a few partitions, with all that stands around it."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = rng = Random(seed)
        self.trace = Trace()
        self.weather = Weather.drawn(rng)
        self.broker = Broker(self.weather)
        self.database = Database(self.broker)
        self.settings = Settings(
            venue="simulated",
            account_partitions=rng.choice((1, 2, 2)),
            market_partitions=rng.choice((1, 2, 2)),
            checkpoint_records=rng.choice((1, 3, 8, 30)),
            checkpoint_outputs=rng.choice((1, 10, 100)),
        )
        self.clients = Clients(
            self.broker,
            self.trace,
            self.settings.account_partitions,
            self.settings.market_partitions,
        )
        self.groups = {
            role.name: Group(role.partitions(self.settings), self.broker) for role in ROLES
        }
        self._slots: list[Slot] = []
        self._background: list[asyncio.Task[Any]] = []
        self._keepers: list[asyncio.Task[None]] = []
        self._unforeseen: list[Exception] = []

    # -- the course of a seed --------------------------------------------------------------------

    async def run(self) -> None:
        """Raises `Violation` when it breaks a promise, or does not come to rest."""
        asyncio.get_running_loop().set_task_factory(adopting)
        rng, clients = self.rng, self.clients
        for role in ROLES:
            for _ in range(rng.choice((1, 1, 2))):
                self._add_slot(role)
        faults = Faults(self)
        frames = rng.randint(8, rng.choice((12, 30, 60)))
        await clients.administer(0, 0.0)
        work = [clients.trade(p, frames) for p in range(self.settings.account_partitions)]
        work.append(clients.administer(rng.randint(0, 2), 8.0))
        work.append(clients.disturb(rng.choice((0, 0, 4)), 5.0))
        work.append(faults.run(rng.randint(0, rng.choice((3, 12, 24)))))
        await asyncio.gather(*work)
        faults.end()
        await self._rest()
        self._raise_unforeseen()

    @property
    def faults(self) -> Counter[str]:
        """How often what went wrong."""
        return self.trace.counts + self.weather.counts

    def background(self, work: Coroutine[Any, Any, None]) -> None:
        self._background.append(asyncio.get_running_loop().create_task(work))

    async def _rest(self) -> None:
        """Wait until every record is taken, and what follows from it, and nothing more comes."""
        for _ in range(DRAIN_LIMIT_S):
            await asyncio.sleep(1)
            self._raise_unforeseen()
            if self._is_at_rest():
                await asyncio.sleep(DAWN_S)
                if self._is_at_rest():
                    return
        raise Violation(f"it does not come to rest in {DRAIN_LIMIT_S} s: {self._positions()}")

    def _is_at_rest(self) -> bool:
        workers = self.workers()
        if not all(worker.is_at_rest for worker in workers):
            return False
        if any(not task.done() for task in self._background):
            return False
        ends = {
            (role.name, partition): self.broker.end((role.source, partition))
            for role in ROLES
            for partition in range(role.partitions(self.settings))
        }
        held = [place for worker in workers for place in self._held(worker)]
        return len(held) == len(ends) and dict(held) == ends

    def _held(self, worker: Worker) -> list[tuple[tuple[str, int], int]]:
        return [
            ((worker.role.name, partition), held.position)
            for partition, held in worker.partitions.held.items()
        ]

    def _positions(self) -> str:
        return "; ".join(f"{w.name} {self._held(w)}" for w in self.workers())

    def _raise_unforeseen(self) -> None:
        for error in self._unforeseen:
            raise Violation(f"a worker ended with {type(error).__name__}: {error}") from error
        for task in self._background:
            if task.done() and not task.cancelled() and task.exception() is not None:
                task.result()

    # -- workers ---------------------------------------------------------------------------------

    def workers(self) -> list[Worker]:
        """Those whose process is alive."""
        return [
            slot.worker
            for slot in self._slots
            if slot.worker is not None and slot.worker.process.is_alive
        ]

    def archived(self) -> list[Place]:
        counts = (self.settings.account_partitions, self.settings.market_partitions)
        return [
            (topic, partition)
            for topic in ARCHIVED
            for partition in range(topic.partitions(*counts))
        ]

    def add_worker(self, lives_s: float) -> None:
        """One more worker of a role, that leaves after a time and is not started again."""
        slot = self._add_slot(self.rng.choice(ROLES))
        self.trace.fault("join", slot.name, f"joins for {lives_s:.1f} s")
        self.background(self._retire(slot, lives_s))

    async def _retire(self, slot: Slot, lives_s: float) -> None:
        await asyncio.sleep(lives_s)
        slot.is_wanted = False
        if slot.worker is not None:
            slot.worker.process.kill()

    def _add_slot(self, role: Role) -> Slot:
        count = sum(slot.role is role for slot in self._slots)
        slot = Slot(role, f"{role.name}-{count}")
        self._slots.append(slot)
        self._keepers.append(asyncio.get_running_loop().create_task(self._keep_running(slot)))
        return slot

    async def _keep_running(self, slot: Slot) -> None:
        incarnation = 0
        while slot.is_wanted:
            slot.worker = Worker(
                slot.role,
                self.settings,
                slot.name,
                incarnation,
                self.groups[slot.role.name],
                self.database,
                self.trace,
            )
            await slot.worker.live()
            failure = slot.worker.failure
            if failure is not None and not isinstance(failure, FORESEEN):
                self._unforeseen.append(failure)
            incarnation += 1
            await asyncio.sleep(1 + 3 * self.rng.random())


def simulate(seed: int, check: Callable[[Exchange], None]) -> Exchange:
    """Run one seed to its end, `check` included. Raises `Failed`."""
    exchange = Exchange(seed)

    async def course() -> None:
        await exchange.run()
        check(exchange)

    try:
        clock.run(course())
    except (Violation, clock.Deadlock) as error:
        raise Failed(exchange, str(error)) from error
    except Exception as error:
        # Of whatever kind it is, it has to say how to have it again.
        raise Failed(exchange, f"{type(error).__name__}: {error}") from error
    return exchange


class Failed(AssertionError):
    """A seed broke a promise."""

    def __init__(self, exchange: Exchange, reason: str) -> None:
        super().__init__(f"{reason}\nrepeat it with: python -m tests.simulation {exchange.seed}")
        self.exchange = exchange
        self.reason = reason
