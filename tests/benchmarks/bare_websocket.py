"""The limit of `feed`: a uvicorn WebSocket that sends bytes made beforehand, and nothing else.

A process of its own, as the exchange's door is. It accepts as many clients as it is told, says when
it will begin, sends each frame to all of them when it is due, and says what CPU time that took.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import msgspec
import uvicorn
import uvloop

from api.ws import payloads
from infra.ports import HOST
from tests.benchmarks.children import line
from tests.unit.feeds.samples import trade

CONNECT_LIMIT_S = 30.0
BACKLOG = 2_048
BEGINS_AFTER_S = 0.5


class Plan(msgspec.Struct, frozen=True):
    """What it sends: to how many clients, how many frames, how many of them a second."""

    port: int
    clients: int
    frames: int
    rate: float


class Begins(msgspec.Struct, frozen=True):
    """When the first frame is due, by the monotonic clock."""

    at_s: float


class Took(msgspec.Struct, frozen=True):
    """The CPU time of sending all frames."""

    cpu_s: float


class Running:
    """The server as a child process."""

    def __init__(self, process: subprocess.Popen[bytes], plan: Plan) -> None:
        self._process = process
        self._plan = plan

    def begins(self) -> float:
        """When the first frame is due; known once all clients are connected."""
        return msgspec.json.decode(line(self._process, CONNECT_LIMIT_S), type=Begins).at_s

    def took(self) -> float:
        """The CPU time in seconds; known once all frames are sent."""
        limit_s = self._plan.frames / self._plan.rate + CONNECT_LIMIT_S
        return msgspec.json.decode(line(self._process, limit_s), type=Took).cpu_s


@contextmanager
def serving(plan: Plan) -> Iterator[Running]:
    """The server, until the end of the block; it listens when the block begins."""
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, msgspec.json.encode(plan).decode()],
        stdout=subprocess.PIPE,
    )
    try:
        if line(process, CONNECT_LIMIT_S) != b"listening\n":
            raise RuntimeError("the bare server did not start")
        yield Running(process, plan)
    finally:
        process.kill()
        process.communicate()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, out: IO[str]) -> None:
        super().__init__(config)
        self._out = out

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        print("listening", file=self._out, flush=True)


class _App:
    """Keeps the clients' ways out, and knows when all have come."""

    def __init__(self, clients: int) -> None:
        self._clients = clients
        self.sends: list[Any] = []
        self.full = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        self.sends.append(send)
        if len(self.sends) == self._clients:
            self.full.set()
        while (await receive())["type"] != "websocket.disconnect":
            pass


async def _send(app: _App, plan: Plan, out: IO[str]) -> None:
    frames = [
        {"type": "websocket.send", "text": payloads.encode(payloads.of_trade(trade(n))).decode()}
        for n in range(1, plan.frames + 1)
    ]
    async with asyncio.timeout(CONNECT_LIMIT_S):
        await app.full.wait()
    began_cpu_s = time.process_time()
    begins = time.monotonic() + BEGINS_AFTER_S
    print(msgspec.json.encode(Begins(begins)).decode(), file=out, flush=True)
    for number, frame in enumerate(frames):
        await asyncio.sleep(max(0.0, begins + number / plan.rate - time.monotonic()))
        for send in app.sends:
            await send(frame)
    took = Took(time.process_time() - began_cpu_s)
    print(msgspec.json.encode(took).decode(), file=out, flush=True)


async def main(told: str, out: IO[str]) -> None:
    """Serve and send; then wait to be killed, so that nobody is cut off."""
    plan = msgspec.json.decode(told, type=Plan)
    app = _App(plan.clients)
    config = uvicorn.Config(
        app,
        host=HOST,
        port=plan.port,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        backlog=BACKLOG,
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(_Server(config, out).serve())
        group.create_task(_send(app, plan, out))


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.stdout))
