"""A market's book as a reader of `depth` keeps it."""

from __future__ import annotations

import logging
from bisect import bisect_left
from typing import assert_never

from streams.messages import AmountError, Depth, DepthKind, MarketId, Millis, Sequence, parse_units

log = logging.getLogger(__name__)

Level = tuple[str, str]
"""Price and quantity, as decimal strings."""


class Levels:
    """One side of a book.

    Ranks are prices in units, those of bids as they are and those of asks negated, so that on both
    sides the best comes last: most changes then move few of the others.
    """

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self._ranks: list[int] = []
        self._levels: dict[int, Level] = {}

    def __len__(self) -> int:
        return len(self._ranks)

    def clear(self) -> None:
        self._ranks.clear()
        self._levels.clear()

    def put(self, level: Level) -> None:
        """Set a price's quantity; zero removes the level."""
        rank = self._sign * parse_units(level[0])
        known = rank in self._levels
        if parse_units(level[1]):
            self._levels[rank] = level
            if not known:
                self._ranks.insert(bisect_left(self._ranks, rank), rank)
        elif known:
            del self._levels[rank]
            del self._ranks[bisect_left(self._ranks, rank)]

    def best(self) -> Level | None:
        return self._levels[self._ranks[-1]] if self._ranks else None

    def top(self, count: int) -> list[Level]:
        """The best levels, best first."""
        levels = self._levels
        return [levels[rank] for rank in self._ranks[: -count - 1 : -1]] if count > 0 else []


class Book:
    """Levels of a market as of its event `seq`, and the log's time of it.

    It is `valid` from the first snapshot on, until a diff is missing: then again from the next
    snapshot. An invalid book is empty, and its `seq` says nothing.
    """

    def __init__(self, market: MarketId) -> None:
        self.market = market
        self.seq = Sequence(0)
        self.time = Millis(0)
        self.valid = False
        self.gaps = 0
        self.bids = Levels(1)
        self.asks = Levels(-1)

    def apply(self, depth: Depth) -> bool:
        """Take a record of `depth`. False if it changed nothing: a duplicate, or of no use yet.

        Raises `AmountError` for a level that is none; the book is invalid then.
        """
        if self.valid and depth.seq <= self.seq:
            return False
        match depth.kind:
            case DepthKind.SNAPSHOT:
                self._clear()
            case DepthKind.DIFF:
                if not self._follows(depth):
                    return False
            case _:
                assert_never(depth.kind)
        try:
            for level in depth.bids:
                self.bids.put(level)
            for level in depth.asks:
                self.asks.put(level)
        except AmountError:
            self._clear()
            raise
        self.seq, self.time = depth.seq, depth.time
        self.valid = True
        return True

    def _follows(self, diff: Depth) -> bool:
        if not self.valid:
            return False
        # A snapshot may stand in the middle of a diff; quantities are absolute, so that is fine.
        if diff.first_seq <= self.seq + 1:
            return True
        log.error("%s: depth goes from %d to %d", self.market, self.seq, diff.first_seq)
        self.gaps += 1
        self._clear()
        return False

    def _clear(self) -> None:
        self.valid = False
        self.bids.clear()
        self.asks.clear()
