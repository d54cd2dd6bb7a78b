"""How much one may ask for: request weight by minute, and bans for who goes on regardless.

Source: "IP Limits" in rest-api.md of binance/binance-spot-api-docs. Weight is counted by where
requests come from and, beyond that documentation, by the API key that signed them; windows are
whole minutes of the clock. Each api instance counts for itself.

Memory is bounded: of each minute at most so many places and keys are kept, and so many bans; with
more, the oldest of them are forgotten.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache

from api.errors import banned, too_much_weight
from api.identity.networks import place

WINDOW_MS = 60_000
KEPT_MAX = 50_000

REFUSALS_MAX = 100
"""Requests refused within a minute before their sender is banned: some that were on their way when
the first was refused are nobody's fault."""

BAN_FIRST_MS = 2 * 60_000
BAN_MAX_MS = 3 * 24 * 3_600_000
FORGIVEN_MS = 24 * 3_600_000
"""Who keeps to the limit for so long after a ban is banned for the shortest time again."""

CONNECT_WEIGHT = 2
"""What connecting to the WebSocket API weighs."""

_place = lru_cache(maxsize=8192)(place)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class _Window:
    """One minute's weight by name."""

    __slots__ = ("used",)

    def __init__(self) -> None:
        self.used: dict[str, int] = {}

    def add(self, name: str, weight: int) -> int:
        """The weight used so far, this included."""
        used = self.used
        total = used.get(name)
        if total is None:
            total = 0
            if len(used) >= KEPT_MAX:
                del used[next(iter(used))]
        total += weight
        used[name] = total
        return total


class _Ban:
    __slots__ = ("count", "until")

    def __init__(self, count: int, until: int) -> None:
        self.count = count
        self.until = until


class WeightLimit:
    """At most `limit` of weight a minute for an address, and for a key; 0 is no limit."""

    def __init__(self, limit: int = 0, clock: Callable[[], int] = _now_ms) -> None:
        self.limit = limit
        self._clock = clock
        self._minute = 0
        self._addresses = _Window()
        self._keys = _Window()
        self._refusals = _Window()
        self._bans: OrderedDict[str, _Ban] = OrderedDict()

    def check(self, address: str) -> None:
        """Raise 418 while an address is banned."""
        if self._bans:
            ban = self._bans.get(_place(address))
            if ban is not None and ban.until > (now := self._clock()):
                raise banned(ban.until, now)

    def count(self, address: str, weight: int) -> None:
        """Count a request before it is looked at.

        Raises 429 over the limit, 418 to who goes on after that.
        """
        if not self.limit:
            return
        now = self._turn()
        name = _place(address)
        if self._bans:
            self.check(address)
        if self._addresses.add(name, weight) > self.limit:
            if self._refusals.add(name, 1) > REFUSALS_MAX:
                raise banned(self._ban(name, now), now)
            raise too_much_weight(self.limit, _rest_s(now))

    def count_key(self, key: str, weight: int) -> None:
        """Count what a key has signed, wherever it came from. Raises 429 over the limit."""
        if self.limit:
            now = self._turn()
            if self._keys.add(key, weight) > self.limit:
                raise too_much_weight(self.limit, _rest_s(now))

    def used(self, address: str) -> int:
        """The weight that an address has used in this minute."""
        self._turn()
        return self._addresses.used.get(_place(address), 0)

    def _turn(self) -> int:
        """The time; with a new minute everything is counted anew."""
        now = self._clock()
        minute = now // WINDOW_MS
        if minute != self._minute:
            self._minute = minute
            self._addresses, self._keys, self._refusals = _Window(), _Window(), _Window()
        return now

    def _ban(self, name: str, now: int) -> int:
        """Ban for twice as long as the last time; until when."""
        last = self._bans.pop(name, None)
        count = 0 if last is None or last.until + FORGIVEN_MS < now else last.count
        length = min(BAN_FIRST_MS << min(count, 16), BAN_MAX_MS)
        self._bans[name] = ban = _Ban(count + 1, now + length)
        if len(self._bans) > KEPT_MAX:
            self._bans.popitem(last=False)
        return ban.until


def _rest_s(now: int) -> int:
    """Whole seconds until the minute is over."""
    return -(-(WINDOW_MS - now % WINDOW_MS) // 1000)
