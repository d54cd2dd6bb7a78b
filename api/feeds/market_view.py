"""Every market as the public topics show it, kept current: what both doors answer from."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NoReturn, TypeVar

import msgspec

from api.feeds.aggregates import Aggregates, AggregateTrade
from api.feeds.book import Book
from api.feeds.candles import Candles
from api.feeds.rules import MarketRules
from api.feeds.tail import Record, TopicTail, from_beginning, last
from infra.settings import Settings
from streams.messages import (
    AmountError,
    Depth,
    Kline,
    Market,
    MarketId,
    Ticker,
    Trade,
    depths,
    klines,
    markets,
    tickers,
    trades,
)
from streams.topics import DEPTH, KLINES, MARKETS, TICKERS, TRADES, Topic

log = logging.getLogger(__name__)

TRADES_KEPT = 1_000
REACH = 4_096
"""Records of a partition to begin with. A market's book is whole in `depth` at least every 1,000
of its diffs (or as many as it has levels); where this shows no snapshot, it is doubled."""

Event = TypeVar("Event")


class MarketFeed:
    """What has been seen of one market."""

    def __init__(self, market: MarketId) -> None:
        self.book = Book(market)
        self.trades: deque[Trade] = deque(maxlen=TRADES_KEPT)
        self.aggregates = Aggregates()
        self.ticker: Ticker | None = None
        self.candles = Candles()


class MarketView:
    """Markets, books, trades, tickers and candles, live.

    Single-threaded: whoever reads it between two awaits sees one state. Callbacks are called after
    the change, for every change, those of catching up included; what one raises stops the view.
    """

    def __init__(self, settings: Settings) -> None:
        self._rules: dict[MarketId, MarketRules] = {}
        self._feeds: dict[MarketId, MarketFeed] = {}
        self._reach = REACH
        self._on_market: list[Callable[[Market], None]] = []
        self._on_trade: list[Callable[[Trade], None]] = []
        self._on_aggregate: list[Callable[[AggregateTrade], None]] = []
        self._on_depth: list[Callable[[Depth, Book], None]] = []
        self._on_ticker: list[Callable[[Ticker], None]] = []
        self._on_kline: list[Callable[[Kline], None]] = []
        self.malformed = 0
        self._take: dict[Topic, Callable[[bytes], None]] = {
            MARKETS: lambda value: self._take_market(markets.decode(value)),
            TRADES: lambda value: self._take_trade(trades.decode(value)),
            DEPTH: lambda value: self._take_depth(depths.decode(value)),
            TICKERS: lambda value: self._take_ticker(tickers.decode(value)),
            KLINES: lambda value: self._take_kline(klines.decode(value)),
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
            on_caught_up=self._find_books,
            name="market-view",
        )

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

    @property
    def rules(self) -> Mapping[MarketId, MarketRules]:
        """The markets there are, with their configuration."""
        return MappingProxyType(self._rules)

    @property
    def feeds(self) -> Mapping[MarketId, MarketFeed]:
        """What has been seen of each market; those in `rules` are all here."""
        return MappingProxyType(self._feeds)

    def on_market(self, callback: Callable[[Market], None]) -> None:
        self._on_market.append(callback)

    def on_trade(self, callback: Callable[[Trade], None]) -> None:
        self._on_trade.append(callback)

    def on_aggregate(self, callback: Callable[[AggregateTrade], None]) -> None:
        self._on_aggregate.append(callback)

    def on_depth(self, callback: Callable[[Depth, Book], None]) -> None:
        """Called with the record and the book that has taken it: diffs, and snapshots that said
        something new. A book that lost a diff is quiet until it is whole again."""
        self._on_depth.append(callback)

    def on_ticker(self, callback: Callable[[Ticker], None]) -> None:
        self._on_ticker.append(callback)

    def on_kline(self, callback: Callable[[Kline], None]) -> None:
        self._on_kline.append(callback)

    def _deliver(self, topic: Topic, partition: int, records: Sequence[Record]) -> None:
        take = self._take[topic]
        for record in records:
            try:
                take(record.value)
            except (msgspec.DecodeError, AmountError) as error:
                self.malformed += 1
                log.error(
                    "malformed: %s %d at %d: %s", topic.short, partition, record.offset, error
                )

    def _feed(self, market: MarketId) -> MarketFeed:
        feed = self._feeds.get(market)
        if feed is None:
            feed = self._feeds[market] = MarketFeed(market)
        return feed

    def _take_market(self, market: Market) -> None:
        known = self._rules.get(market.market)
        if known is not None and market.seq <= known.config.seq:
            return
        self._feed(market.market)
        self._rules[market.market] = MarketRules.of(market)
        _tell(self._on_market, market)

    def _take_trade(self, trade: Trade) -> None:
        feed = self._feed(trade.market)
        if feed.trades:
            newest = feed.trades[-1].trade_id
            if trade.trade_id <= newest:
                return
            if trade.trade_id > newest + 1:
                log.error("%s: trades go from %d to %d", trade.market, newest, trade.trade_id)
        feed.trades.append(trade)
        _tell(self._on_trade, trade)
        aggregate = feed.aggregates.add(trade)
        if aggregate is not None:
            _tell(self._on_aggregate, aggregate)

    def _take_depth(self, depth: Depth) -> None:
        book = self._feed(depth.market).book
        if book.apply(depth):
            for callback in self._on_depth:
                callback(depth, book)

    def _take_ticker(self, ticker: Ticker) -> None:
        feed = self._feed(ticker.market)
        # The same trade may be followed by several: time alone takes trades out of the window.
        if feed.ticker is not None and (ticker.seq, ticker.time) <= (
            feed.ticker.seq,
            feed.ticker.time,
        ):
            return
        feed.ticker = ticker
        _tell(self._on_ticker, ticker)

    def _take_kline(self, kline: Kline) -> None:
        if self._feed(kline.market).candles.add(kline):
            _tell(self._on_kline, kline)

    def _find_books(self) -> None:
        """Read further back where a market's last snapshot has not been seen.

        Where the log has none any more, the book stays invalid until the market emits one.
        """
        missing = {
            rules.config.partition
            for market, rules in self._rules.items()
            if not self._feeds[market].book.valid
        }
        for partition in missing:
            if not self._tail.reach_back(DEPTH, partition, self._reach):
                log.warning("depth partition %d lacks the snapshot of a market", partition)
        self._reach *= 2


def _tell(callbacks: list[Callable[[Event], None]], event: Event) -> None:
    for callback in callbacks:
        callback(event)
