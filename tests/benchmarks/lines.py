"""Connections of a load generator: as little work as can be between a request and its answer."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self, cast

LIMIT_S = 15.0
RECEIVE_BYTES = 65_536
OK = b"HTTP/1.1 200"


class Refused(RuntimeError):
    """The server answered something else than 200."""


class BlockingLine:
    """One keep-alive HTTP connection, one request at a time."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), LIMIT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def answered_s(self, request: bytes) -> float:
        """Send a request; how long it took until all of the answer was there.

        Raises `Refused`, `TimeoutError`.
        """
        began = time.perf_counter()
        self._socket.sendall(request)
        answer = b""
        while not is_whole(answer):
            received = self._socket.recv(RECEIVE_BYTES)
            if not received:
                raise Refused("the server has closed the connection")
            answer += received
        taken = time.perf_counter() - began
        if not answer.startswith(OK):
            raise Refused(answer.decode(errors="replace"))
        return taken


def is_whole(answer: bytes) -> bool:
    """Whether an HTTP answer is complete; it must have a length."""
    head, blank, body = answer.partition(b"\r\n\r\n")
    if not blank:
        return False
    _, _, rest = head.lower().partition(b"\r\ncontent-length: ")
    return len(body) >= int(rest.partition(b"\r\n")[0])


Done = Callable[[str], None]
"""Told what a request was refused with, nothing where it was answered with 200."""


class Line(Protocol):
    """A connection, or a part of one, that takes one request at a time."""

    def send(self, request: bytes, done: Done) -> None: ...


class HttpLine(asyncio.Protocol):
    """One keep-alive HTTP connection on an event loop."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._received = b""
        self._done: Done | None = None

    @classmethod
    async def connect(cls, host: str, port: int) -> list[Line]:
        """A connection is one line."""
        _, line = await asyncio.get_running_loop().create_connection(cls, host, port)
        return [line]

    def send(self, request: bytes, done: Done) -> None:
        self._done = done
        self._transport.write(request)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if is_whole(self._received):
            answer, self._received = self._received, b""
            self._answer("" if answer.startswith(OK) else answer.partition(b"\r\n\r\n")[2].decode())

    def connection_lost(self, error: Exception | None) -> None:
        self._answer(f"the connection was lost: {error!r}")

    def _answer(self, refusal: str) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(refusal)


IN_WORK_MAX = 200
"""Calls that one session of the WebSocket API is given at once; the server takes 256."""

TEXT = 0x81
CALL_OK = b',"status":200,'


class CallLine(asyncio.Protocol):
    """One session of the WebSocket API, as many lines as it takes calls at once.

    Frames are masked with zeros, so that they are the bytes they were made of.
    """

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._received = b""
        self._upgraded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting: dict[bytes, Done] = {}

    @classmethod
    async def connect(cls, host: str, port: int) -> list[Line]:
        """A session, once the server has accepted it."""
        _, line = await asyncio.get_running_loop().create_connection(cls, host, port)
        line._transport.write(
            b"GET /ws-api/v3 HTTP/1.1\r\nHost: bench\r\n"
            b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        async with asyncio.timeout(LIMIT_S):
            await line._upgraded
        return [line] * IN_WORK_MAX

    def send(self, request: bytes, done: Done) -> None:
        self._waiting[_id_of(request)] = done
        self._transport.write(_masked(request))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._upgraded.done():
            _, blank, self._received = self._received.partition(b"\r\n\r\n")
            if blank:
                self._upgraded.set_result(None)
        while (end := _end_of_frame(self._received)) is not None:
            frame, self._received = self._received[:end], self._received[end:]
            start = 4 if frame[1] == 126 else 2
            if frame[0] == TEXT and (done := self._waiting.pop(_id_of(frame[start:]), None)):
                done("" if CALL_OK in frame else frame[start:].decode())

    def connection_lost(self, error: Exception | None) -> None:
        for done in self._waiting.values():
            done(f"the connection was lost: {error!r}")
        self._waiting.clear()


def _id_of(message: bytes) -> bytes:
    """The number in `{"id":7,…`, which both requests and answers begin with."""
    return message[6 : message.index(b",")]


def _masked(text: bytes) -> bytes:
    length = len(text)
    if length < 126:
        return struct.pack("!BB4x", TEXT, 0x80 | length) + text
    return struct.pack("!BBH4x", TEXT, 0x80 | 126, length) + text


def _end_of_frame(received: bytes) -> int | None:
    """Where the first frame ends, None while it is not all there. None is longer than 64 KiB."""
    if len(received) < 4:
        return None
    length, start = received[1], 2
    if length == 126:
        length, start = int.from_bytes(received[2:4], "big"), 4
    return start + length if len(received) >= start + length else None
