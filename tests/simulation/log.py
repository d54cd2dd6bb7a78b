"""The modelled broker, and one process's connection to it: the twin of `KafkaLog`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from streams.runtime.kafka_log import ACK_TIMEOUT_S
from streams.runtime.ports import Kept, Place, Record
from streams.runtime.transport import Lease, LeaseLost
from tests.simulation.pages import Pages
from tests.simulation.process import Process
from tests.simulation.weather import Fate, Weather
from tests.simulation.wire import Wire

EPOCH_MS = 1_700_000_000_000
LATE_S = 25.0
READ_LIMIT_S = 5.0
READ_RECORDS_MAX = 40

Mark = Callable[[], bool]


class BrokerLost(ConnectionError):
    """The broker gave an error, or nothing."""


class Broker:
    """What the log keeps: records that are never changed, stamped with the broker's time.

    `late` marks those that were sent under a lease which was lost when they arrived: nobody can
    keep these from being duplicates. `foreign` marks those of strangers. `skew_ms` is how far the
    clock of the present leader is off.
    """

    def __init__(self, weather: Weather) -> None:
        self.weather = weather
        self.kept: dict[Place, list[Kept]] = {}
        self.late: set[tuple[Place, int]] = set()
        self.foreign: set[tuple[Place, int]] = set()
        self.skew_ms = 0
        self._here = asyncio.Event()
        self._here.set()
        self._arrived: list[Callable[[], None]] = []
        self.listeners: list[Callable[[], None]] = []

    # -- coming and going ------------------------------------------------------------------------

    def go_away(self) -> None:
        self._here.clear()

    def come_back(self) -> None:
        """What was sent meanwhile lies in its buffers, before all that is asked from now on."""
        self._here.set()
        arrived, self._arrived = self._arrived, []
        for land in arrived:
            land()

    @property
    def is_away(self) -> bool:
        return not self._here.is_set()

    async def reached(self) -> None:
        await self._here.wait()

    # -- records ---------------------------------------------------------------------------------

    def end(self, place: Place) -> int:
        return len(self.kept.get(place, ()))

    def records(self, place: Place) -> list[Kept]:
        return self.kept.get(place, [])

    def send(
        self, place: Place, records: list[Record], delay: float, is_late: Mark
    ) -> asyncio.Future[int]:
        """Records on their way, whatever becomes of their sender; gives the offset after them."""
        loop = asyncio.get_running_loop()
        landed: asyncio.Future[int] = loop.create_future()
        loop.call_later(delay, self._arrive, partial(self._land, place, records, is_late, landed))
        return landed

    def _arrive(self, land: Callable[[], None]) -> None:
        if self._here.is_set():
            land()
        else:
            self._arrived.append(land)

    def _land(
        self, place: Place, records: list[Record], is_late: Mark, landed: asyncio.Future[int]
    ) -> None:
        kept = self.kept.setdefault(place, [])
        at = EPOCH_MS + int(asyncio.get_running_loop().time() * 1000) + self.skew_ms
        for record in records:
            if is_late():
                self.late.add((place, len(kept)))
            kept.append(Kept(len(kept), at, record.key, record.value, record.headers))
        if not landed.done():
            landed.set_result(len(kept))
        for tell in self.listeners:
            tell()


def in_order(places: Iterable[Place]) -> list[Place]:
    """Sets of topics come in another order in every process; a seed must not depend on it."""
    return sorted(places, key=lambda place: (place[0].short, place[1]))


class SimulatedLog:
    """The port `Log`, for one process."""

    def __init__(self, broker: Broker, process: Process, lease: Lease) -> None:
        self._broker = broker
        self._weather = broker.weather
        self._wire = Wire(process, broker.weather)
        self._lease = lease

    async def append(self, records: Mapping[Place, list[Record]]) -> dict[Place, int]:
        """As the port says. Raises `LeaseLost`, `BrokerLost`, `TimeoutError`."""
        await self._wire.leave()
        was_ours = not self._is_lease_lost()
        self._lease.check()
        fate = self._weather.fate()
        if fate is Fate.LOST:
            await self._wire.cross()
            raise BrokerLost("refused")
        async with asyncio.timeout(ACK_TIMEOUT_S):
            landing = await self._send(
                records, fate, is_late=lambda: was_ours and self._is_lease_lost()
            )
            ends = {place: await landed for place, landed in landing.items()}
        await self._wire.cross()
        if fate is Fate.PARTIAL or fate is Fate.UNACKNOWLEDGED:
            raise BrokerLost("connection lost before the acknowledgement")
        self._lease.check()
        return ends

    async def _send(
        self, records: Mapping[Place, list[Record]], fate: Fate, is_late: Mark
    ) -> dict[Place, asyncio.Future[int]]:
        """Put records on their way: each place has a leader of its own, so no order holds."""
        rng = self._weather.rng
        landing: dict[Place, asyncio.Future[int]] = {}
        delayed: list[Place] = []
        for place in in_order(records):
            sent = records[place]
            if fate is Fate.PARTIAL:
                sent = sent[: rng.randint(0, len(sent))]
            if self._wire.process.is_cut_off or (fate is Fate.LATE and rng.random() < 0.5):
                delayed.append(place)
            else:
                landing[place] = self._broker.send(place, sent, self._weather.delay(), is_late)
        if delayed:
            # Held up in the connection, which brings it only while the process lives.
            if fate is Fate.LATE:
                await asyncio.sleep(rng.random() * LATE_S)
            await self._wire.process.connected()
        for place in delayed:
            landing[place] = self._broker.send(place, records[place], 0.0, is_late)
        return landing

    def _is_lease_lost(self) -> bool:
        try:
            self._lease.check()
        except LeaseLost:
            return True
        return False

    def read(self, starts: Mapping[Place, int]) -> Pages[tuple[Place, list[Kept]]]:
        """As the port says. Raises `BrokerLost`."""
        positions = {place: starts[place] for place in in_order(starts)}
        ends: dict[Place, int] = {}

        async def ask() -> tuple[Place, list[Kept]] | None:
            await self._ask()
            if not ends:
                ends.update((place, self._broker.end(place)) for place in positions)
            behind = [place for place in positions if positions[place] < ends[place]]
            if not behind:
                await self._wire.cross()
                return None
            place = self._weather.rng.choice(behind)
            start = positions[place]
            stop = min(start + self._weather.rng.randint(1, READ_RECORDS_MAX), ends[place])
            positions[place] = stop
            page = self._broker.records(place)[start:stop]
            await self._wire.cross()
            return place, page

        return Pages(ask)

    async def bounds(self, places: Iterable[Place]) -> dict[Place, tuple[int, int]]:
        await self._ask()
        bounds = {place: (0, self._broker.end(place)) for place in in_order(places)}
        # The answer may be old when it arrives.
        await self._wire.cross()
        return bounds

    async def _ask(self) -> None:
        """Bring a question to the broker."""
        await self._wire.leave()
        if self._weather.happens("unread"):
            raise BrokerLost("connection lost while reading")
        async with asyncio.timeout(READ_LIMIT_S):
            await self._broker.reached()
            await self._wire.process.connected()
        await self._wire.cross()
