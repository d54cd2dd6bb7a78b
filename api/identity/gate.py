"""The gate: who is calling, and whether they may.

A request comes with an API key and its signature, or with a session's access token. Failures are
counted by where they come from, never by whose key it is: nobody can lock out a key's owner, for
what is rightly signed always passes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from api.auth import Caller, Permission, check_key_format, check_time
from api.errors import ApiError, mandatory, rejected_key, too_many_failures
from api.identity.attempts import Attempts
from api.identity.keys import ApiKey, ApiKeys
from api.identity.networks import is_within, place
from api.identity.sessions import Sessions

FAILURES_MAX = 100
FAILURES_S = 60.0

BEARER = "bearer "


class Gate:
    """Lets callers in, or raises what they are told."""

    def __init__(self, keys: ApiKeys, sessions: Sessions, clock: Callable[[], int]) -> None:
        self._keys = keys
        self._sessions = sessions
        self._clock = clock
        self._failures = Attempts(FAILURES_MAX, FAILURES_S)

    async def signed(
        self,
        api_key: str | None,
        sent: Mapping[str, str],
        payload: bytes,
        address: str,
        permission: Permission | None,
        idempotency_key: str = "",
    ) -> Caller:
        """Who signed a request: raises -2014, -2015, -1022 or -1021 where nobody did who may, in
        time; -1003 instead to who fails too often. Without a permission, any key is good for it.
        """
        key = check_key_format(api_key)
        for name in ("timestamp", "signature"):
            if not sent.get(name):
                raise mandatory(name)
        try:
            known = await self._keys.find(key)
            if known is None:
                raise rejected_key()
            known.check(payload, sent["signature"])
        except ApiError as error:
            self._count(error, address)
            raise
        _check_rights(known, address, permission)
        expires_us = check_time(sent["timestamp"], sent.get("recvWindow"), self._clock())
        return Caller(known.account, expires_us, idempotency_key)

    async def named(
        self, api_key: str | None, address: str, permission: Permission | None
    ) -> ApiKey:
        """The key that a request names and need not be signed with: who asks has shown before that
        it is his, or gets nothing by it but what he could by its secret alone.

        Raises -2014, -2015; -1003 instead to who fails too often.
        """
        key = check_key_format(api_key)
        known = await self._keys.find(key)
        if known is None:
            error = rejected_key()
            self._count(error, address)
            raise error
        _check_rights(known, address, permission)
        return known

    async def logged_on(
        self,
        api_key: str,
        sent: Mapping[str, str],
        address: str,
        permission: Permission,
        idempotency_key: str = "",
    ) -> Caller:
        """Whom a connection acts for that has logged on with a key, which may have ended since.

        Raises as `signed`, but for -1022.
        """
        if not sent.get("timestamp"):
            raise mandatory("timestamp")
        known = await self.named(api_key, address, permission)
        expires_us = check_time(sent["timestamp"], sent.get("recvWindow"), self._clock())
        return Caller(known.account, expires_us, idempotency_key)

    async def in_session(
        self, token: str, sent: Mapping[str, str], idempotency_key: str = ""
    ) -> Caller:
        """Whose session an access token is of: it may do all that its owner may.

        Raises -1002 where there is none; -1021 where a `timestamp` was sent and is over.
        """
        session = await self._sessions.of_access(token)
        now = self._clock()
        expires_us = check_time(sent.get("timestamp", str(now)), sent.get("recvWindow"), now)
        return Caller(session.account, expires_us, idempotency_key)

    def _count(self, error: ApiError, address: str) -> None:
        if error.status < 500:
            wait_s = self._failures.begin(place(address))
            if wait_s:
                raise too_many_failures(wait_s) from error


def _check_rights(known: ApiKey, address: str, permission: Permission | None) -> None:
    """Raise -2015 where a key may not be used for something, or from there."""
    if permission is not None and permission not in known.permissions:
        raise rejected_key()
    if known.networks and not is_within(address, known.networks):
        raise rejected_key()


def bearer_of(authorization: str) -> str | None:
    """The token in a header `Authorization`, whatever it is worth; None where there is none."""
    if authorization[: len(BEARER)].lower() != BEARER:
        return None
    return authorization[len(BEARER) :].strip()
