"""Requests in, answers out: bounded in size and time, always JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Container
from typing import NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from api.errors import ApiError, body_too_large, body_too_slow, wrong_content_type
from api.handlers import shapes

BODY_BYTES_MAX = 64 * 1024
BODY_LIMIT_S = 5.0
BODY_LIMIT = "velocity.body_s"
"""Under this name a request's state has another limit, in seconds; None once all of it is here."""

FORM = "application/x-www-form-urlencoded"

JSON = "application/json"


class Body(NamedTuple):
    """What a request carried, and of which media type."""

    type: str
    value: bytes


_encoder = msgspec.json.Encoder()


def reply(answer: object, status: int = 200) -> Response:
    """An answer as JSON."""
    return Response(_encoder.encode(answer), status, media_type=JSON)


def refusal(error: ApiError) -> Response:
    """An error as `{"code", "msg"}`."""
    response = reply(shapes.refusal(error), error.status)
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def address_of(request: Request) -> str:
    """The network address a request came from, behind those proxies that the settings name."""
    client = request.scope.get("client")
    return "" if client is None else client[0]


async def read_body(request: Request, types: Container[str] = ()) -> Body:
    """All of a request's body.

    Raises 413 when it is too long, 408 when it is too slow, 415 when it is of none of the types.
    """
    limit_s = request.scope.get("state", {}).get(BODY_LIMIT, BODY_LIMIT_S)
    if limit_s is None:
        value = await _whole_body(request)
    else:
        try:
            async with asyncio.timeout(limit_s):
                value = await _whole_body(request)
        except TimeoutError as error:
            raise body_too_slow() from error
    if not value:
        return Body(FORM, b"")
    kind = request.headers.get("content-type", FORM).partition(";")[0].strip()
    if types and kind not in types:
        raise wrong_content_type()
    return Body(kind, value)


async def _whole_body(request: Request) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise body_too_slow()
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > BODY_BYTES_MAX:
            raise body_too_large()
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)
