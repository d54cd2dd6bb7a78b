"""A load generator with an open loop, as a process of its own: requests are due when they are due.

What an answer took is counted from when its request was due, not from when it could be sent: one
that had to wait for a free connection has waited (coordinated omission). Requests are made before
the first is due.

    python -m tests.benchmarks.open_loop < WORK

where WORK is a `Work` as JSON. It prints a `Took` as JSON.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from typing import Literal

import msgspec
import uvloop

from tests.benchmarks import empty_post, orders
from tests.benchmarks.lines import CallLine, HttpLine, Line
from tests.benchmarks.orders import Key

GRACE_S = 10.0
"""How long answers may take once the last request was due."""

DIFFERENT = 2_000
"""Orders that are made; they are sent again and again, as their signatures last for a minute."""

START_S = 0.2
PAUSE_S = 0.001
"""The event loop's own clock has this grain: requests may be as late."""

PROCESS_LIMIT_S = 120.0

Kind = Literal["empty", "single", "batch", "call"]


class Work(msgspec.Struct, frozen=True):
    """`rate` requests a second for `seconds`, over so many connections; `size` orders in a batch.

    A rate of 0 is as many as the connections can take, each going on when it is answered.
    """

    kind: Kind
    host: str
    port: int
    connections: int
    rate: float
    seconds: float
    keys: list[Key]
    size: int = 1


class Took(msgspec.Struct, frozen=True):
    """What became of the requests: latencies are those of requests answered with 200.

    `cpu_s` is the load generator's own.
    """

    sent: int
    latencies_ms: list[float]
    refused: dict[str, int]
    unanswered: int
    wall_s: float
    cpu_s: float

    @property
    def answered_per_s(self) -> float:
        return len(self.latencies_ms) / self.wall_s


def run(work: Work) -> Took:
    """Run it in a process of its own. Raises `subprocess.SubprocessError`."""
    done = subprocess.run(
        [sys.executable, "-m", __spec__.name],
        input=msgspec.json.encode(work),
        stdout=subprocess.PIPE,
        timeout=PROCESS_LIMIT_S,
        check=True,
    )
    return msgspec.json.decode(done.stdout, type=Took)


class _Generator:
    def __init__(self, work: Work, lines: list[Line]) -> None:
        self._work = work
        self._free = lines
        self._requests = _requests(work)
        self._count = int(work.seconds * work.rate) if work.rate else sys.maxsize
        self._next = 0
        self._waiting = 0
        self._latencies: list[float] = []
        self._refused: Counter[str] = Counter()
        self._idle = asyncio.Event()
        self._began = 0.0
        self._ended = 0.0

    async def run(self) -> Took:
        cpu = time.process_time()
        self._began = time.perf_counter() + START_S
        while self._next < self._count and not self._is_over():
            self._send_due()
            await asyncio.sleep(max(self._due(self._next) - time.perf_counter(), PAUSE_S))
        try:
            async with asyncio.timeout(GRACE_S):
                while self._waiting:
                    self._idle.clear()
                    await self._idle.wait()
        except TimeoutError:
            pass  # told as unanswered
        return Took(
            self._next,
            self._latencies,
            dict(self._refused),
            self._waiting,
            max(self._ended - self._began, 1e-6),
            time.process_time() - cpu,
        )

    def _is_over(self) -> bool:
        """Whether a closed loop has run its time; an open one ends late, but not for ever."""
        late_s = GRACE_S if self._work.rate else 0.0
        return time.perf_counter() > self._began + self._work.seconds + late_s

    def _due(self, number: int) -> float:
        return self._began + (number / self._work.rate if self._work.rate else 0.0)

    def _send_due(self) -> None:
        now = time.perf_counter()
        while self._free and self._next < self._count and self._due(self._next) <= now:
            if self._is_over():
                return
            line = self._free.pop()
            due = self._due(self._next) if self._work.rate else now
            request = self._requests[self._next % len(self._requests)]
            self._next += 1
            self._waiting += 1
            line.send(request, partial(self._answered, line, due))

    def _answered(self, line: Line, due: float, refusal: str) -> None:
        self._ended = time.perf_counter()
        self._waiting -= 1
        if refusal:
            self._refused[refusal[:120]] += 1
        else:
            self._latencies.append((self._ended - due) * 1_000)
        self._free.append(line)
        self._idle.set()
        self._send_due()


def _requests(work: Work) -> list[bytes]:
    """Requests enough that two of them never are in work at once with the same id."""
    match work.kind:
        case "empty":
            return [orders.empty(empty_post.PATH)]
        case "single":
            return orders.single(work.keys, DIFFERENT, "ACK")
        case "batch":
            return orders.batches(work.keys, DIFFERENT // work.size, work.size)
        case "call":
            return orders.frames(work.keys, DIFFERENT)


async def _main(work: Work) -> Took:
    kind = CallLine if work.kind == "call" else HttpLine
    lines: list[Line] = []
    for _ in range(work.connections):
        lines += await kind.connect(work.host, work.port)
    return await _Generator(work, lines).run()


if __name__ == "__main__":
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=Work)
    took = uvloop.run(_main(asked))
    # Where PYTHONUNBUFFERED is set, `sys.stdout` may write a part and say so.
    with open(sys.stdout.fileno(), "wb", closefd=False) as out:
        out.write(msgspec.json.encode(took))
