"""`velocity bench latency`: how long one client waits for an order's answer.

Case and limits take turns, operation by operation and in an order that is shuffled each round, so
that what else the machine does, and what an order leaves to be done behind its answer, meets all of
them alike.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, TypeVar

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from infra.ports import HOST, host_and_port
from tests.benchmarks import empty_post, ground, orders
from tests.benchmarks.lines import BlockingLine
from tests.benchmarks.registry import Say
from tests.benchmarks.report import Aim, Bench, Case, case, hardware, percentile, percentiles
from tests.benchmarks.warm_up import LOAD_BEFORE, warm_up

ROUNDS = 1_500
WARM_UP_ROUNDS = 150
TIME_LIMIT_S = 75.0
"""On a machine that is slower than that allows, there are fewer rounds."""

OPERATION_LIMIT_S = 10.0
RECORD_BYTES = 200
SEED = 5

LOAD = (
    "Closed loop: one client on one keep-alive connection (a blocking socket, each request made"
    " and signed before its time is taken), no pause between operations. In each round, in"
    " shuffled order: an empty POST, an ACK, a RESULT, a record's ack by the log, a record's round"
    " trip through it. Every second order trades. All services run."
    f" {LOAD_BEFORE}"
)

Result = TypeVar("Result")


class Log:
    """Plain aiokafka, on an event loop in a thread of its own that always runs."""

    def __init__(self, broker: str) -> None:
        self._broker = broker
        self._topic = f"bench-{secrets.token_hex(4)}"
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="log")
        self._producer: AIOKafkaProducer = None
        self._consumer: AIOKafkaConsumer = None

    def ack_s(self) -> float:
        """How long the log takes to acknowledge a record."""
        return self._wait(self._ack())

    def round_trip_s(self) -> float:
        """How long a record takes to a consumer that waits for it."""
        return self._wait(self._round_trip())

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Connect until the end of the block, with a topic of its own."""
        self._thread.start()
        try:
            self._wait(self._start())
            yield
            self._wait(self._stop())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def _wait(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(OPERATION_LIMIT_S)

    async def _start(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._broker)
        await admin.start()
        await admin.create_topics([NewTopic(self._topic, 2, 1)])
        await admin.close()
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._broker, acks="all", enable_idempotence=True, linger_ms=0
        )
        await self._producer.start()
        self._consumer = AIOKafkaConsumer(bootstrap_servers=self._broker)
        await self._consumer.start()
        place = TopicPartition(self._topic, 1)
        self._consumer.assign([place])
        await self._consumer.seek_to_end(place)

    async def _stop(self) -> None:
        await self._producer.stop()
        await self._consumer.stop()

    async def _ack(self) -> float:
        began = time.perf_counter()
        await self._producer.send_and_wait(self._topic, bytes(RECORD_BYTES), partition=0)
        return time.perf_counter() - began

    async def _round_trip(self) -> float:
        began = time.perf_counter()
        await self._producer.send(self._topic, bytes(RECORD_BYTES), partition=1)
        await self._consumer.getone()
        return time.perf_counter() - began


def run(say: Say) -> Bench:
    """Measure on an exchange of its own."""
    with ground.exchange(say) as installation, empty_post.serving() as port:
        (key,) = orders.open_market(installation, accounts=1)
        warm_up(installation, [key], say)
        log = Log(installation.settings.broker)
        api = host_and_port(installation.api_url.removeprefix("http://"))
        with log.connected(), BlockingLine(HOST, port) as empty, BlockingLine(*api) as door:
            acks, results = orders.one_by_one(key, "ACK"), orders.one_by_one(key, "RESULT")
            nothing = orders.empty(empty_post.PATH)
            say("asking")
            taken = _rounds(
                {
                    "empty POST": lambda: empty.answered_s(nothing),
                    "ACK": lambda: door.answered_s(next(acks)),
                    "RESULT": lambda: door.answered_s(next(results)),
                    "log ack": log.ack_s,
                    "log round trip": log.round_trip_s,
                }
            )
    return Bench("latency", LOAD, hardware(), _cases(taken))


def _rounds(operations: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    """What each took, in milliseconds."""
    taken: dict[str, list[float]] = {name: [] for name in operations}
    names, random = list(operations), Random(SEED)
    deadline = time.monotonic() + TIME_LIMIT_S
    for number in range(WARM_UP_ROUNDS + ROUNDS):
        random.shuffle(names)
        for name in names:
            taken_s = operations[name]()
            if number >= WARM_UP_ROUNDS:
                taken[name].append(taken_s * 1_000)
        if time.monotonic() > deadline:
            break
    return taken


def _cases(taken: dict[str, list[float]]) -> list[Case]:
    median = {name: percentile(values, 50) for name, values in taken.items()}
    p99 = percentile(taken["RESULT"], 99)
    at_most = Aim(ratio_at_most=1.0)
    return [
        case(
            "ACK p50, of empty POST + 1.5 log acks",
            median["ACK"],
            "ms",
            limit=median["empty POST"] + 1.5 * median["log ack"],
            aim=at_most,
        ),
        case(
            "RESULT p50, of empty POST + 3 log round trips",
            median["RESULT"],
            "ms",
            limit=median["empty POST"] + 3 * median["log round trip"],
            aim=at_most,
        ),
        case("RESULT p99, of 4 p50", p99, "ms", limit=4 * median["RESULT"], aim=at_most),
        *(told for name, values in taken.items() for told in percentiles(name, values, "ms")),
    ]
