"""The answers that probes get."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from infra import health
from infra.health import Health
from infra.ports import HOST


@asynccontextmanager
async def served(state: Health) -> AsyncIterator[int]:
    """Serve it, and give the port."""
    server = await state.serve(HOST, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def send(port: int, request: bytes) -> bytes:
    """Send bytes as they are, and read until the end."""
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(request)
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_readiness_is_what_the_service_says_now() -> None:
    state = Health()
    state.details["position"] = 7
    async with served(state) as port, httpx.AsyncClient(base_url=f"http://{HOST}:{port}") as client:
        not_yet = await client.get("/ready")
        state.ready = True
        now = await client.get("/ready")
    assert (not_yet.status_code, not_yet.json()) == (503, {"ready": False, "position": 7})
    assert (now.status_code, now.json()) == (200, {"ready": True, "position": 7})


async def test_it_is_alive_before_it_is_ready() -> None:
    async with served(Health()) as port, httpx.AsyncClient() as client:
        assert (await client.get(f"http://{HOST}:{port}/live")).status_code == 200


async def test_what_a_service_can_be_asked_is_computed_when_it_is() -> None:
    state = Health()
    asked = 0

    async def answer() -> dict[str, object]:
        nonlocal asked
        asked += 1
        return {"asked": asked}

    state.answers["/digests"] = answer
    async with served(state) as port, httpx.AsyncClient(base_url=f"http://{HOST}:{port}") as client:
        answers = [(await client.get("/digests")).json() for _ in range(2)]
    assert answers == [{"asked": 1}, {"asked": 2}]


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /other HTTP/1.1\r\n\r\n", b"404"),
        (b"POST /ready HTTP/1.1\r\n\r\n", b"405"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET /ready HTTP/1.1\r\nX: " + b"x" * 2 * health.REQUEST_LIMIT_BYTES, b"431"),
    ],
)
async def test_what_it_does_not_serve_is_refused(request_bytes: bytes, status: bytes) -> None:
    async with served(Health()) as port:
        answer = await send(port, request_bytes)
    assert answer.split()[1] == status


async def test_a_request_that_never_ends_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "REQUEST_LIMIT_S", 0.05)
    async with served(Health()) as port:
        assert await send(port, b"GET /ready") == b""
