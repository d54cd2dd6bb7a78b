"""Liveness and readiness over HTTP, for services that have no door of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import msgspec

REQUEST_LIMIT_BYTES = 4096
REQUEST_LIMIT_S = 5.0
ANSWER_LIMIT_S = 60.0

Body = dict[str, object]


class Health:
    """Whether a service is ready, and what else it wants known. Its owner changes both at will.

    `answers` holds what else can be asked for, by path: each is computed when it is.
    """

    def __init__(self) -> None:
        self.ready = False
        self.details: Body = {}
        self.answers: dict[str, Callable[[], Awaitable[Body]]] = {}

    async def serve(self, host: str, port: int) -> asyncio.Server:
        """Answer GET /ready (200 or 503), GET /live (200) and `answers` until closed."""
        return await asyncio.start_server(self._answer, host, port, limit=REQUEST_LIMIT_BYTES)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request and close: probes come seconds apart, so nothing is kept open."""
        try:
            async with asyncio.timeout(REQUEST_LIMIT_S):
                request = await reader.readuntil(b"\r\n\r\n")
            async with asyncio.timeout(ANSWER_LIMIT_S):
                writer.write(await self._response(request.partition(b"\r\n")[0]))
                await writer.drain()
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError):
            pass  # who asked has left, never finished asking, or asks for more than can be had
        except asyncio.LimitOverrunError:
            writer.write(_response(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, {}))
        finally:
            writer.close()

    async def _response(self, request_line: bytes) -> bytes:
        match request_line.split():
            case [b"GET", b"/ready", _]:
                status = HTTPStatus.OK if self.ready else HTTPStatus.SERVICE_UNAVAILABLE
                return _response(status, {"ready": self.ready, **self.details})
            case [b"GET", b"/live", _]:
                return _response(HTTPStatus.OK, {"live": True})
            case [b"GET", path, _] if answer := self.answers.get(path.decode("latin-1")):
                return _response(HTTPStatus.OK, await answer())
            case [_, b"/ready" | b"/live", _]:
                return _response(HTTPStatus.METHOD_NOT_ALLOWED, {})
            case [_, _, _]:
                return _response(HTTPStatus.NOT_FOUND, {})
            case _:
                return _response(HTTPStatus.BAD_REQUEST, {})


def _response(status: HTTPStatus, body: Body) -> bytes:
    payload = msgspec.json.encode(body)
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(payload)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + payload
