"""A connection of the WebSocket API as a client sees it: a real server, a real client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from api.ws.connection import EXTENSION, Connection
from api.ws.service import listen
from api.ws_api.session import EVENTS_MAX, TOO_SLOW, Close, Reply, Session

LIMIT_S = 5
IN_WORK_MAX = 3


class Served:
    """A server whose requests are answered when the test says so."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.may_answer = asyncio.Event()
        self.most_in_work = 0
        self.session: Session | None = None
        self.over = asyncio.Event()
        self._in_work = 0
        self._begun = asyncio.Condition()
        self._socket = listen("127.0.0.1", 0)
        config = uvicorn.Config(
            self._app, interface="asgi3", ws=Connection, lifespan="off", log_level="error"
        )
        self._server = uvicorn.Server(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))

    def connect(self) -> connect:
        host, port = self._socket.getsockname()
        return connect(f"ws://{host}:{port}/", compression=None, open_timeout=LIMIT_S)

    async def have_begun(self, count: int) -> list[str]:
        """The first requests that are in work, once there are so many."""
        async with asyncio.timeout(LIMIT_S), self._begun:
            await self._begun.wait_for(lambda: len(self.begun) >= count)
        return self.begun

    async def stop(self) -> None:
        self._server.should_exit = True
        await asyncio.wait_for(self._task, LIMIT_S)

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        websocket = WebSocket(scope, receive, send)
        await websocket.accept()
        line = scope["extensions"][EXTENSION]["connection"]
        self.session = Session(websocket, line, self._answer, in_work_max=IN_WORK_MAX)
        try:
            await self.session.run()
        finally:
            self.over.set()

    async def _answer(self, text: str | None) -> Reply:
        async with self._begun:
            self.begun.append(text or "")
            self._begun.notify_all()
        self._in_work += 1
        self.most_in_work = max(self.most_in_work, self._in_work)
        await self.may_answer.wait()
        # A turn of the loop for each that could be begun too early.
        await asyncio.sleep(0)
        self._in_work -= 1
        return Reply(json.dumps({"to": text}).encode())


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    served = Served()
    yield served
    await served.stop()


async def hear(client: ClientConnection) -> Any:
    return json.loads(await asyncio.wait_for(client.recv(), LIMIT_S))


async def all_heard(client: ClientConnection, count: int) -> list[str]:
    return [(await hear(client))["to"] for _ in range(count)]


async def test_requests_are_begun_in_order_and_so_many_are_in_work_at_once(
    served: Served,
) -> None:
    async with served.connect() as client:
        for number in range(10):
            await client.send(str(number))
        assert await served.have_begun(IN_WORK_MAX) == ["0", "1", "2"]
        served.may_answer.set()
        assert sorted(await all_heard(client, 10)) == [str(number) for number in range(10)]
        assert served.begun == [str(number) for number in range(10)]
        assert served.most_in_work == IN_WORK_MAX


async def test_what_is_in_work_is_answered_before_the_connection_is_closed(
    served: Served,
) -> None:
    async with served.connect() as client:
        await client.send("last")
        await served.have_begun(1)
        assert served.session is not None
        served.session.close(Close(1012, "bye"))
        served.may_answer.set()
        assert await all_heard(client, 1) == ["last"]
        with pytest.raises(ConnectionClosed) as closed:
            await hear(client)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1012, "bye")


async def test_a_client_that_leaves_keeps_nobody(served: Served) -> None:
    async with served.connect() as client:
        await client.send("orphan")
        await served.have_begun(1)
    assert not served.over.is_set()
    served.may_answer.set()
    await asyncio.wait_for(served.over.wait(), LIMIT_S)


async def test_events_come_after_the_answer_that_says_what_they_are(served: Served) -> None:
    served.may_answer.set()
    async with served.connect() as client:
        await client.send("first")
        assert await all_heard(client, 1) == ["first"]
        assert served.session is not None
        for number in range(3):
            served.session.tell(b'{"to":%d}' % number)
        assert [(await hear(client))["to"] for _ in range(3)] == [0, 1, 2]


async def test_who_does_not_read_its_events_is_closed(served: Served) -> None:
    """None is left out of those that are sent."""
    served.may_answer.set()
    async with served.connect() as client:
        await client.send("first")
        assert await all_heard(client, 1) == ["first"]
        assert served.session is not None
        for number in range(EVENTS_MAX + 2_000):
            served.session.tell(b'{"to":%d,"x":"%b"}' % (number, b"x" * 1_000))
        heard = []
        with suppress(ConnectionClosed):
            async for text in client:
                heard.append(json.loads(text)["to"])
        assert (client.close_code, client.close_reason) == tuple(TOO_SLOW)
        assert heard == list(range(len(heard)))
