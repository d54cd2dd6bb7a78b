"""The paths of the door, and who is connected to it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from api.errors import (
    ApiError,
    connecting_too_often,
    invalid,
    no_such_listen_key,
    overloaded,
)
from api.feeds.rules import MarketRules
from api.identity.attempts import Attempts
from api.identity.networks import place
from api.private.listen_keys import is_listen_key
from api.ws.connection import EXTENSION
from api.ws.hub import Hub, now_ms
from api.ws.names import is_diffs
from api.ws.outbox import OUTBOX_FRAMES_MAX
from api.ws.private import AT_ONCE_MAX, PrivateStreams
from api.ws.session import Session
from streams.messages import MarketId

CONNECTIONS_MAX = 10_000


MICROSECOND = ("MICROSECOND", "microsecond")

OPTIONS = ("snapshot", "checksum", "from")
"""Of diffs of a book: in the address they hold for each that it names. Beside a listen key, `from`
is a position of its stream instead."""

_POSITION = re.compile(r"[0-9]{1,16}")


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

    def __init__(
        self,
        view: View,
        hub: Hub,
        private: PrivateStreams | None = None,
        *,
        on_end: Callable[[int], None] = lambda still_open: None,
        frames_max: int = OUTBOX_FRAMES_MAX,
        connections_5m: int = 0,
    ) -> None:
        """Of an address so many connections in five minutes are taken; 0 is no limit.

        `on_end` is told, whenever a session has ended, how many are left.
        """
        self._on_end = on_end
        self._attempts = Attempts(connections_5m, 300.0) if connections_5m else None
        self._view = view
        self._hub = hub
        self._private = private
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
        names = [name for name in path.split("/") if "@" in name or is_listen_key(name)]
        await self._serve(websocket, names, False)

    async def _combined(self, websocket: WebSocket) -> None:
        names = websocket.query_params.get("streams", "").split("/")
        await self._serve(websocket, [name for name in names if name], True)

    async def _serve(self, websocket: WebSocket, streams: Sequence[str], combined: bool) -> None:
        if not self.open or len(self._sessions) >= CONNECTIONS_MAX:
            await websocket.send_denial_response(_denial(overloaded()))
            return
        query, address = websocket.query_params, _address(websocket)
        wait_s = 0 if self._attempts is None else self._attempts.begin(place(address))
        if wait_s:
            await websocket.send_denial_response(_denial(connecting_too_often(wait_s)))
            return
        session = Session(
            websocket,
            websocket.scope["extensions"][EXTENSION]["connection"],
            self._hub,
            combined=combined,
            in_microseconds=query.get("timeUnit") in MICROSECOND,
            frames_max=self._frames_max,
        )
        keys = [name for name in streams if is_listen_key(name)]
        options = [option for option in OPTIONS if option != "from" or not keys]
        names = [_with_options(name, query, options) for name in streams if name not in keys]
        self._sessions.add(session)
        self._empty.clear()
        try:
            # Before it is accepted: whatever its owner does once connected, it is told of.
            await self._begin_private(session, keys, address, query)
            await websocket.accept()
            await session.run(names)
        except ApiError as error:
            await websocket.send_denial_response(_denial(error))
        finally:
            if self._private is not None:
                self._private.end(session)
            self._sessions.discard(session)
            if not self._sessions:
                self._empty.set()
            self._on_end(len(self._sessions))

    async def _begin_private(
        self, session: Session, keys: list[str], address: str, query: QueryParams
    ) -> None:
        """Have a session told of the accounts that listen keys are for. Raises `ApiError`."""
        if not keys:
            return
        if self._private is None or len(keys) > AT_ONCE_MAX:
            raise no_such_listen_key()
        rights = await self._private.admit(keys, address)
        await self._private.begin(session, rights, address, _position(query))


def _denial(error: ApiError) -> JSONResponse:
    """In place of a connection: why there is none, and when to try again."""
    wait = error.retry_after_s
    headers = {} if wait is None else {"Retry-After": str(wait)}
    return JSONResponse({"code": error.code, "msg": error.msg}, error.status, headers)


def _address(websocket: WebSocket) -> str:
    return "" if websocket.client is None else websocket.client.host


def _position(query: QueryParams) -> int | None:
    """Where a private stream is to go on. Raises -1130."""
    text = query.get("from")
    if text is None:
        return None
    if _POSITION.fullmatch(text) is None:
        raise invalid("from")
    return int(text)


def _with_options(name: str, query: QueryParams, options: Sequence[str]) -> str:
    said = [f"{option}={query[option]}" for option in options if option in query]
    return f"{name}?{'&'.join(said)}" if said and is_diffs(name) else name
