"""What the OpenAPI document says of an endpoint, made from the table the requests are read by."""

from __future__ import annotations

from typing import Any

from msgspec import json

from api.auth import API_KEY_HEADER
from api.handlers.endpoint import Endpoint, SignedEndpoint
from api.handlers.parameters import SIGNATURE, Kind, Parameter
from api.idempotency import IDEMPOTENCY_KEY_HEADER, KEY_PATTERN

Json = dict[str, Any]

_ERROR = {
    "type": "object",
    "required": ["code", "msg"],
    "properties": {"code": {"type": "integer"}, "msg": {"type": "string"}},
}


def describe(endpoint: Endpoint | SignedEndpoint) -> Json:
    """Parameters, an answer and the errors of an endpoint."""
    signed = isinstance(endpoint, SignedEndpoint)
    parameters = (*endpoint.parameters, *(SIGNATURE if signed else ()))
    described: Json = {
        "parameters": [describe_parameter(parameter) for parameter in parameters],
        "responses": {"200": _answer(endpoint.example), **error_responses()},
        "tags": ["Account and orders" if signed else "Markets"],
    }
    if signed:
        described["security"] = [{"ApiKey": []}, {"Session": []}]
    if isinstance(endpoint, SignedEndpoint) and endpoint.repeatable:
        described["parameters"].append(IDEMPOTENCY_KEY)
    if isinstance(endpoint, SignedEndpoint) and endpoint.takes_json:
        described["requestBody"] = _json_body(endpoint)
    return described


def error_responses() -> Json:
    """The errors that any endpoint may answer with."""
    return {
        "4XX": _error("Refused: it had no effect.", {"code": -1121, "msg": "Invalid symbol."}),
        "5XX": _error(
            "Nobody knows whether it had an effect; ask by the client order id.",
            {
                "code": -1007,
                "msg": "Timeout waiting for response from backend server."
                " Send status unknown; execution status unknown.",
            },
        ),
    }


IDEMPOTENCY_KEY: Json = {
    "name": IDEMPOTENCY_KEY_HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": KEY_PATTERN},
    "description": "Sent again under the same key within 24 hours, the request is done once, and"
    " answered with its first outcome.",
}

SECURITY_SCHEMES: Json = {
    "ApiKey": {
        "type": "apiKey",
        "in": "header",
        "name": API_KEY_HEADER,
        "description": "With `timestamp` and `signature` among the parameters: HMAC-SHA256, keyed"
        " with the secret, or Ed25519, over the query string and the body as they are sent.",
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
        "content": {"application/json": {"schema": schema, "example": example}},
    }


def _schema(parameter: Parameter) -> Json:
    if parameter.choices:
        return {"type": "string", "enum": list(parameter.choices)}
    match parameter.kind:
        case Kind.LONG:
            return {"type": "integer", "format": "int64", "minimum": 0}
        case Kind.BOOLEAN:
            return {"type": "boolean"}
        case Kind.SYMBOL | Kind.SYMBOLS | Kind.DECIMAL | Kind.CLIENT_ID | Kind.WORD | Kind.LIST:
            return {"type": "string", "pattern": parameter.kind.value}


def _answer(example: Any) -> Json:
    return {
        "description": "As in Binance Spot's documentation.",
        "content": {"application/json": {"example": example}},
    }


def _error(description: str, example: Json) -> Json:
    return {
        "description": description,
        "content": {"application/json": {"schema": _ERROR, "example": example}},
    }
