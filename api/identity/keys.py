"""API keys: given out, looked up, revoked.

A key's secret is in the database only as the vault has sealed it; an Ed25519 key has none there at
all. A key from before secrets were sealed goes on working, and is sealed when an api starts.
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from api.accounts.archive import Archive
from api.auth import Permission, check_ed25519, check_signature, new_key
from api.errors import no_such_key, sessions_closed, too_many_keys
from api.identity.networks import Network, networks
from api.identity.remembered import Remembered
from api.identity.vault import BrokenSeal, Vault
from projections.identity import KeyRecord, StoredKey
from streams.messages import AccountId, Millis

KEYS_MAX = 100
"""Of one account, without those that are revoked or have expired."""

SCAN_LIMIT_S = 300.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key that works, until it expires: whose it is, what for and from where."""

    key: str
    account: AccountId
    permissions: frozenset[Permission]
    networks: tuple[Network, ...]
    expires: Millis
    verifier: str | Ed25519PublicKey
    """The secret of an HMAC key, else the public key."""

    @property
    def is_ed25519(self) -> bool:
        """Whether it signs by a private key that only its owner has."""
        return not isinstance(self.verifier, str)

    def check(self, payload: bytes, signature: str) -> None:
        """Raise -1022 unless the payload was signed with this key."""
        match self.verifier:
            case str(secret):
                check_signature(payload, secret, signature)
            case public_key:
                check_ed25519(payload, public_key, signature)

    def is_over(self, now_ms: int) -> bool:
        return 0 < self.expires <= now_ms


class GivenOut(NamedTuple):
    """A new key, and the secret that is shown this once; an Ed25519 key has none."""

    record: KeyRecord
    secret: str


class ApiKeys:
    """The keys of all accounts, known for `FRESH_S` once they were asked for."""

    def __init__(self, archive: Archive, vault: Vault, clock: Callable[[], int]) -> None:
        self._archive = archive
        self._vault = vault
        self._clock = clock
        self._known = Remembered(self._read)

    async def find(self, key: str) -> ApiKey | None:
        """The key, None where there is no such one or it does not work any more. Raises -1001."""
        found = await self._known.get(key)
        return None if found is None or found.is_over(self._clock()) else found

    async def give_out(self, record: KeyRecord) -> GivenOut:
        """Write a new key, which works from now on.

        Raises -1020 where its secret can't be sealed, 409 where its account has too many, -1001.
        """
        if not record.public_key and not self._vault.has_key:
            raise sessions_closed()
        now = self._clock()
        if sum(_works(key, now) for key in await self.of(record.account)) >= KEYS_MAX:
            raise too_many_keys(KEYS_MAX)
        secret = "" if record.public_key else new_key()
        sealed = self._vault.seal(secret, record.key) if secret else ""
        stored = StoredKey(record, sealed)
        await self._archive.read(lambda queries: queries.identities.add_key(stored))
        self._known.forget(record.key)
        return GivenOut(record, secret)

    async def of(self, account: AccountId) -> list[StoredKey]:
        """An account's keys, revoked ones included, the oldest first. Raises -1001."""
        return await self._archive.read(lambda queries: queries.identities.keys_of(account))

    async def check_owner(self, account: AccountId, key: str) -> StoredKey:
        """The key, if it is the account's; raises 404 otherwise, -1001."""
        stored = await self._archive.read(lambda queries: queries.identities.key(key))
        if stored is None or stored.record.account != account:
            raise no_such_key()
        return stored

    async def revoke(self, stored: StoredKey) -> None:
        """End a key: here at once, at other instances within `FRESH_S`. Raises -1001."""
        if stored.plain:
            await self._move(stored)
        key, now = stored.record.key, Millis(self._clock())
        await self._archive.read(lambda queries: queries.identities.revoke_key(key, now))
        self._known.forget(key)

    async def seal_all(self) -> int:
        """Seal what is not, or by an older key of the vault; how many that were. Raises -1001."""
        if not self._vault.has_key:
            return 0
        read = self._archive.read
        old = await read(lambda queries: queries.identities.old_keys(), SCAN_LIMIT_S)
        for stored in old:
            await self._move(stored)
        outdated = [
            stored
            for stored in await read(lambda queries: queries.identities.all_keys(), SCAN_LIMIT_S)
            if stored.sealed and not stored.revoked and not self._vault.is_current(stored.sealed)
        ]
        for stored in outdated:
            await self._seal_anew(stored)
        return len(old) + len(outdated)

    async def _move(self, stored: StoredKey) -> None:
        """From where keys used to be; it works all the while."""
        key = stored.record.key
        sealed = stored._replace(sealed=self._vault.seal(stored.plain, key), plain="")
        await self._archive.read(lambda queries: queries.identities.add_key(sealed))
        await self._archive.read(lambda queries: queries.identities.forget_old_key(key))

    async def _seal_anew(self, stored: StoredKey) -> None:
        key = stored.record.key
        try:
            sealed = self._vault.seal(self._vault.open(stored.sealed, key), key)
        except BrokenSeal as error:
            log.error("a key does not work, and has to be given out anew: %s", error)
            return
        await self._archive.read(lambda queries: queries.identities.seal_key(key, sealed))

    async def _read(self, key: str) -> ApiKey | None:
        stored = await self._archive.read(lambda queries: queries.identities.key(key))
        if stored is None or stored.revoked:
            return None
        record = stored.record
        try:
            verifier = self._verifier(stored)
        except BrokenSeal as error:
            log.error("a key does not work, and has to be given out anew: %s", error)
            return None
        return ApiKey(
            key=key,
            account=record.account,
            permissions=frozenset(Permission(each) for each in record.permissions),
            networks=networks(record.networks),
            expires=record.expires,
            verifier=verifier,
        )

    def _verifier(self, stored: StoredKey) -> str | Ed25519PublicKey:
        if stored.record.public_key:
            return Ed25519PublicKey.from_public_bytes(base64.b64decode(stored.record.public_key))
        return stored.plain or self._vault.open(stored.sealed, stored.record.key)


def read_public_key(text: str) -> str:
    """An Ed25519 public key, as PEM or as 32 bytes in base64, in the form that is stored.

    Raises `ValueError` for anything else.
    """
    try:
        if "BEGIN" in text:
            key = load_pem_public_key(text.encode())
        else:
            key = Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error, UnsupportedAlgorithm) as error:
        raise ValueError("not an Ed25519 public key") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("a public key, but not of Ed25519")
    return base64.b64encode(key.public_bytes_raw()).decode()


def _works(stored: StoredKey, now_ms: int) -> bool:
    expires = stored.record.expires
    return not stored.revoked and not 0 < expires <= now_ms
