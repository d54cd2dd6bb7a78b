"""Who is asking: API keys, signatures and the time a signed request stays valid.

Source: "Request Security" in rest-api.md of binance/binance-spot-api-docs. A request is signed over
its query string and its body, joined without a separator, as they were sent: by HMAC-SHA256, in
hex, or by Ed25519 (RFC 8032), in base64.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets
import string
from enum import StrEnum
from functools import lru_cache

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from api.errors import (
    ApiError,
    above_maximum,
    bad_signature,
    early_timestamp,
    illegal_characters,
    late_timestamp,
    malformed_key,
    mandatory,
)
from streams.messages import AccountId

API_KEY_HEADER = "X-MBX-APIKEY"
ADMIN_KEY_HEADER = "X-VELOCITY-ADMIN-KEY"

KEY_LENGTH = 64
SECRETS_REMEMBERED = 1024
EARLY_LIMIT_MS = 1000
RECV_WINDOW_MS = 5000
RECV_WINDOW_MAX_MS = 60_000

_KEY = re.compile(r"[A-Za-z0-9]{64}")
_KEY_ALPHABET = string.ascii_letters + string.digits
_SIGNATURE = re.compile(rb"(?:^|&)signature=[^&]*")
_TIMESTAMP = re.compile(r"[0-9]{1,16}")
_RECV_WINDOW = re.compile(r"([0-9]{1,5})(?:\.([0-9]{1,3}))?")
# Timestamps from here on are microseconds: as milliseconds this is the year 5138.
_MICROSECONDS_FROM = 10**14


class Permission(StrEnum):
    """What a key may be used for. A session may be used for all of it."""

    READ = "read"
    TRADE = "trade"
    WITHDRAW = "withdraw"


def new_key() -> str:
    """An API key or a secret: 64 letters and digits that cannot be guessed."""
    return "".join(secrets.choice(_KEY_ALPHABET) for _ in range(KEY_LENGTH))


def check_key_format(key: str | None) -> str:
    """The key as sent; raises -2014 where it can't be one."""
    if key is None or not _KEY.fullmatch(key):
        raise malformed_key()
    return key


def signed_payload(query: bytes, body: bytes) -> bytes:
    """What the client signed: all it sent but the signature itself."""
    return _without_signature(query) + _without_signature(body)


def sign(payload: bytes, secret: str) -> str:
    """The signature of a payload, in lower-case hex."""
    signing = _signing(secret).copy()
    signing.update(payload)
    return signing.hexdigest()


@lru_cache(SECRETS_REMEMBERED)
def _signing(secret: str) -> hmac.HMAC:
    """The beginning of every signature with a secret: half the work of one of a short payload."""
    return hmac.new(secret.encode(), digestmod="sha256")


def check_signature(payload: bytes, secret: str, signature: str) -> None:
    """Raise -1022 unless the payload was signed with the secret. Letter case does not count."""
    if not hmac.compare_digest(sign(payload, secret).encode(), signature.lower().encode()):
        raise bad_signature()


def check_ed25519(payload: bytes, public_key: Ed25519PublicKey, signature: str) -> None:
    """Raise -1022 unless the payload was signed by the key's owner. Letter case counts."""
    try:
        public_key.verify(base64.b64decode(signature, validate=True), payload)
    except (binascii.Error, InvalidSignature, ValueError) as error:
        raise bad_signature() from error


def same_secret(given: str, secret: str) -> bool:
    """Whether two secrets are equal, found out in a time that tells nothing about them."""
    return hmac.compare_digest(given.encode(), secret.encode())


class Caller(msgspec.Struct, frozen=True, gc=False):
    """Whose request it is, until when it may be acted upon, and the key it is remembered by.

    Of one that is audited, also who acts, as the audit names them, and from which address.
    """

    account: AccountId
    expires_us: int
    idempotency_key: str = ""
    actor: str = ""
    address: str = ""

    def check_in_time(self, now_ms: int) -> None:
        """Raise -1021 once the request has expired: to be asked again before it takes effect."""
        if now_ms * 1000 > self.expires_us:
            raise late_timestamp()


def check_time(timestamp: str, recv_window: str | None, now_ms: int) -> int:
    """Until when a request of this timestamp is valid, in microseconds.

    Raises -1021 unless it may be processed at `now_ms`.
    """
    sent_us = _microseconds(timestamp)
    if sent_us >= (now_ms + EARLY_LIMIT_MS) * 1000:
        raise early_timestamp()
    expires_us = sent_us + _recv_window_us(recv_window)
    if now_ms * 1000 > expires_us:
        raise late_timestamp()
    return expires_us


def _microseconds(timestamp: str) -> int:
    if not timestamp:
        raise mandatory("timestamp")
    if not _TIMESTAMP.fullmatch(timestamp):
        raise illegal_characters("timestamp", "^[0-9]{1,16}$")
    value = int(timestamp)
    return value if value >= _MICROSECONDS_FROM else value * 1000


def _recv_window_us(text: str | None) -> int:
    if text is None:
        return RECV_WINDOW_MS * 1000
    match = _RECV_WINDOW.fullmatch(text)
    if match is None:
        raise _malformed_window(text)
    window_us = int(match[1]) * 1000 + int((match[2] or "").ljust(3, "0"))
    if window_us > RECV_WINDOW_MAX_MS * 1000:
        raise above_maximum("recvWindow", RECV_WINDOW_MAX_MS)
    return window_us


def _malformed_window(text: str) -> ApiError:
    if text.isascii() and text.isdigit():
        return above_maximum("recvWindow", RECV_WINDOW_MAX_MS)
    return illegal_characters("recvWindow", r"^[0-9]{1,5}(\.[0-9]{1,3})?$")


def _without_signature(part: bytes) -> bytes:
    rest, found, last = part.rpartition(b"&signature=")
    if found and b"&" not in last and b"signature=" not in rest:
        return rest.removeprefix(b"&")  # as nearly every client sends it
    return _SIGNATURE.sub(b"", part).removeprefix(b"&")
