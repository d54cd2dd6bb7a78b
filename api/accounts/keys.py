"""Whose an API key is: looked up in the database, remembered for a while."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from typing import NamedTuple

from api.accounts.archive import Archive
from api.errors import ApiError
from streams.messages import AccountId

KNOWN_FOR_S = 30.0
"""How long a change to a key may take to be noticed."""

KEPT_MAX = 10_000


class ApiKey(NamedTuple):
    account: AccountId
    secret: str


class _Known(NamedTuple):
    key: ApiKey | None
    until: float


class ApiKeys:
    """A bounded cache of the keys in use, unknown ones included.

    A key that was known goes on being known while the database is away, so that trading can.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._asking: dict[str, asyncio.Task[ApiKey | None]] = {}

    async def find(self, key: str) -> ApiKey | None:
        """The key's account and secret, None where there is no such key. Raises -1001."""
        known = self._known.get(key)
        if known is not None and known.until > time.monotonic():
            return known.key
        try:
            found = await self._ask(key)
        except ApiError:
            if known is None or known.key is None:
                raise
            return known.key
        self._remember(key, found)
        return found

    async def _ask(self, key: str) -> ApiKey | None:
        """One question to the database, however many requests wait for its answer."""
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.create_task(self._read(key))
            asking.add_done_callback(lambda _: self._asking.pop(key, None))
        return await asyncio.shield(asking)

    async def _read(self, key: str) -> ApiKey | None:
        row = await self._archive.read(lambda queries: queries.api_key(key))
        return None if row is None else ApiKey(AccountId(row.account), row.secret)

    def _remember(self, key: str, found: ApiKey | None) -> None:
        self._known[key] = _Known(found, time.monotonic() + KNOWN_FOR_S)
        self._known.move_to_end(key)
        while len(self._known) > KEPT_MAX:
            self._known.popitem(last=False)
