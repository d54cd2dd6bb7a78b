"""From a request to its handler, whatever door it came through: who asks, and for what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from api.auth import Caller, check_key_format, check_signature, check_time
from api.errors import mandatory, rejected_key
from api.handlers.endpoint import Endpoint, SignedEndpoint
from api.handlers.exchange import Exchange
from api.handlers.parameters import SIGNATURE, Spec, read
from api.idempotency import read_key


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a door was sent: the API key, the parameters, and the bytes that the signature covers.

    `idempotency_keys` are all that came along: one is the most that is taken.
    """

    api_key: str | None
    sent: dict[str, str]
    payload: bytes
    idempotency_keys: Sequence[str] = ()


class PublicEntry:
    """The way to an endpoint that anybody may call."""

    def __init__(self, exchange: Exchange, endpoint: Endpoint) -> None:
        self._exchange = exchange
        self._handle = endpoint.handle
        self._spec = Spec(endpoint.parameters)

    async def answer(self, sent: dict[str, str]) -> Any:
        """What the handler answers. Raises `ApiError`."""
        return await self._handle(self._exchange, read(sent, self._spec))


class SignedEntry:
    """The way to an endpoint that only its account may call."""

    def __init__(self, exchange: Exchange, endpoint: SignedEndpoint) -> None:
        self._exchange = exchange
        self._handle = endpoint.handle
        self._repeatable = endpoint.repeatable
        self._spec = Spec((*endpoint.parameters, *SIGNATURE))

    async def answer(self, request: SignedRequest) -> Any:
        """What the handler answers. Raises `ApiError`."""
        key = read_key(request.idempotency_keys, taken=self._repeatable)
        caller = await self._caller(request, key)
        parameters = read(request.sent, self._spec, signed=True)
        return await self._handle(self._exchange, caller, parameters)

    async def _caller(self, request: SignedRequest, idempotency_key: str) -> Caller:
        """Who signed it: raises -2014, -2015, -1022 or -1021 where nobody did, in time."""
        key = check_key_format(request.api_key)
        sent = request.sent
        for name in ("timestamp", "signature"):
            if not sent.get(name):
                raise mandatory(name)
        known = await self._exchange.keys.find(key)
        if known is None:
            raise rejected_key()
        check_signature(request.payload, known.secret, sent["signature"])
        expires_us = check_time(sent["timestamp"], sent.get("recvWindow"), self._exchange.clock())
        return Caller(known.account, expires_us, idempotency_key)
