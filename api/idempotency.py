"""The header under which a request can be sent again without being done again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b

from api.errors import illegal_characters, not_required

IDEMPOTENCY_KEY_HEADER = "Idempotency-Key"
KEY_PATTERN = r"^[ -~]{1,64}$"
_KEY = re.compile(KEY_PATTERN.strip("^$"))


def read_key(sent: Sequence[str], *, taken: bool) -> str:
    """The key among the header's values, empty for none.

    Raises -1100 for what can't be a key, -1106 where the request would not be remembered by it.
    """
    if not sent:
        return ""
    if not taken:
        raise not_required(IDEMPOTENCY_KEY_HEADER)
    if len(sent) > 1 or not _KEY.fullmatch(sent[0]):
        raise illegal_characters(IDEMPOTENCY_KEY_HEADER, KEY_PATTERN)
    return sent[0]


def client_id(key: str) -> str:
    """The name of an order whose client gave only a key: the same for a retry, as it must be."""
    return blake2b(key.encode(), digest_size=11).hexdigest()


def key_within(key: str, number: int) -> str:
    """The key of one order of a batch that was sent under a key: its own, and again the same."""
    return blake2b(b"%d %s" % (number, key.encode()), digest_size=16).hexdigest()
