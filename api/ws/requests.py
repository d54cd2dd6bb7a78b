"""What clients say on a connection, and how they are answered.

Codes and texts are those of Binance's documentation: "Error Messages" in web-socket-streams.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec

STREAMS_MAX = 1_024
MESSAGE_BYTES_MAX = 64 * 1024
"""Room for a request that names every stream a connection may have."""

INT64 = range(-(2**63), 2**63)
_TEXT_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")

RequestId = int | str | None


class Method(StrEnum):
    SUBSCRIBE = "SUBSCRIBE"
    UNSUBSCRIBE = "UNSUBSCRIBE"
    LIST_SUBSCRIPTIONS = "LIST_SUBSCRIPTIONS"
    SET_PROPERTY = "SET_PROPERTY"
    GET_PROPERTY = "GET_PROPERTY"


class ErrorCode(int):
    """Of an answer: what is wrong with the request."""


UNKNOWN_PROPERTY = ErrorCode(0)
INVALID_VALUE = ErrorCode(1)
INVALID_REQUEST = ErrorCode(2)
INVALID_JSON = ErrorCode(3)


class RequestError(Exception):
    """A request that can't be done. Nothing of it was."""

    def __init__(self, code: ErrorCode, text: str, request_id: RequestId = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.id = request_id


class Request(msgspec.Struct, frozen=True):
    """A well-formed request. `params` are what the method takes: stream names, or a property's
    name and, for SET_PROPERTY, its value."""

    method: Method
    params: list[Any]
    id: RequestId


def parse_request(text: str) -> Request:
    """Raises `RequestError`."""
    try:
        raw = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RequestError(INVALID_JSON, f"Invalid JSON: {error}") from error
    if not isinstance(raw, dict):
        raise RequestError(INVALID_REQUEST, "Invalid request: expected an object")
    request_id = _id(raw.get("id"))
    method = _method(raw, request_id)
    params = raw.get("params")
    if params is None:
        params = []
    if not isinstance(params, list):
        raise RequestError(INVALID_REQUEST, "Invalid request: params must be an array", request_id)
    if set(raw) - {"method", "params", "id"}:
        raise RequestError(INVALID_REQUEST, "Invalid request: too many parameters", request_id)
    return Request(method, params, request_id)


def stream_names(request: Request) -> list[str]:
    """What SUBSCRIBE and UNSUBSCRIBE are about. Raises `RequestError`."""
    if not request.params or not all(isinstance(name, str) for name in request.params):
        text = "Invalid request: params must be stream names, one at least"
        raise RequestError(INVALID_REQUEST, text, request.id)
    return request.params


def check_property(request: Request, arguments: int) -> None:
    """Of SET_PROPERTY and GET_PROPERTY: that it is about `combined`. Raises `RequestError`."""
    if not request.params or not isinstance(request.params[0], str):
        text = "Invalid request: property name must be a string"
        raise RequestError(INVALID_REQUEST, text, request.id)
    if request.params[0] != "combined":
        raise RequestError(UNKNOWN_PROPERTY, "Unknown property", request.id)
    if len(request.params) > arguments:
        raise RequestError(INVALID_REQUEST, "Invalid request: too many parameters", request.id)
    if arguments == 2 and (len(request.params) < 2 or not isinstance(request.params[1], bool)):
        raise RequestError(INVALID_VALUE, "Invalid value type: expected Boolean", request.id)


def answer(request_id: RequestId, result: Sequence[str] | bool | None) -> bytes:
    return msgspec.json.encode({"result": result, "id": request_id})


def error_answer(error: RequestError) -> bytes:
    body = {"error": {"code": int(error.code), "msg": error.text}, "id": error.id}
    return msgspec.json.encode(body)


def _id(raw: object) -> RequestId:
    match raw:
        case None:
            return None
        case bool():
            pass
        case int() if raw in INT64:
            return raw
        case str() if _TEXT_ID.fullmatch(raw):
            return raw
    # Binance's text, though it takes strings and null as well.
    raise RequestError(INVALID_REQUEST, "Invalid request: request ID must be an unsigned integer")


def _method(raw: dict[str, Any], request_id: RequestId) -> Method:
    if "method" not in raw:
        raise RequestError(INVALID_REQUEST, "Invalid request: missing field `method`", request_id)
    try:
        return Method(raw["method"])
    except ValueError as error:
        expected = ", ".join(f"`{method}`" for method in Method)
        text = (
            f"Invalid request: unknown variant {_shown(raw['method'])}, expected one of {expected}"
        )
        raise RequestError(INVALID_REQUEST, text, request_id) from error


def _shown(raw: object) -> str:
    return str(raw)[:40]
