"""The REST door: its routes, its documentation, and how everything that goes wrong is answered."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from api.admission import Admission
from api.auth import ADMIN_KEY_HEADER
from api.errors import ApiError, no_such_route, unexpected, wrong_method
from api.handlers.endpoints import KEYED, PUBLIC, SIGNED
from api.handlers.exchange import Exchange
from api.handlers.weights import LIGHTEST
from api.rest.admin_routes import add_admin_routes
from api.rest.documentation import SECURITY_SCHEMES
from api.rest.http import address_of, refusal, reply
from api.rest.identity_routes import add_identity_routes
from api.rest.routes import Route, document, route_of
from api.ws_api.door import CallDoor

ABOUT = """The Binance Spot shape, so that its clients work with only a URL changed.

Amounts are decimal strings, times are milliseconds. Errors are `{"code", "msg"}`. A status of 5xx
means that nobody knows whether the request took effect: ask, by the client order id."""

USED_WEIGHT = b"x-mbx-used-weight-1m"
UNLIMITED = ("/admin/", "/ready", "/live")
"""What must be there also for who comes from a banned address: it has limits of its own, or is
asked by machines."""

log = logging.getLogger(__name__)


class Door:
    """The door to an exchange whose parts somebody else runs.

    Requests to known endpoints go straight to their routes: what FastAPI does on the way costs
    more than the rest of an order. It documents them, and serves what they are not: the
    administration, its documents, and what is not there.
    """

    def __init__(self, exchange: Exchange) -> None:
        endpoints = (*SIGNED, *KEYED, *PUBLIC)
        self._routes: dict[tuple[str, str], Route] = {
            (endpoint.method, endpoint.path): route_of(exchange, endpoint) for endpoint in endpoints
        }
        self._app = _documented(exchange)
        for endpoint in endpoints:
            document(self._app, endpoint, self._routes[endpoint.method, endpoint.path])
        _add_security_schemes(self._app)
        self._admission = Admission()
        self._weights = exchange.weights
        self.calls = CallDoor(exchange, self._admission)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self.calls(scope, receive, send)
            return
        request = Request(scope, receive)
        address = address_of(request)
        try:
            with self._admission:
                route = self._routes.get((scope["method"], scope["path"]))
                if route is None:
                    if not scope["path"].startswith(UNLIMITED):
                        self._weights.count(address, LIGHTEST)
                    await self._app(scope, receive, send)
                    return
                # Before its body is read; its weight is counted once its parameters are known.
                self._weights.check(address)
                answer = await _answered(route, request)
        except ApiError as error:
            answer = refusal(error)
        if self._weights.limit:
            used = b"%d" % self._weights.used(address)
            answer.raw_headers.append((USED_WEIGHT, used))
        await answer(scope, receive, send)


async def _answered(route: Route, request: Request) -> Response:
    try:
        return await route(request)
    except ApiError as error:
        return refusal(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told without its details
        return await _unexpected(request, error)


def _documented(exchange: Exchange) -> FastAPI:
    app = FastAPI(title="Velocity", version="1", description=ABOUT, redoc_url=None)
    app.add_api_route("/ready", _readiness(exchange), include_in_schema=False)
    app.add_api_route("/live", _live, include_in_schema=False)
    add_identity_routes(app, exchange)
    add_admin_routes(app, exchange)
    app.add_exception_handler(ApiError, _refused)
    app.add_exception_handler(HTTPException, _no_route)
    app.add_exception_handler(Exception, _unexpected)
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
    """The details are for the log."""
    log.error("unexpected, in %s %s", request.method, request.url.path, exc_info=error)
    return refusal(unexpected())


def _add_security_schemes(app: FastAPI) -> None:
    document = app.openapi()
    document.setdefault("components", {})["securitySchemes"] = {
        **SECURITY_SCHEMES,
        "AdminKey": {"type": "apiKey", "in": "header", "name": ADMIN_KEY_HEADER},
    }
    app.openapi_schema = document
