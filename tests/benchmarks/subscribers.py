"""Subscribers of a WebSocket stream, as a process of their own.

Raw sockets on one epoll, so that a thousand of them cost less than the server that they measure:
frames of a server are not masked, and all that is read of one is its length and its number. They
tell what CPU time they took, so that it shows if they did not keep up after all.
"""

from __future__ import annotations

import base64
import os
import select
import socket
import subprocess
import sys
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from tests.benchmarks.children import line

CONNECT_LIMIT_S = 10.0
RECEIVE_BYTES = 65_536
STALLED_BUFFER_BYTES = 4_096
TEXT_FRAME = 0x81
NUMBER = b'"t":'
NEVER = 0.0


class Order(msgspec.Struct, frozen=True):
    """How many subscribers read, and what they wait for; how many stall, and on what.

    Those that stall never read, and have little room. `times` names a file.
    """

    host: str
    port: int
    path: str
    reading: int
    frames: int
    limit_s: float
    times: str
    stalled: int = 0
    stalled_path: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """`cpu_s` and `wall_s` are of receiving alone; `missing` is of those that read."""

    cpu_s: float
    wall_s: float
    missing: int


class Subscribers:
    """A running process of subscribers, all of them connected."""

    def __init__(self, process: subprocess.Popen[bytes], order: Order) -> None:
        self._process = process
        self._order = order

    def outcome(self) -> tuple[Outcome, list[array[float]]]:
        """Wait until all frames have come, or the time is up: what was found, and for each
        subscriber that reads the moments (of the monotonic clock) at which its frames came.
        """
        told = line(self._process, self._order.limit_s + CONNECT_LIMIT_S)
        outcome = msgspec.json.decode(told, type=Outcome)
        received: list[array[float]] = []
        with Path(self._order.times).open("rb") as file:
            for _ in range(self._order.reading):
                times = array("d")
                times.fromfile(file, self._order.frames)
                received.append(times)
        return outcome, received


@contextmanager
def subscribed(order: Order) -> Iterator[Subscribers]:
    """Connected subscribers; they are gone at the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, msgspec.json.encode(order).decode()],
        stdout=subprocess.PIPE,
    )
    try:
        if line(process, CONNECT_LIMIT_S * 2) != b"connected\n":
            raise RuntimeError("subscribers did not connect")
        yield Subscribers(process, order)
    finally:
        process.kill()
        process.communicate()


class _Reader:
    """One connection that reads: counts its frames, each numbered one more than the last."""

    def __init__(self, connection: socket.socket, frames: int) -> None:
        self.connection = connection
        self.times = array("d", [NEVER] * frames)
        self.came = 0
        self._first: int | None = None
        self._rest = b""

    def read(self) -> None:
        received = self.connection.recv(RECEIVE_BYTES)
        now = time.monotonic()
        if not received:
            raise ConnectionError(f"closed by the server after {self.came} frames")
        buffer = self._rest + received
        at = 0
        while (end := _frame_end(buffer, at)) is not None:
            if buffer[at] == TEXT_FRAME:
                self._count(buffer, at, end, now)
            at = end
        self._rest = buffer[at:]

    def _count(self, buffer: bytes, at: int, end: int, now: float) -> None:
        place = buffer.index(NUMBER, at, end) + len(NUMBER)
        number = int(buffer[place : buffer.index(b",", place, end)])
        if self._first is None:
            self._first = number
        if number != self._first + self.came:
            raise AssertionError(f"frame {number} came where {self._first + self.came} was due")
        self.times[self.came] = now
        self.came += 1


def _frame_end(buffer: bytes, at: int) -> int | None:
    """Where the frame that begins here ends, None if it is not whole yet."""
    if len(buffer) < at + 4:
        return None
    length = buffer[at + 1]
    if length == 126:
        end = at + 4 + int.from_bytes(buffer[at + 2 : at + 4], "big")
    else:
        end = at + 2 + length
    return end if end <= len(buffer) else None


def _connect(order: Order, path: str, *, stalled: bool = False) -> socket.socket:
    connection = socket.socket()
    connection.settimeout(CONNECT_LIMIT_S)
    if stalled:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, STALLED_BUFFER_BYTES)
    connection.connect((order.host, order.port))
    key = base64.b64encode(os.urandom(16)).decode()
    connection.sendall(
        f"GET {path} HTTP/1.1\r\nHost: {order.host}:{order.port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    answer = b""
    # Byte by byte up to the end of the head: a frame may follow at once.
    while not answer.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte:
            raise ConnectionError(f"refused: {answer!r}")
        answer += byte
    if b" 101 " not in answer:
        raise ConnectionError(f"refused: {answer!r}")
    connection.setblocking(False)
    return connection


def _receive(readers: dict[int, _Reader], order: Order) -> None:
    """Until every reader has all its frames, or the time is up."""
    poll = select.epoll()
    for number in readers:
        poll.register(number, select.EPOLLIN)
    waiting = len(readers)
    deadline = time.monotonic() + order.limit_s
    while waiting and time.monotonic() < deadline:
        for number, _ in poll.poll(1.0, len(readers)):
            reader = readers[number]
            reader.read()
            if reader.came == order.frames:
                poll.unregister(number)
                waiting -= 1


def main(told: str, out: IO[str]) -> None:
    """Connect, say so, receive, and say what was found."""
    order = msgspec.json.decode(told, type=Order)
    stalled = [_connect(order, order.stalled_path, stalled=True) for _ in range(order.stalled)]
    connected = [_connect(order, order.path) for _ in range(order.reading)]
    readers = {each.fileno(): _Reader(each, order.frames) for each in connected}
    print("connected", file=out, flush=True)
    began_s, began_cpu_s = time.monotonic(), time.process_time()
    _receive(readers, order)
    outcome = Outcome(
        time.process_time() - began_cpu_s,
        time.monotonic() - began_s,
        sum(order.frames - reader.came for reader in readers.values()),
    )
    with Path(order.times).open("wb") as file:
        for reader in readers.values():
            reader.times.tofile(file)
    print(msgspec.json.encode(outcome).decode(), file=out, flush=True)
    for connection in (*stalled, *connected):
        connection.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.stdout)
