"""The path of the WebSocket API, and who is connected to it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, NamedTuple

from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from api.admission import Admission
from api.errors import ApiError, no_such_route, overloaded, unexpected
from api.handlers.entry import Counted, PublicEntry
from api.handlers.exchange import Exchange
from api.handlers.rate_limits import counted
from api.handlers.shapes import Json
from api.handlers.weights import LIGHTEST
from api.rest.http import refusal as denial
from api.weight_limit import CONNECT_WEIGHT
from api.ws.connection import EXTENSION
from api.ws_api.calls import (
    SHOW_LIMITS,
    Call,
    answer,
    id_of,
    parameters_of,
    read_call,
    refusal,
    shows_limits,
    shutdown_notice,
    signed_request,
)
from api.ws_api.methods import Entry, Methods
from api.ws_api.session import RESTART, Session
from streams.messages import OrderCounts

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
            try:
                self._exchange.weights.count(_address(websocket), CONNECT_WEIGHT)
            except ApiError as error:
                await websocket.send_denial_response(denial(error))
                return
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
        client = _Client(_address(websocket), _wants_limits(websocket), asyncio.Lock())
        line = websocket.scope["extensions"][EXTENSION]["connection"]
        session = Session(websocket, line, lambda text: self._answer(text, client))
        self._sessions.add(session)
        self._empty.clear()
        try:
            await session.run()
        finally:
            self._sessions.discard(session)
            if not self._sessions:
                self._empty.set()

    async def _answer(self, text: str | None, client: _Client) -> bytes:
        """What a message is answered with."""
        shows = client.shows_limits
        try:
            with self._admission:
                call, entry = self._read(text, client)
                shows = shows_limits(call, client.shows_limits)
                result = await self._result(call, entry, client)
                orders = None
                if isinstance(result, Counted):
                    result, orders = result
                return answer(call.id, result, self._limits(client, shows, orders))
        except ApiError as error:
            limits = self._limits(client, shows)
            return refusal(id_of(text), error, self._exchange.clock(), limits)
        except Exception as error:
            log.error("unexpected, in a call", exc_info=error)
            return refusal(id_of(text), unexpected(), self._exchange.clock(), [])

    def _read(self, text: str | None, client: _Client) -> tuple[Call, Entry]:
        """A call, and the way to its handler. Raises `ApiError`; that weighs something as well."""
        try:
            call = read_call(text)
            return call, self._methods.find(call.method)
        except ApiError:
            self._exchange.weights.count(client.address, LIGHTEST)
            raise

    async def _result(self, call: Call, entry: Entry, client: _Client) -> Any:
        """What a call comes to. Raises `ApiError`."""
        if isinstance(entry, PublicEntry):
            return await entry.answer(parameters_of(call), client.address)
        request = signed_request(call, client.address)
        async with client.turns:
            handling = await entry.admit(request)
        return await handling

    def _limits(
        self, client: _Client, shown: bool, orders: OrderCounts | None = None
    ) -> list[Json]:
        return counted(self._exchange, client.address, orders) if shown else []


class _Client(NamedTuple):
    """Who is connected: from where, whether answers tell of limits where a request does not say,
    and the turns of its requests."""

    address: str
    shows_limits: bool
    turns: asyncio.Lock


def _address(websocket: WebSocket) -> str:
    return "" if websocket.client is None else websocket.client.host


def _wants_limits(websocket: WebSocket) -> bool:
    return websocket.query_params.get(SHOW_LIMITS, "").lower() != "false"
