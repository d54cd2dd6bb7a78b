"""What a client may do before it has sent a request, with real sockets: and no longer, nor more."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple, cast

import pytest
import uvicorn
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from api.errors import ApiError
from api.identity.networks import networks
from api.rest.connections import Connections, Limits
from api.rest.http import read_body, refusal, reply
from infra.settings import Settings

LIMIT_S = 10.0
LIMITS = Limits(head_bytes=2_000, head_s=0.5, body_s=0.3, connections=8, connections_per_address=3)
IDLE_S = 1
PING = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"


class Answer(NamedTuple):
    status: int
    code: int
    took_s: float


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads bodies as the door does."""
    request = Request(scope, receive)
    try:
        body = b"" if request.method == "GET" else (await read_body(request)).value
        answer = reply({"code": len(body)})
    except ApiError as error:
        answer = refusal(error)
    await answer(scope, receive, send)


@asynccontextmanager
async def serving(limits: Limits) -> AsyncIterator[Line]:
    config = uvicorn.Config(
        app,
        port=0,
        http=cast("Any", Connections(limits)),
        lifespan="off",
        log_config=None,
        timeout_keep_alive=IDLE_S,
    )
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield lambda: asyncio.open_connection("127.0.0.1", port)
    finally:
        await server.shutdown()


Line = Callable[[], Any]


async def answered(reader: asyncio.StreamReader) -> Answer:
    """The next answer, and how long it took."""
    began = time.monotonic()
    async with asyncio.timeout(LIMIT_S):
        head = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
        body = await reader.readexactly(int(fields[b"content-length"]))
    return Answer(int(head.split()[1]), json.loads(body)["code"], time.monotonic() - began)


async def is_silent(answer: asyncio.Task[Answer], seconds: float) -> bool:
    """Whether an answer does not come within so long."""
    return not (await asyncio.wait((answer,), timeout=seconds))[0]


async def closed(reader: asyncio.StreamReader) -> bool:
    """Whether nothing more comes, within the limit."""
    async with asyncio.timeout(LIMIT_S):
        return await reader.read() == b""


@pytest.mark.parametrize(
    ("proxies", "counted"),
    [("", True), ("192.0.2.1, 10.0.0.0/8", False), ("10.0.0.0/8", True), ("*", False)],
)
def test_a_proxy_is_not_one_client(proxies: str, counted: bool) -> None:
    settings = Settings(proxies=proxies, connections_per_address=1)
    connections = Connections(Limits.of(settings))
    connections.enter("192.0.2.1")
    if counted:
        with pytest.raises(ApiError):
            connections.enter("192.0.2.1")
    else:
        connections.enter("192.0.2.1")


async def test_requests_within_the_limits_are_answered_one_after_the_other() -> None:
    async with serving(LIMITS) as connect:
        reader, writer = await connect()
        for part in (PING, PING * 2):
            writer.write(part)
        for _ in range(3):
            assert (await answered(reader)).status == 200
        # Slower than a head may be in all, but idle in between: that is another limit.
        answer = asyncio.create_task(answered(reader))
        assert await is_silent(answer, LIMITS.head_s + 0.1)
        writer.write(PING)
        assert (await answer).status == 200
        writer.close()


@pytest.mark.parametrize(
    "start",
    [b"", b"GET /pi", b"GET /ping HTTP/1.1\r\nHost: x\r\nX-A", b"\r\n"],
    ids=["nothing", "line", "header", "blank"],
)
async def test_a_head_that_takes_too_long_is_answered_and_cut_off(start: bytes) -> None:
    async with serving(LIMITS) as connect:
        reader, writer = await connect()
        writer.write(start)
        answer = await answered(reader)
        assert (answer.status, answer.code) == (408, -1000)
        assert answer.took_s >= LIMITS.head_s - 0.1
        assert await closed(reader)
        writer.close()


async def test_who_drips_a_head_gains_no_time_by_it() -> None:
    async with serving(LIMITS) as connect:
        reader, writer = await connect()
        writer.write(PING)
        await answered(reader)
        began = time.monotonic()
        writer.write(b"GET /")
        answer = asyncio.create_task(answered(reader))
        while await is_silent(answer, 0.05):
            assert time.monotonic() < began + LIMIT_S, "it is still listened to"
            writer.write(b"p")
        assert (await answer).status == 408
        writer.close()


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"x" * 2_100 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /ping HTTP/1.1\r\nHost: x\r\nX-A: " + b"x" * 2_100 + b"\r\n\r\n",
        b"GET /ping HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 1_001 + b"\r\n",
        b"GET /ping HTTP/1.1\r\nHost: x\r\nX-A: " + b"x" * 5_000,
    ],
    ids=["line", "header", "headers", "endless"],
)
async def test_a_head_that_is_too_large_is_refused(head: bytes) -> None:
    async with serving(LIMITS) as connect:
        reader, writer = await connect()
        writer.write(head)
        answer = await answered(reader)
        assert (answer.status, answer.code) == (431, -1000)
        assert answer.took_s < LIMITS.head_s
        assert await closed(reader)
        writer.close()


async def test_a_body_that_takes_too_long_is_answered() -> None:
    async with serving(LIMITS) as connect:
        reader, writer = await connect()
        writer.write(b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")
        answer = await answered(reader)
        assert (answer.status, answer.code) == (408, -1000)
        writer.close()


async def test_a_connection_that_is_idle_after_an_answer_is_closed() -> None:
    async with serving(LIMITS) as connect:
        reader, writer = await connect()
        writer.write(PING)
        await answered(reader)
        assert await closed(reader)
        writer.close()


async def test_what_is_no_http_is_told_so_in_json() -> None:
    async with serving(LIMITS) as connect:
        reader, writer = await connect()
        writer.write(b"\x16\x03\x01 hello\r\n\r\n")
        answer = await answered(reader)
        assert (answer.status, answer.code) == (400, -1000)
        assert await closed(reader)
        writer.close()


@pytest.mark.parametrize(
    ("limits", "status", "code"),
    [
        (Limits(2_000, 5.0, 5.0, connections=8, connections_per_address=3), 429, -1034),
        (Limits(2_000, 5.0, 5.0, connections=3, connections_per_address=8), 503, -1008),
        (
            Limits(2_000, 5.0, 5.0, 3, 1, proxies=networks(["127.0.0.0/8"])),
            503,
            -1008,
        ),
    ],
    ids=["address", "all", "behind a proxy"],
)
async def test_so_many_are_connected_and_one_that_leaves_makes_room(
    limits: Limits, status: int, code: int
) -> None:
    async with serving(limits) as connect, AsyncExitStack() as stack:
        lines = [await connect() for _ in range(3)]
        for _, writer in lines:
            stack.callback(writer.close)
        for reader, writer in lines:
            writer.write(PING)
            assert (await answered(reader)).status == 200
        reader, writer = await connect()
        stack.callback(writer.close)
        answer = await answered(reader)
        assert (answer.status, answer.code) == (status, code)
        assert await closed(reader)
        leaver = lines[0][1]
        leaver.close()
        await leaver.wait_closed()
        again, writer = await connect()
        stack.callback(writer.close)
        writer.write(PING)
        assert (await answered(again)).status == 200
