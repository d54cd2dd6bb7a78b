"""Who guesses too often: counts of attempts by name, in windows of fixed length.

Each api instance counts for itself. Its memory is bounded: when there are too many names, the
oldest window is forgotten. A window is not prolonged by attempts while it is full, so nobody can
keep another out for longer than a window at a time.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from math import ceil

KEPT_MAX = 50_000


class _Window:
    __slots__ = ("count", "until")

    def __init__(self, until: float) -> None:
        self.count = 0
        self.until = until


class Attempts:
    """At most `limit` attempts of a name within `window_s`."""

    def __init__(
        self,
        limit: int,
        window_s: float,
        *,
        kept_max: int = KEPT_MAX,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit
        self._window_s = window_s
        self._kept_max = kept_max
        self._clock = clock
        # In the order in which they end, for all are equally long.
        self._windows: OrderedDict[str, _Window] = OrderedDict()

    def begin(self, name: str) -> int:
        """Count an attempt before its outcome is known, so that many at once are no way around.

        0 where it may be made; else the whole seconds until one may, and it is not counted.
        """
        now = self._clock()
        self._forget(now)
        window = self._windows.get(name)
        if window is None:
            window = self._windows[name] = _Window(now + self._window_s)
        if window.count >= self._limit:
            return max(1, ceil(window.until - now))
        window.count += 1
        return 0

    def forgive(self, name: str) -> None:
        """One attempt was right, or was none: it does not count."""
        window = self._windows.get(name)
        if window is not None and window.count:
            window.count -= 1

    def clear(self, name: str) -> None:
        """Forget all attempts of a name."""
        self._windows.pop(name, None)

    def _forget(self, now: float) -> None:
        while self._windows:
            name, window = next(iter(self._windows.items()))
            if window.until > now and len(self._windows) < self._kept_max:
                return
            del self._windows[name]
