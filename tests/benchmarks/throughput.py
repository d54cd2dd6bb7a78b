"""`velocity bench throughput`: how many orders a second the exchange takes, and keeps taking.

The highest rate is looked for from above. First a few seconds of a closed loop: as many as the
connections get through. Then an open loop at a share of that, and at smaller ones until the
exchange keeps up: every request is answered with 200 within `ANSWER_LIMIT_MS` of when it was due
(p99), and right after the last one nothing is left to do: an order that asks for its outcome has
it, and the database has what the log has, each within `DRAIN_LIMIT_S`. Percentiles are those at
that rate.
"""

from __future__ import annotations

from typing import NamedTuple

from infra.installation import Installation
from infra.ports import HOST, host_and_port
from tests.benchmarks import backlog, empty_post, ground, open_loop, orders
from tests.benchmarks.backlog import Backlog
from tests.benchmarks.lines import BlockingLine
from tests.benchmarks.open_loop import Kind, Took, Work
from tests.benchmarks.orders import Key
from tests.benchmarks.registry import Say
from tests.benchmarks.report import Aim, Bench, Case, case, hardware, percentile, percentiles
from tests.benchmarks.warm_up import LOAD_BEFORE, warm_up

ACCOUNTS = 4
CONNECTIONS = 16
BATCH = 100
CLOSED_S = 3.0
OPEN_S = 5.0
SHARES = (0.9, 0.8, 0.7, 0.6, 0.5, 0.35, 0.2)
"""Of the closed loop's rate, tried in this order."""

ANSWER_LIMIT_MS = 1_000.0
DRAIN_LIMIT_S = 1.0
CATCH_UP_LIMIT_S = 30.0
"""Before each trial, all that the one before has left to do is done."""

LOAD = (
    "Open loop, all services running; every second order trades. Requests are made beforehand and"
    " sent by a process of its own, over 16 HTTP connections or one WebSocket session; latencies"
    " count from when a request was due. The highest rate that is kept up with: see"
    " tests/benchmarks/throughput.py."
    f" {LOAD_BEFORE}"
)


class Door(NamedTuple):
    """Where a kind of requests goes, and how many orders are in one."""

    kind: Kind
    host: str
    port: int
    connections: int
    orders: int


class Kept(NamedTuple):
    """A rate, in orders a second, and whether all was done after the last of them."""

    rate: float
    took: Took
    outcome_s: float
    drained_s: float

    @property
    def is_matched(self) -> bool:
        """Whether all were answered in time, and had their outcome: the database may be behind."""
        return (
            not self.took.refused
            and not self.took.unanswered
            and percentile(self.took.latencies_ms, 99) <= ANSWER_LIMIT_MS
            and self.outcome_s <= DRAIN_LIMIT_S
        )

    @property
    def is_kept_up(self) -> bool:
        """Whether no backlog was left at all."""
        return self.is_matched and self.drained_s <= DRAIN_LIMIT_S

    def __str__(self) -> str:
        took = self.took
        p99 = percentile(took.latencies_ms, 99) if took.latencies_ms else float("inf")
        return (
            f"{self.rate:,.0f}/s: answered {took.answered_per_s:,.0f} requests/s,"
            f" p99 {p99:,.0f} ms,"
            f" unanswered {took.unanswered}, refused {sum(took.refused.values())}; an outcome"
            f" {self.outcome_s:.1f} s later, database {self.drained_s:.1f} s later;"
            f" load generator {took.cpu_s / took.wall_s:.0%} of a core"
        )


def run(say: Say) -> Bench:
    """Measure on an exchange of its own."""
    with ground.exchange(say) as installation, empty_post.serving() as port:
        keys = orders.open_market(installation, ACCOUNTS)
        warm_up(installation, keys, say)
        host, api = host_and_port(installation.api_url.removeprefix("http://"))
        with backlog.watched(installation.settings) as behind:
            trial = Trial(installation, behind, keys, say)
            limit = trial.highest(Door("empty", HOST, port, CONNECTIONS, 1))
            single = trial.highest(Door("single", host, api, CONNECTIONS, 1))
            batch = trial.highest(Door("batch", host, api, CONNECTIONS, BATCH))
            calls = trial.highest(Door("call", host, api, 1, 1))
    return Bench("throughput", LOAD, hardware(), _cases(limit, single, batch, calls))


class Highest(NamedTuple):
    """The highest rates tried: at which nothing was left to do, and at which only the database was
    behind. None for none of them.
    """

    kept_up: Kept | None = None
    matched: Kept | None = None


class Trial:
    """Tries rates on one exchange."""

    def __init__(
        self, installation: Installation, behind: Backlog, keys: list[Key], say: Say
    ) -> None:
        self._installation = installation
        self._behind = behind
        self._keys = keys
        self._say = say

    def highest(self, door: Door) -> Highest:
        """Look for them from above, until the exchange keeps up."""
        found = Highest()
        closed = open_loop.run(self._work(door, 0, CLOSED_S))
        most = closed.answered_per_s
        self._say(f"{door.kind}: {most * door.orders:,.0f} orders/s in a closed loop")
        for share in SHARES:
            self._catch_up()
            kept = self._kept(door, most * share)
            self._say(f"{door.kind}: {'kept up' if kept.is_kept_up else 'fell behind'} at {kept}")
            if kept.is_matched and found.matched is None:
                found = Highest(matched=kept)
            if kept.is_kept_up:
                return found._replace(kept_up=kept)
        return found

    def _kept(self, door: Door, requests_per_s: float) -> Kept:
        took = open_loop.run(self._work(door, requests_per_s, OPEN_S))
        rate = requests_per_s * door.orders
        if door.kind == "empty":
            return Kept(rate, took, 0.0, 0.0)
        outcome_s = self._outcome_s()
        drained_s = self._behind.drained_s(CATCH_UP_LIMIT_S)
        return Kept(rate, took, outcome_s, outcome_s + drained_s)

    def _outcome_s(self) -> float:
        """How long an order that is placed now waits for its outcome."""
        address = host_and_port(self._installation.api_url.removeprefix("http://"))
        with BlockingLine(*address) as line:
            return max(line.answered_s(each) for each in orders.single(self._keys, 2, "RESULT"))

    def _catch_up(self) -> None:
        if self._behind.drained_s(CATCH_UP_LIMIT_S) >= CATCH_UP_LIMIT_S:
            raise TimeoutError(f"the database was not up to date within {CATCH_UP_LIMIT_S} s")

    def _work(self, door: Door, rate: float, seconds: float) -> Work:
        return Work(
            door.kind, door.host, door.port, door.connections, rate, seconds, self._keys, BATCH
        )


def _cases(limit: Highest, single: Highest, batch: Highest, calls: Highest) -> list[Case]:
    most = limit.kept_up.rate if limit.kept_up is not None else None
    cases = [
        case(
            "single orders over REST, of empty POSTs",
            _rate(single.kept_up),
            "orders/s",
            limit=most,
            aim=Aim(ratio_at_least=0.3),
        ),
        case(
            f"orders in batches of {BATCH} over REST",
            _rate(batch.kept_up),
            "orders/s",
            limit=most,
            aim=Aim(at_least=10_000),
        ),
        case(
            "the same, the database up to date later",
            _rate(batch.matched),
            "orders/s",
            limit=most,
        ),
        case(
            "single orders over a WebSocket session",
            _rate(calls.kept_up),
            "orders/s",
            limit=most,
        ),
    ]
    told = {"empty POST": limit, "single": single, "batch": batch, "WebSocket": calls}
    for name, found in told.items():
        if found.kept_up is not None:
            cases += percentiles(f"{name} at its rate", found.kept_up.took.latencies_ms, "ms")
    return cases


def _rate(kept: Kept | None) -> float:
    return 0.0 if kept is None else kept.rate
