"""Books: their best prices, their top levels, and every change of them."""

from __future__ import annotations

from typing import NamedTuple

from api.feeds.book import Book, Level
from api.ws import payloads
from api.ws.channels import Channel, Feeds, Subscriber, Windowed
from api.ws.frames import Frame
from streams.messages import Depth, DepthKind, MarketId

SNAPSHOT_LEVELS = 5_000
"""Of each side, as many as REST shows."""


class DepthChange(NamedTuple):
    """A record of `depth`, and the book that has taken it."""

    record: Depth
    book: Book


class BookTickerChannel(Channel[DepthChange]):
    """Sends whenever the best price or quantity of a side changes."""

    def __init__(self, name: str, market: MarketId, feeds: Feeds) -> None:
        super().__init__(name)
        self._book = book_of(feeds, market)
        self._shown = _top(self._book) if self._book else None

    def take(self, event: DepthChange) -> None:
        self._book = event.book
        top = _top(event.book)
        if top != self._shown:
            self._shown = top
            self._publish(self._frame(payloads.of_top(event.book), self.name))

    def newest(self, now: int) -> Frame | None:
        if self._book is None or not self._book.valid:
            return None
        return self._frame(payloads.of_top(self._book), self.name)


class PartialDepthChannel(Windowed[DepthChange]):
    """The top of the book, after a change of any of it."""

    def __init__(
        self, name: str, market: MarketId, feeds: Feeds, levels: int, period_ms: int
    ) -> None:
        super().__init__(name, period_ms)
        self._book = book_of(feeds, market)
        self._levels = levels

    def take(self, event: DepthChange) -> None:
        self._book = event.book
        self.pending = True

    def newest(self, now: int) -> Frame | None:
        if self._book is None or not self._book.valid:
            return None
        return self._frame(payloads.of_levels(self._book, self._levels), self.name)

    def _send(self, now: int) -> None:
        frame = self.newest(now)
        if frame is not None:
            self._publish(frame)


class DiffChannel(Windowed[DepthChange]):
    """Diffs of a period in one: from the first's first to the last's last event.

    Each `U` is the previous `u` + 1, unless the log itself has a gap: then what was gathered is
    sent as it is, and the client sees the gap in the numbers. That holds from a snapshot on as
    well: before one is sent, so is what was gathered.
    """

    def __init__(
        self, name: str, market: MarketId, feeds: Feeds, period_ms: int, *, checksum: bool
    ) -> None:
        super().__init__(name, period_ms)
        self.market = market
        self._book = book_of(feeds, market)
        self._checksum = checksum
        self._missed: Missed | None = None
        self._waiting: dict[Subscriber, payloads.SnapshotReason] = {}
        self._snapshots: dict[payloads.SnapshotReason, Frame] = {}
        self._told = 0
        self.recent: list[Depth] | None = None
        """What came since somebody began to resume; None while nobody does."""

    def take(self, event: DepthChange) -> None:
        diff = event.record
        self._book = event.book
        self._snapshots.clear()
        if diff.kind is DepthKind.DIFF:
            if self.recent is not None:
                self.recent.append(diff)
            if self._missed is not None and not self._missed.take(diff):
                self._send(0)
            if self._missed is None:
                # A snapshot may have stood in the middle of it.
                self._missed = Missed(max(diff.first_seq - 1, self._told))
                self._missed.take(diff)
            self.pending = True
        for subscriber, reason in list(self._waiting.items()):
            self.begin_with_snapshot(subscriber, reason)

    @property
    def seq(self) -> int | None:
        """The event that the book stands at; None while there is no book."""
        return self._book.seq if self._book is not None and self._book.valid else None

    def begin_with_snapshot(self, subscriber: Subscriber, reason: payloads.SnapshotReason) -> None:
        """Send the book, once there is one, and from then on every change of it."""
        if self._book is None or self.seq is None:
            self._waiting[subscriber] = reason
            return
        self._waiting.pop(subscriber, None)
        self._send(0)
        self._told = self._book.seq
        snapshot = self._snapshots.get(reason)
        if snapshot is None:
            snapshot = self._snapshots[reason] = self._frame(
                payloads.of_book(self._book, SNAPSHOT_LEVELS, reason, checksum=self._checksum)
            )
        subscriber.send(snapshot)
        self.subscribers.add(subscriber)

    def begin_with(self, subscriber: Subscriber, missed: Missed) -> bool:
        """Send what a subscriber has missed, and from then on every change.

        False, and nothing is sent, where what was missed does not reach up to now.
        """
        for diff in self.recent or ():
            if not missed.take(diff):
                return False
        if self._book is None or missed.seq < (self.seq or 0):
            return False
        self._send(0)
        self._told = max(self._told, self.seq or 0)
        if not missed.is_empty:
            subscriber.send(self._frame(missed.payload(self._book, checksum=self._checksum)))
        self.subscribers.add(subscriber)
        return True

    def leave(self, subscriber: Subscriber) -> None:
        """Let somebody go who may still wait for a book."""
        self._waiting.pop(subscriber, None)

    def _send(self, now: int) -> None:
        missed, self._missed = self._missed, None
        if missed is not None and self._book is not None:
            self._told = missed.seq
            self._publish(self._frame(missed.payload(self._book, checksum=self._checksum)))


class Missed:
    """What happened to a book since an event: diffs as one. Quantities are absolute, so it is as
    good to apply it as all of them."""

    def __init__(self, since: int) -> None:
        self.since = since
        self.seq = since
        self._last: Depth | None = None
        self._bids: dict[str, str] = {}
        self._asks: dict[str, str] = {}

    @property
    def is_empty(self) -> bool:
        return self._last is None

    def take(self, diff: Depth) -> bool:
        """Add the next diff; one that is in already changes nothing. False if one is missing."""
        if diff.seq <= self.seq:
            return True
        if diff.first_seq > self.seq + 1:
            return False
        self.seq, self._last = diff.seq, diff
        self._bids.update(diff.bids)
        self._asks.update(diff.asks)
        return True

    def payload(self, book: Book, *, checksum: bool) -> payloads.DepthPayload:
        """As a diff; its checksum is that of the book, if it stands where this ends."""
        assert self._last is not None
        return payloads.of_changes(
            self._last,
            self.since + 1,
            self._bids,
            self._asks,
            book if checksum and book.valid and book.seq == self.seq else None,
        )


def book_of(feeds: Feeds, market: MarketId) -> Book | None:
    feed = feeds.get(market)
    return feed.book if feed is not None else None


def _top(book: Book) -> tuple[Level | None, Level | None]:
    return book.bids.best(), book.asks.best()
