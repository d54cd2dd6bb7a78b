"""The routes of users: registering, sessions, and one's own keys. JSON bodies, and nothing else:
a page of another origin can't send those without being asked for its permission first.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec
from fastapi import APIRouter, FastAPI, Request, Response

from api.errors import no_session
from api.handlers import accounts, users
from api.handlers.accounts import AUDIT_PAGE, NewLogin
from api.handlers.exchange import Exchange
from api.handlers.parameters import Spec, decode, read
from api.identity.audit import Actor, user_actor
from api.identity.gate import bearer_of
from api.rest.http import JSON, address_of, reply
from api.rest.json_routes import Route, add_json_route, read_json, secret_reply
from projections.identity import Session

Content = TypeVar("Content", bound=msgspec.Struct)
Row = tuple[str, str, Route, str, str, type[msgspec.Struct] | None]

SESSION = "Session"
"""The security scheme of an access token."""

_AUDIT = Spec(AUDIT_PAGE)


def add_identity_routes(app: FastAPI, exchange: Exchange) -> None:
    """Serve `/auth/v1` from an app."""
    routes = _Routes(exchange)
    router = APIRouter(prefix="/auth/v1", tags=["Users and keys"])
    for method, path, route, summary, security, body in routes.table():
        creates = method == "POST" and path in ("/register", "/keys")
        add_json_route(
            router, method, path, route, summary, security=security, body=body, creates=creates
        )
    add_json_route(
        router,
        "GET",
        "/audit",
        routes.audit,
        "What was done to one's account and keys",
        security=SESSION,
        parameters=AUDIT_PAGE,
    )
    app.include_router(router)


class _Routes:
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def table(self) -> tuple[Row, ...]:
        """Method, path, what answers, in short, who may, and what is sent."""
        return (
            ("POST", "/register", self.register, "Open an account, and log in", "", NewLogin),
            ("POST", "/login", self.login, "Begin a session", "", NewLogin),
            ("POST", "/refresh", self.refresh, "New tokens for the last", "", users.Refresh),
            ("POST", "/logout", self.logout, "End this session, or all", SESSION, users.Logout),
            ("POST", "/password", self.change_password, "New password", SESSION, users.NewPassword),
            ("GET", "/me", self.me, "Whose session it is", SESSION, None),
            ("GET", "/keys", self.keys, "One's API keys", SESSION, None),
            ("POST", "/keys", self.create_key, "Make an API key", SESSION, users.NewOwnKey),
            ("DELETE", "/keys/{key}", self.revoke_key, "End an API key", SESSION, None),
        )

    async def register(self, request: Request) -> Response:
        wanted = await _read(request, NewLogin)
        return secret_reply(await users.register(self._exchange, wanted, address_of(request)), 201)

    async def login(self, request: Request) -> Response:
        wanted = await _read(request, NewLogin)
        return secret_reply(await users.login(self._exchange, wanted, address_of(request)))

    async def refresh(self, request: Request) -> Response:
        wanted = await _read(request, users.Refresh)
        return secret_reply(await users.refresh(self._exchange, wanted, address_of(request)))

    async def logout(self, request: Request) -> Response:
        session, actor = await self._session(request)
        wanted = await read_json(request, users.Logout, (JSON,), optional=True)
        return reply(await users.logout(self._exchange, session, wanted, actor))

    async def change_password(self, request: Request) -> Response:
        session, actor = await self._session(request)
        wanted = await _read(request, users.NewPassword)
        return secret_reply(await users.change_password(self._exchange, session, wanted, actor))

    async def me(self, request: Request) -> Response:
        session, _ = await self._session(request)
        return reply({"account": session.account, "email": session.email})

    async def keys(self, request: Request) -> Response:
        session, _ = await self._session(request)
        return reply(await accounts.keys(self._exchange, session.account))

    async def create_key(self, request: Request) -> Response:
        session, actor = await self._session(request)
        wanted = await _read(request, users.NewOwnKey)
        return secret_reply(await users.create_key(self._exchange, session, wanted, actor), 201)

    async def revoke_key(self, request: Request) -> Response:
        session, actor = await self._session(request)
        key = request.path_params["key"]
        return reply(await users.revoke_key(self._exchange, session.account, key, actor))

    async def audit(self, request: Request) -> Response:
        session, _ = await self._session(request)
        parameters = read(decode(request.scope["query_string"]), _AUDIT)
        return reply(await users.audit(self._exchange, session, parameters))

    async def _session(self, request: Request) -> tuple[Session, Actor]:
        """Whose session a request is of. Raises -1002. An API key won't do: who has one can trade
        with it, not make others.
        """
        token = bearer_of(request.headers.get("Authorization", ""))
        if token is None:
            raise no_session()
        session = await self._exchange.identity.sessions.of_access(token)
        return session, user_actor(session.email, address_of(request))


async def _read(request: Request, kind: type[Content]) -> Content:
    return await read_json(request, kind, (JSON,))
