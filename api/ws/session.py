"""One client's connection: what it subscribed to, what it says, and how it ends."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple, assert_never

from starlette.websockets import WebSocket, WebSocketDisconnect

from api.ws import payloads
from api.ws.channels import Frame
from api.ws.hub import Hub
from api.ws.names import UnknownStreamError, parse_stream
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
FAREWELL_LIMIT_S = 5.0
"""How long a client may take to read what is left before a restart."""


class Close(NamedTuple):
    """Why the server ends a connection: a code of RFC 6455 and a reason for people."""

    code: int
    reason: str


TOO_SLOW = Close(1008, "too slow: the outbound queue is full")
TOO_MANY_MESSAGES = Close(1008, f"too many messages: at most {MESSAGES_PER_S} a second")
TOO_OLD = Close(1001, "connected for 24 hours: connect again")
RESTART = Close(1012, "service restart: connect again")


class Session:
    """Serves one accepted connection until either side ends it.

    It is closed with a reason when it reads too slowly: trades and diffs are never left out.
    """

    def __init__(
        self,
        websocket: WebSocket,
        hub: Hub,
        *,
        combined: bool,
        frames_max: int = OUTBOX_FRAMES_MAX,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._websocket = websocket
        self._hub = hub
        self._combined = combined
        self._clock = clock
        self._outbox = Outbox(frames_max)
        self._streams: dict[str, None] = {}
        self._said: deque[float] = deque(maxlen=MESSAGES_PER_S)
        self._closing: asyncio.Future[Close] = asyncio.get_running_loop().create_future()

    def send(self, frame: Frame) -> None:
        """Put a frame on its way, or decide that the client is too slow."""
        if not self._outbox.put(frame):
            self.close(TOO_SLOW)

    def close(self, why: Close) -> None:
        """End the connection soon. Only the first reason counts."""
        if not self._closing.done():
            self._closing.set_result(why)

    def say_goodbye(self, now_ms: int) -> None:
        """Tell the client that the server goes, and end the connection."""
        notice = payloads.encode(payloads.ServerShutdownPayload(event_time=now_ms)).decode()
        self.send(Frame("!serverShutdown", notice))
        self.close(RESTART)

    async def run(self, streams: Sequence[str]) -> None:
        """Serve it, subscribed to these streams from the start."""
        reader = asyncio.create_task(self._read())
        writer = asyncio.create_task(self._write())
        try:
            self._open(self._wanted(streams))
            done, _ = await asyncio.wait(
                (reader, writer, self._closing),
                timeout=LIFETIME_S,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not done:
                self.close(TOO_OLD)
        except RequestError as error:
            self.close(Close(1008, error.text[:REASON_LENGTH_MAX]))
        finally:
            self._drop(list(self._streams))
            await _end_tasks(reader, writer)
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
            if self._says_too_much():
                self.close(TOO_MANY_MESSAGES)
                return
            self._handle(message.get("text"))

    def _says_too_much(self) -> bool:
        now = self._clock()
        too_much = len(self._said) == MESSAGES_PER_S and now - self._said[0] < 1.0
        self._said.append(now)
        return too_much

    async def _write(self) -> None:
        """Until the client goes."""
        try:
            while True:
                await self._outbox.wait()
                await self._drain()
        except WebSocketDisconnect:
            return

    async def _drain(self) -> None:
        while (frame := self._outbox.take()) is not None:
            await self._websocket.send_text(frame.combined if self._combined else frame.text)

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

    def _wanted(self, names: Sequence[str], request_id: RequestId = None) -> list[str]:
        """Those of the names that are new. Raises `RequestError`, having subscribed to none."""
        wanted = [name for name in dict.fromkeys(names) if name not in self._streams]
        if len(self._streams) + len(wanted) > STREAMS_MAX:
            text = f"Invalid request: more than {STREAMS_MAX} streams"
            raise RequestError(INVALID_REQUEST, text, request_id)
        for name in wanted:
            try:
                parse_stream(name)
            except UnknownStreamError as error:
                text = f"Invalid request: unknown stream {name[:80]}"
                raise RequestError(INVALID_REQUEST, text, request_id) from error
        return wanted

    def _open(self, names: list[str]) -> None:
        for name in names:
            self._streams[name] = None
            self._hub.subscribe(name, self)

    def _drop(self, names: Sequence[str]) -> None:
        for name in names:
            if name in self._streams:
                del self._streams[name]
                self._hub.unsubscribe(name, self)


async def _end_tasks(*tasks: asyncio.Task[None]) -> None:
    """Cancel them and wait. Raises what one of them failed with."""
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome
