"""What the OpenAPI document says of an endpoint, made from the table the requests are read by."""

from __future__ import annotations

from typing import Any

from msgspec import json

from api import errors
from api.auth import API_KEY_HEADER
from api.handlers.endpoint import Endpoint, KeyedEndpoint, SignedEndpoint
from api.handlers.parameters import LONG_MAX, SIGNATURE, Kind, Parameter
from api.idempotency import IDEMPOTENCY_KEY_HEADER, KEY_PATTERN

Json = dict[str, Any]

JSON = "application/json"

_ERROR: Json = {
    "type": "object",
    "required": ["code", "msg"],
    "properties": {"code": {"type": "integer"}, "msg": {"type": "string"}},
}

_REFUSED = {
    "unknown market": errors.bad_symbol(),
    "missing parameter": errors.mandatory("symbol"),
    "unknown parameter": errors.unread_parameters(3, 4),
    "ill-written parameter": errors.illegal_characters("symbol", Kind.SYMBOL.value),
    "too many decimals": errors.too_precise("price"),
    "broken filter": errors.filter_failure(errors.Filter.LOT_SIZE),
    "late": errors.late_timestamp(),
    "forged": errors.bad_signature(),
}
_STRANGER = {"malformed key": errors.malformed_key(), "unknown key": errors.rejected_key()}
_LIMITED = {
    "too much weight": errors.too_much_weight(6_000, 20),
    "too many orders": errors.too_many_orders(10_000, 0),
    "too many connections": errors.too_many_connections(1_000),
}
_BANNED = {"banned": errors.banned(1_499_827_439_559, 1_499_827_319_559)}
_UNKNOWN = {
    "nobody knows": errors.unknown_status(),
    "not taken": errors.overloaded(),
    "not readable now": errors.unavailable(),
}


def describe(endpoint: Endpoint | KeyedEndpoint | SignedEndpoint) -> Json:
    """Parameters, an answer and the errors of an endpoint."""
    signed = isinstance(endpoint, SignedEndpoint)
    parameters = (*endpoint.parameters, *(SIGNATURE if signed else ()))
    described: Json = {
        "parameters": [describe_parameter(parameter) for parameter in parameters],
        "responses": {"200": _answer(endpoint), **error_responses()},
        "tags": ["Markets" if isinstance(endpoint, Endpoint) else "Account and orders"],
    }
    if not isinstance(endpoint, KeyedEndpoint):
        described["parameters"].append(TIME_UNIT)
    if isinstance(endpoint, KeyedEndpoint):
        described["security"] = [{"NamedKey": []}]
    if signed:
        described["security"] = [{"ApiKey": []}, {"Session": []}]
    if isinstance(endpoint, SignedEndpoint) and endpoint.repeatable:
        described["parameters"].append(IDEMPOTENCY_KEY)
    if isinstance(endpoint, SignedEndpoint) and endpoint.takes_json:
        described["requestBody"] = _json_body(endpoint)
    return described


def error_responses() -> Json:
    """The errors that any endpoint may answer with."""
    refused = "Refused: it had no effect."
    unknown = "Nobody knows whether it had an effect; ask by the client order id."
    return {
        "400": _error(refused, _REFUSED),
        "401": _error("Refused: who asks is not known, or may not.", _STRANGER),
        "418": _error("Refused, for too long: who asks went on after 429.", _BANNED),
        "429": _error("Refused: too much at a time; `Retry-After` says when to go on.", _LIMITED),
        "4XX": _error(refused, {"no such endpoint": errors.no_such_route()}),
        "503": _error(f"{unknown} With `Retry-After`, it had none.", _UNKNOWN),
        "5XX": _error(unknown, {"our mistake": errors.unexpected()}),
    }


IDEMPOTENCY_KEY: Json = {
    "name": IDEMPOTENCY_KEY_HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": KEY_PATTERN},
    "description": "Sent again under the same key within 24 hours, the request is done once, and"
    " answered with its first outcome.",
}

TIME_UNIT: Json = {
    "name": "X-MBX-TIME-UNIT",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "enum": ["MICROSECOND", "MILLISECOND"]},
    "description": "What moments are told in; milliseconds where it is left out.",
}

SECURITY_SCHEMES: Json = {
    "ApiKey": {
        "type": "apiKey",
        "in": "header",
        "name": API_KEY_HEADER,
        "description": "With `timestamp` and `signature` among the parameters: HMAC-SHA256, keyed"
        " with the secret, or Ed25519, over the query string and the body as they are sent.",
    },
    "NamedKey": {
        "type": "apiKey",
        "in": "header",
        "name": API_KEY_HEADER,
        "description": "Nothing is signed.",
    },
    "Session": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The access token of a session, from `/auth/v1/login`. A request that has"
        " one needs no `timestamp` and no `signature`.",
    },
}


def describe_parameter(parameter: Parameter) -> Json:
    """One parameter of a query."""
    described: Json = {
        "name": parameter.name,
        "in": "query",
        "required": parameter.required,
        "schema": _schema(parameter),
    }
    if parameter.description:
        described["description"] = parameter.description
    if parameter.example is not None:
        described["example"] = parameter.example
    return described


def _json_body(endpoint: SignedEndpoint) -> Json:
    """The parameters as a JSON object; `signature` stays in the query."""
    example = {
        parameter.name: json.decode(str(parameter.example))
        for parameter in endpoint.parameters
        if parameter.kind is Kind.LIST
    }
    schema = {
        "type": "object",
        "properties": {name: {"type": "array", "items": {"type": "object"}} for name in example},
    }
    return {
        "description": "What is not in the query; the signature covers the body as it is.",
        "content": {JSON: {"schema": schema, "example": example}},
    }


def _schema(parameter: Parameter) -> Json:
    if parameter.choices:
        return {"type": "string", "enum": list(parameter.choices)}
    match parameter.kind:
        case Kind.LONG:
            least = 1 if parameter.name == "limit" else 0
            return {"type": "integer", "format": "int64", "minimum": least, "maximum": LONG_MAX}
        case Kind.BOOLEAN:
            return {"type": "boolean"}
        case Kind.SYMBOL | Kind.SYMBOLS | Kind.DECIMAL | Kind.CLIENT_ID | Kind.WORD | Kind.LIST:
            return {"type": "string", "pattern": parameter.kind.value}


def _answer(endpoint: Endpoint | KeyedEndpoint | SignedEndpoint) -> Json:
    schema = schema_of(endpoint.example)
    takes_many = any(parameter.kind is Kind.SYMBOLS for parameter in endpoint.parameters)
    if takes_many and endpoint.path != "/api/v3/exchangeInfo":
        # One market's answer for `symbol`, else a list of them.
        schema = {"anyOf": [schema, {"type": "array", "items": schema}]}
    return {
        "description": "As in Binance Spot's documentation.",
        "content": {JSON: {"schema": schema, "example": endpoint.example}},
    }


def schema_of(example: Any) -> Json:
    """What an example shows of its kind: types and names, none of them mandatory."""
    match example:
        case dict():
            members = {name: schema_of(value) for name, value in example.items()}
            return {"type": "object", "properties": members}
        case list():
            kinds = [schema_of(value) for value in example]
            different = [kind for at, kind in enumerate(kinds) if kind not in kinds[:at]]
            return {"type": "array", "items": {"anyOf": different} if different else {}}
        case bool():
            return {"type": "boolean"}
        case int():
            return {"type": "integer"}
        case str():
            return {"type": "string"}
        case _:
            raise TypeError(f"no example: {example!r}")


def _error(description: str, examples: dict[str, errors.ApiError]) -> Json:
    shown = {
        name: {"value": {"code": error.code, "msg": error.msg}} for name, error in examples.items()
    }
    return {
        "description": description,
        "content": {JSON: {"schema": _ERROR, "examples": shown}},
    }
