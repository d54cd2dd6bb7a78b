"""One client's connection: what it subscribed to, what it says, and how it ends."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol, assert_never

from starlette.websockets import WebSocket, WebSocketDisconnect

from api.ws import payloads
from api.ws.frames import Frame
from api.ws.hub import Hub
from api.ws.names import Subscription, UnknownStreamError, parse_subscription
from api.ws.outbox import OUTBOX_FRAMES_MAX, Outbox
from api.ws.requests import (
    INVALID_REQUEST,
    STREAMS_MAX,
    Method,
    Request,
    RequestError,
    RequestId,
    answer,
    check_property,
    error_answer,
    parse_request,
    stream_names,
)

MESSAGES_PER_S = 5
REASON_LENGTH_MAX = 120
LIFETIME_S = 24 * 3600.0
WRITE_BYTES = 32 * 1024
"""What one write is filled up to: half of what makes a connection say that it has no room."""

FAREWELL_LIMIT_S = 5.0
"""How long a client may take to read what is left before a restart."""


class Line(Protocol):
    """The way out to a client: framed bytes, as long as it has room for them."""

    on_room: Callable[[], None] | None
    """Called when there is room again after there was none."""

    on_control: Callable[[], None] | None
    """Called for each ping and pong."""

    @property
    def has_room(self) -> bool: ...

    async def room(self) -> bool:
        """Wait until there is room; False if there never will be."""
        ...

    def write(self, framed: bytes) -> None:
        """Only while it has room. Does not wait."""


class Close(NamedTuple):
    """Why the server ends a connection: a code of RFC 6455 and a reason for people."""

    code: int
    reason: str


TOO_SLOW = Close(1008, "too slow: the outbound queue is full")
TOO_MANY_MESSAGES = Close(1008, f"too many messages: at most {MESSAGES_PER_S} a second")
TOO_OLD = Close(1001, "connected for 24 hours: connect again")
RESTART = Close(1012, "service restart: connect again")


class Session:
    """Serves one connection until either side ends it. It may be sent frames before it is accepted.

    It is closed with a reason when it reads too slowly: trades and diffs are never left out.

    Frames are written when everything that led to them has run, all of them together: so what
    comes of one batch of the log is one write, and those of one key are one frame.
    """

    def __init__(
        self,
        websocket: WebSocket,
        line: Line,
        hub: Hub,
        *,
        combined: bool,
        in_microseconds: bool = False,
        frames_max: int = OUTBOX_FRAMES_MAX,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._websocket = websocket
        self._line = line
        self._hub = hub
        self._combined = combined
        self._in_microseconds = in_microseconds
        self._clock = clock
        self._outbox = Outbox(frames_max)
        self._streams: dict[str, str] = {}
        self._said: deque[float] = deque(maxlen=MESSAGES_PER_S)
        self._closing: asyncio.Future[Close] = self._loop.create_future()
        self._flush_is_due = False
        line.on_room = self._flush_soon
        line.on_control = self._count

    def send(self, frame: Frame) -> None:
        """Put a frame on its way, or decide that the client is too slow."""
        if self._closing.done():
            return  # what follows a frame that was left out would hide that it was
        if self._outbox.put(frame):
            self._flush_soon()
        else:
            self.close(TOO_SLOW)

    def close(self, why: Close) -> None:
        """End the connection soon. Only the first reason counts."""
        if not self._closing.done():
            self._closing.set_result(why)

    def say_goodbye(self, now_ms: int) -> None:
        """Tell the client that the server goes, and end the connection."""
        notice = payloads.ServerShutdownPayload(event_time=now_ms)
        self.send(Frame("!serverShutdown", notice))
        self.close(RESTART)

    async def run(self, streams: Sequence[str]) -> None:
        """Serve it, subscribed to these streams from the start."""
        # What it was sent before it was accepted.
        self._flush_soon()
        reader = asyncio.create_task(self._read())
        try:
            self._open(self._wanted(streams))
            done, _ = await asyncio.wait(
                (reader, self._closing),
                timeout=LIFETIME_S,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not done:
                self.close(TOO_OLD)
        except RequestError as error:
            self.close(Close(1008, error.text[:REASON_LENGTH_MAX]))
        finally:
            self._drop(list(self._streams))
            await _end_task(reader)
        if self._closing.done():
            await self._end(self._closing.result())

    async def _end(self, why: Close) -> None:
        """Say why, if there is still somebody to hear it."""
        with suppress(WebSocketDisconnect):
            if why is RESTART:
                with suppress(TimeoutError):
                    async with asyncio.timeout(FAREWELL_LIMIT_S):
                        await self._drain()
            await self._websocket.close(why.code, why.reason)

    async def _read(self) -> None:
        """Until the client goes, or says too much."""
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            self._count()
            if self._closing.done():
                return
            self._handle(message.get("text"))

    def _count(self) -> None:
        """A message, a ping or a pong: end the connection where there are too many of them."""
        now = self._clock()
        if len(self._said) == MESSAGES_PER_S and now - self._said[0] < 1.0:
            self.close(TOO_MANY_MESSAGES)
        self._said.append(now)

    def _flush_soon(self) -> None:
        if not self._flush_is_due:
            self._flush_is_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Write what waits, as far as there is room."""
        self._flush_is_due = False
        while self._outbox and self._line.has_room:
            self._line.write(self._next_frames())

    def _next_frames(self) -> bytes:
        frames: list[bytes] = []
        size = 0
        while size < WRITE_BYTES and (frame := self._outbox.take()) is not None:
            frames.append(
                frame.framed(combined=self._combined, in_microseconds=self._in_microseconds)
            )
            size += len(frames[-1])
        return b"".join(frames)

    async def _drain(self) -> None:
        """Until nothing is left to write, or nobody to read it."""
        while self._outbox and await self._line.room():
            self._flush()

    def _handle(self, text: str | None) -> None:
        try:
            if text is None:
                raise RequestError(INVALID_REQUEST, "Invalid request: expected text")
            self._do(parse_request(text))
        except RequestError as error:
            self.send(Frame(None, error_answer(error)))

    def _do(self, request: Request) -> None:
        match request.method:
            case Method.SUBSCRIBE:
                wanted = self._wanted(stream_names(request), request.id)
                self._answer(request)
                self._open(wanted)
            case Method.UNSUBSCRIBE:
                self._drop(stream_names(request))
                self._answer(request)
            case Method.LIST_SUBSCRIPTIONS:
                self._answer(request, list(self._streams))
            case Method.SET_PROPERTY:
                check_property(request, arguments=2)
                self._combined = request.params[1]
                self._answer(request)
            case Method.GET_PROPERTY:
                check_property(request, arguments=1)
                self._answer(request, self._combined)
            case _:
                assert_never(request.method)

    def _answer(self, request: Request, result: list[str] | bool | None = None) -> None:
        self.send(Frame(None, answer(request.id, result)))

    def _wanted(self, names: Sequence[str], request_id: RequestId = None) -> list[Subscription]:
        """Those of the names that are new, or want to begin anew. Raises `RequestError`, having
        subscribed to none."""
        wanted: dict[str, Subscription] = {}
        for said in names:
            try:
                subscription = parse_subscription(said)
            except UnknownStreamError as error:
                text = f"Invalid request: unknown stream {said[:80]}"
                raise RequestError(INVALID_REQUEST, text, request_id) from error
            if subscription.said != self._streams.get(subscription.name):
                wanted[subscription.name] = subscription
        if len(self._streams.keys() | wanted.keys()) > STREAMS_MAX:
            text = f"Invalid request: more than {STREAMS_MAX} streams"
            raise RequestError(INVALID_REQUEST, text, request_id)
        return list(wanted.values())

    def _open(self, subscriptions: list[Subscription]) -> None:
        self._drop([subscription.name for subscription in subscriptions])
        for subscription in subscriptions:
            self._streams[subscription.name] = subscription.said
            self._hub.subscribe(subscription.said, self)

    def _drop(self, names: Sequence[str]) -> None:
        for name in names:
            said = self._streams.pop(name.partition("?")[0], None)
            if said is not None:
                self._hub.unsubscribe(said, self)


async def _end_task(task: asyncio.Task[None]) -> None:
    """Cancel it and wait. Raises what it failed with."""
    task.cancel()
    (outcome,) = await asyncio.gather(task, return_exceptions=True)
    if isinstance(outcome, Exception):
        raise outcome
