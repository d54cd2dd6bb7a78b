"""The paths of the door, and who is connected to it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from api.feeds.rules import MarketRules
from api.ws.connection import EXTENSION
from api.ws.hub import Hub, now_ms
from api.ws.names import is_diffs
from api.ws.outbox import OUTBOX_FRAMES_MAX
from api.ws.session import Session
from streams.messages import MarketId

CONNECTIONS_MAX = 10_000
RETRY_AFTER_S = 1


MICROSECOND = ("MICROSECOND", "microsecond")

OPTIONS = ("snapshot", "checksum", "from")
"""Of diffs of a book: in the address they hold for each that it names."""


class View(Protocol):
    """How current the markets are that the hub tells of."""

    @property
    def ready(self) -> bool: ...
    @property
    def lag(self) -> int: ...
    @property
    def rules(self) -> Mapping[MarketId, MarketRules]: ...


class Door:
    """Lets clients in while the markets are in view, and shows them out at the end."""

    def __init__(self, view: View, hub: Hub, *, frames_max: int = OUTBOX_FRAMES_MAX) -> None:
        self._view = view
        self._hub = hub
        self._frames_max = frames_max
        self._sessions: set[Session] = set()
        self._shutting = False
        self._empty = asyncio.Event()
        self._empty.set()
        self.app = Starlette(
            routes=[
                Route("/ready", self._ready),
                Route("/live", self._live),
                WebSocketRoute("/stream", self._combined),
                WebSocketRoute("/ws", self._raw),
                WebSocketRoute("/ws/{path:path}", self._raw),
            ]
        )

    @property
    def open(self) -> bool:
        """Whether clients are let in."""
        return self._view.ready and not self._shutting

    async def shut(self, timeout_s: float) -> None:
        """Let nobody in any more, tell those inside, and wait until they have left.

        Raises `TimeoutError` if some have not.
        """
        self._shutting = True
        for session in list(self._sessions):
            session.say_goodbye(now_ms())
        async with asyncio.timeout(timeout_s):
            await self._empty.wait()

    async def _ready(self, request: Request) -> JSONResponse:
        state = {
            "ready": self.open,
            "lag": self._view.lag,
            "markets": len(self._view.rules),
            "connections": len(self._sessions),
            "streams": self._hub.streams,
        }
        return JSONResponse(state, 200 if self.open else 503)

    async def _live(self, request: Request) -> JSONResponse:
        return JSONResponse({"live": True})

    async def _raw(self, websocket: WebSocket) -> None:
        """Binance takes `/ws/<stream>` and `/ws/<stream>/<stream>`; ccxt connects to `/ws/<n>`."""
        path: str = websocket.path_params.get("path", "")
        await self._serve(websocket, [name for name in path.split("/") if "@" in name], False)

    async def _combined(self, websocket: WebSocket) -> None:
        names = websocket.query_params.get("streams", "").split("/")
        await self._serve(websocket, [name for name in names if name], True)

    async def _serve(self, websocket: WebSocket, streams: Sequence[str], combined: bool) -> None:
        if not self.open or len(self._sessions) >= CONNECTIONS_MAX:
            headers = {"Retry-After": str(RETRY_AFTER_S)}
            body = {"code": -1008, "msg": "Server is currently overloaded or not ready."}
            await websocket.send_denial_response(JSONResponse(body, 503, headers))
            return
        await websocket.accept()
        query = websocket.query_params
        line = websocket.scope["extensions"][EXTENSION]["connection"]
        session = Session(
            websocket,
            line,
            self._hub,
            combined=combined,
            in_microseconds=query.get("timeUnit") in MICROSECOND,
            frames_max=self._frames_max,
        )
        self._sessions.add(session)
        self._empty.clear()
        try:
            await session.run([_with_options(name, query) for name in streams])
        finally:
            self._sessions.discard(session)
            if not self._sessions:
                self._empty.set()


def _with_options(name: str, query: QueryParams) -> str:
    options = [f"{option}={query[option]}" for option in OPTIONS if option in query]
    return f"{name}?{'&'.join(options)}" if options and is_diffs(name) else name
