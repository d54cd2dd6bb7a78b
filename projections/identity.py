"""Users, sessions and API keys: written by the api, for no log has them.

Every call raises `DatabaseUnavailable`. What must have one winner, among any number of api
instances, is decided by a lightweight transaction; then `DatabaseUnavailable` says that it may have
taken effect, and asking again tells.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from projections.session import Database, Row
from streams.messages import AccountId, Millis


class User(NamedTuple):
    """Who may log in, to which account. `password` is a hash, in the form that argon2 gives it."""

    email: str
    account: AccountId
    password: str
    version: int
    created: Millis


class Session(NamedTuple):
    """A login, `generation` refresh tokens old; it holds for as long as its user's version is
    `version`, and it has not ended.
    """

    session: str
    email: str
    account: AccountId
    version: int
    generation: int
    ended: bool


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An API key as it was given out.

    `public_key` is that of an Ed25519 key, 32 bytes in base64; a key without one signs by HMAC.
    `networks` are those it may be used from, all where there are none. `expires` is 0 for never.
    """

    key: str
    account: AccountId
    permissions: frozenset[str]
    created: Millis
    label: str = ""
    public_key: str = ""
    networks: tuple[str, ...] = ()
    expires: Millis = Millis(0)


class StoredKey(NamedTuple):
    """A key as the database has it. `plain` is a secret that is not sealed yet: that of a key from
    before secrets were.
    """

    record: KeyRecord
    sealed: str = ""
    plain: str = ""
    revoked: Millis = Millis(0)


class ListenKey(NamedTuple):
    """Lets listen to an account until `expires`. `name` is the SHA-256 of the key itself."""

    name: str
    account: AccountId
    api_key: str
    expires: Millis


_record = msgspec.json.Decoder(KeyRecord)


class Identities:
    """Reads and writes of who may come in."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- users -----------------------------------------------------------------------------------

    async def user(self, email: str) -> User | None:
        rows = await self._database.execute(
            "SELECT email, account, password, version, created FROM {venue}.users WHERE email = ?",
            (email,),
        )
        return User(*rows[0]) if rows else None

    async def add_user(self, user: User) -> bool:
        """Whether the e-mail address was free; it is the user's from now on."""
        return await self._decide(
            "INSERT INTO {venue}.users (email, account, password, version, created)"
            " VALUES (?, ?, ?, ?, ?) IF NOT EXISTS",
            user,
        )

    async def change_password(self, user: User, password: str) -> bool:
        """Set another hash and end all sessions; False where the user has changed meanwhile."""
        return await self._decide(
            "UPDATE {venue}.users SET password = ?, version = ? WHERE email = ? IF version = ?",
            (password, user.version + 1, user.email, user.version),
        )

    async def rehash(self, user: User, password: str) -> bool:
        """Set another hash of the same password."""
        return await self._decide(
            "UPDATE {venue}.users SET password = ? WHERE email = ? IF version = ?",
            (password, user.email, user.version),
        )

    # -- sessions --------------------------------------------------------------------------------

    async def session(self, name: str) -> Session | None:
        rows = await self._database.execute(
            "SELECT session, email, account, version, generation, ended FROM {venue}.sessions"
            " WHERE session = ?",
            (name,),
        )
        return Session(*rows[0]) if rows else None

    async def add_session(self, session: Session, ttl_s: int) -> None:
        await self._decide(
            "INSERT INTO {venue}.sessions (session, email, account, version, generation, ended)"
            " VALUES (?, ?, ?, ?, ?, ?) IF NOT EXISTS USING TTL ?",
            (*session, ttl_s),
        )

    async def next_generation(self, session: Session, ttl_s: int) -> bool:
        """Count one refresh token more; False where another was given out first, or it ended."""
        return await self._decide(
            "UPDATE {venue}.sessions USING TTL ? SET generation = ? WHERE session = ?"
            " IF generation = ? AND ended = false",
            (ttl_s, session.generation + 1, session.session, session.generation),
        )

    async def end_session(self, name: str, ttl_s: int) -> None:
        """End it, if there is such a one, for longer than any token of it holds."""
        await self._decide(
            "UPDATE {venue}.sessions USING TTL ? SET ended = true WHERE session = ? IF EXISTS",
            (ttl_s, name),
        )

    async def _decide(self, cql: str, parameters: tuple[object, ...]) -> bool:
        rows = await self._database.execute(cql, parameters)
        return bool(rows[0][0])

    # -- keys ------------------------------------------------------------------------------------

    async def key(self, key: str) -> StoredKey | None:
        """The key, revoked or not, from where keys are or from where they used to be."""
        rows = await self._database.execute(
            "SELECT record, sealed, revoked FROM {venue}.keys WHERE key = ?", (key,)
        )
        if rows and rows[0][0] is not None:
            record, sealed, revoked = rows[0]
            return StoredKey(_record.decode(record), sealed or "", "", Millis(revoked or 0))
        rows = await self._database.execute(
            "SELECT key, account, secret, permissions, created FROM {venue}.api_keys WHERE key = ?",
            (key,),
        )
        return _of_old(rows[0]) if rows else None

    async def keys_of(self, account: AccountId) -> list[StoredKey]:
        """An account's keys, by time of creation; those of before are there once moved."""
        rows = self._database.rows(
            "SELECT key FROM {venue}.account_keys WHERE account = ?", (account,)
        )
        found = [await self.key(key) async for (key,) in rows]
        keys = [key for key in found if key is not None]
        return sorted(keys, key=lambda key: (key.record.created, key.record.key))

    async def add_key(self, key: StoredKey) -> None:
        """Write a new key; it is listed before it works."""
        record = key.record
        await self._database.execute(
            "INSERT INTO {venue}.account_keys (account, key) VALUES (?, ?)",
            (record.account, record.key),
        )
        await self._database.execute(
            "INSERT INTO {venue}.keys (key, record, sealed) VALUES (?, ?, ?)",
            (record.key, msgspec.json.encode(record).decode(), key.sealed),
        )

    async def seal_key(self, key: str, sealed: str) -> None:
        """Write a key's secret, sealed by another key than before."""
        await self._database.execute(
            "UPDATE {venue}.keys SET sealed = ? WHERE key = ?", (sealed, key)
        )

    async def revoke_key(self, key: str, at: Millis) -> None:
        """End a key for good."""
        await self._database.execute("UPDATE {venue}.keys SET revoked = ? WHERE key = ?", (at, key))

    # -- listen keys -----------------------------------------------------------------------------

    async def listen_key(self, name: str) -> ListenKey | None:
        rows = await self._database.execute(
            "SELECT name, account, api_key, expires FROM {venue}.listen_keys WHERE name = ?",
            (name,),
        )
        return ListenKey(*rows[0]) if rows else None

    async def sealed_listen_key(self, api_key: str) -> str | None:
        """The newest of an API key, as it was sealed."""
        rows = await self._database.execute(
            "SELECT sealed FROM {venue}.listen_key_of WHERE api_key = ?", (api_key,)
        )
        return rows[0][0] if rows else None

    async def write_listen_key(self, key: ListenKey, sealed: str, ttl_s: int) -> None:
        """Write a new one, or that it lasts longer."""
        await self._database.execute(
            "INSERT INTO {venue}.listen_keys (name, account, api_key, expires)"
            " VALUES (?, ?, ?, ?) USING TTL ?",
            (*key, ttl_s),
        )
        await self._database.execute(
            "INSERT INTO {venue}.listen_key_of (api_key, sealed) VALUES (?, ?) USING TTL ?",
            (key.api_key, sealed, ttl_s),
        )

    async def end_listen_key(self, key: ListenKey) -> None:
        await self._database.execute("DELETE FROM {venue}.listen_keys WHERE name = ?", (key.name,))
        await self._database.execute(
            "DELETE FROM {venue}.listen_key_of WHERE api_key = ?", (key.api_key,)
        )

    async def all_keys(self) -> list[StoredKey]:
        """Every key there is. Reads whole tables: to seal them anew."""
        rows = self._database.rows("SELECT record, sealed, revoked FROM {venue}.keys")
        return [
            StoredKey(_record.decode(record), sealed or "", "", Millis(revoked or 0))
            async for record, sealed, revoked in rows
            if record is not None
        ]

    async def old_keys(self) -> list[StoredKey]:
        """The keys of before secrets were sealed that are not moved yet."""
        rows = self._database.rows(
            "SELECT key, account, secret, permissions, created FROM {venue}.api_keys"
        )
        return [_of_old(row) async for row in rows]

    async def forget_old_key(self, key: str) -> None:
        """Delete a key from where they used to be."""
        await self._database.execute("DELETE FROM {venue}.api_keys WHERE key = ?", (key,))


def _of_old(row: Row) -> StoredKey:
    key, account, secret, permissions, created = row
    record = KeyRecord(
        key=key,
        account=account,
        # The database knows no empty set, only one that is not there.
        permissions=frozenset(permissions or ()),
        created=created,
    )
    return StoredKey(record, plain=secret)
