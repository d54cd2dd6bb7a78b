"""One connection: its requests are begun in the order they came, and answered as they are done.

So many may be in work at once; then the connection is not read until one is done, and the rest
waits with the client. A request begun goes on when its client has left: what it asked for may have
happened by then.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple

from starlette.websockets import WebSocket, WebSocketDisconnect

from api.ws.connection import Connection
from api.ws.frames import frame_of

IN_WORK_MAX = 256
EVENTS_MAX = 8_192
"""What may wait for a client that reads slowly."""

LIFETIME_S = 24 * 3600.0

log = logging.getLogger(__name__)


def nothing() -> None:
    """What is to be done after most answers."""


class Reply(NamedTuple):
    """What is answered to a message, and what is to be done once that is on its way."""

    text: bytes
    then: Callable[[], None] = nothing


Answer = Callable[[str | None], Awaitable[Reply]]
"""Answers a message; `None` stands for one that is not text. It raises nothing that is expected."""


class Close(NamedTuple):
    """Why the server ends a connection: a code of RFC 6455 and a reason for people."""

    code: int
    reason: str


TOO_OLD = Close(1001, "connected for 24 hours: connect again")
RESTART = Close(1012, "service restart: connect again")
TOO_SLOW = Close(1008, "too slow: events are waiting")


class Session:
    """Serves one accepted connection until either side ends it."""

    def __init__(
        self,
        websocket: WebSocket,
        line: Connection,
        answer: Answer,
        *,
        in_work_max: int = IN_WORK_MAX,
        lifetime_s: float = LIFETIME_S,
    ) -> None:
        self._websocket = websocket
        self._line = line
        self._answer = answer
        self._events: deque[bytes] = deque()
        self._free = asyncio.Semaphore(in_work_max)
        self._lifetime_s = lifetime_s
        self._closing: asyncio.Future[Close] = asyncio.get_running_loop().create_future()

    def tell(self, event: bytes) -> None:
        """Put an event on its way, in order, or decide that the client is too slow for them."""
        if self._closing.done():
            return  # what follows an event that was left out would hide that it was
        if len(self._events) >= EVENTS_MAX:
            self.close(TOO_SLOW)
            return
        self._events.append(frame_of(event))
        self._flush()

    def close(self, why: Close) -> None:
        """Read no more; end once what is in work is answered. Only the first reason counts."""
        if not self._closing.done():
            self._closing.set_result(why)

    async def run(self) -> None:
        """Serve it. Raises what no request should raise."""
        self._line.on_room = self._flush
        async with asyncio.TaskGroup() as requests:
            reader = asyncio.create_task(self._read(requests))
            try:
                done, _ = await asyncio.wait(
                    (reader, self._closing),
                    timeout=self._lifetime_s,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if not done:
                    self.close(TOO_OLD)
            finally:
                reader.cancel()
                with suppress(asyncio.CancelledError):
                    await reader
        if self._closing.done():
            why = self._closing.result()
            with suppress(WebSocketDisconnect):
                await self._websocket.close(why.code, why.reason)

    async def say(self, text: bytes) -> None:
        """Send a message once there is room; nobody hears it where the client has left."""
        if self._line.has_room or await self._line.room():
            self._line.write(frame_of(text))

    async def _read(self, requests: asyncio.TaskGroup) -> None:
        """Until the client goes."""
        while True:
            await self._free.acquire()
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            requests.create_task(self._serve(message.get("text")))

    async def _serve(self, text: str | None) -> None:
        try:
            reply = await self._answer(text)
            await self.say(reply.text)
            reply.then()
        finally:
            self._free.release()

    def _flush(self) -> None:
        while self._events and self._line.has_room:
            self._line.write(self._events.popleft())
