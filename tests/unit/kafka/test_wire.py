"""A wire carries whole requests and whole answers, and says so when it is cut."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from aiokafka.errors import IncompatibleBrokerVersion, KafkaConnectionError
from aiokafka.protocol.admin import ApiVersionResponse_v0

from infra.kafka.wire import Wire

LIMIT_S = 5.0
VERSIONS = ApiVersionResponse_v0(0, [(1, 4, 17)]).encode()


class Broker:
    """The other end: hears requests, and says what it is told to."""

    def __init__(self) -> None:
        self._is_over = asyncio.Event()
        self._heard: asyncio.Queue[bytes] = asyncio.Queue()
        self._out: asyncio.StreamWriter | None = None

    @asynccontextmanager
    async def wire(self) -> AsyncIterator[Wire]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            wire = await Wire.connect("127.0.0.1", port, client_id="test")
            try:
                yield wire
            finally:
                wire.close()
                await asyncio.wait_for(self._is_over.wait(), LIMIT_S)

    async def heard(self) -> tuple[int, int, int, bytes]:
        """The next request: api, version, number, and what follows its head."""
        request = await asyncio.wait_for(self._heard.get(), LIMIT_S)
        api, version, number, name = struct.unpack_from(">hhih", request)
        assert request[10 : 10 + name] == b"test"
        return api, version, number, request[10 + name :]

    def say(self, said: bytes) -> None:
        assert self._out is not None
        self._out.write(said)

    def hang_up(self) -> None:
        assert self._out is not None
        self._out.close()

    async def _serve(self, requests: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        self._out = out
        with suppress(ConnectionError):
            while size := await requests.read(4):
                request = await requests.readexactly(*struct.unpack(">i", size))
                api, _, number = struct.unpack_from(">hhi", request)
                if api == 18:
                    self.say(answer(number, VERSIONS))
                else:
                    self._heard.put_nowait(request)
        out.close()
        self._is_over.set()


def answer(number: int, body: bytes) -> bytes:
    return struct.pack(">ii", 4 + len(body), number) + body


async def test_requests_are_answered_one_after_the_other() -> None:
    broker = Broker()
    async with broker.wire() as wire:
        for body in (b"one", b"", b"three"):
            asked = wire.ask(1, 11, body)
            api, version, number, heard = await broker.heard()
            assert (api, version, heard) == (1, 11, body)
            broker.say(answer(number, body * 2))
            assert await asyncio.wait_for(asked, LIMIT_S) == body * 2


async def test_an_answer_may_come_in_pieces() -> None:
    broker = Broker()
    async with broker.wire() as wire:
        asked = wire.ask(1, 11, b"")
        _, _, number, _ = await broker.heard()
        for byte in answer(number, b"an answer"):
            broker.say(bytes([byte]))
            await asyncio.sleep(0)
        assert await asyncio.wait_for(asked, LIMIT_S) == b"an answer"


async def test_an_answer_to_something_else_ends_it() -> None:
    broker = Broker()
    async with broker.wire() as wire:
        asked = wire.ask(1, 11, b"")
        _, _, number, _ = await broker.heard()
        broker.say(answer(number + 1, b""))
        with pytest.raises(KafkaConnectionError):
            await asyncio.wait_for(asked, LIMIT_S)


async def test_who_waits_hears_that_the_broker_hung_up() -> None:
    broker = Broker()
    async with broker.wire() as wire:
        asked = wire.ask(1, 11, b"")
        await broker.heard()
        broker.hang_up()
        with pytest.raises(KafkaConnectionError):
            await asyncio.wait_for(asked, LIMIT_S)
        with pytest.raises(KafkaConnectionError):
            await asyncio.wait_for(wire.ask(1, 11, b""), LIMIT_S)


async def test_a_broker_that_is_silent_for_too_long_is_given_up() -> None:
    broker = Broker()
    async with broker.wire() as wire:
        asked = wire.ask(1, 11, b"")
        wire.close_if_silent(LIMIT_S)
        assert not asked.done()
        wire.close_if_silent(-1.0)
        with pytest.raises(KafkaConnectionError):
            await asked


async def test_a_version_that_the_broker_does_not_take_is_told() -> None:
    async with Broker().wire() as wire:
        wire.check(1, 11)
        for api, version in ((1, 3), (1, 18), (2, 0)):
            with pytest.raises(IncompatibleBrokerVersion):
                wire.check(api, version)
