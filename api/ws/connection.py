"""uvicorn's WebSocket protocol, made to end: no peer keeps a closed connection open."""

from __future__ import annotations

import asyncio

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

CLOSE_LIMIT_S = 30.0
"""How long a client may take to read what was sent before it was closed, and why it was."""


class Connection(WebSocketsSansIOProtocol):
    """Aborts what is still open some time after its session ended.

    Closing a transport waits until the peer has read what is buffered, which may be never. A close
    frame does not wait for room, as uvicorn has it: it is the last, and who reads too slowly is to
    hear of it. And a frame that comes after the protocol itself has closed the connection (no pong,
    a message too large) meets a disconnected client, not a bug.
    """

    async def run_asgi(self) -> None:
        await super().run_asgi()
        asyncio.get_running_loop().call_later(CLOSE_LIMIT_S, self._abort)

    async def send(self, message: ASGISendEvent) -> None:
        if message["type"] == "websocket.close":
            self.writable.set()
        await self.writable.wait()
        if self.close_sent:
            raise ClientDisconnected
        await super().send(message)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._abort()

    def _abort(self) -> None:
        if not self.disconnected:
            self.transport.abort()
