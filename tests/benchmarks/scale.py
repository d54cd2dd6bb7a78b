"""`velocity bench scale`: what it costs to have more of something, used or idle.

Memory is what a new process grows by. What is idle is added to a machine that goes on with the
same commands, and its cost told as a multiple of that without: machines with more and with less
take turns. Markets and workers are real ones, over topics on a real log that are filled at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import msgspec

from streams.ledger.partition import LedgerPartition
from streams.matching.partition import MatchingPartition
from streams.messages import FRAME_COMMANDS_MAX, MarketId, Millis
from tests.benchmarks import ground
from tests.benchmarks.book import no_collector
from tests.benchmarks.clients import CONFIG, MID, Clients, Command
from tests.benchmarks.fleet import configure, drained_s
from tests.benchmarks.footprint import (
    bytes_per_account,
    bytes_per_open_order,
    bytes_per_resting_order,
    open_accounts,
    place,
    record,
)
from tests.benchmarks.registry import Say
from tests.benchmarks.report import Aim, Bench, Case, case, hardware
from tests.benchmarks.workloads import Workload, habits, split, spread_out

ORDER_BYTES_MAX = 400
FLAT = Aim(at_most=1.25)
AT = Millis(1_700_000_000_000)

IDLE_MARKETS = (0, 1, 3, 15, 63)
IDLE_ORDERS = 200
"""Orders that rest in each market that is idle."""

IDLE_ACCOUNTS = (0, 1_000, 10_000, 100_000)
BUSY_ACCOUNTS = 100
TURNS = 60
TURN_RECORDS = 4
FLEETS = ((1, 1), (2, 1), (4, 1), (4, 2))
"""Markets, workers."""

FLEET_COMMANDS = 40_000

Step = Callable[[], None]


def run(say: Say) -> Bench:
    """Memory, then what is idle, then markets and workers on the log."""
    found = hardware()
    cases = _memory(say)
    with no_collector():
        say("measuring idle markets")
        cases += _relative("idle markets", IDLE_MARKETS, [_market(idle) for idle in IDLE_MARKETS])
        say("measuring idle accounts")
        cases += _relative(
            "idle accounts", IDLE_ACCOUNTS, [_ledger(idle) for idle in IDLE_ACCOUNTS]
        )
    cases += _fleets(say)
    load = (
        "Memory: growth of a process for 200,000 resting orders, 50,000 accounts, 100,000 open "
        "orders. Idle: closed loop, one thread, 256 orders a record, the median of "
        f"{TURNS} turns. Markets and workers: 40,000 commands of a normal market, spread over "
        "the markets; from the first record to the last update on the log. Broker and workers "
        "share the cores."
    )
    return Bench("scale", load, found, cases)


def _memory(say: Say) -> list[Case]:
    say("measuring memory")
    return [
        case(
            "resting order, in its market",
            bytes_per_resting_order(200_000),
            "bytes",
            aim=Aim(at_most=ORDER_BYTES_MAX),
        ),
        case(
            "open order, in its ledger",
            bytes_per_open_order(100_000),
            "bytes",
            aim=Aim(at_most=ORDER_BYTES_MAX),
        ),
        case("account with two balances, in its ledger", bytes_per_account(50_000), "bytes"),
    ]


def _relative(what: str, counts: tuple[int, ...], steps: list[Step]) -> list[Case]:
    """What a step costs with more of something, as a multiple of what it costs without."""
    turns: list[list[float]] = [[] for _ in steps]
    for _ in range(TURNS):
        for step, spent in zip(steps, turns, strict=True):
            before = time.thread_time()
            step()
            spent.append(time.thread_time() - before)
    return [
        case(
            f"{count:,} {what}",
            median(one / other for one, other in zip(spent, turns[0], strict=True)),
            "x the cost",
            aim=FLAT if count else None,
        )
        for count, spent in zip(counts, turns, strict=True)
    ]


def _market(idle: int) -> Step:
    """A partition with one busy market and so many idle ones; a step is some records for it."""
    partition = MatchingPartition(0, 1)
    commands: list[Command] = []
    for number in range(idle):
        config = msgspec.structs.replace(CONFIG, market=MarketId(f"IDLE{number}USDT"))
        partition.apply(partition.position + 1, AT, configure(config))
        sleeping = Clients("idle markets", config, 1)
        spread_out(sleeping, MID, IDLE_ORDERS, 20)
        commands += sleeping.commands
    partition.apply(partition.position + 1, AT, configure(CONFIG))
    busy = Clients("busy market", account_partitions=1)
    spread_out(busy, MID, 1_000, 100)
    opening = len(commands) + len(busy.commands)
    for _ in busy.send(TURNS * TURN_RECORDS * FRAME_COMMANDS_MAX):
        habits(busy, MID)
    return _steps(partition, split(commands + busy.commands, opening))


def _ledger(idle: int) -> Step:
    """A ledger with busy accounts and so many idle ones; a step is some records for it."""
    ledger = LedgerPartition(0, 1)
    open_accounts(ledger, BUSY_ACCOUNTS + idle)
    orders = [
        place(number, number % BUSY_ACCOUNTS)
        for number in range(TURNS * TURN_RECORDS * FRAME_COMMANDS_MAX)
    ]
    frames = [
        record(*orders[first : first + FRAME_COMMANDS_MAX])
        for first in range(0, len(orders), FRAME_COMMANDS_MAX)
    ]
    return _steps(ledger, Workload([], frames))


def _steps(machine: MatchingPartition | LedgerPartition, workload: Workload) -> Step:
    for each in workload.opening:
        machine.apply(machine.position + 1, AT, each)
    records = iter(workload.frames)

    def step() -> None:
        for _ in range(TURN_RECORDS):
            machine.apply(machine.position + 1, AT, next(records))

    return step


def _fleets(say: Say) -> list[Case]:
    """Workers over the partitions of one log; the ratio is to one worker with one market."""
    found: list[Case] = []
    with ground.servers(say, account_partitions=1, market_partitions=max(FLEETS)[0]) as settings:
        for markets, workers in FLEETS:
            say(f"measuring {markets} markets, {workers} workers")
            venue = f"{settings.venue}_{len(found)}"
            rate = FLEET_COMMANDS / drained_s(
                settings.model_copy(update={"venue": venue}), markets, workers, FLEET_COMMANDS
            )
            limit = found[0].value if found else None
            name = f"busy markets: {markets}, workers: {workers}"
            found.append(case(name, rate, "orders/s", limit=limit))
    return found
