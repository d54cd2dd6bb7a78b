"""A market's book, kept from a snapshot and the diffs of `<symbol>@depth`. Pure: no I/O.

The rule, from "How to manage a local order book correctly" in web-socket-streams.md of
binance/binance-spot-api-docs, holds here word for word:

1. Open the stream and keep its diffs; note the first one's `U`.
2. Ask for a snapshot. If its `lastUpdateId` is before that `U` less one, ask again.
3. Drop the diffs whose `u` is at or before `lastUpdateId`.
4. The first that is left must hold `lastUpdateId + 1`; each other must begin where the one before
   it ended. One that does not leaves a gap, and all begins anew.

A quantity is absolute, and zero takes the level away.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal

import msgspec
from msgspec import field

from api.client.answers import Level, OrderBook

PENDING_MAX = 10_000
"""Diffs kept while there is no snapshot; older ones go, and the snapshot must be as new."""


class BookGapError(Exception):
    """Diffs are missing. The book is empty, and needs a new snapshot."""


class DepthUpdate(msgspec.Struct, frozen=True):
    """A diff of the events `first_id` to `last_id`."""

    symbol: str = field(name="s")
    first_id: int = field(name="U")
    last_id: int = field(name="u")
    bids: list[Level] = field(name="b")
    asks: list[Level] = field(name="a")


class LocalBook:
    """Give it every diff by `take`, and a snapshot by `start` when it is not `started`."""

    def __init__(self) -> None:
        self.last_update_id: int | None = None
        """The market's last event that is in the book; None until it is started."""
        self._bids: dict[Decimal, Decimal] = {}
        self._asks: dict[Decimal, Decimal] = {}
        self._pending: deque[DepthUpdate] = deque(maxlen=PENDING_MAX)

    @property
    def started(self) -> bool:
        return self.last_update_id is not None

    def start(self, snapshot: OrderBook) -> bool:
        """Begin with a snapshot, and what came since. False if it is too old: ask for another."""
        last = end = snapshot.last_update_id
        fresh = [diff for diff in self._pending if diff.last_id > last]
        for number, diff in enumerate(fresh):
            if diff.first_id > end + 1:
                self._pending = deque(fresh[number:], PENDING_MAX)
                return False
            end = diff.last_id
        self._pending.clear()
        self.last_update_id = last
        self._bids = dict(_decimals(level) for level in snapshot.bids)
        self._asks = dict(_decimals(level) for level in snapshot.asks)
        for diff in fresh:
            self.take(diff)
        return True

    def take(self, diff: DepthUpdate) -> None:
        """Apply a diff, or keep it for the snapshot. Raises `BookGapError`, and keeps it too."""
        if self.last_update_id is None:
            self._pending.append(diff)
            return
        if diff.last_id <= self.last_update_id:
            return
        if diff.first_id > self.last_update_id + 1:
            missing = f"{self.last_update_id + 1} to {diff.first_id - 1}"
            self._restart_with(diff)
            raise BookGapError(f"{diff.symbol}: no diff had the events {missing}")
        _apply(self._bids, diff.bids)
        _apply(self._asks, diff.asks)
        self.last_update_id = diff.last_id

    def bids(self, count: int) -> list[tuple[Decimal, Decimal]]:
        """The best levels, best first."""
        return [(price, self._bids[price]) for price in sorted(self._bids, reverse=True)[:count]]

    def asks(self, count: int) -> list[tuple[Decimal, Decimal]]:
        """The best levels, best first."""
        return [(price, self._asks[price]) for price in sorted(self._asks)[:count]]

    def _restart_with(self, diff: DepthUpdate) -> None:
        self.last_update_id = None
        self._bids, self._asks = {}, {}
        self._pending.append(diff)


def _decimals(level: Level) -> tuple[Decimal, Decimal]:
    return Decimal(level[0]), Decimal(level[1])


def _apply(side: dict[Decimal, Decimal], levels: list[Level]) -> None:
    for price, quantity in map(_decimals, levels):
        if quantity:
            side[price] = quantity
        else:
            side.pop(price, None)
