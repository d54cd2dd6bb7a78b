"""How fast a worker turns what its topic holds into outputs on the log.

The source topic is filled beforehand. Then the real worker starts, as `velocity matching` does it,
reads, computes, publishes all that follows and acknowledges. What it took is seen on the log: the
broker stamps each record with the time at which it was appended. Counted are the requests whose
outputs came after those appended first, so that a worker's start is not.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import msgspec
import psutil

from infra import launch
from infra.bring_up import create_topics_and_tables
from infra.ports import HOST, free_port
from infra.processes import tail
from infra.services import BY_NAME
from infra.settings import Settings
from streams.messages import Cause
from streams.runtime.ledger_worker import ROLE as LEDGER
from streams.runtime.matching_worker import ROLE as MATCHING
from streams.runtime.provision import create_topics
from streams.runtime.role import Role
from streams.topics import UPDATES
from tests.benchmarks import ground
from tests.benchmarks.plain import Took, Work
from tests.benchmarks.records import Partition, fill, read_all
from tests.benchmarks.registry import Say
from tests.benchmarks.report import Aim, Bench, Case, case, hardware
from tests.benchmarks.traffic import ACCOUNT_PARTITIONS, Filled, Traffic

REQUESTS = 60_000
REQUESTS_SINGLE = 15_000
FRAME_BUSY = 256
TURNS = 5
AIM = Aim(at_least=40_000, ratio_at_least=0.4)
LIMIT_S = 120.0
SAMPLED_EVERY_S = 0.005
ASKED_EVERY_S = 0.2
WORKERS_CORES = [0]

LOAD = (
    "One market in two-sided trade, a thousand accounts, {requests:,} requests already on the log"
    " when the worker starts: a backlog, so neither an open nor a closed loop."
    " The worker, and after it the limit's process, run on one core, the broker where it likes."
    " Medians of {turns} turns, each in a venue of its own."
)

Source = Mapping[int, Sequence[Filled]]
"""What the partitions of a worker's source topic hold."""

Written = Mapping[Partition, list[Any]]
"""What a worker's output partitions hold, as the broker's client gives it."""


class Sample(NamedTuple):
    """The CPU time that a process had used at a moment."""

    at_ms: float
    used_s: float


class Run(NamedTuple):
    """What a worker took for its requests, from its first append to its last."""

    requests: int
    wall_s: float
    cpu_s: float


class _Caused(msgspec.Struct):
    cause: Cause


_caused = msgspec.json.Decoder(_Caused)


def run(say: Say) -> Bench:
    """Measure both workers, each beside plain aiokafka."""
    found = hardware()
    say("making orders")
    busy, single = Traffic(REQUESTS, FRAME_BUSY), Traffic(REQUESTS_SINGLE, 1)
    cases: list[Case] = []
    with ground.servers(
        say, account_partitions=ACCOUNT_PARTITIONS, market_partitions=1
    ) as settings:
        for name, role, source, aim in (
            (f"matching, {FRAME_BUSY} in a frame", MATCHING, {0: busy.orders}, AIM),
            ("matching, 1 in a frame", MATCHING, {0: single.orders}, None),
            (f"ledger, {FRAME_BUSY} in a frame", LEDGER, dict(enumerate(busy.commands)), None),
        ):
            say(f"measuring {name}")
            venue = f"{settings.venue}_{len(cases)}"
            cases += measure(settings.model_copy(update={"venue": venue}), name, role, source, aim)
    return Bench("pipe", LOAD.format(requests=REQUESTS, turns=TURNS), found, cases)


def measure(
    settings: Settings, name: str, role: Role, source: Source, aim: Aim | None = None
) -> list[Case]:
    """A worker's rate beside its limit's, and the CPU time that each request costs both: medians
    of a few turns, as either is over in a second, in which anything can happen.
    """
    rates, limits, costs, limit_costs = [], [], [], []
    requests = sum(filled.requests for each in source.values() for filled in each)
    for turn in range(TURNS):
        venue = settings.model_copy(update={"venue": f"{settings.venue}_{turn}"})
        ran, took = _in_turn(venue, role, source)
        rates.append(ran.requests / ran.wall_s)
        limits.append(requests / took.wall_s)
        costs.append(ran.cpu_s / ran.requests * 1e6)
        limit_costs.append(took.cpu_s / requests * 1e6)
    return [
        case(name, median(rates), "orders/s", limit=median(limits), aim=aim),
        case(f"{name}, CPU time", median(costs), "µs/order", limit=median(limit_costs)),
    ]


def _in_turn(settings: Settings, role: Role, source: Source) -> tuple[Run, Took]:
    create_topics_and_tables(settings)
    records = {(role.source, p): [value for value, _ in filled] for p, filled in source.items()}
    asyncio.run(fill(settings, records))
    with tempfile.TemporaryDirectory(prefix="velocity-bench-") as folder:
        worker = Worker(settings.model_copy(update={"home": Path(folder)}), role)
        samples = worker.run_to_the_end()
    places = {place for p in source for place in role.written(p, settings)}
    written = asyncio.run(read_all(settings, sorted(places, key=lambda at: (at[0].short, at[1]))))
    return _ran(source, written, samples), _plain(settings, role, source, written)


class Worker:
    """A worker in a process of its own, on one core."""

    def __init__(self, settings: Settings, role: Role) -> None:
        port = free_port()
        service = BY_NAME[role.name]
        self._log = settings.home / f"{role.name}.log"
        self._url = f"http://{HOST}:{port}"
        with self._log.open("wb") as log:
            self._process = psutil.Popen(
                [sys.executable, "-m", "infra.cli", role.name],
                env=launch.environment(service, settings, port),
                stdout=log,
                stderr=log,
            )
        self._process.cpu_affinity(WORKERS_CORES)

    def run_to_the_end(self) -> list[Sample]:
        """Let it take all there is, then stop it; the CPU time it had used, every few ms."""
        samples: list[Sample] = []
        deadline = time.monotonic() + LIMIT_S
        asked = 0.0
        try:
            while True:
                now = time.time()
                used = self._process.cpu_times()
                samples.append(Sample(now * 1000, used.user + used.system))
                if now - asked > ASKED_EVERY_S:
                    asked = now
                    if launch.is_ready(self._url):
                        return samples
                    if self._process.poll() is not None or time.monotonic() > deadline:
                        raise RuntimeError(f"the worker did not get there:\n{tail(self._log)}")
                time.sleep(SAMPLED_EVERY_S)
        finally:
            self._process.terminate()
            self._process.wait(LIMIT_S)


def _ran(source: Source, written: Written, samples: list[Sample]) -> Run:
    """What came after the outputs that were appended first."""
    stamps = [
        each.timestamp for records in written.values() for each in (records[:1] + records[-1:])
    ]
    first, last = min(stamps), max(stamps)
    before: dict[int, int] = {}
    for (topic, _), records in written.items():
        if topic is UPDATES:
            for record in takewhile(lambda record: record.timestamp <= first, records):
                cause = _caused.decode(record.value).cause
                before[cause.partition] = max(before.get(cause.partition, 0), cause.offset)
    requests = sum(
        filled.requests
        for partition, records in source.items()
        for filled in records[before.get(partition, -1) + 1 :]
    )
    used = [_used_at(samples, at) for at in (first, last)]
    return Run(requests, (last - first) / 1000, used[1] - used[0])


def _used_at(samples: list[Sample], at_ms: float) -> float:
    """The CPU time that was used at a moment."""
    after = bisect_left(samples, at_ms, key=lambda sample: sample.at_ms)
    return samples[min(after, len(samples) - 1)].used_s


def _plain(settings: Settings, role: Role, source: Source, written: Written) -> Took:
    """What the same bytes take without an exchange."""
    to = f"{settings.venue}_limit"
    asyncio.run(create_topics(settings.model_copy(update={"venue": to})))
    work = Work(
        settings.broker,
        settings.venue,
        to,
        [(role.source.short, partition) for partition in source],
        [(topic.short, partition) for (topic, partition), records in written.items() if records],
    )
    process = psutil.Popen(
        [sys.executable, "-m", "tests.benchmarks.plain", msgspec.json.encode(work).decode()],
        stdout=subprocess.PIPE,
    )
    process.cpu_affinity(WORKERS_CORES)
    told, _ = process.communicate(timeout=LIMIT_S)
    if process.returncode:
        raise RuntimeError("the limit's process failed: see its error above")
    return msgspec.json.decode(told, type=Took)
