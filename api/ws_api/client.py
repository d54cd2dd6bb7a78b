"""Who is connected, and what the calls about the connection itself do: logging on, private streams.

Source: "Session Authentication" and "User Data Stream requests" in web-socket-api.md of
binance/binance-spot-api-docs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from api.auth import Permission
from api.errors import ApiError, ed25519_only, rejected_key
from api.handlers.exchange import Exchange
from api.handlers.parameters import SIGNATURE, Kind, Parameter, Parameters, Spec, read
from api.handlers.shapes import Json
from api.identity.keys import ApiKey
from api.private.feed import PrivateFeed
from api.ws_api.calls import Call, parameters_of, signed_request
from api.ws_api.session import nothing
from api.ws_api.subscriptions import Subscription, Subscriptions

WEIGHT = 2
"""Of each call about the connection."""

_FROM = Parameter("from", Kind.LONG, description="Go on after the event of this position.")
_NUMBER = Parameter("subscriptionId", Kind.LONG, description="All, where it is left out.")

_NOTHING = Spec(())
_SIGNED = Spec(SIGNATURE)
_SUBSCRIBE = Spec((_FROM,))
_SUBSCRIBE_SIGNED = Spec((_FROM, *SIGNATURE))
_UNSUBSCRIBE = Spec((_NUMBER,))


class Done(NamedTuple):
    """What a call came to, and what is to be done once that has been said."""

    result: Any
    then: Callable[[], None] = nothing


class Logon(NamedTuple):
    key: str
    since: int


class Client:
    """One connection: from where, whether answers tell of limits where a request does not say, in
    which unit times are told, the turns of its requests, and whom it acts for.
    """

    def __init__(
        self,
        exchange: Exchange,
        feed: PrivateFeed,
        address: str,
        tell: Callable[[bytes], None],
        *,
        shows_limits: bool,
        in_microseconds: bool = False,
    ) -> None:
        self.address = address
        self.in_microseconds = in_microseconds
        self.shows_limits = shows_limits
        self.turns = asyncio.Lock()
        self.subscriptions = Subscriptions(feed, tell, in_microseconds=in_microseconds)
        self._exchange = exchange
        self._since = exchange.clock()
        self._logon: Logon | None = None

    @property
    def logged_on(self) -> str | None:
        """The key that it has logged on with."""
        return None if self._logon is None else self._logon.key

    def revoke(self) -> None:
        """Forget the key: it can't be used any more."""
        self._logon = None
        self.subscriptions.end_all(self._exchange.clock(), by_logon_alone=True)

    def leave(self) -> None:
        """Nobody is there to be told anything any more."""
        self.subscriptions.end_all(self._exchange.clock())

    async def check_subscriptions(self) -> None:
        """End those whose key has ended; while nobody can tell, they go on."""
        for subscription in self.subscriptions.active:
            try:
                await self._exchange.identity.gate.named(
                    subscription.key.key, self.address, Permission.READ
                )
            except ApiError as error:
                if error.status < 500:
                    self._end(subscription)

    def _end(self, subscription: Subscription) -> None:
        if subscription in self.subscriptions.active:
            self.subscriptions.end(subscription.number, self._exchange.clock())

    # -- calls -----------------------------------------------------------------------------------

    async def log_on(self, call: Call) -> Done:
        """Act for the account of an Ed25519 key from now on. Raises as the gate, -1020."""
        async with self.turns:
            key = await self._signed(call, _SIGNED, None)
            if not key.is_ed25519:
                raise ed25519_only()
            self._logon = Logon(key.key, self._exchange.clock())
        return Done(self._status())

    async def log_out(self, call: Call) -> Done:
        read(parameters_of(call), _NOTHING)
        async with self.turns:
            self.revoke()
        return Done(self._status())

    async def status(self, call: Call) -> Done:
        read(parameters_of(call), _NOTHING)
        async with self.turns:
            return Done(self._status())

    async def list_subscriptions(self, call: Call) -> Done:
        read(parameters_of(call), _NOTHING)
        active = self.subscriptions.active
        return Done([{"subscriptionId": subscription.number} for subscription in active])

    async def subscribe(self, call: Call) -> Done:
        """Listen to the account that it acts for. Raises -2015 where it acts for none."""
        parameters = read(parameters_of(call), _SUBSCRIBE)
        async with self.turns:
            logon = self._logon
        if logon is None:
            raise rejected_key()
        gate = self._exchange.identity.gate
        key = await gate.named(logon.key, self.address, Permission.READ)
        return await self._begin(key, parameters, by_logon=True)

    async def subscribe_signed(self, call: Call) -> Done:
        """Listen to the account of the key that signed this. Raises as the gate."""
        key = await self._signed(call, _SUBSCRIBE_SIGNED, Permission.READ)
        parameters = read(signed_request(call, "").sent, _SUBSCRIBE_SIGNED, signed=True)
        return await self._begin(key, parameters, by_logon=False)

    async def unsubscribe(self, call: Call) -> Done:
        """Raises -2036 where there is no such subscription."""
        number = read(parameters_of(call), _UNSUBSCRIBE).integer("subscriptionId")
        now = self._exchange.clock()
        if number is None:
            self.subscriptions.end_all(now)
        else:
            self.subscriptions.end(number, now)
        return Done({})

    async def _begin(self, key: ApiKey, parameters: Parameters, *, by_logon: bool) -> Done:
        since = parameters.integer("from")
        subscription = await self.subscriptions.begin(key, since, by_logon=by_logon)
        told = {"subscriptionId": subscription.number, "position": subscription.begins_after}
        return Done(told, subscription.open)

    async def _signed(self, call: Call, spec: Spec, permission: Permission | None) -> ApiKey:
        request = signed_request(call, self.address)
        gate = self._exchange.identity.gate
        await gate.signed(request.api_key, request.sent, request.payload, self.address, permission)
        read(request.sent, spec, signed=True)
        return await gate.named(request.api_key, self.address, permission)

    def _status(self) -> Json:
        logon = self._logon
        return {
            "apiKey": None if logon is None else logon.key,
            "authorizedSince": None if logon is None else logon.since,
            "connectedSince": self._since,
            "returnRateLimits": self.shows_limits,
            "serverTime": self._exchange.clock(),
            "userDataStream": bool(self.subscriptions.active),
        }


ClientCall = Callable[[Client, Call], Awaitable[Done]]

CALLS: dict[str, ClientCall] = {
    "session.logon": Client.log_on,
    "session.status": Client.status,
    "session.logout": Client.log_out,
    "session.subscriptions": Client.list_subscriptions,
    "userDataStream.subscribe": Client.subscribe,
    "userDataStream.subscribe.signature": Client.subscribe_signed,
    "userDataStream.unsubscribe": Client.unsubscribe,
}
"""By name, beside the methods that are endpoints."""
