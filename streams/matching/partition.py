"""The markets of one partition of `orders`: records in, outputs out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from streams.matching import snapshot
from streams.matching.depth import DepthFeed
from streams.matching.inbox import Inbox
from streams.matching.market import Market, OrderCommand
from streams.matching.order_updates import report_standing
from streams.matching.outbox import Outbox
from streams.matching.outcomes import Rejected
from streams.matching.public_events import market_event
from streams.matching.reports import report, report_rejection
from streams.messages import (
    ConfigureMarket,
    MarketConfig,
    MarketId,
    MarketTerms,
    Millis,
    OrderUpdate,
    Reason,
    Tick,
)
from streams.outputs import Output, state_digest


class MarketNumbers(NamedTuple):
    """The last numbers of a market that are used up."""

    seq: int
    trade_id: int
    aggregate_id: int


class MatchingPartition:
    """A `Processor` over one partition of `orders`, for a venue with so many account partitions.

    It names itself `matching:<partition>`.
    """

    def __init__(self, partition: int, account_partitions: int) -> None:
        self.partition = partition
        self.markets: dict[MarketId, Market] = {}
        self.feeds: dict[MarketId, DepthFeed] = {}
        self.inbox = Inbox(partition, account_partitions)
        self.outbox = Outbox(partition, account_partitions)
        self.position = -1
        self.time = Millis(0)

    def apply(self, offset: int, at: int, value: bytes) -> list[Output]:
        """Take the record at `offset`; one at or below the last taken was taken before."""
        if offset <= self.position:
            return []
        self.position = offset
        frame, first = self.inbox.open(value)
        # Leadership of a partition can move to a broker whose clock is behind.
        if at > self.time:
            self.time = Millis(at)
        touched: dict[MarketId, DepthFeed] = {}
        for index in range(first, len(frame.commands)):
            command = frame.commands[index]
            self.outbox.begin(offset, index, self.time)
            match command:
                case ConfigureMarket(config=config, terms=terms):
                    self._configure(config, terms)
                case Tick():
                    self._tick()
                case _:
                    feed = self._trade(command)
                    if feed is not None:
                        touched[command.market] = feed
        for feed in touched.values():
            if self.outbox.is_silent:
                feed.skip(self.time)
                continue
            for depth in feed.flush(self.time):
                self.outbox.depth(depth)
        return self.outbox.take()

    def retake(self, offset: int, at: int, value: bytes) -> None:
        """Take a record as `apply` does, where all that follows from it is said."""
        self.outbox.is_silent = True
        try:
            self.apply(offset, at, value)
        finally:
            self.outbox.is_silent = False

    def _configure(self, config: MarketConfig, terms: MarketTerms) -> None:
        """Create a market or change it, and say how it is configured since.

        What of a market can't change stays: the event says what holds, not what was asked for.
        """
        market = self.markets.get(config.market)
        if market is None:
            market = self.markets[config.market] = Market(config)
            seq = market.configure(config, terms)
            feed = self.feeds[config.market] = DepthFeed(market)
            self.outbox.market(market_event(market.config, seq, self.outbox, market.terms))
            self.outbox.depth(feed.snapshot(self.time))
        else:
            seq = market.configure(config, terms)
            self.outbox.market(market_event(market.config, seq, self.outbox, market.terms))

    def _tick(self) -> None:
        """Tell the books that have not been told whole for long."""
        for name, feed in self.feeds.items():
            if feed.is_due(self.time):
                self.markets[name].tick()
                self.outbox.depth(feed.snapshot(self.time))

    def _trade(self, command: OrderCommand) -> DepthFeed | None:
        """Let a market take a command, and tell what it made of it; returns the market's feed."""
        market = self.markets.get(command.market)
        if market is None:
            report_rejection(self.outbox, Rejected(command, Reason.UNKNOWN_MARKET), None)
            return None
        outcomes = market.apply(command, self.time)
        report(self.outbox, market.config, command, outcomes)
        feed = self.feeds[command.market]
        feed.note(outcomes)
        if market.terms.band_bps:
            seq = market.halt_outside_band(outcomes, self.time)
            if seq:
                self.outbox.market(market_event(market.config, seq, self.outbox, market.terms))
        return feed

    def begin_epoch(
        self, first: int, last_updates: Sequence[int], last: Mapping[MarketId, MarketNumbers]
    ) -> list[Output]:
        """Go on in a new log, whose first offset is `first`; say each market afresh.

        Updates are numbered after these, by partition of accounts, and markets' events after those
        in `last`. What was taken from ledgers and sent to them is counted as before.
        """
        self.position = first - 1
        self.outbox.last_updates = list(last_updates)
        self.outbox.begin(self.position, 0, self.time)
        for name, market in sorted(self.markets.items()):
            numbers, feed = last[name], self.feeds[name]
            market.seq = feed.last_seq = numbers.seq
            market.trade_id, market.aggregate_id = numbers.trade_id, numbers.aggregate_id
            feed.diffs = 0
            event = market_event(market.config, market.seq, self.outbox, market.terms)
            self.outbox.market(event)
            self.outbox.depth(feed.snapshot(self.time))
        return self.outbox.take()

    def standing(self) -> Iterator[OrderUpdate]:
        """Every resting order as it stands, each named as the last update to its account."""
        for market in self.markets.values():
            for order in market.book.resting():
                yield report_standing(self.outbox, market.config, order)

    def snapshot(self) -> Iterator[bytes]:
        """The state in chunks; take them all before the next `apply`."""
        return snapshot.write(self)

    def restore(self, chunks: Iterable[bytes]) -> None:
        """Become the state that `snapshot` gave. Raises `SnapshotMismatch`."""
        snapshot.read(self, chunks)

    def digest(self) -> str:
        """A hash of the state and its position."""
        return state_digest(self.snapshot())
