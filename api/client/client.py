"""Sending calls: one way to write a request and to read its answer, with and without `await`."""

from __future__ import annotations

import hashlib
import hmac
import time
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlencode

import httpx
import msgspec

from api.client.calls import Call

T = TypeVar("T")

TIMEOUT_S = 15.0
"""Longer than the exchange itself takes to say that it doesn't know."""


class ExchangeError(Exception):
    """The exchange answered with an error: HTTP status, code and message.

    `unknown` says that the request may have taken effect all the same: ask, or send it again under
    its idempotency key.
    """

    def __init__(self, status: int, code: int, msg: str) -> None:
        super().__init__(f"{status} {code} {msg}")
        self.status = status
        self.code = code
        self.msg = msg

    @property
    def unknown(self) -> bool:
        return self.status >= 500


class _Said(msgspec.Struct, frozen=True):
    code: int
    msg: str


class Signer:
    """Writes requests, and signs those that need it with an account's key (HMAC-SHA256)."""

    def __init__(self, api_key: str = "", secret: str = "") -> None:
        self._api_key = api_key
        self._secret = secret.encode()

    def request(self, http: httpx.Client | httpx.AsyncClient, call: Call[T]) -> httpx.Request:
        """Parameters go in the query. Raises `ValueError` for one to sign without a key."""
        headers = {}
        parameters = call.parameters
        if call.signed:
            if not self._api_key:
                raise ValueError(f"{call.method} {call.path} needs an API key")
            headers["X-MBX-APIKEY"] = self._api_key
            parameters = {**parameters, "timestamp": time.time_ns() // 1_000_000}
        if call.idempotency_key:
            headers["Idempotency-Key"] = call.idempotency_key
        query = urlencode(parameters)
        if call.signed:
            signature = hmac.new(self._secret, query.encode(), hashlib.sha256).hexdigest()
            query += f"&signature={signature}"
        url = f"{call.path}?{query}" if query else call.path
        return http.build_request(call.method, url, headers=headers)


def read(call: Call[T], response: httpx.Response) -> T:
    """The answer to a call. Raises `ExchangeError`."""
    if response.is_success:
        return msgspec.json.decode(response.content, type=call.answer)
    try:
        said = msgspec.json.decode(response.content, type=_Said)
    except msgspec.DecodeError:
        # Something between us and the exchange, such as a proxy, answered in its place.
        said = _Said(0, response.text[:200])
    raise ExchangeError(response.status_code, said.code, said.msg)


class Client:
    """An account's access to the exchange, or without a key what everybody may see."""

    def __init__(
        self, url: str, api_key: str = "", secret: str = "", *, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._http = httpx.Client(base_url=url, timeout=timeout_s)
        self._signer = Signer(api_key, secret)

    def send(self, call: Call[T]) -> T:
        """Raises `ExchangeError`, or `httpx.HTTPError` where no answer came."""
        return read(call, self._http.send(self._signer.request(self._http, call)))

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class AsyncClient:
    """As `Client`, for asyncio; any number of calls may be under way."""

    def __init__(
        self, url: str, api_key: str = "", secret: str = "", *, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._http = httpx.AsyncClient(base_url=url, timeout=timeout_s)
        self._signer = Signer(api_key, secret)

    @classmethod
    def sharing(cls, http: httpx.AsyncClient, api_key: str, secret: str) -> Self:
        """A client of another account over the same connections, which stay their owner's."""
        client = cls.__new__(cls)
        client._http, client._signer = http, Signer(api_key, secret)
        return client

    async def send(self, call: Call[T]) -> T:
        """Raises `ExchangeError`, or `httpx.HTTPError` where no answer came."""
        return read(call, await self._http.send(self._signer.request(self._http, call)))

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
