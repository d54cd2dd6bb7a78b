"""Listen keys: what a client shows at the door of streams, which knows nothing of API keys.

Each is good for one account, for an hour since it was given out or last extended, and no longer
than the API key it was given out for. An API key has one at a time. Who has it can listen, and do
nothing else; the database has it only as a hash, and sealed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import NamedTuple

from api.accounts.archive import Archive
from api.auth import Permission, new_key
from api.errors import no_such_listen_key, rejected_key, sessions_closed
from api.identity.keys import ApiKey
from api.identity.networks import Network, is_within, networks
from api.identity.remembered import Remembered
from api.identity.vault import BrokenSeal, Vault
from projections.identity import ListenKey
from streams.messages import AccountId, Millis

LIFETIME_S = 3_600

_FORM = re.compile(r"[A-Za-z0-9]{64}")


def is_listen_key(text: str) -> bool:
    """Whether it could be one."""
    return _FORM.fullmatch(text) is not None


class ListenKeys:
    """Gives them out, extends and ends them. Every call raises -1001."""

    def __init__(self, archive: Archive, vault: Vault, clock: Callable[[], int]) -> None:
        self._archive = archive
        self._vault = vault
        self._clock = clock

    async def give_out(self, key: ApiKey) -> str:
        """An API key's listen key, for another hour. Raises -1020 where it can't be sealed."""
        if not self._vault.has_key:
            raise sessions_closed()
        listen_key = await self._present(key) or new_key()
        await self._write(key, listen_key)
        return listen_key

    async def extend(self, key: ApiKey, listen_key: str) -> None:
        """Another hour from now. Raises -1125 where the API key has no such one."""
        await self._check(key, listen_key)
        await self._write(key, listen_key)

    async def end(self, key: ApiKey, listen_key: str) -> None:
        """At once here, within seconds at the door of streams. Raises -1125 as `extend`."""
        known = await self._check(key, listen_key)
        await self._archive.read(lambda queries: queries.identities.end_listen_key(known))

    async def _present(self, key: ApiKey) -> str | None:
        sealed = await self._archive.read(
            lambda queries: queries.identities.sealed_listen_key(key.key)
        )
        if not sealed:
            return None
        try:
            return self._vault.open(sealed, key.key)
        except BrokenSeal:
            return None  # sealed by a key that is gone: another one then

    async def _check(self, key: ApiKey, listen_key: str) -> ListenKey:
        known = await self._archive.read(
            lambda queries: queries.identities.listen_key(_name(listen_key))
        )
        if known is None or known.api_key != key.key:
            raise no_such_listen_key()
        return known

    async def _write(self, key: ApiKey, listen_key: str) -> None:
        expires = Millis(self._clock() + 1_000 * LIFETIME_S)
        known = ListenKey(_name(listen_key), key.account, key.key, expires)
        sealed = self._vault.seal(listen_key, key.key)
        await self._archive.read(
            lambda queries: queries.identities.write_listen_key(known, sealed, LIFETIME_S)
        )


class Right(NamedTuple):
    """To listen to an account, from some networks, or from anywhere where none are named."""

    account: AccountId
    expires: int
    networks: tuple[Network, ...]


class Rights:
    """What listen keys are good for. It is asked again every few seconds: see `Remembered`."""

    def __init__(self, archive: Archive, clock: Callable[[], int]) -> None:
        self._archive = archive
        self._clock = clock
        self._known = Remembered(self._read)

    async def find(self, listen_key: str, address: str) -> Right:
        """Raises -1125 where it is none or has ended, -2015 where it is used from elsewhere,
        -1001 where nobody can tell.
        """
        right = await self._known.get(_name(listen_key))
        if right is None or right.expires <= self._clock():
            raise no_such_listen_key()
        if right.networks and not is_within(address, right.networks):
            raise rejected_key()
        return right

    async def _read(self, name: str) -> Right | None:
        known = await self._archive.read(lambda queries: queries.identities.listen_key(name))
        if known is None:
            return None
        stored = await self._archive.read(lambda queries: queries.identities.key(known.api_key))
        if stored is None or stored.revoked or Permission.READ not in stored.record.permissions:
            return None
        ends = [known.expires, *([stored.record.expires] if stored.record.expires else [])]
        return Right(known.account, min(ends), networks(stored.record.networks))


def _name(listen_key: str) -> str:
    return hashlib.sha256(listen_key.encode()).hexdigest()
