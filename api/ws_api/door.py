"""The path of the WebSocket API, and who is connected to it."""

from __future__ import annotations

import asyncio
import logging

from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from api.admission import Admission
from api.errors import ApiError, no_such_route, overloaded, unexpected
from api.handlers.entry import PublicEntry
from api.handlers.exchange import Exchange
from api.rest.http import refusal as denial
from api.ws.connection import EXTENSION
from api.ws_api.calls import (
    answer,
    id_of,
    parameters_of,
    read_call,
    refusal,
    shutdown_notice,
    signed_request,
)
from api.ws_api.methods import Methods
from api.ws_api.session import RESTART, Session

PATH = "/ws-api/v3"
CONNECTIONS_MAX = 1_000

log = logging.getLogger(__name__)


class CallDoor:
    """Lets clients in, answers what they call, and shows them out at the end."""

    def __init__(self, exchange: Exchange, admission: Admission) -> None:
        self._exchange = exchange
        self._admission = admission
        self._methods = Methods(exchange)
        self._sessions: set[Session] = set()
        self._shutting = False
        self._empty = asyncio.Event()
        self._empty.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one WebSocket connection."""
        websocket = WebSocket(scope, receive, send)
        if scope["path"] != PATH:
            await websocket.send_denial_response(denial(no_such_route()))
        elif self._shutting or len(self._sessions) >= CONNECTIONS_MAX:
            await websocket.send_denial_response(denial(overloaded()))
        else:
            await websocket.accept()
            await self._serve(websocket)

    async def shut(self, timeout_s: float) -> None:
        """Let nobody in any more, tell those inside, answer what is in work, and close.

        Raises `TimeoutError` if that takes longer.
        """
        self._shutting = True
        async with asyncio.timeout(timeout_s):
            for session in list(self._sessions):
                await session.say(shutdown_notice(self._exchange.clock()))
                session.close(RESTART)
            await self._empty.wait()

    async def _serve(self, websocket: WebSocket) -> None:
        address = "" if websocket.client is None else websocket.client.host
        line = websocket.scope["extensions"][EXTENSION]["connection"]
        turns = asyncio.Lock()
        session = Session(websocket, line, lambda text: self._answer(text, address, turns))
        self._sessions.add(session)
        self._empty.clear()
        try:
            await session.run()
        finally:
            self._sessions.discard(session)
            if not self._sessions:
                self._empty.set()

    async def _answer(self, text: str | None, address: str, turns: asyncio.Lock) -> bytes:
        """What a message is answered with; `turns` are those of its connection's requests."""
        try:
            with self._admission:
                call = read_call(text)
                entry = self._methods.find(call.method)
                if isinstance(entry, PublicEntry):
                    return answer(call.id, await entry.answer(parameters_of(call)))
                request = signed_request(call, address)
                async with turns:
                    handling = await entry.admit(request)
                return answer(call.id, await handling)
        except ApiError as error:
            return refusal(id_of(text), error, self._exchange.clock())
        except Exception as error:
            log.error("unexpected, in a call", exc_info=error)
            return refusal(id_of(text), unexpected(), self._exchange.clock())
