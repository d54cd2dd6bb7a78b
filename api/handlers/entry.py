"""From a request to its handler, whatever door it came through: who asks, and for what."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import msgspec

from api.auth import Caller, Permission
from api.handlers.endpoint import Endpoint, KeyedEndpoint, SignedEndpoint
from api.handlers.exchange import Exchange
from api.handlers.parameters import SIGNATURE, Spec, read
from api.handlers.weights import WEIGHTS, weigher
from api.idempotency import read_key
from streams.messages import AccountId, OrderCounts

RECV_WINDOW, TIMESTAMP, _ = SIGNATURE
IN_SESSION = (RECV_WINDOW, replace(TIMESTAMP, required=False))
"""What a session's request may have in place of a signature."""


class SignedRequest(msgspec.Struct, frozen=True):
    """What a door was sent: the API key, the parameters, and the bytes that the signature covers.

    `idempotency_keys` are all that came along: one is the most that is taken. `address` is where
    it came from; `access_token`, in place of an API key, is that of a session, and `logged_on` the
    key that a connection has logged on with, whose requests are not signed any more.
    """

    api_key: str | None
    sent: dict[str, str]
    payload: bytes
    idempotency_keys: Sequence[str] = ()
    address: str = ""
    access_token: str | None = None
    logged_on: str | None = None


class Counted(NamedTuple):
    """What a handler answered, and how many orders its account has placed, as far as is known."""

    answer: Any
    orders: OrderCounts


class PublicEntry:
    """The way to an endpoint that anybody may call."""

    def __init__(self, exchange: Exchange, endpoint: Endpoint) -> None:
        self._exchange = exchange
        self._handle = endpoint.handle
        self._spec = Spec(endpoint.parameters)
        self._weight = weigher(WEIGHTS[endpoint.method, endpoint.path], self._spec)

    async def answer(self, sent: dict[str, str], address: str) -> Any:
        """What the handler answers a request from a network address. Raises `ApiError`."""
        self._exchange.weights.count(address, self._weight(sent))
        return await self._handle(self._exchange, read(sent, self._spec))


class KeyedEntry:
    """The way to an endpoint for which an API key is named."""

    def __init__(self, exchange: Exchange, endpoint: KeyedEndpoint) -> None:
        self._exchange = exchange
        self._handle = endpoint.handle
        self._spec = Spec(endpoint.parameters)
        self._weight = weigher(WEIGHTS[endpoint.method, endpoint.path], self._spec)

    async def answer(self, request: SignedRequest) -> Any:
        """What the handler answers; of the request, the signature does not count. Raises
        `ApiError`.
        """
        self._exchange.weights.count(request.address, self._weight(request.sent))
        gate = self._exchange.identity.gate
        key = await gate.named(request.api_key, request.address, Permission.READ)
        return await self._handle(self._exchange, key, read(request.sent, self._spec))


class SignedEntry:
    """The way to an endpoint that only its account may call."""

    def __init__(self, exchange: Exchange, endpoint: SignedEndpoint) -> None:
        self._exchange = exchange
        self._handle = endpoint.handle
        self._repeatable = endpoint.repeatable
        self._permission = endpoint.permission
        self._audited = endpoint.withdraws
        self._counted = endpoint.places_orders and exchange.order_limits is not None
        self._spec = Spec((*endpoint.parameters, *SIGNATURE))
        self._session_spec = Spec((*endpoint.parameters, *IN_SESSION))
        self._logged_on_spec = Spec((*endpoint.parameters, RECV_WINDOW, TIMESTAMP))
        self._weight = weigher(WEIGHTS[endpoint.method, endpoint.path], self._spec)

    async def answer(self, request: SignedRequest) -> Any:
        """What the handler answers, `Counted` where it places orders. Raises `ApiError`."""
        return await (await self.admit(request))

    async def admit(self, request: SignedRequest) -> Coroutine[Any, Any, Any]:
        """The handling of a request, to be awaited, once it is known who asks. Raises `ApiError`.

        A door whose clients' requests have an order admits them one after the other: handled at
        once then, their commands come to the log in that order.
        """
        weight = self._weight(request.sent)
        self._exchange.weights.count(request.address, weight)
        key = read_key(request.idempotency_keys, taken=self._repeatable)
        caller = await self._caller(request, key)
        api_key = request.api_key or request.logged_on
        if api_key is not None:
            self._exchange.weights.count_key(api_key, weight)
        if self._audited:
            actor = f"user:{caller.account}" if api_key is None else f"key:{api_key}"
            caller = msgspec.structs.replace(caller, actor=actor, address=request.address)
        parameters = read(request.sent, self._spec_of(request), signed=True)
        handling = self._handle(self._exchange, caller, parameters)
        return self._with_counts(caller.account, handling) if self._counted else handling

    async def _with_counts(self, account: AccountId, handling: Coroutine[Any, Any, Any]) -> Counted:
        return Counted(await handling, self._exchange.order_counts(account))

    def _spec_of(self, request: SignedRequest) -> Spec:
        if request.logged_on is not None:
            return self._logged_on_spec
        return self._spec if request.access_token is None else self._session_spec

    async def _caller(self, request: SignedRequest, idempotency_key: str) -> Caller:
        """Who signed it, or whose session it is of; raises as the gate does."""
        gate = self._exchange.identity.gate
        if request.logged_on is not None:
            return await gate.logged_on(
                request.logged_on,
                request.sent,
                request.address,
                self._permission,
                idempotency_key,
            )
        if request.access_token is not None:
            return await gate.in_session(request.access_token, request.sent, idempotency_key)
        return await gate.signed(
            request.api_key,
            request.sent,
            request.payload,
            request.address,
            self._permission,
            idempotency_key,
        )
