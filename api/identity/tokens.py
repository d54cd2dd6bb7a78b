"""Session tokens: JSON Web Tokens (RFC 7519), signed by HMAC-SHA256 and nothing else.

An access token lets its bearer act for a few minutes. A refresh token is good once, for a new pair
of both; its `gen` counts how many came before it. Each says in `aud` which of the two it is, so
that neither passes for the other, and in `iss` at which venue.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import jwt
import msgspec

from api.errors import no_session, sessions_closed
from api.identity.vault import Vault
from streams.messages import AccountId

ALGORITHM = "HS256"
ACCESS_S = 600
REFRESH_S = 7 * 86_400
SESSION_S = 30 * 86_400
"""A session ends after so long, however often it is refreshed."""

LENGTH_MAX = 2048


class Use(StrEnum):
    ACCESS = "access"
    REFRESH = "refresh"


class Claims(msgspec.Struct, frozen=True):
    """What a token says: the account (`sub`), the session, its refresh tokens so far (`gen`), and
    when the session began (`auth_time`); times in seconds.
    """

    sub: AccountId
    sid: str
    gen: int
    auth_time: int
    exp: int


class Tokens:
    """Makes and reads tokens of one venue."""

    def __init__(self, vault: Vault, venue: str) -> None:
        self._vault = vault
        self._venue = venue

    def check_open(self) -> None:
        """Raise -1020 where there is no key to sign with."""
        if not self._vault.has_key:
            raise sessions_closed()

    def make(
        self, use: Use, account: AccountId, session: str, generation: int, began_s: int, now_s: int
    ) -> str:
        """A token from now on. Raises -1020 where there is no key to sign with."""
        self.check_open()
        key = self._vault.signing_key()
        assert key is not None
        life_s = ACCESS_S if use is Use.ACCESS else REFRESH_S
        claims = {
            "iss": self._venue,
            "aud": use.value,
            "sub": account,
            "sid": session,
            "gen": generation,
            "auth_time": began_s,
            "iat": now_s,
            "exp": min(now_s + life_s, began_s + SESSION_S),
        }
        return jwt.encode(claims, key[1], ALGORITHM, {"kid": key[0]})

    def read(self, use: Use, token: str, now_s: int) -> Claims:
        """What a token of this use says; raises -1002 for any other, and for one that has ended."""
        if len(token) > LENGTH_MAX:
            raise no_session()
        try:
            claims = msgspec.convert(self._decoded(use, token), Claims)
        except (jwt.InvalidTokenError, msgspec.ValidationError) as error:
            raise no_session() from error
        if claims.exp <= now_s:
            raise no_session()
        return claims

    def _decoded(self, use: Use, token: str) -> Any:
        key = self._vault.signing_key(str(jwt.get_unverified_header(token).get("kid", "")))
        if key is None:
            raise jwt.InvalidTokenError("signed by a key that is not here")
        return jwt.decode(
            token,
            key[1],
            algorithms=[ALGORITHM],
            audience=use.value,
            issuer=self._venue,
            # Times are held against the exchange's clock, not against the library's.
            options={
                "require": ["iss", "aud", "sub", "sid", "exp"],
                "verify_exp": False,
                "verify_iat": False,
            },
        )
