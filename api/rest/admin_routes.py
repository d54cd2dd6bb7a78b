"""The administration routes: JSON bodies, and a key of their own.

They are for whoever runs the venue: `velocity markets` and `velocity accounts` call them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from fastapi import APIRouter, FastAPI, Request, Response

from api.auth import ADMIN_KEY_HEADER, same_secret
from api.errors import ApiError, admin_closed
from api.handlers import admin
from api.handlers.exchange import Exchange
from api.idempotency import IDEMPOTENCY_KEY_HEADER, read_key
from api.rest.documentation import IDEMPOTENCY_KEY, error_responses
from api.rest.http import read_body, reply

Body = TypeVar("Body", bound=msgspec.Struct)
Route = Callable[[Request], Awaitable[Response]]


def add_admin_routes(app: FastAPI, exchange: Exchange) -> None:
    """Serve `/admin/v1` from an app."""
    routes = _Routes(exchange)
    router = APIRouter(prefix="/admin/v1", tags=["Administration"])
    _add(router, "POST", "/markets", routes.create_market, "Create a market", admin.NewMarket)
    _add(router, "GET", "/markets", routes.markets, "All markets")
    _add(router, "POST", "/accounts", routes.create_account, "Open an account", admin.NewAccount)
    _add(router, "GET", "/accounts", routes.accounts, "All accounts")
    _add(router, "POST", "/accounts/{account}/keys", routes.create_key, "Give out an API key")
    _add(
        router,
        "POST",
        "/accounts/{account}/deposits",
        routes.deposit,
        "Credit a deposit",
        admin.NewDeposit,
        repeatable=True,
    )
    app.include_router(router)


class _Routes:
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def markets(self, request: Request) -> Response:
        self._check(request)
        return reply(admin.markets(self._exchange))

    async def create_market(self, request: Request) -> Response:
        self._check(request)
        wanted = await _read(request, admin.NewMarket)
        return reply(await admin.create_market(self._exchange, wanted), 201)

    async def accounts(self, request: Request) -> Response:
        self._check(request)
        return reply(await admin.accounts(self._exchange))

    async def create_account(self, request: Request) -> Response:
        self._check(request)
        wanted = await _read(request, admin.NewAccount)
        return reply(await admin.create_account(self._exchange, wanted), 201)

    async def create_key(self, request: Request) -> Response:
        self._check(request)
        account = request.path_params["account"]
        return reply(await admin.create_key(self._exchange, account), 201)

    async def deposit(self, request: Request) -> Response:
        self._check(request)
        wanted = await _read(request, admin.NewDeposit)
        account = request.path_params["account"]
        key = read_key(request.headers.getlist(IDEMPOTENCY_KEY_HEADER), taken=True)
        return reply(await admin.deposit(self._exchange, account, wanted, key), 201)

    def _check(self, request: Request) -> None:
        """Raise 401 unless the administrator's key came along; without one nobody gets in."""
        key = self._exchange.settings.admin_key
        given = request.headers.get(ADMIN_KEY_HEADER)
        if key is None or given is None or not same_secret(given, key.get_secret_value()):
            raise admin_closed()


async def _read(request: Request, kind: type[Body]) -> Body:
    try:
        return msgspec.json.decode((await read_body(request)).value, type=kind)
    except msgspec.ValidationError as error:
        raise ApiError(-1130, f"Data sent is not valid: {error}.") from error
    except msgspec.DecodeError as error:
        raise ApiError(-1135, "Invalid JSON Request") from error


def _add(
    router: APIRouter,
    method: str,
    path: str,
    route: Route,
    summary: str,
    body: type[msgspec.Struct] | None = None,
    repeatable: bool = False,
) -> None:
    described: dict[str, Any] = {
        "security": [{"AdminKey": []}],
        "responses": error_responses(),
    }
    if body is not None:
        (schema,), components = msgspec.json.schema_components([body])
        schema = components[body.__name__] if "$ref" in schema else schema
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    if "{account}" in path:
        described["parameters"] = [
            {"name": "account", "in": "path", "required": True, "schema": {"type": "string"}}
        ]
    if repeatable:
        described.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
    router.add_api_route(
        path,
        route,
        methods=[method],
        response_class=Response,
        summary=summary,
        openapi_extra=described,
    )
