"""HTTP connections within limits: how many, how large a head, how slow, how long idle.

uvicorn closes a connection that is idle after an answer; until a request's head is there, a client
may take as long and send as much as it likes. So a head has a limit of size, and of time: from the
connection's beginning, or from the first byte after an answer. And there may be so many
connections, in all and from an address. Who is refused is told `{"code", "msg"}` like everybody,
and the connection is closed.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from api.errors import (
    ApiError,
    head_too_large,
    head_too_slow,
    malformed_request,
    overloaded,
    too_many_connections,
)
from api.handlers import shapes
from api.identity.networks import Network, is_within, networks, place
from api.rest.http import BODY_LIMIT
from infra.settings import Settings

log = logging.getLogger(__name__)

_place = lru_cache(maxsize=8192)(place)


_ANYBODY = ("0.0.0.0/0", "::/0")


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes, seconds and numbers; a number of 0 is no limit. Proxies are no clients: the
    connections of each are not counted by its address.
    """

    head_bytes: int
    head_s: float
    body_s: float
    connections: int
    connections_per_address: int
    proxies: tuple[Network, ...] = ()

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        return cls(
            settings.header_bytes,
            settings.header_s,
            settings.body_s,
            settings.connections,
            settings.connections_per_address,
            networks(_ANYBODY if settings.proxies.strip() == "*" else _parts(settings.proxies)),
        )


class Connections:
    """Who is connected. Makes the protocol of each connection, as uvicorn asks for it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._total = 0
        self._by_address: Counter[str] = Counter()

    def __call__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> Connection:
        return Connection(self, config, server_state, app_state, _loop)

    def enter(self, address: str) -> str:
        """Let an address connect once more; the name to leave by. Raises -1008, -1034."""
        limits, name = self.limits, _place(address)
        if limits.connections and self._total >= limits.connections:
            raise overloaded()
        most = limits.connections_per_address
        if most and self._by_address[name] >= most and not is_within(address, limits.proxies):
            raise too_many_connections(most)
        self._total += 1
        self._by_address[name] += 1
        return name

    def leave(self, name: str) -> None:
        self._total -= 1
        self._by_address[name] -= 1
        if not self._by_address[name]:
            del self._by_address[name]


class Connection(HttpToolsProtocol):
    """One connection. A WebSocket's leaves these limits at its upgrade, and has its own."""

    def __init__(
        self,
        connections: Connections,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._all = connections
        self._name: str | None = None
        self._in_head = False
        self._received = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._refusal: ApiError | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        try:
            self._name = self._all.enter("" if self.client is None else self.client[0])
        except ApiError as error:
            self._refuse(error)
        else:
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None:
            return
        # At least as much as the head that is being received has, so that few are measured.
        self._received = len(data) + (self._received if self._in_head else 0)
        super().data_received(data)
        if self.transport.is_closing() or self._name is None:
            return
        if self._in_head and self._received > self._all.limits.head_bytes:
            self._refuse(head_too_large())
        elif self._head_timer is None and (self._in_head or self._is_idle):
            self._expect_head()

    def handle_websocket_upgrade(self) -> None:
        self._leave()
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"][BODY_LIMIT] = self._all.limits.body_s
        self._in_head = True

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._unset_head_timer()
        limit = self._all.limits.head_bytes
        if self._received > limit and self._head_bytes > limit:
            # It stops the parser, which then asks for `send_400_response`.
            self._refusal = head_too_large()
            raise ValueError("too large a head")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        # Who reads the body then need not watch the clock.
        self.scope["state"][BODY_LIMIT] = None

    def send_400_response(self, msg: str) -> None:
        self._refuse(self._refusal or malformed_request())

    @property
    def _is_idle(self) -> bool:
        """Whether no request is in work, though something was received."""
        return (
            self.timeout_keep_alive_task is None
            and (self.cycle is None or self.cycle.response_complete)
            and not self.pipeline
        )

    @property
    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(self._all.limits.head_s, self._too_slow)

    def _too_slow(self) -> None:
        self._head_timer = None
        if self.transport.is_closing():
            return
        if self.cycle is not None and not self.cycle.response_complete:
            # The next request's head waits for this one's answer, which may be under way.
            self._expect_head()
        else:
            self._refuse(head_too_slow())

    def _refuse(self, error: ApiError) -> None:
        """Say why, and close."""
        self._refusal = error
        self._unset_head_timer()
        body = msgspec.json.encode(shapes.refusal(error))
        retry = b"" if error.retry_after_s is None else b"retry-after: %d\r\n" % error.retry_after_s
        self.transport.write(
            STATUS_LINE[error.status]
            + b"content-type: application/json\r\ncontent-length: %d\r\n" % len(body)
            + retry
            + b"connection: close\r\n\r\n"
            + body
        )
        self.transport.close()

    def _leave(self) -> None:
        self._unset_head_timer()
        if self._name is not None:
            self._all.leave(self._name)
            self._name = None

    def _unset_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
