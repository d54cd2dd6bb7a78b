"""The REST door: its routes, its documentation, and how everything that goes wrong is answered."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from api.auth import ADMIN_KEY_HEADER
from api.errors import ApiError, no_such_route, overloaded, unexpected, wrong_method
from api.handlers.endpoints import PUBLIC, SIGNED
from api.handlers.exchange import Exchange
from api.rest.admin_routes import add_admin_routes
from api.rest.documentation import SECURITY_SCHEMES
from api.rest.http import refusal, reply
from api.rest.routes import add_routes

REQUESTS_MAX = 2048
"""Requests in work at once; who comes on top of that is told to come again."""

ABOUT = """The Binance Spot shape, so that its clients work with only a URL changed.

Amounts are decimal strings, times are milliseconds. Errors are `{"code", "msg"}`. A status of 5xx
means that nobody knows whether the request took effect: ask, by the client order id."""

log = logging.getLogger(__name__)


def create_app(exchange: Exchange) -> FastAPI:
    """The door to an exchange whose parts somebody else runs."""
    app = FastAPI(title="Velocity", version="1", description=ABOUT, redoc_url=None)
    app.add_api_route("/ready", _readiness(exchange), include_in_schema=False)
    app.add_api_route("/live", _live, include_in_schema=False)
    add_routes(app, exchange, (*PUBLIC, *SIGNED))
    add_admin_routes(app, exchange)
    app.add_exception_handler(ApiError, _refused)
    app.add_exception_handler(HTTPException, _no_route)
    app.add_exception_handler(Exception, _unexpected)
    app.add_middleware(_Bounded)
    _add_security_schemes(app)
    return app


def _readiness(exchange: Exchange):  # type: ignore[no-untyped-def]
    async def ready() -> Response:
        parts = {
            "markets": exchange.markets.ready,
            "accounts": exchange.accounts.ready,
            "database": exchange.reads.archive.ready,
            "log": not (exchange.commands.stalled or exchange.configuration.stalled),
        }
        is_ready = all(parts.values())
        return reply({"ready": is_ready, **parts}, 200 if is_ready else 503)

    return ready


async def _live() -> Response:
    return reply({"live": True})


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return refusal(error)


async def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    response = refusal(wrong_method() if error.status_code == 405 else no_such_route())
    response.headers.update(error.headers or {})
    return response


async def _unexpected(request: Request, error: Exception) -> Response:
    """The details are for the log, where the server writes them with their traceback."""
    log.error("unexpected, in %s %s: %r", request.method, request.url.path, error)
    return refusal(unexpected())


class _Bounded:
    """Lets so many requests in at once."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._requests >= REQUESTS_MAX:
            await refusal(overloaded())(scope, receive, send)
            return
        self._requests += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._requests -= 1


def _add_security_schemes(app: FastAPI) -> None:
    document = app.openapi()
    document.setdefault("components", {})["securitySchemes"] = {
        **SECURITY_SCHEMES,
        "AdminKey": {"type": "apiKey", "in": "header", "name": ADMIN_KEY_HEADER},
    }
    app.openapi_schema = document
