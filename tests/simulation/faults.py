"""What goes wrong on purpose: processes die, stop and multiply, services leave, disks lie."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
from typing import TYPE_CHECKING, Any

from tests.simulation.log import EPOCH_MS

if TYPE_CHECKING:
    from tests.simulation.exchange import Exchange
    from tests.simulation.worker import Worker

PAUSE_S = 3.0
OFTEN = 0.5
HOLES_MAX = 3


class Faults:
    """Lets one kind of trouble after the other in, of the kinds this seed has."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._rng: Random = exchange.rng
        kinds: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
            "kill": self._kill,
            "pause": self._pause,
            "cut": self._cut_off,
            "stop": self._stop,
            "join": self._join,
            "broker": self._lose_broker,
            "store": self._lose_store,
            "damage": self._damage,
            "hole": self._make_hole,
            "lag": self._lag,
            "skew": self._skew,
        }
        self._kinds = [kind for kind in kinds.items() if self._rng.random() < OFTEN]

    async def run(self, times: int) -> None:
        """So many troubles, each begun some time after the one before; they may overlap."""
        for _ in range(times if self._kinds else 0):
            await asyncio.sleep(self._rng.random() * PAUSE_S)
            _, befall = self._rng.choice(self._kinds)
            self._exchange.background(befall())

    def end(self) -> None:
        """Everything that is away comes back; nothing new happens."""
        exchange = self._exchange
        exchange.weather.calm()
        exchange.broker.come_back()
        exchange.broker.skew_ms = 0
        exchange.database.is_away = False
        exchange.database.lag_s = 0.0
        for worker in exchange.workers():
            worker.process.resume()
            worker.process.mend()

    # -- processes -------------------------------------------------------------------------------

    async def _kill(self) -> None:
        for worker in self._some_workers():
            self._exchange.trace.fault("kill", worker.name, "is killed")
            worker.process.kill()

    async def _pause(self) -> None:
        for worker in self._some_workers():
            seconds = self._rng.choice((2.0, 12.0, 30.0)) * self._rng.random()
            self._exchange.trace.fault("pause", worker.name, f"is paused for {seconds:.1f} s")
            worker.process.pause()
            await asyncio.sleep(seconds)
            worker.process.resume()

    async def _cut_off(self) -> None:
        """Break the network between a worker and the broker; it runs on, and tries again."""
        for worker in self._some_workers():
            seconds = self._rng.choice((2.0, 15.0, 30.0)) * self._rng.random()
            self._exchange.trace.fault("cut", worker.name, f"is cut off for {seconds:.1f} s")
            worker.process.cut_off()
            await asyncio.sleep(seconds)
            worker.process.mend()

    async def _stop(self) -> None:
        for worker in self._some_workers():
            self._exchange.trace.fault("stop", worker.name, "is told to stop")
            await worker.stop()

    async def _join(self) -> None:
        """One more worker of some role, for a while."""
        self._exchange.add_worker(lives_s=self._rng.random() * 30)

    # -- services --------------------------------------------------------------------------------

    async def _lose_broker(self) -> None:
        broker, seconds = self._exchange.broker, self._rng.choice((1.0, 8.0, 40.0))
        if broker.is_away:
            return
        self._exchange.trace.fault("broker", "broker", f"is away for {seconds} s")
        broker.go_away()
        await asyncio.sleep(seconds)
        broker.come_back()

    async def _lose_store(self) -> None:
        database, seconds = self._exchange.database, self._rng.choice((1.0, 10.0, 60.0))
        self._exchange.trace.fault("store", "database", f"is away for {seconds} s")
        database.is_away = True
        await asyncio.sleep(seconds)
        database.is_away = False

    async def _skew(self) -> None:
        self._exchange.broker.skew_ms = skew = self._rng.randint(-3_000, 3_000)
        self._exchange.trace.fault("skew", "broker", f"has a clock that is {skew} ms off")

    # -- what the database keeps -----------------------------------------------------------------

    async def _damage(self) -> None:
        """Lose, cut or flip something in the newest checkpoint of a partition."""
        database = self._exchange.database
        owners = [owner for owner, rows in sorted(database.rows.items()) if rows]
        if not owners:
            return
        owner = self._rng.choice(owners)
        position = max(database.rows[owner])
        key = (*owner, position)
        chunks = database.chunks.get(key)
        if not chunks:
            return
        number = self._rng.choice(sorted(chunks))
        chunk = chunks[number] or b"?"
        how = self._rng.choice(("lost", "cut", "flipped"))
        place = self._rng.randrange(len(chunk))
        match how:
            case "lost":
                del chunks[number]
            case "cut":
                chunks[number] = chunk[:place]
            case _:
                flipped = bytes([chunk[place] ^ (1 << self._rng.randrange(8))])
                chunks[number] = chunk[:place] + flipped + chunk[place + 1 :]
        database.damaged.add(key)
        self._exchange.trace.fault("damage", "database", f"checkpoint {key}: {number} {how}")

    async def _make_hole(self) -> None:
        broker, database = self._exchange.broker, self._exchange.database
        places = [place for place in self._exchange.archived() if broker.end(place)]
        for place in places[: self._rng.randint(1, HOLES_MAX)]:
            offset = self._rng.randrange(broker.end(place) + 5)
            database.holes.add((place, offset))
            where = f"{place[0].short}/{place[1]}@{offset}"
            self._exchange.trace.fault("hole", "database", f"has no archived {where}")

    async def _lag(self) -> None:
        self._exchange.database.lag_s = lag = self._rng.choice((0.5, 5.0, EPOCH_MS))
        self._exchange.trace.fault("lag", "projections", f"are {lag} s behind")

    def _some_workers(self) -> list[Worker]:
        workers = self._exchange.workers()
        return self._rng.sample(workers, min(len(workers), self._rng.choice((1, 1, 1, 2))))
