"""Every market, kept current from the public topics."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import NoReturn

import msgspec

from api.feeds.markets import Markets
from api.feeds.tail import Record, TopicTail, from_beginning, last
from infra.settings import Settings
from streams.messages import AmountError, Market, depths, klines, markets, tickers, trades
from streams.topics import DEPTH, KLINES, MARKETS, TICKERS, TRADES, Topic

log = logging.getLogger(__name__)

OF_MARKETS = (TRADES, DEPTH, TICKERS, KLINES)
"""Topics with a partition for each market. Where no market is, nothing is followed."""

REACH = 4_096
"""Records of a partition to begin with. A market's book is whole in `depth` at least every 1,000
of its diffs (or as many as it has levels); where this shows no snapshot, it is doubled."""


class MarketView(Markets):
    """The markets, live. What a callback raises stops it, and so does its owner's service.

    Callbacks are called for the events of catching up, too.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.malformed = 0
        self._reach = REACH
        self._trades_end: dict[int, int] = {}
        self._gapless = False
        self._take: dict[Topic, Callable[[bytes], None]] = {
            MARKETS: lambda value: self.take_market(markets.decode(value)),
            TRADES: lambda value: self.take_trade(trades.decode(value), gapless=self._gapless),
            DEPTH: lambda value: self.take_depth(depths.decode(value)),
            TICKERS: lambda value: self.take_ticker(tickers.decode(value)),
            KLINES: lambda value: self.take_kline(klines.decode(value)),
        }
        self._tail = TopicTail(
            settings,
            {
                MARKETS: from_beginning,
                TRADES: last(REACH),
                DEPTH: last(REACH),
                TICKERS: from_beginning,
                KLINES: last(REACH),
            },
            self._deliver,
            asked_for=OF_MARKETS,
            on_caught_up=self._find_books,
            name="market-view",
        )
        self.on_market(self._follow)

    async def run(self) -> NoReturn:
        """Follow the topics until cancelled; an unreachable broker only makes it not ready."""
        await self._tail.run()

    @property
    def ready(self) -> bool:
        """Whether all that was on the topics is in view, and the broker can be reached."""
        return self._tail.ready

    @property
    def lag(self) -> int:
        """How many records were waiting when the broker was last asked."""
        return self._tail.lag

    async def wait_ready(self, timeout_s: float) -> None:
        """Raises `TimeoutError`."""
        await self._tail.wait_ready(timeout_s)

    def _follow(self, market: Market) -> None:
        for topic in OF_MARKETS:
            self._tail.follow(topic, market.partition)

    def _deliver(self, topic: Topic, partition: int, records: Sequence[Record]) -> None:
        take = self._take[topic]
        if topic is TRADES and records:
            self._gapless = self._has_all_trades(partition, records)
        for record in records:
            try:
                take(record.value)
            except (msgspec.DecodeError, AmountError) as error:
                self.malformed += 1
                log.error(
                    "malformed: %s %d at %d: %s", topic.short, partition, record.offset, error
                )

    def _has_all_trades(self, partition: int, records: Sequence[Record]) -> bool:
        """Whether the partition was read from its log's first record on, and these come next."""
        follows = records[0].offset in (0, self._trades_end.get(partition))
        if follows:
            self._trades_end[partition] = records[-1].offset + 1
        else:
            self._trades_end.pop(partition, None)
        return follows

    def _find_books(self) -> None:
        """Read further back where a market's last snapshot has not been seen.

        Where the log has none any more, the book stays invalid until the market emits one. Once we
        are ready, partitions are followed because a market is new: from their first record on.
        """
        if self._tail.ready:
            return
        missing = {
            rules.config.partition
            for market, rules in self._rules.items()
            if not self._feeds[market].book.valid
        }
        for partition in missing:
            if not self._tail.reach_back(DEPTH, partition, self._reach):
                log.warning("depth partition %d lacks the snapshot of a market", partition)
        self._reach *= 2
