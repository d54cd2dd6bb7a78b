"""A connection to a broker for who asks one thing at a time, and often.

A request goes out and its answer comes in as the bytes they are, without a task, a stream and a
timer for each: woken for a single record, a process has none of its code at hand, and every step
counts tenfold. To connect, and to say who one is, is aiokafka's part; the transport is taken over
from its connection then. Rests on internals of aiokafka 0.14.0, pinned for it.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Any

from aiokafka.conn import create_conn
from aiokafka.errors import IncompatibleBrokerVersion, KafkaConnectionError

_HEAD = struct.Struct(">ihhih")
"""Size of what follows it, api, its version, number of the request, length of the client's name."""

_SIZE = struct.Struct(">i")
_ANSWER_HEAD = struct.Struct(">ii")
"""Size of what follows it, number of the request that is answered."""

NUMBER_MAX = 2**31 - 1


class Wire(asyncio.Protocol):
    """A connection that stands; one request is on its way at a time."""

    def __init__(self, connection: Any, client_id: str, transport: asyncio.Transport) -> None:
        self._connection = connection
        self._client = client_id.encode()
        self._transport = transport
        self._number = 0
        self._answer: asyncio.Future[bytes] | None = None
        self._received = bytearray()
        self._asked_at = 0.0
        self._is_open = True

    @classmethod
    async def connect(cls, host: str, port: int, *, client_id: str, **options: Any) -> Wire:
        """The options are those of `Settings.kafka_client`, but for where brokers are.

        Raises `KafkaError`, `OSError`, `TimeoutError`.
        """
        # Who is never idle for long needs nobody to look after that.
        connection = await create_conn(host, port, client_id=client_id, max_idle_ms=None, **options)
        connection._read_task.cancel()
        transport: asyncio.Transport = connection._writer.transport
        wire = cls(connection, client_id, transport)
        transport.set_protocol(wire)
        return wire

    def check(self, api: int, version: int) -> None:
        """Raise `IncompatibleBrokerVersion` unless the broker takes requests of this version."""
        lowest, highest = self._connection._versions.get(api, (0, -1))
        if not lowest <= version <= highest:
            raise IncompatibleBrokerVersion(
                f"the broker takes api {api} in versions {lowest} to {highest}, not {version}"
            )

    def ask(self, api: int, version: int, body: bytes) -> asyncio.Future[bytes]:
        """The answer's body, when it comes; `KafkaConnectionError` where the connection is lost."""
        self._number = self._number % NUMBER_MAX + 1
        size = _HEAD.size - _SIZE.size + len(self._client) + len(body)
        head = _HEAD.pack(size, api, version, self._number, len(self._client))
        loop = asyncio.get_running_loop()
        answer = self._answer = loop.create_future()
        self._asked_at = loop.time()
        if self._is_open:
            self._transport.write(head + self._client + body)
        else:
            self._lose(None)
        return answer

    def close_if_silent(self, limit_s: float) -> None:
        """Close it where an answer has been awaited for longer."""
        now = asyncio.get_running_loop().time()
        if self._answer is not None and now > self._asked_at + limit_s:
            self.close()

    def close(self) -> None:
        """Give up the connection at once, and what is on its way with it."""
        self._lose(None)
        self._connection.close()
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._received += data
        received = self._received
        if len(received) < _ANSWER_HEAD.size:
            return
        size, number = _ANSWER_HEAD.unpack_from(received)
        end = _SIZE.size + size
        if len(received) < end:
            return
        body = bytes(memoryview(received)[_ANSWER_HEAD.size : end])
        del received[:end]
        if number != self._number or self._answer is None:
            self.close()  # out of step: nothing it says can be trusted
            return
        answer, self._answer = self._answer, None
        if not answer.done():
            answer.set_result(body)

    def connection_lost(self, error: Exception | None) -> None:
        # Whoever closes aiokafka's connection waits for this.
        self._connection._protocol.connection_lost(error)
        self._connection.close()
        self._lose(error)

    def _lose(self, cause: Exception | None) -> None:
        self._is_open = False
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            lost = KafkaConnectionError("the connection was lost")
            lost.__cause__ = cause
            answer.set_exception(lost)
            answer.exception()  # who asked may have gone; nobody else is to be told
