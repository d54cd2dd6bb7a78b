"""uvicorn's WebSocket protocol, made to take framed bytes, and to end.

A message sent through ASGI costs some 35 µs for each client that gets it, most of it to frame it
again. So a connection hands itself to the application as an ASGI extension, and what was framed
once for all is written past ASGI; the rest (handshake, pings, requests, closing) stays uvicorn's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request
from websockets.protocol import OPEN

CLOSE_LIMIT_S = 30.0
"""How long a client may take to read what was sent before it was closed, and why it was."""


EXTENSION = "velocity.connection"
"""Under this name a WebSocket's ASGI scope has its connection, as `{"connection": …}`."""


class Connection(WebSocketsSansIOProtocol):
    """Aborts what is still open some time after its session ended.

    Closing a transport waits until the peer has read what is buffered, which may be never. A close
    frame does not wait for room, as uvicorn has it: it is the last, and who reads too slowly is to
    hear of it. And a frame that comes after the protocol itself has closed the connection (no pong,
    a message too large) meets a disconnected client, not a bug.
    """

    on_room: Callable[[], None] | None = None
    """Called when there is room again after there was none."""

    on_control: Callable[[], None] | None = None
    """Called for each ping and pong: they are messages, too."""

    _aborting: asyncio.TimerHandle | None = None

    @property
    def has_room(self) -> bool:
        """Whether `write` may be called. Not while the peer is slow, nor after the end began."""
        return (
            self.writable.is_set() and self.conn.state is OPEN and not self.transport.is_closing()
        )

    async def room(self) -> bool:
        """Wait until there is room; False if there never will be."""
        await self.writable.wait()
        return self.has_room

    def write(self, framed: bytes) -> None:
        """Send whole frames, made for a connection without compression."""
        self.transport.write(framed)

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            # The task that serves the connection is made by now, and has not run yet.
            extensions = self.scope["extensions"]
            assert extensions is not None
            extensions[EXTENSION] = {"connection": self}

    def handle_ping(self) -> None:
        super().handle_ping()
        if self.on_control is not None:
            self.on_control()

    def handle_pong(self, event: Frame) -> None:
        super().handle_pong(event)
        if self.on_control is not None:
            self.on_control()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.on_room is not None:
            self.on_room()

    async def run_asgi(self) -> None:
        await super().run_asgi()
        if not self.disconnected:
            self._aborting = asyncio.get_running_loop().call_later(CLOSE_LIMIT_S, self._abort)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._aborting is not None:
            # It would keep all that this connection has for so long.
            self._aborting.cancel()

    async def send(self, message: ASGISendEvent) -> None:
        if message["type"] == "websocket.close":
            self.writable.set()
        await self.writable.wait()
        if self.close_sent:
            raise ClientDisconnected
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            # A refusal is an answer to the handshake, too; uvicorn would log an error for each.
            self.handshake_complete = True

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._abort()

    def _abort(self) -> None:
        if not self.disconnected:
            self.transport.abort()
