"""Logins. A session is a chain of refresh tokens, of which the last one alone is good.

Who sends one that was used before shows that two have it: the owner and a thief, and nobody knows
which is which. So the session ends, for both. It also ends by logging out; and all of a user's end
when the password changes, for a session is bound to the `version` of its user.

That a session has ended is noticed by other instances within `FRESH_S`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import NamedTuple

from api.accounts.archive import Archive
from api.errors import no_session
from api.identity.remembered import Remembered
from api.identity.tokens import SESSION_S, Claims, Tokens, Use
from projections.identity import Session, User


class Pair(NamedTuple):
    """What a login or a refresh gives."""

    session: Session
    access: str
    refresh: str


class Reused(Exception):
    """A refresh token was used a second time; its session has ended."""

    def __init__(self, session: Session) -> None:
        super().__init__(session.session)
        self.session = session


class Sessions:
    """Begins, continues and ends sessions, and tells which hold."""

    def __init__(self, archive: Archive, tokens: Tokens, clock: Callable[[], int]) -> None:
        self._archive = archive
        self._tokens = tokens
        self._clock = clock
        self._holding = Remembered(self._read_holding)

    def check_open(self) -> None:
        """Raise -1020 where there is no key to sign sessions with."""
        self._tokens.check_open()

    async def begin(self, user: User) -> Pair:
        """A session of a user who has just proved to be one. Raises -1020, -1001."""
        session = Session(
            session=secrets.token_urlsafe(18),
            email=user.email,
            account=user.account,
            version=user.version,
            generation=0,
            ended=False,
        )
        pair = self._pair(session, self._now_s())
        await self._archive.read(lambda queries: queries.identities.add_session(session, SESSION_S))
        return pair

    async def refresh(self, token: str) -> Pair:
        """The next pair of tokens of a session.

        Raises -1002 where the session does not hold, -1001, and `Reused`.
        """
        claims = self._tokens.read(Use.REFRESH, token, self._now_s())
        session = await self._read_holding(claims.sid)
        if session is None:
            raise no_session()
        left_s = claims.auth_time + SESSION_S - self._now_s()
        expected = session._replace(generation=claims.gen)
        was_last = claims.gen == session.generation and await self._archive.read(
            lambda queries: queries.identities.next_generation(expected, left_s)
        )
        if not was_last:
            await self.end(claims.sid)
            raise Reused(session)
        return self._pair(session._replace(generation=claims.gen + 1), claims.auth_time)

    async def of_access(self, token: str) -> Session:
        """The session that an access token is of. Raises -1002 where it does not hold, -1001."""
        return await self._that_holds(self._tokens.read(Use.ACCESS, token, self._now_s()))

    async def of_refresh(self, token: str) -> Session:
        """The session that a refresh token is of, used or not. Raises as `of_access`."""
        return await self._that_holds(self._tokens.read(Use.REFRESH, token, self._now_s()))

    async def end(self, session: str) -> None:
        """End one session. Raises -1001."""
        await self._archive.read(lambda queries: queries.identities.end_session(session, SESSION_S))
        self._holding.forget(session)

    def forget_all(self) -> None:
        """A user has changed: look again which sessions hold."""
        self._holding.forget_all()

    async def _that_holds(self, claims: Claims) -> Session:
        session = await self._holding.get(claims.sid)
        if session is None:
            raise no_session()
        return session

    async def _read_holding(self, name: str) -> Session | None:
        session = await self._archive.read(lambda queries: queries.identities.session(name))
        if session is None or session.ended:
            return None
        user = await self._archive.read(lambda queries: queries.identities.user(session.email))
        return session if user is not None and user.version == session.version else None

    def _pair(self, session: Session, began_s: int) -> Pair:
        access, refresh = (
            self._tokens.make(
                use, session.account, session.session, session.generation, began_s, self._now_s()
            )
            for use in (Use.ACCESS, Use.REFRESH)
        )
        return Pair(session, access, refresh)

    def _now_s(self) -> int:
        return self._clock() // 1000
