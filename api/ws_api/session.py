"""One connection: its requests are begun in the order they came, and answered as they are done.

So many may be in work at once; then the connection is not read until one is done, and the rest
waits with the client. A request begun goes on when its client has left: what it asked for may have
happened by then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple

from starlette.websockets import WebSocket, WebSocketDisconnect

from api.ws.connection import Connection
from api.ws.frames import frame_of

IN_WORK_MAX = 256
LIFETIME_S = 24 * 3600.0

log = logging.getLogger(__name__)

Answer = Callable[[str | None], Awaitable[bytes]]
"""What is answered to a message; `None` stands for one that is not text. It raises nothing that is
expected."""


class Close(NamedTuple):
    """Why the server ends a connection: a code of RFC 6455 and a reason for people."""

    code: int
    reason: str


TOO_OLD = Close(1001, "connected for 24 hours: connect again")
RESTART = Close(1012, "service restart: connect again")


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
        self._free = asyncio.Semaphore(in_work_max)
        self._lifetime_s = lifetime_s
        self._closing: asyncio.Future[Close] = asyncio.get_running_loop().create_future()

    def close(self, why: Close) -> None:
        """Read no more; end once what is in work is answered. Only the first reason counts."""
        if not self._closing.done():
            self._closing.set_result(why)

    async def run(self) -> None:
        """Serve it. Raises what no request should raise."""
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
            await self.say(await self._answer(text))
        finally:
            self._free.release()
