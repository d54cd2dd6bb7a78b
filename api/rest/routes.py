"""Endpoints as routes: what HTTP says becomes parameters, what a handler answers becomes JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response

from api.auth import API_KEY_HEADER, signed_payload
from api.errors import ApiError, invalid_json
from api.handlers.endpoint import Endpoint, KeyedEndpoint, SignedEndpoint
from api.handlers.entry import Counted, KeyedEntry, PublicEntry, SignedEntry, SignedRequest
from api.handlers.exchange import Exchange
from api.handlers.parameters import decode, text_of
from api.handlers.time_unit import in_microseconds, wants_microseconds
from api.handlers.weights import LIGHTEST
from api.idempotency import IDEMPOTENCY_KEY_HEADER
from api.identity.gate import bearer_of
from api.rest.documentation import describe
from api.rest.http import FORM, JSON, Body, address_of, read_body, reply
from api.weight_limit import WeightLimit

TIME_UNIT = b"x-mbx-time-unit"
_API_KEY = API_KEY_HEADER.lower().encode()
_IDEMPOTENCY_KEY = IDEMPOTENCY_KEY_HEADER.lower().encode()

Route = Callable[[Request], Awaitable[Response]]

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_value = msgspec.json.Decoder(float_hook=str)


def route_of(exchange: Exchange, endpoint: Endpoint | KeyedEndpoint | SignedEndpoint) -> Route:
    """What answers an endpoint's requests. It raises `ApiError`."""
    weights = exchange.weights
    match endpoint:
        case Endpoint():
            return _public(PublicEntry(exchange, endpoint), weights)
        case KeyedEndpoint():
            return _keyed(KeyedEntry(exchange, endpoint), weights)
        case SignedEndpoint():
            return _signed(SignedEntry(exchange, endpoint), endpoint, weights)


def document(
    app: FastAPI, endpoint: Endpoint | KeyedEndpoint | SignedEndpoint, route: Route
) -> None:
    """Have an app list an endpoint, and serve it."""
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


def _public(entry: PublicEntry, weights: WeightLimit) -> Route:
    async def route(request: Request) -> Response:
        try:
            in_unit, sent = _time_unit(request), decode(request.scope["query_string"])
        except ApiError:
            weights.count(address_of(request), LIGHTEST)
            raise
        return reply(in_unit(await entry.answer(sent, address_of(request))))

    return route


def _keyed(entry: KeyedEntry, weights: WeightLimit) -> Route:
    async def route(request: Request) -> Response:
        _, received = await _received(request, (FORM,), weights)
        return reply(await entry.answer(received))

    return route


def _signed(entry: SignedEntry, endpoint: SignedEndpoint, weights: WeightLimit) -> Route:
    types: Collection[str] = (FORM, JSON) if endpoint.takes_json else (FORM,)
    if endpoint.method == "GET":
        types = ()

    async def route(request: Request) -> Response:
        in_unit, received = await _received(request, types, weights)
        return _told(await entry.answer(received), in_unit)

    return route


async def _received(
    request: Request, types: Collection[str], weights: WeightLimit
) -> tuple[Callable[[Any], Any], SignedRequest]:
    """What was sent, its body only where there are types that it may be of, and in which time unit
    the answer is to be. What can't be read counts as well: nothing else would count it.
    """
    try:
        in_unit = _time_unit(request)
        body = await read_body(request, types) if types else Body(FORM, b"")
        return in_unit, read_request(request, body)
    except ApiError:
        weights.count(address_of(request), LIGHTEST)
        raise


def _time_unit(request: Request) -> Callable[[Any], Any]:
    """What turns an answer into the time unit that is asked for. Raises -1194."""
    for name, value in request.scope["headers"]:
        if name == TIME_UNIT:
            return in_microseconds if wants_microseconds(value.decode("latin-1")) else _as_it_is
    return _as_it_is


def _as_it_is(answer: Any) -> Any:
    return answer


def _told(result: object, in_unit: Callable[[Any], Any]) -> Response:
    if not isinstance(result, Counted):
        return reply(in_unit(result))
    response = reply(in_unit(result.answer))
    response.raw_headers.append((b"x-mbx-order-count-10s", b"%d" % result.orders.ten_seconds))
    response.raw_headers.append((b"x-mbx-order-count-1d", b"%d" % result.orders.day))
    return response


def read_request(request: Request, body: Body) -> SignedRequest:
    """What of a request matters. A query wins over a form, as on Binance."""
    query: bytes = request.scope["query_string"]
    if body.type == JSON:
        # The body is signed as it is: only a query or a form can have its signature within.
        sent, payload = _from_json(body.value), signed_payload(query, b"") + body.value
    else:
        sent, payload = decode(body.value), signed_payload(query, body.value)
    sent.update(decode(query))
    # Of several of a name, the first.
    headers = dict(reversed(request.scope["headers"]))
    api_key = _text(headers.get(_API_KEY))
    token = bearer_of(_text(headers.get(b"authorization")) or "") if api_key is None else None
    keys = request.headers.getlist(IDEMPOTENCY_KEY_HEADER) if _IDEMPOTENCY_KEY in headers else ()
    return SignedRequest(api_key, sent, payload, keys, address_of(request), token)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


def _from_json(body: bytes) -> dict[str, str]:
    """A JSON object's members as parameters; those that are lists stay JSON."""
    try:
        members = _object.decode(body)
        return {name: _member(name, bytes(value)) for name, value in members.items()}
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid_json() from error


def _member(name: str, value: bytes) -> str:
    return value.decode() if value[:1] == b"[" else text_of(name, _value.decode(value))
