"""Passwords, hashed by argon2id as RFC 9106 recommends where memory counts (64 MiB, 3 passes).

A hash takes 0.2 s of CPU (measured on a busy machine of two cores), on purpose. So it is made in
threads of its own, few at a time; so many may wait, for so long, and the others are told to come
again. A flood of logins makes logins slow; the event loop goes on with all else.
"""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from api.errors import overloaded, unfit_password

HASHES_AT_ONCE = 2
WAITING_MAX = 32
HASH_LIMIT_S = 10.0
LENGTH_MIN = 10
LENGTH_MAX = 128

Result = TypeVar("Result")


def check_password(password: str, email: str) -> None:
    """Raise -1130 for what is no password: too short, too long, or the e-mail address."""
    if not LENGTH_MIN <= len(password) <= LENGTH_MAX:
        raise unfit_password(f"it has {LENGTH_MIN} to {LENGTH_MAX} characters")
    if password.lower() == email:
        raise unfit_password("it is not the e-mail address")


class Passwords:
    """Makes and checks hashes. `close` it at the end."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self._threads = ThreadPoolExecutor(HASHES_AT_ONCE, thread_name_prefix="argon2")
        self._waiting = 0

    def close(self) -> None:
        """Leave undone what has not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def hashed(self, password: str) -> str:
        """A hash of the password, with its salt and parameters. Raises -1008."""
        return await self._in_a_thread(lambda: self._hasher.hash(_normal(password)))

    async def matches(self, password: str, hashed: str | None) -> bool:
        """Whether the hash is of this password; without a hash it takes as long to say no.

        Raises -1008.
        """
        if len(password) > LENGTH_MAX:
            return False
        return await self._in_a_thread(lambda: self._matches(_normal(password), hashed))

    def is_outdated(self, hashed: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(hashed)

    def _matches(self, password: str, hashed: str | None) -> bool:
        try:
            self._hasher.verify(self._nobodys if hashed is None else hashed, password)
        except (VerificationError, InvalidHashError):
            return False
        return hashed is not None

    @cached_property
    def _nobodys(self) -> str:
        return self._hasher.hash(secrets.token_hex())

    async def _in_a_thread(self, work: Callable[[], Result]) -> Result:
        if self._waiting >= WAITING_MAX:
            raise overloaded()
        self._waiting += 1
        done = asyncio.get_running_loop().run_in_executor(self._threads, work)
        # Not when the caller leaves: the thread goes on with its work.
        done.add_done_callback(lambda _: self._left())
        try:
            async with asyncio.timeout(HASH_LIMIT_S):
                return await asyncio.shield(done)
        except TimeoutError as error:
            raise overloaded() from error

    def _left(self) -> None:
        self._waiting -= 1


def _normal(password: str) -> str:
    """One form for what looks the same, however a keyboard composed it."""
    return unicodedata.normalize("NFKC", password)
