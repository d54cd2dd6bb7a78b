"""A market's book as outsiders see it: what changed in each frame, and now and then all of it."""

from __future__ import annotations

from typing import Final

from streams.matching.book import BookSide
from streams.matching.market import Market
from streams.matching.outcomes import (
    Accepted,
    Amended,
    Cancelled,
    Expired,
    Outcome,
    Prevented,
    Rejected,
    Replaced,
    Traded,
)
from streams.messages import Depth, DepthKind, Millis, Sequence, Side, format_price, format_units

SNAPSHOT_EVERY_MIN = 1_000
"""Diffs between two snapshots: so many, or as many as the book has levels, so that snapshots cost
no more than the diffs between them."""

SNAPSHOT_AFTER_MS = 6 * 3_600_000
"""A snapshot is due after so long in any case: `depth` is kept for a day, and who starts to follow
a quiet market must find one."""

SNAPSHOT_LEVELS_MAX = 20_000
"""Levels of a side in a snapshot, best first: a record must fit the broker's limit of 4 MiB."""

_BUY: Final = Side.BUY
_SELL: Final = Side.SELL


class DepthFeed:
    """Collects the levels that outcomes change, and tells them once a frame.

    `last_seq` is the event that the last diff, or the market's creation, told of; `diffs` counts
    those since the last snapshot, which was told at `snapshot_at`. Between frames, nothing else is
    kept.
    """

    __slots__ = ("_asks", "_bids", "_market", "diffs", "last_seq", "snapshot_at")

    def __init__(self, market: Market) -> None:
        self._market = market
        self._bids: set[int] = set()
        self._asks: set[int] = set()
        self.last_seq = market.seq
        self.diffs = 0
        self.snapshot_at = Millis(0)

    def note(self, outcomes: list[Outcome]) -> None:
        """Remember which levels the outcomes of one command touched."""
        for outcome in outcomes:
            match outcome:
                case Traded():
                    self._touched(outcome.maker.side).add(outcome.price)
                case Prevented():
                    if outcome.maker_lots:
                        self._touched(outcome.maker.side).add(outcome.price)
                case Cancelled() | Amended():
                    self._touched(outcome.order.side).add(outcome.order.price)
                case Replaced():
                    self._touched(outcome.order.side).add(outcome.old_price)
                    self._note_resting(outcome)
                case Accepted():
                    self._note_resting(outcome)
                case Expired() | Rejected():
                    pass

    def flush(self, at: Millis) -> list[Depth]:
        """The diff of what was noted since the last flush, if anything was.

        A snapshot follows it when one is due.
        """
        if not (self._bids or self._asks):
            return []
        market = self._market
        book = market.book
        diff = Depth(
            market=market.config.market,
            seq=Sequence(market.seq),
            time=at,
            kind=DepthKind.DIFF,
            first_seq=Sequence(self.last_seq + 1),
            bids=self._changed(book.bids, sorted(self._bids, reverse=True)),
            asks=self._changed(book.asks, sorted(self._asks)),
        )
        return [diff, self.snapshot(at)] if self._count_diff(at) else [diff]

    def skip(self, at: Millis) -> None:
        """Go on as after `flush`, where what it tells is told."""
        if (self._bids or self._asks) and self._count_diff(at):
            self._count_snapshot(at)

    def is_due(self, at: Millis) -> bool:
        """Whether the last snapshot is old."""
        return at - self.snapshot_at >= SNAPSHOT_AFTER_MS

    def snapshot(self, at: Millis) -> Depth:
        """The book as it stands."""
        market = self._market
        self._count_snapshot(at)
        return Depth(
            market=market.config.market,
            seq=Sequence(market.seq),
            time=at,
            kind=DepthKind.SNAPSHOT,
            first_seq=Sequence(market.seq),
            bids=self._levels(market.book.bids),
            asks=self._levels(market.book.asks),
        )

    def _count_diff(self, at: Millis) -> bool:
        """Let a diff up to now be the last; whether a snapshot is due behind it."""
        book = self._market.book
        self.last_seq = self._market.seq
        self._bids.clear()
        self._asks.clear()
        self.diffs += 1
        often = self.diffs >= max(SNAPSHOT_EVERY_MIN, len(book.bids) + len(book.asks))
        return often or self.is_due(at)

    def _count_snapshot(self, at: Millis) -> None:
        self.diffs, self.snapshot_at = 0, at

    def _touched(self, side: Side) -> set[int]:
        return self._bids if side is _BUY else self._asks

    def _note_resting(self, outcome: Accepted | Replaced) -> None:
        order = outcome.order
        if self._market.book.find(order.order_id) is not None:
            self._touched(order.side).add(order.price)

    def _changed(self, side: BookSide, prices: list[int]) -> list[tuple[str, str]]:
        return [self._pair(price, side.quantity_at(price)) for price in prices]

    def _levels(self, side: BookSide) -> list[tuple[str, str]]:
        best = zip(range(SNAPSHOT_LEVELS_MAX), side, strict=False)
        return [self._pair(level.price, level.quantity) for _, level in best]

    def _pair(self, price: int, quantity: int) -> tuple[str, str]:
        config = self._market.config
        return format_price(price * config.tick), format_units(quantity * config.lot)
