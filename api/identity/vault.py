"""What seals secrets at rest, and signs sessions: keys from the environment, the newest first.

AES-256-GCM, each secret bound to the name of whose it is, so that one row's cannot be put in
another's place. From each key of the environment come two, by HKDF (RFC 5869): one that seals and
one that signs.

To change keys, put a new one in front: what it did not seal is sealed anew when an api starts, and
sessions that an older one signed go on until they end. Then the old one can go, and with it what it
sealed of the audit log, which is never written anew.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Sequence
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from infra.settings import Settings

KEY_BYTES = 32
NONCE_BYTES = 12
FORMAT = "1"


class BrokenSeal(Exception):
    """Sealed by a key that is not here, for another name, or not sealed at all."""


class _Key:
    def __init__(self, master: bytes) -> None:
        self.name = hashlib.sha256(b"velocity key name" + master).hexdigest()[:16]
        self.signing = _derived(master, b"velocity sessions")
        self.cipher = AESGCM(_derived(master, b"velocity secrets"))


class Vault:
    """Seals and opens. One without keys does neither."""

    def __init__(self, keys: Sequence[bytes] = ()) -> None:
        self._keys = {key.name: key for key in map(_Key, keys)}

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The vault of `secret_keys`. Raises `ValueError` where one of them is no key."""
        if settings.secret_keys is None:
            return cls()
        return cls([_decoded(key) for key in settings.secret_keys.get_secret_value().split(",")])

    @property
    def has_key(self) -> bool:
        """Whether it can seal and sign."""
        return bool(self._keys)

    def seal(self, secret: str, name: str) -> str:
        """The secret, readable only by who has the key, and only as that of `name`.

        Raises `BrokenSeal` without a key.
        """
        key = self._current()
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = nonce + key.cipher.encrypt(nonce, secret.encode(), name.encode())
        return f"{FORMAT}.{key.name}.{base64.b64encode(sealed).decode()}"

    def open(self, sealed: str, name: str) -> str:
        """What was sealed for `name`. Raises `BrokenSeal`."""
        form, _, rest = sealed.partition(".")
        key_name, _, text = rest.partition(".")
        key = self._keys.get(key_name)
        if form != FORMAT or key is None:
            raise BrokenSeal(f"{name}: sealed by a key that is not among VELOCITY_SECRET_KEYS")
        try:
            box = base64.b64decode(text, validate=True)
            return key.cipher.decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], name.encode()).decode()
        except (binascii.Error, InvalidTag, ValueError) as error:
            raise BrokenSeal(f"{name}: the seal is broken") from error

    def is_current(self, sealed: str) -> bool:
        """Whether the newest key sealed it."""
        return sealed.startswith(f"{FORMAT}.{self._current().name}.")

    def signing_key(self, name: str | None = None) -> tuple[str, bytes] | None:
        """A key that signs, with its name: the newest, or the one of this name if it is here."""
        key = self._current() if name is None else self._keys.get(name)
        return None if key is None else (key.name, key.signing)

    def _current(self) -> _Key:
        for key in self._keys.values():
            return key
        raise BrokenSeal("there is no key: set VELOCITY_SECRET_KEYS")


def _derived(master: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=purpose).derive(master)


def _decoded(text: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        # Without its cause: a traceback is no place for a key.
        raise ValueError(f"VELOCITY_SECRET_KEYS: each is {KEY_BYTES} bytes in base64") from None
    return key
