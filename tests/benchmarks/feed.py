"""How late is a trade at its WebSocket subscribers?

Trades are appended to the log at a fixed rate, as a market would; the door is a process of its
own, and so are its subscribers. A frame is late by the time from when its trade was due to be
appended to when its subscriber had read it, so what piles up counts.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import NamedTuple

import psutil
from aiokafka import AIOKafkaProducer
from websockets.sync.client import connect

from infra import launch
from infra.ports import HOST, free_port, host_and_port
from infra.processes import Process, Records
from infra.services import BY_NAME
from infra.settings import Settings
from streams.messages import MarketId, encode_event
from streams.topics import MARKETS, TRADES, Topic
from tests.benchmarks import bare_websocket, ground
from tests.benchmarks.bare_websocket import Plan
from tests.benchmarks.registry import Say
from tests.benchmarks.report import Aim, Bench, Case, case, hardware, percentile
from tests.benchmarks.subscribers import NEVER, Order, Outcome, Subscribers, subscribed
from tests.unit.feeds.samples import market, trade

SEEN, UNSEEN = MarketId("SEENUSDT"), MarketId("UNSEENUSDT")
"""What subscribers read; what only those are subscribed to that don't read."""

STALLED = 50
UNREAD = 8_000
"""Trades sent to those that stall: what the kernel keeps for them, and thousands in their outbox,
but not so many that they are closed for it."""

READY_LIMIT_S = 30.0
POLL_S = 0.02


LOAD = (
    "open loop: trades appended to the log at the rate of each case; one door; subscribers in a "
    "process of their own, raw sockets on one epoll, not compressed. Limit: a bare uvicorn "
    "WebSocket (websockets-sansio) that sends frames made beforehand at the same rate to as many. "
    "Late: from when a trade was due to when its frame was read. Stalled: "
    f"{STALLED} more subscribers that never read, each with {UNREAD:,} frames unread; "
    "their limit is the same without them."
)


class Load(NamedTuple):
    """So many subscribers, so many trades at so many a second."""

    subscribers: int
    rate: float
    trades: int

    @property
    def limit_s(self) -> float:
        return self.trades / self.rate + READY_LIMIT_S


LOADS = (Load(1, 100, 300), Load(100, 100, 400), Load(1_000, 20, 100))
CROWD = LOADS[-1]


class Found(NamedTuple):
    """How late each frame was, what CPU time it cost the server, and what share of a core its
    subscribers took."""

    late_ms: list[float]
    server_us: float
    client_share: float

    def p(self, percent: float) -> float:
        return percentile(self.late_ms, percent)


def run(say: Say) -> Bench:
    """Measure it. Raises what an exchange or a subscriber fails with."""
    cases: list[Case] = []
    machine = hardware()
    with ground.servers(say) as settings, _Trades(settings) as trades, _door(settings) as door:
        for load in LOADS:
            say(f"{load.subscribers} subscribers, {load.rate:g} trades/s")
            limit = _bare(load)
            found = _exchange(door, trades, load)
            cases += _cases(load, found, limit)
        say(f"{CROWD.subscribers} subscribers, and {STALLED} that don't read")
        cases += _cost_of_stalled(_exchange(door, trades, CROWD, stalled=STALLED), found)
    return Bench("feed", LOAD, machine, cases)


def _cases(load: Load, found: Found, limit: Found) -> list[Case]:
    name = f"{load.subscribers} at {load.rate:g}/s"
    aim = Aim(at_most=50) if load is CROWD else None
    return [
        case(f"{name}: p50", found.p(50), "ms", limit=limit.p(50)),
        case(f"{name}: p99", found.p(99), "ms", limit=limit.p(99), aim=aim),
        case(f"{name}: p99.9", found.p(99.9), "ms", limit=limit.p(99.9)),
        case(f"{name}: door's CPU a frame", found.server_us, "µs", limit=limit.server_us),
        case(f"{name}: subscribers' CPU", 100 * found.client_share, "% of a core"),
    ]


def _cost_of_stalled(with_stalled: Found, without: Found) -> list[Case]:
    aim = Aim(ratio_at_most=1.2)
    return [
        case("beside stalled ones: p50", with_stalled.p(50), "ms", limit=without.p(50)),
        case("beside stalled ones: p99", with_stalled.p(99), "ms", limit=without.p(99), aim=aim),
        case(
            "beside stalled ones: door's CPU a frame",
            with_stalled.server_us,
            "µs",
            limit=without.server_us,
        ),
    ]


def _bare(load: Load) -> Found:
    plan = Plan(free_port(), load.subscribers, load.trades, load.rate)
    with bare_websocket.serving(plan) as server, _subscribers(f"{HOST}:{plan.port}", load) as all_:
        began = server.begins()
        cpu_s = server.took()
        return _found(load, began, cpu_s, *all_.outcome())


def _exchange(door: Process, trades: _Trades, load: Load, stalled: int = 0) -> Found:
    address = door.address.removeprefix("ws://")
    with _subscribers(address, load, stalled) as all_:
        expected = load.subscribers + stalled
        _wait_until(lambda: launch.readiness(door.address).get("connections") == expected)
        if stalled:
            _fill_outboxes(door, trades)
        before_s = _cpu_s(door)
        began = trades.at_rate(SEEN, load)
        outcome, received = all_.outcome()
        return _found(load, began, _cpu_s(door) - before_s, outcome, received)


@contextmanager
def _subscribers(address: str, load: Load, stalled: int = 0) -> Iterator[Subscribers]:
    host, port = host_and_port(address)
    with tempfile.NamedTemporaryFile(prefix="velocity-bench-") as times:
        order = Order(
            host,
            port,
            f"/ws/{SEEN.lower()}@trade",
            load.subscribers,
            load.trades,
            load.limit_s,
            times.name,
            stalled,
            f"/stream?streams={SEEN.lower()}@trade/{UNSEEN.lower()}@trade",
        )
        with subscribed(order) as all_:
            yield all_


def _found(
    load: Load, began_s: float, cpu_s: float, outcome: Outcome, received: Sequence[array[float]]
) -> Found:
    if outcome.missing:
        raise RuntimeError(f"{outcome.missing} frames of {load} did not arrive")
    late_ms = [
        (at - began_s - number / load.rate) * 1e3
        for times in received
        for number, at in enumerate(times)
        if at != NEVER
    ]
    frames = load.trades * load.subscribers
    return Found(
        late_ms,
        cpu_s / frames * 1e6,
        outcome.cpu_s / outcome.wall_s,
    )


class _Trades:
    """Appends trades of made markets to the log, and first of all these markets."""

    def __init__(self, settings: Settings) -> None:
        self._venue = settings.venue
        self._servers = settings.broker
        self._numbers: dict[MarketId, count[int]] = {SEEN: count(1), UNSEEN: count(1)}
        self._runner = asyncio.Runner()
        self._producer: AIOKafkaProducer

    def __enter__(self) -> _Trades:
        self._runner.run(self._start())
        return self

    def __exit__(self, *failure: object) -> None:
        self._runner.run(self._producer.stop())
        self._runner.close()

    def at_rate(self, name: MarketId, load: Load) -> float:
        """Append as many trades as the load says, each when it is due; when the first one was."""
        return self._runner.run(self._append_at_rate(name, load))

    def burst(self, name: MarketId, trades: int) -> int:
        """Append trades as fast as may be, and return the number of the last."""
        return self._runner.run(self._append(name, trades))

    async def _start(self) -> None:
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._servers, acks="all", enable_idempotence=True
        )
        await self._producer.start()
        for name in self._numbers:
            await self._send(MARKETS, name, encode_event(market(name)))
        await self._producer.flush()

    async def _append_at_rate(self, name: MarketId, load: Load) -> float:
        began = time.monotonic() + 0.1
        for number in range(load.trades):
            await asyncio.sleep(max(0.0, began + number / load.rate - time.monotonic()))
            await self._append_one(name)
        await self._producer.flush()
        return began

    async def _append(self, name: MarketId, trades: int) -> int:
        for _ in range(trades):
            number = await self._append_one(name)
        await self._producer.flush()
        return number

    async def _append_one(self, name: MarketId) -> int:
        """Hand a trade to the producer, which sends it at once. Returns the trade's number."""
        number = next(self._numbers[name])
        await self._send(TRADES, name, encode_event(trade(number, name=name)))
        return number

    async def _send(self, topic: Topic, name: MarketId, value: bytes) -> None:
        await self._producer.send(topic.name(self._venue), value, key=name.encode(), partition=0)


@contextmanager
def _door(settings: Settings) -> Iterator[Process]:
    """The WebSocket door, a process as `velocity up` starts it."""
    process = launch.start(BY_NAME["ws"], settings)
    try:
        _wait_until(lambda: launch.is_ready(process.address))
        yield process
    finally:
        Records(settings.home).stop("ws")


def _fill_outboxes(door: Process, trades: _Trades) -> None:
    """Send what nobody but those that stall is subscribed to, and return when they have it."""
    with connect(f"{door.address}/ws/{UNSEEN.lower()}@trade") as witness:
        last = trades.burst(UNSEEN, UNREAD)
        while json.loads(witness.recv(READY_LIMIT_S))["t"] < last:
            pass


def _cpu_s(process: Process) -> float:
    times = psutil.Process(process.pid).cpu_times()
    return times.user + times.system


def _wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_LIMIT_S
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"still not so after {READY_LIMIT_S:.0f} s")
        time.sleep(POLL_S)
