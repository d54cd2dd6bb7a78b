"""What the database said a short while ago: a bounded cache, with a bounded age."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, NamedTuple, TypeVar

from api.errors import ApiError

FRESH_S = 10.0
"""How long a change made at another instance may go unnoticed."""

STALE_S = 900.0
"""How long what was known goes on being taken for true while the database does not answer."""

KEPT_MAX = 10_000
MISSING_MAX = 10_000

Value = TypeVar("Value")


class _Known(NamedTuple, Generic[Value]):
    value: Value
    since: float


class Remembered(Generic[Value]):
    """Answers by name, each asked for once however many wait for it.

    What is not there is remembered apart, so that who asks for many such names makes nobody else's
    be forgotten. What is there goes on being known while the database is away, so that trading can.
    """

    def __init__(
        self,
        ask: Callable[[str], Awaitable[Value | None]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._known: OrderedDict[str, _Known[Value]] = OrderedDict()
        self._missing: OrderedDict[str, float] = OrderedDict()
        self._asking: dict[str, asyncio.Task[Value | None]] = {}

    async def get(self, name: str) -> Value | None:
        """The answer, at most `FRESH_S` old. Raises what asking does: an `ApiError`."""
        now = self._clock()
        known = self._known.get(name)
        if known is not None and known.since + FRESH_S > now:
            return known.value
        if self._missing.get(name, now - FRESH_S) + FRESH_S > now:
            return None
        try:
            return await self._asked(name)
        except ApiError:
            if known is None or known.since + STALE_S <= now:
                raise
            return known.value

    def forget(self, name: str) -> None:
        """It has changed: ask again, and don't take an answer that is already on its way."""
        self._known.pop(name, None)
        self._missing.pop(name, None)
        self._asking.pop(name, None)

    def forget_all(self) -> None:
        self._known.clear()
        self._missing.clear()
        self._asking.clear()

    async def _asked(self, name: str) -> Value | None:
        asking = self._asking.get(name)
        if asking is None:
            asking = self._asking[name] = asyncio.create_task(self._answer(name))
        return await asyncio.shield(asking)

    async def _answer(self, name: str) -> Value | None:
        asked_at = self._clock()
        try:
            value = await self._ask(name)
        finally:
            wanted = self._asking.get(name) is asyncio.current_task()
            if wanted:
                del self._asking[name]
        if wanted:
            self._remember(name, value, asked_at)
        return value

    def _remember(self, name: str, value: Value | None, now: float) -> None:
        if value is None:
            self._known.pop(name, None)
            self._missing[name] = now
            self._missing.move_to_end(name)
            if len(self._missing) > MISSING_MAX:
                self._missing.popitem(last=False)
            return
        self._missing.pop(name, None)
        self._known[name] = _Known(value, now)
        self._known.move_to_end(name)
        if len(self._known) > KEPT_MAX:
            self._known.popitem(last=False)
