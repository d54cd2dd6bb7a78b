"""Futures that all wait for as long: one timer watches over them, not one for each.

As each has the same time, those that were made first are over first. So they stand in the order
they were made, and a timer looks at the head of them. A time-out of its own costs each request more
than to read and check an order does.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Deadlines(Generic[Result]):
    """Makes futures, and fails each that is not done `limit_s` seconds later."""

    def __init__(self, limit_s: float, error: Callable[[], Exception]) -> None:
        self._limit_s = limit_s
        self._error = error
        self._waiting: deque[tuple[float, asyncio.Future[Result]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def future(self) -> asyncio.Future[Result]:
        """A new one, for the running loop."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        waiting = self._waiting
        while waiting and waiting[0][1].done():
            waiting.popleft()
        waiting.append((loop.time() + self._limit_s, future))
        if self._timer is None:
            self._timer = loop.call_later(self._limit_s, self._look, loop)
        return future

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Fail those whose time is over, and come back for the next."""
        self._timer = None
        now = loop.time()
        while self._waiting:
            deadline, future = self._waiting[0]
            if not future.done():
                if deadline > now:
                    self._timer = loop.call_at(deadline, self._look, loop)
                    return
                future.set_exception(self._error())
            self._waiting.popleft()
