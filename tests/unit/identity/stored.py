"""A database in memory, as `Archive` and `Identities` are to those who ask them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from api.errors import unavailable
from projections.identity import ListenKey, Session, StoredKey, User
from streams.messages import AccountId, Millis


class Stored:
    """Rows by name; `away` makes it answer nothing."""

    def __init__(self) -> None:
        self.keys: dict[str, StoredKey] = {}
        self.old: dict[str, StoredKey] = {}
        self.sessions: dict[str, Session] = {}
        self.users: dict[str, User] = {}
        self.listen_keys: dict[str, ListenKey] = {}
        self.sealed_listen_keys: dict[str, str] = {}
        self.away = False

    @property
    def identities(self) -> Stored:
        return self

    async def read(self, ask: Callable[[Any], Awaitable[Any]], limit_s: float = 0) -> Any:
        if self.away:
            raise unavailable()
        return await ask(self)

    async def user(self, email: str) -> User | None:
        return self.users.get(email)

    async def session(self, name: str) -> Session | None:
        return self.sessions.get(name)

    async def add_session(self, session: Session, ttl_s: int) -> None:
        self.sessions[session.session] = session

    async def next_generation(self, session: Session, ttl_s: int) -> bool:
        there = self.sessions[session.session]
        if there.ended or there.generation != session.generation:
            return False
        self.sessions[there.session] = there._replace(generation=there.generation + 1)
        return True

    async def end_session(self, name: str, ttl_s: int) -> None:
        if name in self.sessions:
            self.sessions[name] = self.sessions[name]._replace(ended=True)

    async def key(self, key: str) -> StoredKey | None:
        return self.keys.get(key) or self.old.get(key)

    async def keys_of(self, account: AccountId) -> list[StoredKey]:
        return [key for key in self.keys.values() if key.record.account == account]

    async def add_key(self, key: StoredKey) -> None:
        self.keys[key.record.key] = key

    async def seal_key(self, key: str, sealed: str) -> None:
        self.keys[key] = self.keys[key]._replace(sealed=sealed)

    async def revoke_key(self, key: str, at: Millis) -> None:
        self.keys[key] = self.keys[key]._replace(revoked=at)

    async def all_keys(self) -> list[StoredKey]:
        return list(self.keys.values())

    async def old_keys(self) -> list[StoredKey]:
        return list(self.old.values())

    async def forget_old_key(self, key: str) -> None:
        del self.old[key]

    async def listen_key(self, name: str) -> ListenKey | None:
        return self.listen_keys.get(name)

    async def sealed_listen_key(self, api_key: str) -> str | None:
        return self.sealed_listen_keys.get(api_key)

    async def write_listen_key(self, key: ListenKey, sealed: str, ttl_s: int) -> None:
        """Rows stay here when their time is over: nobody may rely on their being gone."""
        self.listen_keys[key.name] = key
        self.sealed_listen_keys[key.api_key] = sealed

    async def end_listen_key(self, key: ListenKey) -> None:
        del self.listen_keys[key.name]
        del self.sealed_listen_keys[key.api_key]
