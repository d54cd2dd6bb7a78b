"""Routes with JSON bodies: how a body is read, and how a route is listed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container, Sequence
from typing import Any, TypeVar

import msgspec
from fastapi import APIRouter, Request, Response

from api.errors import ApiError
from api.handlers.parameters import Parameter
from api.rest.documentation import describe_parameter, error_responses
from api.rest.examples import EXAMPLES
from api.rest.http import read_body, reply

Content = TypeVar("Content", bound=msgspec.Struct)
Route = Callable[[Request], Awaitable[Response]]


async def read_json(
    request: Request, kind: type[Content], types: Container[str] = (), *, optional: bool = False
) -> Content:
    """A body as what it should be; where it is optional, none is one with all defaults.

    Raises -1130 with where it is not, -1135 for what is no JSON, and as `read_body`.
    """
    body = await read_body(request, types)
    if optional and not body.value:
        return kind()
    try:
        return msgspec.json.decode(body.value, type=kind)
    except msgspec.ValidationError as error:
        raise ApiError(-1130, f"Data sent is not valid: {error}.") from error
    except msgspec.DecodeError as error:
        raise ApiError(-1135, "Invalid JSON Request") from error


def secret_reply(answer: object, status: int = 200) -> Response:
    """An answer that no cache on its way may keep."""
    response = reply(answer, status)
    response.headers["Cache-Control"] = "no-store"
    return response


def add_json_route(
    router: APIRouter,
    method: str,
    path: str,
    route: Route,
    summary: str,
    *,
    security: str = "",
    body: type[msgspec.Struct] | None = None,
    body_required: bool = True,
    parameters: Sequence[Parameter] = (),
    headers: Sequence[dict[str, Any]] = (),
    creates: bool = False,
) -> None:
    """Serve a route and document it; `security` names its scheme, none for everybody. One that
    `creates` something answers with 201.
    """
    example, status = EXAMPLES[method, router.prefix + path], 201 if creates else 200
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    described: dict[str, Any] = {
        "responses": {
            str(status): {
                "description": "Done.",
                "content": {"application/json": {"example": example.answer}},
            },
            **error_responses(),
        },
        "parameters": [
            *({"name": name, "in": "path", "required": True, "schema": _TEXT} for name in names),
            *(describe_parameter(parameter) for parameter in parameters),
            *headers,
        ],
    }
    if security:
        described["security"] = [{security: []}]
    if body is not None:
        described["requestBody"] = {
            "required": body_required,
            "content": {"application/json": {"schema": _schema(body), "example": example.sent}},
        }
    router.add_api_route(
        path,
        route,
        methods=[method],
        status_code=status,
        response_class=Response,
        summary=summary,
        openapi_extra=described,
    )


_TEXT = {"type": "string"}


def _schema(body: type[msgspec.Struct]) -> dict[str, Any]:
    """The body's schema, whole: with what it refers to put in place."""
    (schema,), components = msgspec.json.schema_components([body])
    return dict(_resolved(schema, components))


def _resolved(schema: Any, components: dict[str, Any]) -> Any:
    match schema:
        case {"$ref": str(reference)}:
            return _resolved(components[reference.rpartition("/")[2]], components)
        case dict():
            return {name: _resolved(value, components) for name, value in schema.items()}
        case list():
            return [_resolved(value, components) for value in schema]
        case _:
            return schema
