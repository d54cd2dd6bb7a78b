"""Endpoints as routes: what HTTP says becomes parameters, what a handler answers becomes JSON."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import FastAPI, Request, Response

from api.auth import (
    API_KEY_HEADER,
    Caller,
    check_key_format,
    check_signature,
    check_time,
    signed_payload,
)
from api.errors import mandatory, rejected_key
from api.handlers.endpoint import Endpoint, SignedEndpoint
from api.handlers.exchange import Exchange
from api.handlers.parameters import SIGNATURE, decode, read
from api.idempotency import IDEMPOTENCY_KEY_HEADER, read_key
from api.rest.documentation import describe
from api.rest.http import read_form, reply


def add_routes(
    app: FastAPI, exchange: Exchange, endpoints: Iterable[Endpoint | SignedEndpoint]
) -> None:
    """Serve endpoints from an app."""
    for endpoint in endpoints:
        match endpoint:
            case Endpoint():
                route = _public(exchange, endpoint)
            case SignedEndpoint():
                route = _signed(exchange, endpoint)
        app.add_api_route(
            endpoint.path,
            route,
            methods=[endpoint.method],
            response_class=Response,
            summary=endpoint.summary,
            name=endpoint.handle.__name__,
            operation_id=f"{endpoint.method.lower()}_{endpoint.handle.__name__}",
            openapi_extra=describe(endpoint),
        )


def _public(exchange: Exchange, endpoint: Endpoint):  # type: ignore[no-untyped-def]
    async def route(request: Request) -> Response:
        parameters = read(decode(request.scope["query_string"]), endpoint.parameters)
        return reply(await endpoint.handle(exchange, parameters))

    return route


def _signed(exchange: Exchange, endpoint: SignedEndpoint):  # type: ignore[no-untyped-def]
    spec = (*endpoint.parameters, *SIGNATURE)

    async def route(request: Request) -> Response:
        body = await read_form(request)
        query = request.scope["query_string"]
        keys = request.headers.getlist(IDEMPOTENCY_KEY_HEADER) if endpoint.method != "GET" else ()
        key = read_key(keys, taken=endpoint.repeatable)
        sent = {**decode(body), **decode(query)}
        caller = await _caller(exchange, request, sent, signed_payload(query, body), key)
        parameters = read(sent, spec, signed=True)
        return reply(await endpoint.handle(exchange, caller, parameters))

    return route


async def _caller(
    exchange: Exchange,
    request: Request,
    sent: dict[str, str],
    payload: bytes,
    idempotency_key: str,
) -> Caller:
    """Who signed a request: raises -2014, -2015, -1022 or -1021 where nobody did, in time."""
    key = check_key_format(request.headers.get(API_KEY_HEADER))
    for name in ("timestamp", "signature"):
        if not sent.get(name):
            raise mandatory(name)
    known = await exchange.keys.find(key)
    if known is None:
        raise rejected_key()
    check_signature(payload, known.secret, sent["signature"])
    expires_us = check_time(sent["timestamp"], sent.get("recvWindow"), exchange.clock())
    return Caller(known.account, expires_us, idempotency_key)
