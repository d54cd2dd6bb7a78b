"""The path of the WebSocket API, and who is connected to it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, NoReturn

from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from api.admission import Admission
from api.errors import ApiError, no_such_route, overloaded, unexpected
from api.handlers.entry import Counted, PublicEntry, SignedEntry
from api.handlers.exchange import Exchange
from api.handlers.rate_limits import counted
from api.handlers.shapes import Json
from api.handlers.time_unit import in_microseconds, wants_microseconds
from api.handlers.weights import LIGHTEST
from api.private.feed import LogPast, PrivateFeed
from api.private.updates_tail import Followed
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
from api.ws_api.client import WEIGHT, Client, ClientCall, Done
from api.ws_api.methods import Entry, Methods
from api.ws_api.session import RESTART, Reply, Session, nothing
from streams.messages import OrderCounts

PATH = "/ws-api/v3"
CONNECTIONS_MAX = 1_000
CHECK_EVERY_S = 5.0
"""How often it is looked at whether the keys of private streams still hold: well within the time
that a revoked key may go unnoticed for."""

REJECTED_KEY = -2015
TIME_UNIT = "timeUnit"

log = logging.getLogger(__name__)


class CallDoor:
    """Lets clients in, answers what they call, and shows them out at the end."""

    def __init__(self, exchange: Exchange, admission: Admission) -> None:
        self._exchange = exchange
        self._admission = admission
        self._methods = Methods(exchange)
        self._feed = PrivateFeed(
            exchange.settings,
            Followed(exchange.accounts),
            LogPast(exchange.settings),
            exchange.reads.archive.epoch,
        )
        self._sessions: dict[Session, Client] = {}
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
                in_micros = wants_microseconds(websocket.query_params.get(TIME_UNIT, "MILLISECOND"))
            except ApiError as error:
                await websocket.send_denial_response(denial(error))
                return
            await websocket.accept()
            await self._serve(websocket, in_micros)

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

    async def run(self) -> NoReturn:
        """End private streams whose key has ended, until cancelled."""
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            for client in list(self._sessions.values()):
                await client.check_subscriptions()

    async def _serve(self, websocket: WebSocket, in_micros: bool) -> None:
        line = websocket.scope["extensions"][EXTENSION]["connection"]
        session = Session(websocket, line, lambda text: self._answer(text, client))
        client = Client(
            self._exchange,
            self._feed,
            _address(websocket),
            session.tell,
            shows_limits=_wants_limits(websocket),
            in_microseconds=in_micros,
        )
        self._sessions[session] = client
        self._empty.clear()
        try:
            await session.run()
        finally:
            client.leave()
            del self._sessions[session]
            if not self._sessions:
                self._empty.set()

    async def _answer(self, text: str | None, client: Client) -> Reply:
        """What a message is answered with."""
        shows = client.shows_limits
        try:
            with self._admission:
                call, entry = self._read(text, client)
                shows = shows_limits(call, client.shows_limits)
                result = await self._result(call, entry, client)
                orders, then = None, nothing
                if isinstance(result, Counted):
                    result, orders = result
                elif isinstance(result, Done):
                    result, then = result
                if client.in_microseconds:
                    result = in_microseconds(result)
                return Reply(answer(call.id, result, self._limits(client, shows, orders)), then)
        except ApiError as error:
            limits = self._limits(client, shows)
            return Reply(refusal(id_of(text), error, self._exchange.clock(), limits))
        except Exception as error:
            log.error("unexpected, in a call", exc_info=error)
            return Reply(refusal(id_of(text), unexpected(), self._exchange.clock(), None))

    def _read(self, text: str | None, client: Client) -> tuple[Call, Entry | ClientCall]:
        """A call, and the way to its handler. Raises `ApiError`; that weighs something as well."""
        try:
            call = read_call(text)
            return call, self._methods.find(call.method)
        except ApiError:
            self._exchange.weights.count(client.address, LIGHTEST)
            raise

    async def _result(self, call: Call, entry: Entry | ClientCall, client: Client) -> Any:
        """What a call comes to. Raises `ApiError`."""
        match entry:
            case PublicEntry():
                return await entry.answer(parameters_of(call), client.address)
            case SignedEntry():
                return await self._signed(call, entry, client)
            case call_of_client:
                self._exchange.weights.count(client.address, WEIGHT)
                return await call_of_client(client, call)

    async def _signed(self, call: Call, entry: SignedEntry, client: Client) -> Any:
        async with client.turns:
            request = signed_request(call, client.address, client.logged_on)
            try:
                handling = await entry.admit(request)
            except ApiError as error:
                if request.logged_on is not None and error.code == REJECTED_KEY:
                    client.revoke()
                raise
        return await handling

    def _limits(
        self, client: Client, shown: bool, orders: OrderCounts | None = None
    ) -> list[Json] | None:
        return counted(self._exchange, client.address, orders) if shown else None


def _address(websocket: WebSocket) -> str:
    return "" if websocket.client is None else websocket.client.host


def _wants_limits(websocket: WebSocket) -> bool:
    return websocket.query_params.get(SHOW_LIMITS, "").lower() != "false"
