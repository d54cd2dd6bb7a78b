"""What an endpoint is: a handler, the parameters it takes, and what its documentation says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from api.auth import Caller, Permission
from api.handlers.exchange import Exchange
from api.handlers.parameters import Parameter, Parameters
from api.identity.keys import ApiKey

Public = Callable[[Exchange, Parameters], Awaitable[Any]]
Keyed = Callable[[Exchange, ApiKey, Parameters], Awaitable[Any]]
Signed = Callable[[Exchange, Caller, Parameters], Coroutine[Any, Any, Any]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One that anybody may call. `example` is an answer as the documentation shows it."""

    method: str
    path: str
    handle: Public
    summary: str
    parameters: tuple[Parameter, ...] = ()
    example: Any = None


@dataclass(frozen=True, slots=True)
class KeyedEndpoint:
    """One for which an API key is named, and nothing is signed."""

    method: str
    path: str
    handle: Keyed
    summary: str
    parameters: tuple[Parameter, ...] = ()
    example: Any = None


@dataclass(frozen=True, slots=True)
class SignedEndpoint:
    """One that only its account may call, signed with a key of that account.

    `repeatable` says that a retry is recognised by its idempotency key, `takes_json` that its
    parameters may come as a JSON body, `places_orders` that its answers tell how many orders the
    account has placed, `withdraws` that it takes out money, which is audited.
    """

    method: str
    path: str
    handle: Signed
    summary: str
    parameters: tuple[Parameter, ...] = ()
    example: Any = None
    repeatable: bool = False
    takes_json: bool = False
    places_orders: bool = False
    withdraws: bool = False

    @property
    def permission(self) -> Permission:
        """What a key must be good for."""
        if self.withdraws:
            return Permission.WITHDRAW
        return Permission.READ if self.method == "GET" else Permission.TRADE
