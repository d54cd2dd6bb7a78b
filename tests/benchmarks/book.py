"""`velocity bench book`: the market machine alone, on five kinds of market.

The machine and its limit take turns, some hundred commands each, so that whatever else the machine
does hits both alike. What is told is time on the processor of the thread that works. A market
takes its commands just after they were decoded, so they are decoded in between, off the clock.
The collector is off: nothing in the market needs it, and the limit shall not pay for it.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import NamedTuple

from streams.matching.market import Market
from streams.messages import Millis, market_frames
from tests.benchmarks.clients import CONFIG, MID, Clients, Command
from tests.benchmarks.minimal_book import MinimalBook
from tests.benchmarks.registry import Say
from tests.benchmarks.report import Aim, Bench, Case, case, hardware
from tests.benchmarks.workloads import WORKLOADS, Workload, make, split, spread_out

TURN_FRAMES = 4
"""Frames in a turn of each: long enough to be timed, short enough that noise hits both."""

COMMANDS_S_MIN = 300_000
RATIO_MIN = 0.4
FLAT = Aim(at_most=1.25)
AT = Millis(1_700_000_000_000)

FLAT_COMMANDS = 40_000
RESTING = [(1_000, 100), (100_000, 100), (1_000_000, 100)]
LEVELS = [(50_000, 2), (50_000, 100), (50_000, 10_000)]
"""Books to compare: resting orders, price levels."""

Take = Callable[[list[Command]], None]


class Turns(NamedTuple):
    """Seconds that each of two took for the same commands, turn by turn."""

    machine: list[float]
    limit: list[float]


def run(say: Say) -> Bench:
    """Take the five workloads, then the same commands on books of other sizes."""
    with no_collector():
        cases = [_workload(name, say) for name in WORKLOADS]
        cases += _flat("resting orders", RESTING, lambda orders, _: orders, say)
        cases += _flat("price levels", LEVELS, lambda _, levels: levels, say)
    load = (
        "Closed loop, one thread: `Market.apply` on commands made beforehand, 200,000 a workload "
        "after those that open its book. Cost is told against the first book of a series, the "
        "median of turns; the same commands, near the price and on recent orders."
    )
    return Bench("book", load, hardware(), cases)


@contextmanager
def no_collector() -> Iterator[None]:
    """Let nothing be collected until the end of the block."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def take_turns(workload: Workload) -> Turns:
    """Let the machine and its limit take a workload, in turns."""
    market, book = Market(CONFIG), MinimalBook()
    machine, limit = _machine(market), _limit(book)
    for frame in workload.opening:
        machine(_commands(frame))
        limit(_commands(frame))
    turns = Turns([], [])
    for first in range(0, len(workload.frames), TURN_FRAMES):
        turn = workload.frames[first : first + TURN_FRAMES]
        turns.machine.append(_timed(machine, turn))
        turns.limit.append(_timed(limit, turn))
    return turns


def _workload(name: str, say: Say) -> Case:
    say(f"making {name}")
    workload = make(name)
    count = sum(len(_commands(frame)) for frame in workload.frames)
    say(f"measuring {name}")
    found = take_turns(workload)
    return case(
        name,
        count / sum(found.machine),
        "commands/s",
        limit=count / sum(found.limit),
        aim=Aim(at_least=COMMANDS_S_MIN, ratio_at_least=RATIO_MIN),
    )


def _flat(
    what: str, sizes: list[tuple[int, int]], shown: Callable[[int, int], int], say: Say
) -> list[Case]:
    """What a command costs on books of several sizes, as a multiple of the first one's."""
    markets = []
    for orders, levels in sizes:
        say(f"making a book of {orders:,} orders on {levels:,} levels")
        workload = _near_the_price(orders, levels)
        machine = _machine(Market(CONFIG))
        for frame in workload.opening:
            machine(_commands(frame))
        markets.append((machine, workload.frames))
    say("measuring them")
    turns: list[list[float]] = [[] for _ in sizes]
    for first in range(0, len(markets[0][1]), TURN_FRAMES):
        for (machine, records), found in zip(markets, turns, strict=True):
            found.append(_timed(machine, records[first : first + TURN_FRAMES]))
    return [
        case(
            f"{shown(*size):,} {what}",
            median(one / other for one, other in zip(found, turns[0], strict=True)),
            "x the cost",
            aim=None if size == sizes[0] else FLAT,
        )
        for size, found in zip(sizes, turns, strict=True)
    ]


def _near_the_price(orders: int, levels: int) -> Workload:
    """Half place near the price, nearly as many withdraw what came lately, a few take."""
    clients = Clients("near the price")
    spread_out(clients, MID, orders, levels)
    opened = len(clients.commands)
    rng = clients.rng
    for _ in clients.send(FLAT_COMMANDS):
        dice = rng.random()
        if dice < 0.5:
            clients.at(MID, 1 + min(int(rng.expovariate(1 / 8)), levels // 2 - 1))
        elif dice < 0.94:
            clients.cancel_recent()
        else:
            clients.take(MID)
    return split(clients.commands, opened)


def _machine(market: Market) -> Take:
    def take(commands: list[Command]) -> None:
        apply = market.apply
        for command in commands:
            apply(command, AT)

    return take


def _limit(book: MinimalBook) -> Take:
    def take(commands: list[Command]) -> None:
        apply = book.apply
        for command in commands:
            apply(command)

    return take


def _timed(take: Take, turn: list[bytes]) -> float:
    """Seconds on the processor for the commands of some frames."""
    spent = 0.0
    for frame in turn:
        commands = _commands(frame)
        before = time.thread_time()
        take(commands)
        spent += time.thread_time() - before
    return spent


def _commands(frame: bytes) -> list[Command]:
    return market_frames.decode(frame).commands  # type: ignore[return-value]
