"""`velocity bench soak`: whether memory stays flat at the highest rate the exchange accepts.

The rate is not set: orders are sent in a closed loop over a few connections, as many as the
exchange takes, and where it says that it takes no more (-1008, 503) the connections go on asking.
Memory may grow while caches fill, so the slope is that of the second half: a straight line through
what each service held, told over ten minutes as a share of what it held in the middle.

`VELOCITY_SOAK_S` sets how many seconds; ten minutes without it.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import linear_regression, median

import psutil

from infra.installation import Installation
from infra.ports import host_and_port
from infra.processes import Records
from infra.services import SERVICES
from tests.benchmarks import backlog, ground, open_loop, orders
from tests.benchmarks.open_loop import Took, Work
from tests.benchmarks.registry import Say
from tests.benchmarks.report import Aim, Bench, Case, case, hardware

SECONDS = 600.0
SETTING = "VELOCITY_SOAK_S"
PIECE_S = 20.0
"""Requests are signed for a minute: after so long, they are made anew."""

SAMPLE_EVERY_S = 1.0
ACCOUNTS = 4
CONNECTIONS = 4
BATCH = 25
TEN_MINUTES_S = 600.0
GROWTH_MAX = 0.05
"""The aim: 5 % in ten minutes."""

DRAIN_LIMIT_S = 120.0

LOAD = (
    "Closed loop: batches of {batch} orders over {connections} connections for {seconds:.0f} s, as"
    " many as the exchange accepts, every second order trading; all services run. Resident memory"
    " is sampled each second; its slope is that of the second half."
)

Samples = dict[str, list[tuple[float, float]]]


def run(say: Say) -> Bench:
    """Measure on an exchange of its own."""
    seconds = float(os.environ.get(SETTING, SECONDS))
    with ground.exchange(say) as installation:
        keys = orders.open_market(installation, ACCOUNTS)
        host, port = host_and_port(installation.api_url.removeprefix("http://"))
        pieces: list[Took] = []
        with _sampled(installation) as samples:
            until = time.monotonic() + seconds
            while (left := until - time.monotonic()) > 1.0:
                work = Work("batch", host, port, CONNECTIONS, 0, min(left, PIECE_S), keys, BATCH)
                pieces.append(open_loop.run(work))
                say(f"{left:.0f} s left, {pieces[-1].answered_per_s * BATCH:,.0f} orders/s")
        with backlog.watched(installation.settings) as behind:
            drained_s = behind.drained_s(DRAIN_LIMIT_S)
    load = LOAD.format(batch=BATCH, connections=CONNECTIONS, seconds=seconds)
    return Bench("soak", load, hardware(), [*_cases(samples), *_told(pieces, drained_s)])


@contextmanager
def _sampled(installation: Installation) -> Iterator[Samples]:
    """Sample each service's resident memory, in MiB, until the end of the block."""
    records = Records(installation.settings.home)
    running = {service.name: records.running(service.name) for service in SERVICES}
    processes = {name: psutil.Process(found.pid) for name, found in running.items() if found}
    samples: Samples = defaultdict(list)
    ended = threading.Event()

    def sample() -> None:
        began = time.monotonic()
        while not ended.wait(SAMPLE_EVERY_S):
            for name, process in processes.items():
                held = process.memory_info().rss / 2**20
                samples[name].append((time.monotonic() - began, held))

    sampler = threading.Thread(target=sample, name="memory")
    sampler.start()
    try:
        yield samples
    finally:
        ended.set()
        sampler.join()


def _cases(samples: Samples) -> list[Case]:
    return [
        case(
            f"{name}: growth in ten minutes",
            _growth(taken),
            "of its memory",
            aim=Aim(at_most=GROWTH_MAX),
        )
        for name, taken in samples.items()
    ] + [
        case(f"{name}: memory", median(held for _, held in taken), "MiB")
        for name, taken in samples.items()
    ]


def _growth(taken: list[tuple[float, float]]) -> float:
    second_half = taken[len(taken) // 2 :]
    times, held = [at for at, _ in second_half], [size for _, size in second_half]
    line = linear_regression(times, held)
    return line.slope * TEN_MINUTES_S / median(held)


def _told(pieces: list[Took], drained_s: float) -> list[Case]:
    answered = sum(len(piece.latencies_ms) for piece in pieces)
    refused: Counter[str] = Counter()
    for piece in pieces:
        refused.update(piece.refused)
    busy = sum(count for said, count in refused.items() if "-1008" in said)
    wall_s = sum(piece.wall_s for piece in pieces)
    return [
        case("accepted", answered * BATCH / wall_s, "orders/s"),
        case("told to come again (-1008)", busy, "requests"),
        case("refused or failed otherwise", refused.total() - busy, "requests", aim=Aim(at_most=0)),
        case("database behind at the end", drained_s, "s"),
    ]
